"""How fast separation goes, for the player to tell."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Pace:
    """How fast separation goes: music done in the time that at least one thread worked."""

    def __init__(self) -> None:
        self.n_tiles = 0
        self._audio_s = self._busy_s = self._since_s = 0.0
        self._n_busy = 0
        self._lock = threading.Lock()

    @property
    def times_real_time(self) -> float:
        busy_s = self._busy_s
        return self._audio_s / busy_s if busy_s else 0.0

    @contextmanager
    def working(self, audio_s: float) -> Iterator[None]:
        """While so much music is separated."""
        with self._lock:
            if not self._n_busy:
                self._since_s = time.monotonic()
            self._n_busy += 1
        try:
            yield
        finally:
            with self._lock:
                now_s = time.monotonic()
                self._busy_s += now_s - self._since_s
                self._since_s = now_s
                self._n_busy -= 1
                self._audio_s += audio_s
                self.n_tiles += 1
                if self._busy_s > 60:  # lately, not ever
                    self._busy_s, self._audio_s = self._busy_s / 2, self._audio_s / 2
