"""How loud a sound is to the ear, in LUFS."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SILENCE_LUFS: Final = -70.0
"""The absolute gate: what is softer has no loudness."""

_BLOCK_S, _STEP_S = 0.4, 0.1
_OFFSET = -0.691  # so that a 997-Hz sine at full scale in one channel reads -3.01
# Of the two filters, frequency in Hz, gain in dB and quality; De Man 2014's reading of the
# standard's coefficients at 48 kHz, which makes them for any rate.
_SHELF = (1681.974450955533, 3.999843853973347, 0.7071752369554196)
_HIGH_PASS = (38.13547087602444, 0.5003270373238773)


def loudness_lufs(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Integrated loudness, gated; -inf for what is silent throughout.

    Args:
        samples: float32, (channels, n_samples), full scale 1.0; one shorter than 0.4 s counts as
            one block.
        sample_rate: Hz.

    Source: ITU-R BS.1770-4; De Man 2014, "Evaluation of implementations of the EBU R128 loudness
    measurement".

    Example:
        >>> times = np.arange(96_000) / 48_000
        >>> round(loudness_lufs(np.sin(2 * np.pi * 997 * times)[None], 48_000), 1)
        -3.0
    """
    if not samples.size:
        return -np.inf
    n_samples = samples.shape[-1]
    # The filters ring for some 0.1 s: padding keeps the end from running into the start.
    n_fft = 1 << (n_samples + sample_rate // 2 - 1).bit_length()
    power = np.zeros(n_samples)
    response = _weighting(np.fft.rfftfreq(n_fft).astype(np.float64), sample_rate)
    for channel in samples:
        weighted = np.fft.irfft(np.fft.rfft(channel, n_fft) * response, n_fft)
        power += np.square(weighted[:n_samples])
    total = np.concatenate([[0.0], np.cumsum(power)])
    size = min(n_samples, round(_BLOCK_S * sample_rate))
    starts = np.arange(0, n_samples - size + 1, round(_STEP_S * sample_rate))
    blocks = np.maximum((total[starts + size] - total[starts]) / size, 0)
    blocks = blocks[_lufs(blocks) > SILENCE_LUFS]
    if not len(blocks):
        return -np.inf
    blocks = blocks[_lufs(blocks) > _lufs(blocks.mean()) - 10]
    return float(_lufs(blocks.mean()))


def _lufs(power: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    result: NDArray[np.float64] = _OFFSET + 10 * np.log10(np.maximum(power, 1e-20))
    return result


def _weighting(cycles: NDArray[np.float64], sample_rate: int) -> NDArray[np.complex128]:
    """The K-weighting's response at frequencies in cycles a sample."""
    z = np.exp(-2j * np.pi * cycles)
    hz, gain_db, quality = _SHELF
    k, high = np.tan(np.pi * hz / sample_rate), 10 ** (gain_db / 20)
    band = high**0.4996667741545416
    shelf = np.polyval(
        [high - band * k / quality + k * k, 2 * (k * k - high), high + band * k / quality + k * k],
        z,
    ) / np.polyval([1 - k / quality + k * k, 2 * (k * k - 1), 1 + k / quality + k * k], z)
    hz, quality = _HIGH_PASS
    k = np.tan(np.pi * hz / sample_rate)
    poles = np.polyval([1 - k / quality + k * k, 2 * (k * k - 1), 1 + k / quality + k * k], z)
    # Of this one the standard norms the poles only: its numerator is 1, -2, 1 at any rate.
    result: NDArray[np.complex128] = shelf * (1 - z) ** 2 * (1 + k / quality + k * k) / poles
    return result
