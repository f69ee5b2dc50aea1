"""Compressor and limiter as tensor operations: gains over time, computed block by block.

A gain rises again by so many dB a second. That release needs no loop over time: with a slope s,
max over k of (reduction[i - k] - s k) is a running maximum of reduction[i] + s i.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

RATE = 44_100
BLOCK = 32
"""Samples that get one reduction, interpolated between: 0.7 ms."""
LOOK_AHEAD = 5
"""Blocks over which a limiter's gain falls before a peak: 3.6 ms."""
ATTACK = 12
"""Blocks that a compressor averages over: what is shorter than 8.7 ms, an attack, gets through."""


def compressor_gain(samples: Tensor, above_db: Tensor, ratio: Tensor, release: Tensor) -> Tensor:
    """Gain of a compressor that listens to the RMS of both channels, without make-up.

    Args:
        samples: (n, 2, n_samples).
        above_db: (n,), the threshold against each one's mean level.
        ratio: (n,), of level above the threshold to what is left of it.
        release: (n,), dB a second.

    Returns:
        (n, 1, n_samples), at most 1.

    Source: Giannoulis, Massberg & Reiss 2012, the feed-forward design with a hard knee.
    """
    power = torch.linalg.vector_norm(_blocks(samples), dim=(1, 3)).square() / (2 * BLOCK)
    threshold = power.mean(dim=1) * torch.exp(above_db * (math.log(10) / 10)) + 1e-9
    over_db = 10 * torch.log10(power / threshold[:, None] + 1e-9)
    reduction = _released(over_db.clamp(min=0) * (1 - 1 / ratio[:, None]), release)
    reduction = functional.pad(reduction[:, None], (ATTACK - 1, 0), mode="replicate")
    return _gain(functional.avg_pool1d(reduction, ATTACK, 1), samples.shape[-1])


def limiter_gain(samples: Tensor, ceiling: Tensor, release: Tensor) -> Tensor:
    """Gain that keeps every sample of both channels at or below a ceiling.

    The gain falls before a peak arrives, so that no peak is clipped.

    Args:
        samples: (n, 2, n_samples).
        ceiling: (n,), full scale 1.0.
        release: (n,), dB a second.

    Returns:
        (n, 1, n_samples), at most 1; |samples * gain| <= ceiling.
    """
    peak = torch.linalg.vector_norm(_blocks(samples), ord=math.inf, dim=(1, 3))
    needed = 20 * torch.log10(peak / ceiling[:, None] + 1e-9).clamp(min=0)
    # Between two blocks the gain is interpolated: both must be low enough for either.
    needed = functional.max_pool1d(needed[:, None], 3, 1, 1)[:, 0]
    held = functional.pad(_released(needed, release)[:, None], (LOOK_AHEAD - 1,) * 2)
    # The largest of the blocks to come, averaged over as many: falls in a line, and in time.
    reduction = functional.avg_pool1d(functional.max_pool1d(held, LOOK_AHEAD, 1), LOOK_AHEAD, 1)
    return _gain(reduction, samples.shape[-1])


def _blocks(samples: Tensor) -> Tensor:
    """(n, 2, n_blocks, BLOCK), the last block filled up with silence."""
    n_missing = -samples.shape[-1] % BLOCK
    if n_missing:
        samples = functional.pad(samples, (0, n_missing))
    return samples.reshape(*samples.shape[:-1], -1, BLOCK)


def _released(reduction: Tensor, release: Tensor) -> Tensor:
    """The same (n, n_blocks), but falling by no more than `release` dB a second."""
    block = torch.arange(reduction.shape[-1], device=reduction.device)
    line = release[:, None] * (BLOCK / RATE) * block
    return (reduction + line).cummax(dim=-1).values - line


def _gain(reduction: Tensor, n_samples: int) -> Tensor:
    gain = torch.exp(reduction * (-math.log(10) / 20))
    return functional.interpolate(gain, scale_factor=float(BLOCK), mode="linear")[..., :n_samples]
