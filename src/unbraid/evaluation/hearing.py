"""Figures that lean on the ear: bleedless and fullness on mel spectrograms, and log-WMSE."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from unbraid.spectral.stft import hann

try:  # The `eval` extra: two to four times numpy's speed in single precision, the same numbers.
    from scipy.fft import irfft, rfft
except ImportError:
    from numpy.fft import irfft, rfft

Samples = NDArray[np.float32]
Signals = NDArray[np.float32] | list[NDArray[np.float32]]
Floats = NDArray[np.float64]

N_FFT, HOP, N_MELS = 4096, 1024, 512
_RANGE_DB = 80.0
_FRAMES_AT_ONCE = 64  # transforms, magnitudes and bands of so many stay in the cache: 3 MB
_BINS_AT_ONCE = 128
_LEVELS_AT_ONCE = 256

TOLERANCE = 10 ** (-68 / 20)
"""Errors of log-WMSE below -68 dB of the mixture cannot be heard and count as none."""
_WMSE_FLOOR, _WMSE_SCALE = 1e-8, -4.0
_WMSE_FFT, _WMSE_TAPS, _WMSE_BLOCKS = 16_384, 4_000, 8

Mel = NDArray[np.float32]


def mel_levels(samples: Samples, sample_rate: int = 44_100) -> Mel:
    """Levels in dB on 512 mel bands, no more than 80 dB below the loudest.

    Args:
        samples: float32, (n_channels, n_samples).
        sample_rate: Hz.

    Returns:
        float32, (n_channels, n_frames, n_bands), a frame every 1024 samples.

    Source: librosa's `filters.mel` (Slaney's scale, bands of equal area) and torchaudio's
        `AmplitudeToDB`, which is how the field takes these figures.
    """
    n_frames = 1 + samples.shape[-1] // HOP
    levels = np.zeros((len(samples), n_frames, N_MELS), np.float32)
    for channel, of_channel in zip(samples, levels, strict=True):
        for first in range(0, n_frames, _FRAMES_AT_ONCE):
            bands = of_channel[first : first + _FRAMES_AT_ONCE]
            begin = first * HOP - N_FFT // 2
            piece = _stretch(channel, begin, begin + (len(bands) - 1) * HOP + N_FFT)
            piece = sliding_window_view(piece, N_FFT)[::HOP] * hann(N_FFT)
            size = np.abs(rfft(piece, axis=-1))
            for rows, columns, weights in _filter_bank(sample_rate):
                bands[:, columns] += size[:, rows] @ weights
    np.maximum(levels, 1e-10, out=levels)
    np.log10(levels, out=levels)
    levels *= 20
    if levels.size:
        np.maximum(levels, levels.max() - _RANGE_DB, out=levels)
    return levels


def bleedless_fullness(true: Mel, given: Mel) -> tuple[float, float]:
    """How little there is too much, and how little is missing: 100 is nothing at all.

    Args:
        true: `mel_levels` of the true stem.
        given: of the estimate.

    Returns:
        100 / (1 + mean excess in dB where there is any), and the same of what is missing.

    Source: Sucial and ZFTurbo's Music-Source-Separation-Training, `bleed_full`.
    """
    excess = missing = 0.0
    n_above = n_below = 0
    bands = true.shape[-1]
    true, given = true.reshape(-1, bands), given.reshape(-1, bands)
    for first in range(0, len(true), _LEVELS_AT_ONCE):
        rows = slice(first, first + _LEVELS_AT_ONCE)
        difference = given[rows] - true[rows]
        n_above += int(np.count_nonzero(difference > 0))
        n_below += int(np.count_nonzero(difference < 0))
        excess += float(np.maximum(difference, 0).sum())
        missing -= float(np.minimum(difference, 0).sum())
    return 100 / (1 + excess / max(1, n_above)), 100 / (1 + missing / max(1, n_below))


@lru_cache(maxsize=4)
def _filter_bank(sample_rate: int) -> tuple[tuple[slice, slice, Mel], ...]:
    """Triangles of equal area on Slaney's scale: bins, bands, and the bands' weights of the bins.

    In pieces, for nearly all of the whole matrix is zeros.
    """
    edges = _mel_to_hz(np.linspace(0, _hz_to_mel(sample_rate / 2), N_MELS + 2))
    hz = np.arange(N_FFT // 2 + 1)[:, None] * sample_rate / N_FFT
    rising = (hz - edges[:-2]) / np.diff(edges[:-1])
    falling = (edges[2:] - hz) / np.diff(edges[1:])
    whole = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))
    pieces = []
    for first in range(0, len(whole), _BINS_AT_ONCE):
        rows = slice(first, first + _BINS_AT_ONCE)
        used = np.flatnonzero(whole[rows].any(axis=0))
        if used.size:
            columns = slice(int(used[0]), int(used[-1]) + 1)
            pieces.append((rows, columns, whole[rows, columns].astype(np.float32)))
    return tuple(pieces)


_LINEAR_MEL_HZ, _LOG_FROM_HZ, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    return float(_LOG_FROM_HZ / _LINEAR_MEL_HZ + np.log(hz / _LOG_FROM_HZ) / _LOG_STEP)


def _mel_to_hz(mel: Floats) -> Floats:
    knee = _LOG_FROM_HZ / _LINEAR_MEL_HZ
    above = _LOG_FROM_HZ * np.exp(_LOG_STEP * (np.maximum(mel, knee) - knee))
    return np.where(mel < knee, _LINEAR_MEL_HZ * mel, above)


def log_wmse(
    stems: Signals, estimates: Signals, mixture: Samples, sample_rate: int = 44_100
) -> Floats:
    """Error weighted by the ear's sensitivity, relative to the mixture; higher is better.

    Defined where the true stem is silent, too: 73.7 is no audible error, 0 one as loud as the
    mixture.

    Args:
        stems: the true stems, float32, (n_stems, n_channels, n_samples).
        estimates: of the same stems, the same shape.
        mixture: (n_channels, n_samples).
        sample_rate: Hz.

    Returns:
        float64, (n_stems,): means over channels. A silent mixture gives 73.7.

    Source: Jordal 2023 (Nomono), log-wmse-audio-quality.
    """
    n_samples = mixture.shape[-1]
    best = _WMSE_SCALE * np.log(_WMSE_FLOOR)
    values = np.full((len(stems), len(mixture)), best)
    for channel, samples in enumerate(mixture):
        power = sum(float(np.vdot(h, h)) for h in _as_heard(samples, None, sample_rate))
        if power == 0:
            continue
        limit = TOLERANCE * np.sqrt(power / n_samples)
        for stem, (true, given) in enumerate(zip(stems, estimates, strict=True)):
            error = 0.0
            for heard in _as_heard(given[channel], true[channel], sample_rate):
                heard *= np.abs(heard) >= limit
                error += float(np.vdot(heard, heard))
            values[stem, channel] = _WMSE_SCALE * np.log(error / power + _WMSE_FLOOR)
    means: Floats = values.mean(axis=-1)
    return means


def _as_heard(
    samples: Samples, less: Samples | None, sample_rate: int
) -> Iterator[NDArray[np.float32]]:
    """A channel, less another, through the ear's weighting without delay, piece by piece."""
    response, half = _weighting(sample_rate)
    step = _WMSE_FFT - 2 * half
    n_samples = len(samples)
    for first in range(0, n_samples, _WMSE_BLOCKS * step):
        n_blocks = min(_WMSE_BLOCKS, -(-(n_samples - first) // step))
        begin, end = first - half, first + n_blocks * step + half
        piece = _stretch(samples, begin, end)
        if less is not None:
            piece -= _stretch(less, begin, end)
        blocks = sliding_window_view(piece, _WMSE_FFT)[::step]
        whole = irfft(rfft(blocks, axis=-1) * response, _WMSE_FFT, axis=-1)
        yield whole[:, half : half + step].reshape(-1)[: n_samples - first]


def _stretch(samples: Samples, begin: int, end: int) -> Samples:
    """A channel's samples from begin to end; silence before its first and after its last."""
    piece = np.zeros(end - begin, np.float32)
    found = samples[max(0, begin) : end]
    piece[max(0, -begin) :][: len(found)] = found
    return piece


@lru_cache(maxsize=4)
def _weighting(sample_rate: int) -> tuple[NDArray[np.float32], int]:
    """The weighting's response for transforms of _WMSE_FFT, and half the length of its filter.

    Magnitudes of a shelf of 5 dB from 1.5 kHz, a high-pass at 120 Hz, a bell of 2.5 dB at 500 Hz
    and a low-pass at 10 kHz (first order, there and back), made into a filter of zero phase.
    """
    n = 2 * N_FFT
    z = np.exp(-2j * np.pi * np.arange(n // 2 + 1) / n)
    root = 1 / np.sqrt(2)

    def biquad(b: tuple[float, ...], a: tuple[float, ...]) -> Floats:
        return np.abs(np.polyval(b[::-1], z) / np.polyval(a[::-1], z))

    def turn(hz: float, q: float) -> tuple[float, float]:
        angle = 2 * np.pi * hz / sample_rate
        return float(np.cos(angle)), float(np.sin(angle) / (2 * q))

    cos, alpha = turn(1500, root)
    gain = 10 ** (5 / 40)
    slope = 2 * np.sqrt(gain) * alpha
    shelf = biquad(
        (
            gain * ((gain + 1) + (gain - 1) * cos + slope),
            -2 * gain * ((gain - 1) + (gain + 1) * cos),
            gain * ((gain + 1) + (gain - 1) * cos - slope),
        ),
        (
            (gain + 1) - (gain - 1) * cos + slope,
            2 * ((gain - 1) - (gain + 1) * cos),
            (gain + 1) - (gain - 1) * cos - slope,
        ),
    )
    cos, alpha = turn(120, root)
    high_pass = biquad(((1 + cos) / 2, -(1 + cos), (1 + cos) / 2), (1 + alpha, -2 * cos, 1 - alpha))
    cos, alpha = turn(500, 1.5 * root)
    gain = 10 ** (2.5 / 40)
    bell = biquad(
        (1 + alpha * gain, -2 * cos, 1 - alpha * gain),
        (1 + alpha / gain, -2 * cos, 1 - alpha / gain),
    )
    knee = float(np.tan(np.pi * min(10_000 / sample_rate, 0.49)))
    low_pass = biquad((knee, knee), (knee + 1, knee - 1)) ** 2
    impulse = np.fft.fftshift(np.fft.irfft(shelf * high_pass * bell * low_pass, n))
    half = _WMSE_TAPS // 2
    middle = n // 2
    taps = np.zeros(_WMSE_FFT)
    taps[: half + 1] = impulse[middle : middle + half + 1]
    taps[-half:] = impulse[middle - half : middle]
    return np.fft.rfft(taps).real.astype(np.float32), half
