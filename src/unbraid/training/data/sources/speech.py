"""People who talk: a minority of the voices, for timbres and consonants that no singer here has."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.recordings import (
    UnreadableError,
    high_pass,
    join,
    levelled,
    read_stereo,
    with_air,
)
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files, seed_of
from unbraid.training.data.vocal_chain import produce_vocals

ITEM_S = 60.0
USUAL_S = 2.5  # of a recording


class Speech(Source):
    """Short recordings of a package, shuffled within each of its folders, as on a record."""

    kinds = ("vocals",)
    verified = "unreadable and clipped recordings are left out; high-passed at 90 Hz"
    default_hours = 0.25

    def __init__(
        self, name: str, licence: str, credit: str, package: str, folder: str, depth: int
    ) -> None:
        self.name, self.licence, self.credit, self.package = name, licence, credit, package
        self.obtained = f"Debian {package}"
        self.folder, self.depth = Path(folder), depth

    def missing(self, pack: Path | None) -> str | None:
        return missing_files([self.folder], f"apt-get install {self.package}")

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        speakers: dict[str, list[Path]] = {}
        for path in sorted(self.folder.rglob("*")):
            if path.suffix in (".ogg", ".wav"):
                within = path.relative_to(self.folder).parts
                speakers.setdefault("-".join(within[: self.depth]) or "all", []).append(path)
        groups: list[tuple[str, list[Path]]] = []
        for speaker, paths in speakers.items():
            order = np.random.default_rng(seed_of(self.name, speaker)).permutation(len(paths))
            size = round(ITEM_S / USUAL_S)
            for first in range(0, len(paths), size):
                group = [paths[i] for i in order[first : first + size]]
                groups.append((f"{speaker}-{first // size:02d}", group))
        order = np.random.default_rng(seed_of(self.name)).permutation(len(groups))
        chosen = [groups[i] for i in order[: max(1, round(hours * 3600 / ITEM_S))]]
        return [
            Song(name, partial(_speak, name, tuple(paths)), ITEM_S, coherent=False)
            for name, paths in chosen
        ]


def _speak(name: str, paths: tuple[Path, ...]) -> Stems:
    rng = np.random.default_rng(seed_of("speech", name))
    pieces: list[Samples] = []
    for path in paths:
        try:
            piece = high_pass(read_stereo(path))
        except UnreadableError:
            continue
        top_hz = 0.45 * soundfile.info(path).samplerate
        pieces.append(levelled(with_air(piece, top_hz) if top_hz < 14_000 else piece))
        if sum(p.shape[1] for p in pieces) > ITEM_S * RATE:
            break
    if not pieces:
        raise UnreadableError(f"{paths[0].parent}: nothing can be read")
    together = join(pieces, rng.uniform(0.05, 0.5, len(pieces)))
    return {"vocals": produce_vocals(together, [], rng)}


SPEECH = (
    Speech(
        "ktuberling-speech",
        "GPL-2.0-or-later",
        "speakers of KTuberling in some twenty languages",
        "ktuberling-data",
        "/usr/share/ktuberling/sounds",
        1,
    ),
    Speech(
        "fillets-speech",
        "GPL-2.0-or-later",
        "Fish Fillets by ALTAR interactive",
        "fillets-ng-data-cs",
        "/usr/share/games/fillets-ng/sound",
        0,
    ),
    Speech(
        "festvox-ru",
        "BSD-like (names kept, changes marked)",
        "Nickolay V. Shmyrev, Russian voice for Festival",
        "festvox-ru",
        "/usr/share/festival/voices/russian/msu_ru_nsh_clunits/wav",
        0,
    ),
)
