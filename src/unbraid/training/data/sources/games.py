"""Voices and music of free games: shouts as a minority, music without voice."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from unbraid.training.data.manifest import Kind
from unbraid.training.data.recordings import UnreadableError, high_pass, join, read_stereo
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files, seed_of
from unbraid.training.data.vocal_chain import produce_vocals

HEDGEWARS = Path("/usr/share/games/hedgewars/Data")
MAX_S = 170.0


class Shouts(Source):
    """Fifteen packs of shouts and calls; one of them sings."""

    name = "hedgewars-voices"
    licence = "GFDL-1.3"
    credit = "Andrey Korotaev and the Hedgewars project"
    kinds = ("vocals",)
    obtained = "Debian hedgewars-data"
    verified = "high-passed at 90 Hz; packs kept apart; the robot is left out"

    def missing(self, pack: Path | None) -> str | None:
        return missing_files([HEDGEWARS / "Sounds/voices"], "apt-get install hedgewars-data")

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        folders = sorted(p for p in (HEDGEWARS / "Sounds/voices").iterdir() if p.name != "Robot")
        return [Song(p.name.lower(), partial(_shouts, p), 60, coherent=False) for p in folders]


def _shouts(folder: Path) -> Stems:
    rng = np.random.default_rng(seed_of("shouts", folder.name))
    pieces = []
    for path in sorted(folder.glob("*.ogg")):
        try:
            piece = high_pass(read_stereo(path))
        except UnreadableError:
            continue
        loudness = float(np.sqrt(np.mean(np.square(piece)))) + 1e-4
        pieces.append(piece * np.float32((0.1 / loudness) ** 0.7))
    if not pieces:
        raise UnreadableError(f"{folder}: no shout can be read")
    order = rng.permutation(len(pieces))
    together = join([pieces[i] for i in order], rng.uniform(0.02, 0.3, len(pieces)))
    return {"vocals": produce_vocals(together, [], rng)}


class GameMusic(Source):
    """Real or well-sampled instrumental music, stems unknown."""

    kinds: tuple[Kind, ...] = ("accompaniment",)
    verified = "instrumental by the project's own list; clipped or unreadable pieces are skipped"
    folder: ClassVar[Path]
    package: ClassVar[str]
    default_hours = 1.2

    def missing(self, pack: Path | None) -> str | None:
        return missing_files([self.folder], f"apt-get install {self.package}")

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        made: list[Song] = []
        for path in sorted(self.folder.glob("*.ogg")):
            if path.stat().st_size > 400_000 and sum(song.seconds for song in made) < hours * 3600:
                make = partial(_music, path)
                made.append(Song(path.stem.lower(), make, MAX_S, coherent=False))
        return made


def _music(path: Path) -> Stems:
    return {"accompaniment": read_stereo(path, start_s=3.0, end_s=3.0 + MAX_S)}


class Wesnoth(GameMusic):
    """Orchestral and folk pieces."""

    name = "wesnoth-music"
    licence = "GPL-2.0-or-later AND CC-BY-SA-4.0"
    credit = "composers of The Battle for Wesnoth"
    package = "wesnoth-1.16-music"
    obtained = "Debian wesnoth-1.16-music"
    folder = Path("/usr/share/games/wesnoth/1.16/data/core/music")


class Hedgewars(GameMusic):
    """Rock, electronic and folk pieces."""

    name = "hedgewars-music"
    licence = "GPL-2.0-only"
    credit = "composers of Hedgewars, see its credits.txt"
    package = "hedgewars-data"
    obtained = "Debian hedgewars-data"
    folder = HEDGEWARS / "Music"
