"""Six tracker modules of the game Pekka Kana 2, their instruments sorted into stems by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from unbraid.training.data.effects import random_equaliser, room
from unbraid.training.data.manifest import Kind
from unbraid.training.data.modules import PACKAGE, missing_player, play_module
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files, seed_of

FOLDER = Path("/usr/share/games/pekka-kana-2/data/music")


@dataclass(frozen=True, slots=True)
class Sorted:
    """Which instruments of a module are what; those that were in doubt are left out."""

    n_instruments: int
    seconds: float
    drums: tuple[int, ...]
    bass: tuple[int, ...]
    other: tuple[int, ...]


# By how many pitches each plays, how long it rings and where its energy lies when heard alone.
MODULES = {
    "song01": Sorted(
        *(21, 197, (2, 3, 7, 10, 11, 12, 13, 14, 15, 16, 17, 19), (1,)), (0, 4, 5, 6, 8, 9, 18, 20)
    ),
    "song02": Sorted(*(21, 150, (8, 9, 12, 16, 17, 18, 19, 20), (13, 14)), (0, 1, 2, 3, 4, 10, 15)),
    "song05": Sorted(
        *(25, 124, (7, 8, 9, 10, 14, 16, 17, 18, 19, 20, 21, 23), (0, 6)), (2, 4, 5, 11, 12, 13)
    ),
    "song08": Sorted(23, 138, (5, 8, 9, 12, 17, 18, 20, 22), (13,), (0, 1, 2, 3, 4, 14, 15)),
    "song09": Sorted(32, 171, (5, 6, 16, 17, 18, 25, 27), (12, 13), (14,)),
    "bigboss": Sorted(28, 88, (*range(11), 12, *range(16, 24)), (24,), (27,)),
}


class Trackers(Source):
    """Techno and rock of the demo scene, in their own and in other keys and tempi."""

    name = "trackers"
    licence = "BSD-2-Clause"
    credit = "Janne Kivilahti (Piste Gamez), Pekka Kana 2"
    kinds = ("drums", "bass", "other")
    obtained = f"Debian pekka-kana-2-data {PACKAGE}"
    verified = "instruments sorted by hand; alone they sum to the whole within -110 dB"
    default_hours = 0.4

    def missing(self, pack: Path | None) -> str | None:
        files = [FOLDER / f"{name}.xm" for name in MODULES]
        return missing_files(files, "apt-get install pekka-kana-2-data") or missing_player()

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        made: list[Song] = []
        for take in range(6):
            for name, module in MODULES.items():
                if sum(song.seconds for song in made) >= hours * 3600:
                    return made
                make = partial(_make, FOLDER / f"{name}.xm", take)
                made.append(Song(f"{name}-{take}", make, module.seconds))
        return made


def _make(path: Path, take: int) -> Stems:
    module = MODULES[path.stem]
    rng = np.random.default_rng(seed_of("trackers", path.stem, take))
    tempo = float(rng.uniform(0.85, 1.15)) if take else 1.0
    pitch = 2 ** (int(rng.integers(-4, 5)) / 12) if take else 1.0
    stems: dict[Kind, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = {}
    parts: dict[Kind, tuple[int, ...]] = {
        "drums": module.drums,
        "bass": module.bass,
        "other": module.other,
    }
    for kind, heard in parts.items():
        # Drums keep their pitch: a kit is not tuned to a song's key.
        own = 1.0 if kind == "drums" else pitch
        sound = play_module(path, module.n_instruments, heard, tempo=tempo, pitch=own)
        sound = random_equaliser(sound, rng, 2.0)
        if kind != "bass" and rng.random() < 0.5:
            wet = float(rng.uniform(-24, -12))
            sound = room(sound, rng, decay_s=float(rng.uniform(0.3, 1.2)), wet_db=wet)
        stems[kind] = sound
    return stems
