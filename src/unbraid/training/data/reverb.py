"""Rooms that never were: impulse responses from noise, and their convolution with a stem."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from unbraid.training.data.stretch import fast_length

RATE = 44_100
N_REFLECTIONS = 12
LOWEST_HZ = 150
"""Below it the response falls to nothing at 0 Hz."""
DULLED = 16
"""Samples that the lower part of a response is averaged over: it ends at about 1.2 kHz."""


def rooms(decay_s: Tensor, pre_delay_s: Tensor, generator: torch.Generator) -> Tensor:
    """Stereo impulse responses without the direct sound, of energy 1 a channel.

    After the pre-delay a dozen early reflections within 60 ms, each channel its own, under noise
    that decays exponentially: to -60 dB in `decay_s` below about 1 kHz, in half of it above, as
    air and walls swallow the highs first.

    Args:
        decay_s: (n,), RT60 at low frequencies.
        pre_delay_s: (n,), before the first reflection.
        generator: of the noise; responses are made on its device.

    Returns:
        (n, 2, n_taps), as long as the longest is heard (-45 dB).

    Source: Moorer 1979, "About this reverberation business": noise with an exponential envelope.
    """
    n, device = len(decay_s), generator.device
    n_taps = math.ceil(float((decay_s * 0.75 + pre_delay_s).max()) * RATE)
    time_s = torch.arange(n_taps, device=device) / RATE - pre_delay_s[:, None, None]
    noise = torch.randn(n, 2, n_taps, generator=generator, device=device)
    dull = functional.avg_pool1d(noise, DULLED + 1, 1, DULLED // 2)
    slope = -math.log(1000) / decay_s[:, None, None] * time_s
    slow = torch.exp(slope.clamp(max=0)) * (time_s >= 0)
    response = dull * slow + (noise - dull) * slow.square() * 0.5
    at_s = 0.002 + 0.058 * torch.rand(n, 2, N_REFLECTIONS, generator=generator, device=device)
    at = ((at_s + pre_delay_s[:, None, None]) * RATE).long().clamp(max=n_taps - 1)
    sign = torch.randn(n, 2, N_REFLECTIONS, generator=generator, device=device)
    response.scatter_add_(2, at, sign * torch.exp(-at_s / 0.02))
    energy: Tensor = torch.linalg.vector_norm(response, dim=2, keepdim=True)
    return response / energy


def reverberate(
    samples: Tensor, responses: Tensor, wet_db: Tensor, *, lows: bool = False
) -> Tensor:
    """Stems in rooms.

    The convolution is circular: the tail of the crop's end sounds at its start, where the tail of
    what came before the crop would be. So an example begins in a room that already sounds, as one
    cut from a record does.

    Args:
        samples: (n, 2, n_samples).
        responses: (n, 2, n_taps), from `rooms`; what is longer than the samples is cut off.
        wet_db: (n,), level of the room against the direct sound.
        lows: whether the room has the lows, as one that a kit was recorded in has; a reverb's
            send has them cut, or every mix would boom.

    Returns:
        (n, 2, n_samples), direct sound and room.
    """
    n_samples = samples.shape[-1]
    n_fft = fast_length(n_samples)
    spectrum = torch.fft.rfft(samples, n=n_fft)
    spectrum *= torch.fft.rfft(responses[..., :n_samples], n=n_fft)
    if not lows:
        n_lows = min(round(LOWEST_HZ * n_fft / RATE), spectrum.shape[-1])
        spectrum[..., :n_lows] *= torch.linspace(0, 1, n_lows, device=samples.device)
    wet = torch.fft.irfft(spectrum, n=n_fft)[..., :n_samples]
    level, wet_level = (
        torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True) for x in (samples, wet)
    )
    gain = torch.exp(wet_db * (math.log(10) / 20))[:, None, None]
    return torch.addcmul(samples, wet, gain * level / (wet_level + 1e-9))
