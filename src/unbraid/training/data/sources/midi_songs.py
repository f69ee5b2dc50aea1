"""Composed General MIDI songs that come with free games, played by other bands."""

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from unbraid.errors import TrainingError
from unbraid.training.data.midi import read_score, wad_scores
from unbraid.training.data.produce import produce
from unbraid.training.data.render import FONT_PACKAGES, missing_synth
from unbraid.training.data.score import vary
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files, seed_of

MAX_S = 120.0


class MidiSongs(Source):
    """Scores from files; a second round plays them in other keys, tempi and instruments."""

    kinds = ("drums", "bass", "other")
    verified = "drums are channel 10, bass its programs or else a low single voice"
    default_hours = 0.7

    def scores(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of each MIDI file."""
        raise NotImplementedError

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        # What a game repeats under another name is the same file: once is enough.
        contents = {content: name for name, content in self.scores()}
        made: list[Song] = []
        seconds = 0.0
        for take in range(20):
            for content, name in contents.items():
                if seconds >= hours * 3600:
                    return made
                length = _length(content, name)
                if length >= 20:
                    made.append(Song(f"{name}-{take}", partial(_make, content, name, take), length))
                    seconds += length
        return made


@lru_cache(maxsize=256)
def _length(content: bytes, name: str) -> float:
    try:
        return min(MAX_S, read_score(content, name).duration_s)
    except TrainingError:
        return MAX_S  # `_make` meets the damage again, and the build lists it


def _make(content: bytes, name: str, take: int) -> Stems:
    rng = np.random.default_rng(seed_of(name, take))
    return produce(vary(read_score(content, name), rng), rng, max_s=MAX_S)


class Freedoom(MidiSongs):
    """Metal, ambient and electronic pieces."""

    name = "freedoom"
    licence = "BSD-3-Clause (scores), rendered with MIT and GPL-2 instruments"
    credit = "contributors to the Freedoom project"
    obtained = f"Debian freedoom; {FONT_PACKAGES}"
    files: ClassVar[tuple[Path, ...]] = tuple(
        Path(f"/usr/share/games/doom/freedoom{n}.wad") for n in (1, 2)
    )

    def missing(self, pack: Path | None) -> str | None:
        return missing_files(self.files, "apt-get install freedoom") or missing_synth()

    def scores(self) -> Iterator[tuple[str, bytes]]:
        for path in self.files:
            yield from wad_scores(path)


class OpenMsx(MidiSongs):
    """Jazz, funk, rock and country pieces."""

    name = "openmsx"
    licence = "GPL-2.0 (scores), rendered with MIT and GPL-2 instruments"
    credit = "composers of OpenMSX, see the package's copyright file"
    obtained = f"Debian openttd-openmsx; {FONT_PACKAGES}"
    folder: ClassVar[Path] = Path("/usr/share/games/openttd/baseset/openmsx")

    def missing(self, pack: Path | None) -> str | None:
        return missing_files([self.folder], "apt-get install openttd-openmsx") or missing_synth()

    def scores(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted(self.folder.glob("*.mid")):
            yield path.stem, path.read_bytes()
