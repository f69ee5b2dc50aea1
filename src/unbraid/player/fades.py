"""From one sound to another at constant power, whatever they have in common."""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def likeness(first: Samples, second: Samples) -> float:
    """How much of two sounds is the same: 0 for unlike ones, 1 for the same at any level.

    Args:
        first: float32, (2, n).
        second: the same shape.
    """
    a, b = first.ravel(), second.ravel()
    power = float(np.dot(a, a)) * float(np.dot(b, b))
    return min(1.0, max(0.0, float(np.dot(a, b)) / power**0.5)) if power > 0 else 0.0


def fade(first: Samples, second: Samples, share: Samples, like: float, out: Samples) -> None:
    """Blend two sounds so that neither their power dips nor, where they are alike, rises.

    Unlike sounds fade as cosine to sine would; the same sound fades into itself unchanged.

    Args:
        first: float32, (2, n).
        second: the same shape.
        share: float32, (n,): of the second, 0 to 1.
        like: their `likeness`.
        out: where to; may be one of the two.
    """
    rest = 1 - share
    norm = np.sqrt(share * share + rest * rest + np.float32(2 * like) * share * rest)
    np.add(first * (rest / norm), second * (share / norm), out=out)
