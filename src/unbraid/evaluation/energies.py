"""Inner products of true stems, estimates and mixture, second by second.

Everything that the time-domain figures need is in one small matrix a second and channel, so that
ten figures of a song cost one pass over its samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]

_SAMPLES_AT_ONCE = 8_192  # of all signals in double precision, less than a core's cache


@dataclass(frozen=True, slots=True)
class Energies:
    """Inner products <a, b> of the signals of a song.

    Attributes:
        products: float64, (n_windows, n_channels, n_signals, n_signals): the true stems first, the
            estimates of the same stems after them, the mixture last.
        n_samples: of each window; the last one may be shorter.
        n_stems: true stems.
    """

    products: Floats
    n_samples: NDArray[np.int64]
    n_stems: int

    @property
    def whole(self) -> slice:
        """The windows that are not cut short by the song's end; all if there is only one."""
        n = int((self.n_samples == self.n_samples[0]).sum())
        return slice(0, n)

    def of(self, a: int, b: int) -> Floats:
        """<a, b> by window, both channels added, (n_windows,)."""
        result: Floats = self.products[:, :, a, b].sum(axis=1)
        return result

    def true(self, stem: int) -> Floats:
        """Energy of a true stem by window."""
        return self.of(stem, stem)

    def estimate(self, stem: int) -> Floats:
        """Energy of an estimate by window."""
        return self.of(self.n_stems + stem, self.n_stems + stem)

    def cross(self, stem: int) -> Floats:
        """<true, estimate> by window."""
        return self.of(stem, self.n_stems + stem)

    @property
    def mixture(self) -> Floats:
        """Energy of the mixture by window."""
        return self.of(-1, -1)

    def error(self, stem: int) -> Floats:
        """Energy of true minus estimate by window."""
        left = self.true(stem) - 2 * self.cross(stem) + self.estimate(stem)
        return np.maximum(left, 0)

    def power(self, energy: Floats) -> Floats:
        """Mean square a sample of an energy by window."""
        n_channels = self.products.shape[1]
        result: Floats = energy / np.maximum(self.n_samples * n_channels, 1)
        return result


def energies(
    stems: Samples,
    estimates: Samples,
    mixture: Samples,
    window: int,
    measured: Sequence[int] | None = None,
) -> Energies:
    """Measure a song.

    Args:
        stems: the true stems, float32, (n_stems, n_channels, n_samples).
        estimates: of the same stems, the same shape.
        mixture: (n_channels, n_samples).
        window: samples in a window; 44 100 is a second at 44.1 kHz.
        measured: the stems that count; all if not given.

    Returns:
        The inner products by window.
    """
    _, n_channels, n_samples = stems.shape
    measured = range(len(stems)) if measured is None else measured
    n = len(measured)
    starts = np.arange(0, max(n_samples, 1), window)
    products = np.zeros((len(starts), n_channels, 2 * n + 1, 2 * n + 1))
    piece = np.empty((2 * n + 1, _SAMPLES_AT_ONCE))
    for number, start in enumerate(starts):
        stop = min(n_samples, start + window)
        for channel in range(n_channels):
            for begin in range(start, stop, _SAMPLES_AT_ONCE):
                end = min(stop, begin + _SAMPLES_AT_ONCE)
                rows = piece[:, : end - begin]
                for i, stem in enumerate(measured):
                    rows[i] = stems[stem, channel, begin:end]
                    rows[n + i] = estimates[stem, channel, begin:end]
                rows[-1] = mixture[channel, begin:end]
                products[number, channel] += rows @ rows.T
    return Energies(products, np.minimum(window, n_samples - starts), n)
