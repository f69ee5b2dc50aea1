"""Figures of merit, in dB."""

import numpy as np
from numpy.typing import NDArray

EPSILON = 1e-10
"""Power added above and below, so that silence has a finite score: -100 dBFS."""


def usdr(reference: NDArray[np.float32], estimate: NDArray[np.float32]) -> float:
    """Utterance-level SDR of a whole song: 10 log10(sum s^2 / sum (s - e)^2), no alignment.

    Args:
        reference: the true stem, (channels, n_samples).
        estimate: what a model gives, the same shape.

    Returns:
        dB. An estimate of silence scores 0, a quarter of the mixture usually 0 to 2.

    Source: Mitsufuji et al. 2022 (Music Demixing Challenge), "global SDR".

    Example:
        >>> s = np.ones((2, 1000), np.float32)
        >>> round(usdr(s, 0.9 * s), 3)
        20.0
    """
    signal = np.mean(np.square(reference, dtype=np.float64))
    error = np.mean(np.square(reference - estimate, dtype=np.float64))
    return float(10 * np.log10((signal + EPSILON) / (error + EPSILON)))


def level_dbfs(samples: NDArray[np.float32]) -> float:
    """RMS level in dB below full scale 1.0; -inf for silence and for no samples.

    Example:
        >>> round(level_dbfs(np.full((2, 10), 0.1, np.float32)), 6)
        -20.0
    """
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return float(10 * np.log10(power)) if power > 0 else -np.inf
