"""The field's sets as material: their licences, what is held out, and how their files are read."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from unbraid.evaluation.layouts import LAYOUTS as ON_DISK
from unbraid.evaluation.layouts import Kind, Parts, SongFiles
from unbraid.training.data.pool import Samples
from unbraid.training.data.readers.recordings import USUAL_S, length_s, read_any, read_streams
from unbraid.training.data.readers.song_set import ALL_KINDS, pool_name
from unbraid.training.data.recordings import UnreadableError
from unbraid.training.data.sources.source import Song, Stems

Split = Literal["train", "holdout"]

MUSDB18_VALIDATION = frozenset(
    {
        "Actions - One Minute Smile",
        "Clara Berry And Wooldog - Waltz For My Victims",
        "Johnny Lokke - Promises & Lies",
        "Patrick Talbot - A Reason To Leave",
        "Triviul - Angelsaint",
        "Alexander Ross - Goodbye Bolero",
        "Fergessen - Nos Palpitants",
        "Leaf - Summerghost",
        "Skelpolu - Human Mistakes",
        "Young Griffo - Pennies",
        "ANiMAL - Rockshow",
        "James May - On The Line",
        "Meaxic - Take A Step",
        "Traffic Experiment - Sirens",
    }
)
"""Songs of its train folder that the field judges by (`musdb`, configs/mus.yaml)."""


@dataclass(frozen=True)
class Found:
    """The songs of a folder."""

    songs: list[Song]
    titles: dict[str, str]  # by name, where the name is no title
    left_out: list[str]


@dataclass(frozen=True)
class Layout:
    """What there is to say of a set but for how it lies on a disk."""

    name: str
    licence: str | None  # None: the user must tell
    credit: str
    kinds: tuple[Kind, ...] = ALL_KINDS

    def is_here(self, folder: Path) -> bool:
        """Whether a folder holds this set."""
        return ON_DISK[self.name].is_here(folder)

    def find(self, folder: Path) -> Found:
        """The songs of the folder, each to be read when its turn comes."""
        found = ON_DISK[self.name].find(folder)
        songs, titles = [], {}
        for files in found.songs:
            song = self._song(files)
            songs.append(song)
            titles[song.name] = files.title
        return Found(songs, titles, found.left_out)

    def _song(self, files: SongFiles) -> Song:
        split: Split = "train" if files.part in ("", "train", "training") else "holdout"
        if self.name.startswith("musdb18") and files.title in MUSDB18_VALIDATION:
            split = "holdout"
        if not files.parts:
            read = partial(_read_stem_mp4, files.path)
            return Song(pool_name(files.title), read, length_s(files.path), split=split)
        seconds = USUAL_S if self.name == "slakh2100" else length_s(files.parts[0][1][0])
        read_parts = partial(_read_parts, files.parts)
        return Song(pool_name(files.path.name), read_parts, seconds, split=split)


def _read_stem_mp4(path: Path) -> Stems:
    streams = read_streams(path)
    if len(streams) != 5:
        raise UnreadableError(f"{path}: has {len(streams)} audio streams instead of five")
    kinds: tuple[Kind, ...] = ("drums", "bass", "other", "vocals")  # after the mixture
    return dict(zip(kinds, streams[1:], strict=True))


def _read_parts(parts: Parts) -> Stems:
    return {kind: _sum([read_any(path) for path in paths]) for kind, paths in parts}


def _sum(recordings: list[Samples]) -> Samples:
    """Added up from a common start; shorter ones end earlier."""
    total: Samples = np.zeros_like(max(recordings, key=lambda samples: samples.shape[1]))
    for samples in recordings:
        total[:, : samples.shape[1]] += samples
    return total


_MUSDB18 = "MUSDB18: education and research only, not commercial (mostly CC-BY-NC-SA)"
_MUSDB18_CREDIT = "Rafii, Liutkus, Stöter, Mimilakis, Bittner: MUSDB18 (2017)"

LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("musdb18", _MUSDB18, _MUSDB18_CREDIT),
        Layout("musdb18-hq", _MUSDB18, _MUSDB18_CREDIT),
        Layout(
            "moisesdb",
            "CC-BY-NC-SA-4.0",
            "Pereira, Araújo, Korzeniowski, Vogl: MoisesDB (2023)",
        ),
        Layout(
            "slakh2100",
            "CC-BY-4.0",
            "Manilow, Wichern, Seetharaman, Le Roux: Slakh2100 (2019)",
            ("drums", "bass", "other"),
        ),
        Layout("folders", None, "by their authors"),
    )
}
"""In the order in which a folder is asked whether it is one."""
