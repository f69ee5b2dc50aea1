"""Inner products of true stems, estimates and mixture, second by second.

Everything that the time-domain figures need is in one small matrix a second and channel, so that
ten figures of a song cost one pass over its samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]

_WINDOWS_AT_ONCE = 8


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


def energies(stems: Samples, estimates: Samples, mixture: Samples, window: int) -> Energies:
    """Measure a song.

    Args:
        stems: the true stems, float32, (n_stems, n_channels, n_samples).
        estimates: of the same stems, the same shape.
        mixture: (n_channels, n_samples).
        window: samples in a window; 44 100 is a second at 44.1 kHz.

    Returns:
        The inner products by window.
    """
    n_stems, n_channels, n_samples = stems.shape
    starts = np.arange(0, max(n_samples, 1), window)
    n_signals = 2 * n_stems + 1
    products = np.zeros((len(starts), n_channels, n_signals, n_signals))
    for first in range(0, len(starts), _WINDOWS_AT_ONCE):
        begin = int(starts[first])
        end = min(n_samples, begin + _WINDOWS_AT_ONCE * window)
        n = -(-(end - begin) // window)
        piece = np.zeros((n_signals, n_channels, n * window))
        piece[:n_stems, :, : end - begin] = stems[:, :, begin:end]
        piece[n_stems:-1, :, : end - begin] = estimates[:, :, begin:end]
        piece[-1, :, : end - begin] = mixture[:, begin:end]
        rows = piece.reshape(n_signals, n_channels, n, window).transpose(2, 1, 0, 3)
        rows = np.ascontiguousarray(rows)
        products[first : first + n] = rows @ rows.swapaxes(-1, -2)
    lengths = np.minimum(window, n_samples - starts)
    return Energies(products, lengths, n_stems)
