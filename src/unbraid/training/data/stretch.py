"""Speed, pitch and tempo as tensor operations: band-limited resampling, and time stretching."""

import functools
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MARGIN = 1024
"""Samples to read before and after what `resample` is to give; its ends are faded."""

FRAME, HOP, REACH = 2048, 1024, 512
"""Samples of a stretched frame, between frames, and that a frame may be moved by (11.6 ms)."""
COARSE = 4
"""How much the rate is lowered to look for a frame's place."""


@functools.lru_cache(maxsize=64)
def fast_length(n_samples: int) -> int:
    """The next even number without a prime factor above 7: what FFTs are fast at."""
    n_samples += n_samples % 2
    while _rest(n_samples) > 1:
        n_samples += 2
    return n_samples


@functools.lru_cache(maxsize=16)
def fast_lengths(n_samples: int, reach: float) -> tuple[int, ...]:
    """All such lengths from (1 - reach) to (1 + reach) times `n_samples`: about 60 for 12 %."""
    lowest = math.ceil(n_samples * (1 - reach) / 2) * 2
    highest = math.floor(n_samples * (1 + reach))
    return tuple(n for n in range(lowest, highest + 1, 2) if _rest(n) == 1)


def _rest(number: int) -> int:
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number


def resample(samples: Tensor, n_out: int) -> Tensor:
    """Read all samples in `n_out` steps: speed and pitch change together, by n_in / n_out.

    The spectrum of the whole crop is cut or continued with zeros, which is interpolation with an
    ideal low-pass: exact away from the ends, where the FFT would tie the last sample to the first
    and the crop is faded instead. Below -100 dB of error against soxr VHQ outside of `MARGIN`.

    Args:
        samples: (..., n_in); both lengths should come from `fast_length` or `fast_lengths`.
        n_out: samples to return.

    Returns:
        (..., n_out); sample i lies at i * n_in / n_out of the input. The first and last `MARGIN`
        are not to be used.
    """
    n_in = samples.shape[-1]
    n_rows = min(n_in, n_out) // 2 + 1
    n_edge = max(1, n_rows // 100)  # the top percent fades, so that attacks do not ring
    window = samples.new_ones(n_in)
    window[: MARGIN // 2] = _rise(MARGIN // 2, samples)
    window[-(MARGIN // 2) :] = _rise(MARGIN // 2, samples).flip(0)
    spectrum = torch.fft.rfft(samples * window)[..., :n_rows] * (n_out / n_in)
    spectrum[..., -n_edge:] *= _rise(n_edge, samples).flip(0)
    result: Tensor = torch.fft.irfft(spectrum, n=n_out)
    return result


def _rise(n_samples: int, like: Tensor) -> Tensor:
    """A smooth slope from 0 to 1."""
    phase = (torch.arange(n_samples, device=like.device, dtype=like.dtype) + 0.5) / n_samples
    return torch.sin(phase * (math.pi / 2)).square()


def stretch_reads(n_out: int, factor: float) -> int:
    """Samples that are read to stretch them to `n_out`."""
    return math.ceil((-(-n_out // HOP) + 2) * HOP * factor) + FRAME + 2 * (REACH + COARSE)


def fitting_places(guide: NDArray[np.float32], factor: float, n_out: int) -> NDArray[np.int64]:
    """Where to read the frames of a stretched crop, so that each continues the one before.

    Args:
        guide: one channel, (n_in,), n_in = `stretch_reads(n_out, factor)`: the sum of all that is
            moved together, so that stems of one song stay together to the sample.
        factor: input samples per output sample; above 1 is faster.
        n_out: samples to give.

    Returns:
        (n_frames,), the first sample of each frame.

    Source: Verhelst & Roelands 1993, WSOLA.
    """
    coarse = guide[: len(guide) // COARSE * COARSE].reshape(-1, COARSE).mean(axis=1)
    energy = np.concatenate([[0.0], np.cumsum(np.square(coarse, dtype=np.float64))])
    n_frame, n_region = FRAME // COARSE, (FRAME + 2 * REACH) // COARSE
    places = [REACH]
    for number in range(1, -(-n_out // HOP) + 1):
        # At a quarter of the rate among all places, then sample by sample near the best.
        first = round(number * HOP * factor / COARSE)
        then = (places[-1] + HOP) // COARSE
        fit = np.correlate(coarse[first : first + n_region], coarse[then : then + n_frame])
        power = energy[first + n_frame : first + n_region + 1] - energy[first:][: len(fit)]
        # Of equally good places the middle one, or silence would wander.
        fit = fit / np.sqrt(power + 1e-3 * power.mean() + 1e-9) - 1e-9 * _OFF_CENTRE
        near = max(COARSE * (first + int(fit.argmax())), COARSE)
        then = places[-1] + HOP
        fit = np.correlate(guide[near - COARSE : near + COARSE + FRAME], guide[then : then + FRAME])
        places.append(near - COARSE + int(fit.argmax()) if fit.any() else near)
    return np.array(places)


_OFF_CENTRE = np.abs(np.arange(2 * REACH // COARSE + 1) - REACH // COARSE)


def stretch(samples: Tensor, places: NDArray[np.int64], n_out: int) -> Tensor:
    """Change the tempo and keep the pitch, by overlapping frames where they fit each other.

    At 12 % voices and attacks stay clean, which a phase vocoder's do not.

    Args:
        samples: (..., n_in).
        places: of the frames, from `fitting_places`.
        n_out: samples to return; the first is `REACH` + `HOP` into the input.

    Returns:
        (..., n_out).
    """
    frame = torch.arange(FRAME, device=samples.device)
    window = 0.5 - 0.5 * torch.cos(2 * math.pi * frame / FRAME)
    at = torch.from_numpy(places).to(samples.device)
    frames = samples[..., at[:, None] + frame] * window
    halves = frames.reshape(*frames.shape[:-1], 2, HOP)
    # The second half of a frame lies on the first half of the next.
    joined: Tensor = halves[..., :-1, 1, :] + halves[..., 1:, 0, :]
    return joined.flatten(-2)[..., :n_out]
