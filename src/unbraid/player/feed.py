"""Between the player's thread and the device: how much waits, and how much of it is heard."""

import time

import numpy as np
from numpy.typing import NDArray

from unbraid.player.playback import BLOCK
from unbraid.player.ring import Ring

Samples = NDArray[np.float32]

LEAST_SPARE, MOST_SPARE = BLOCK // 4, 8 * BLOCK
"""Samples that wait beyond what the device takes at once."""

_N_RING = 32_768


class Feed:
    """The ring, kept as full as the device needs and no fuller: what waits is heard late.

    Args:
        sample_rate: Hz.
        is_timed: the device asks by the clock; if not, as in tests, it takes each sample at once.
    """

    def __init__(self, sample_rate: int, *, is_timed: bool) -> None:
        self.ring = Ring(_N_RING)
        self._rate, self._is_timed = sample_rate, is_timed
        self._n_asked = self._n_last = 0
        self._n_spare = LEAST_SPARE
        self._n_underruns = 0
        self._asked_at_s = 0.0

    def n_target(self, n_underruns: int) -> int:
        """Samples that should wait.

        Args:
            n_underruns: of the device so far; more should wait after each.
        """
        if n_underruns != self._n_underruns:
            self._n_underruns = n_underruns
            self._n_spare = min(MOST_SPARE, 2 * self._n_spare)
        return self._n_asked + self._n_spare

    def give(self, frames: Samples) -> int:
        """The device's callback; see `Ring.read_into`."""
        self._n_last = self.ring.read_into(frames)
        self._n_asked = max(self._n_asked, self._n_last)
        self._asked_at_s = time.monotonic()
        return self._n_last

    def n_behind(self, latency_s: float) -> int:
        """Samples taken from the ring that are not heard yet: a device takes many at once.

        Args:
            latency_s: that the device tells.
        """
        n_latency = round(latency_s * self._rate)
        if not self._is_timed:
            return n_latency
        n_played = round((time.monotonic() - self._asked_at_s) * self._rate)
        return n_latency + self._n_last - min(n_played, self._n_last)
