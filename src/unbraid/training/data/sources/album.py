"""Five songs with vocals whose element stems their authors gave away."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from unbraid.training.data.manifest import Kind
from unbraid.training.data.recordings import read_stereo
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files

STEMS_OF: dict[str, tuple[Kind, ...]] = {
    "hydrogen": ("vocals", "drums", "other"),
    "lithium": ("vocals", "drums", "bass", "other"),
    "sodium": ("vocals", "drums", "bass", "other"),
    "potassium": ("vocals", "drums", "bass", "other"),
    "caesium": ("vocals", "drums"),  # its bass line sits inside `other`, which is left out
}


class Album(Source):
    """*Everything is Free* by Software-Entwicklungskit."""

    name = "cc0-album"
    licence = "CC0-1.0"
    credit = "Software-Entwicklungskit, Everything is Free (ichbinsoftware/everythingisfree)"
    kinds = ("vocals", "drums", "bass", "other")
    obtained = "data pack, cc0-album/train"
    verified = "stems summed from the authors' 148 element stems; read whole, not clipped"
    held_out = "the album's two validation songs are in another folder and never read"

    def missing(self, pack: Path | None) -> str | None:
        if pack is None:
            return "name the data pack with --pack or UNBRAID_DATA"
        return missing_files([pack / "cc0-album/train"], f"{pack} holds no cc0-album/train")

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        assert pack is not None
        folder = pack / "cc0-album/train"
        return [
            Song(name, partial(_read, folder / name, kinds), 280)
            for name, kinds in STEMS_OF.items()
        ]


def _read(folder: Path, kinds: tuple[Kind, ...]) -> Stems:
    return {kind: read_stereo(folder / f"{kind}.ogg") for kind in kinds}
