"""A model's stems as they are heard: at the level of those they took the place of."""

import math

import numpy as np
from numpy.typing import NDArray

from unbraid.player.song import SAMPLE_RATE, Lane
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

GLIDE = 2 * SAMPLE_RATE
"""Samples after a change of model over which its levels go back to its own: 2 s."""

MOST_DB = 6.0
SILENT = 1e-6  # mean square, -60 dB: no level to match


class Voice:
    """Stems of a song by one model, and gains that match them to another's.

    The gains are 1, so that stems sum to the song, but for two cases. After a change of model
    each stem begins at the level that it had before and glides to its own within two seconds. In
    a blind test it keeps the level of the test's first model, for the louder one would win.

    Args:
        lane: the stems; None if there are none, and the mixture is heard.
        reference: whose levels are kept; None outside blind tests.
    """

    def __init__(self, lane: Lane | None, reference: Lane | None = None) -> None:
        self.lane, self.reference = lane, reference
        self._gains = np.ones((len(STEMS), 1, 1), np.float32)
        self._n_left = 0  # samples until they are 1; of no meaning with a reference
        self._steps = np.arange(4096, dtype=np.float32)

    def is_like(self, other: "Voice") -> bool:
        """Whether both sound the same, once they have glided."""
        return self.lane is other.lane and self.reference is other.reference

    @property
    def gains_db(self) -> tuple[float, ...]:
        """What the stems are changed by now."""
        left = 1.0 if self.reference is not None else self._n_left / GLIDE
        gains = 1 + left * (self._gains.ravel() - 1)
        return tuple(20 * math.log10(gain) for gain in gains)

    def match(self, before: "Voice", start: int) -> None:
        """Take over levels where it begins to be heard.

        Args:
            before: what was heard.
            start: the sample.
        """
        other = self.reference or before.lane
        if self.lane is None or other is None or other is self.lane:
            return
        ours, theirs = _powers(self.lane, start, self.lane), _powers(other, start, self.lane)
        if ours is None or theirs is None:
            return
        bound = 10 ** (MOST_DB / 20)
        for i, (new, old) in enumerate(zip(ours, theirs, strict=True)):
            if min(new, old) > SILENT:
                self._gains[i] = min(bound, max(1 / bound, math.sqrt(old / new)))
        self._n_left = GLIDE

    def release(self) -> None:
        """The blind test is over: glide to its own levels."""
        if self.reference is not None:
            self.reference, self._n_left = None, GLIDE

    def read(self, start: int, mixture: Samples) -> Samples:
        """As `SongStems.read`, at the levels of now."""
        n_samples = mixture.shape[1]
        if self.lane is None:
            return np.zeros((len(STEMS), *mixture.shape), np.float32)
        stems = self.lane.stems.read(start, mixture)
        if self.reference is not None:
            stems *= self._gains
        elif self._n_left:
            left = np.maximum(0, self._n_left - self._steps[:n_samples]) / np.float32(GLIDE)
            stems *= 1 + left * (self._gains - 1)
            self._n_left = max(0, self._n_left - n_samples)
        return stems


def _powers(lane: Lane, start: int, grid_of: Lane) -> NDArray[np.float64] | None:
    """Each stem's mean square over the tile of `grid_of` that holds a sample."""
    step = grid_of.grid.step
    tile = start // step
    first = tile * step // lane.grid.step
    last = ((tile + 1) * step - 1) // lane.grid.step
    found = [lane.powers[t] for t in range(first, last + 1) if t in lane.powers]
    return np.mean(found, axis=0) if found else None
