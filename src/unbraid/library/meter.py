"""How far a batch is, and when it will be done."""

import time
from pathlib import Path

from unbraid.library.events import BatchProgress
from unbraid.library.inputs import Input


class Meter:
    """Counts what is done, by the songs' bytes, which are known before anything is decoded."""

    def __init__(self, songs: list[Input]) -> None:
        self._n_bytes = {song.path: _size(song.path) for song in songs}
        self._n_all = max(1, sum(self._n_bytes.values()))
        self._n_worked = 0  # of songs that were separated
        self._n_ended = 0
        self._now: dict[Path, tuple[float, float]] = {}  # fraction and seconds of those begun
        self._started_s = time.monotonic()
        self.ended: set[Path] = set()
        self.n_songs_ended = 0
        self.audio_s = 0.0

    @property
    def wall_s(self) -> float:
        return time.monotonic() - self._started_s

    def advance(self, song: Path, fraction: float, done_s: float) -> None:
        self._now[song] = (fraction, done_s)

    def separated(self, song: Path, audio_s: float) -> None:
        self._n_worked += self._n_bytes[song]
        self.audio_s += audio_s
        self._now.pop(song, None)

    def end(self, song: Path) -> None:
        self._now.pop(song, None)
        self.ended.add(song)
        if song in self._n_bytes:  # else a folder that cannot be read, or the like
            self.n_songs_ended += 1
            self._n_ended += self._n_bytes[song]

    def progress(self, n_failed: int) -> BatchProgress:
        """How far all is, and when it will be done if the rest goes as what was separated."""
        partly = sum(self._n_bytes[song] * now[0] for song, now in self._now.items())
        audio_s = self.audio_s + sum(now[1] for now in self._now.values())
        worked = self._n_worked + partly
        left = self._n_all - self._n_ended - partly
        return BatchProgress(
            n_songs=len(self._n_bytes),
            n_ended=self.n_songs_ended,
            n_failed=n_failed,
            fraction=min(1.0, (self._n_ended + partly) / self._n_all),
            audio_s=audio_s,
            times_real_time=audio_s / max(1e-6, self.wall_s),
            eta_s=self.wall_s * left / worked if worked > 0 else None,
        )


def _size(path: Path) -> int:
    try:
        return max(1, path.stat().st_size)
    except OSError:
        return 1
