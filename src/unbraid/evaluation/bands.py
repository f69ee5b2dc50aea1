"""What of each true stem is in an output, band by band: leaks are seldom of all frequencies alike.

One gain for all frequencies hardly sees cymbals that come through where the kick does not: the kick
holds nearly all of the drums' energy, so the gain is near nothing. A gain a band finds them.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]

EDGES_HZ = (0.0, *np.geomspace(100, 16_000, 23))
"""Bands begin here, a third of an octave wide, and the last ends with the spectrum. A second of
even the narrowest has 52 Hz and both channels: 200 numbers for four gains."""


def stems_in(
    output: Samples,
    stems: Samples,
    windows: Iterable[int],
    *,
    window: int = 44_100,
    sample_rate: int = 44_100,
) -> Floats:
    """Energy of each true stem in an output.

    In every window and band the output is written as a sum of the true stems, each with a gain, and
    a rest (least squares, both channels together).

    Args:
        output: a model's, (n_channels, n_samples).
        stems: all true stems of the song, (n_stems, n_channels, n_samples).
        windows: which to look at, counted from 0.
        window: samples in one.
        sample_rate: Hz.

    Returns:
        Sums of squares over windows, (n_stems,).
    """
    n = len(stems)
    energy = np.zeros(n)
    for number in windows:
        span = slice(number * window, (number + 1) * window)
        signals = np.concatenate([stems[..., span], output[None, :, span]])
        n_samples = signals.shape[-1]
        spectra = np.fft.rfft(signals, axis=-1).astype(np.complex128)
        starts = np.round(np.multiply(EDGES_HZ, n_samples / sample_rate)).astype(int)
        for begin, end in zip(starts, (*starts[1:], spectra.shape[-1]), strict=True):
            band = spectra[..., begin:end].reshape(n + 1, -1)
            products = (band.conj() @ band.T).real * (2 / n_samples)  # Parseval
            gram, wanted = products[:n, :n], products[:n, n]
            ridge = 1e-9 * np.trace(gram) + 1e-12
            gains = np.linalg.solve(gram + ridge * np.eye(n), wanted)
            energy += np.square(gains) * np.diagonal(gram)
    return energy
