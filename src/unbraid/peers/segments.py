"""Songs in segments of one length, which overlap and fade into each other."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def in_segments(
    samples: Samples,
    separate: Callable[[Samples], Samples],
    *,
    n_stems: int,
    n_segment: int,
    n_fade: int,
    n_edge: int = 0,
) -> Samples:
    """Separate a song piece by piece; what a piece needs does not grow with the song.

    Args:
        samples: float32, (2, n_samples).
        separate: (2, n_segment) to (n_stems, 2, n_segment). Before and after the song is silence.
        n_stems: that it gives.
        n_segment: samples of a piece.
        n_fade: samples over which neighbours fade linearly into each other.
        n_edge: samples at both ends of a piece that are context only, and not used.

    Returns:
        float32, (n_stems, 2, n_samples).
    """
    n_samples = samples.shape[-1]
    n_used = n_segment - 2 * n_edge
    result = np.zeros((n_stems, *samples.shape), np.float32)
    rise = ((np.arange(n_fade) + 0.5) / max(1, n_fade)).astype(np.float32)
    for start in range(0, n_samples, n_used - n_fade):
        first, end = max(start - n_edge, 0), min(start + n_segment - n_edge, n_samples)
        piece = np.zeros((samples.shape[0], n_segment), np.float32)
        offset = first - (start - n_edge)
        piece[:, offset : offset + end - first] = samples[:, first:end]
        weights = np.ones(n_used, np.float32)
        is_last = start + n_used >= n_samples
        if start:
            weights[:n_fade] = rise
        if not is_last:
            weights[n_used - n_fade :] = 1 - rise
        stop = min(start + n_used, n_samples)
        found = separate(piece)[..., n_edge : n_edge + stop - start]
        result[..., start:stop] += found * weights[: stop - start]
        if is_last:
            break
    return result
