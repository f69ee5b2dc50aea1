"""A gain that moves to its target within a fixed time, sample by sample."""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class Ramp:
    """Linear in amplitude, from wherever it is when the target changes.

    A gain at a sample follows from where the ramp began, where it goes, and how many samples ago
    it began; so blocks may be cut anywhere. Setting a target from another thread is safe: it is
    taken with the next block.

    Args:
        value: where it starts, (..., 1).
        n_ramp: samples that a change takes.
        max_block: most samples that are asked for at once.
    """

    def __init__(self, value: Samples, n_ramp: int, max_block: int) -> None:
        self.target = value.copy()
        """Where it goes; replaced, never changed."""
        self._taken = self.target  # the target that this ramp goes to
        self._from = value.copy()
        self._delta = np.zeros_like(value)
        self._now = value.copy()
        self._is_level = False  # whether all of `_gains` is `_now`
        self._gains = np.empty((*value.shape[:-1], max_block), np.float32)
        self._shares = (np.arange(1, n_ramp + 1) / n_ramp).astype(np.float32)
        self._at = n_ramp  # samples into the ramp; n_ramp: at rest

    def set_target(self, target: Samples | np.float32) -> None:
        """Go there, from the next sample on."""
        self.target = np.broadcast_to(target, self._now.shape).astype(np.float32)

    def settle(self) -> None:
        """Be there at once."""
        self._taken = self.target
        self._now[:] = self.target
        self._is_level = False
        self._at = len(self._shares)

    def advance(self, n_samples: int) -> Samples:
        """The gains of the next samples.

        Returns:
            float32, (..., n): the ramp's own array, valid until the next call. It is whole even at
            rest, for numpy allocates a buffer where it has to stretch a column.
        """
        target = self.target
        if target is not self._taken:
            self._taken = target
            np.copyto(self._from, self._now)
            np.subtract(target, self._from, out=self._delta)
            self._at = 0
        n_left = min(n_samples, len(self._shares) - self._at)
        gains = self._gains[..., :n_samples]
        if n_left == 0:
            if not self._is_level:
                np.copyto(self._gains, self._now)
                self._is_level = True
            return gains
        self._is_level = False
        moving = gains[..., :n_left]
        np.multiply(self._delta, self._shares[self._at : self._at + n_left], out=moving)
        np.add(moving, self._from, out=moving)
        self._at += n_left
        if self._at == len(self._shares):
            # Rounding must not keep a stem at rest from being exactly itself.
            np.copyto(self._now, self._taken)
            gains[..., n_left - 1 :] = self._now
        else:
            np.copyto(self._now, gains[..., -1:])
        return gains
