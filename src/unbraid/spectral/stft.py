"""Samples to spectra and back: Hann window, weighted overlap-add.

A frame starts every `hop` samples; nothing is padded here, so a signal of
(n_frames - 1) * hop + n_fft samples has n_frames frames, and the first and last n_fft - hop
samples of what comes back are only faded parts. Who needs them whole pads first (`whole_stft`).
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from unbraid.errors import SpecError
from unbraid.spec import Spec

try:  # Forward a third faster than numpy 2; backward slower, for it copies what it would overwrite.
    from pyfftw.interfaces import numpy_fft as _forward_fft
except ImportError:
    _forward_fft = np.fft


@lru_cache(maxsize=8)
def hann(n_fft: int) -> NDArray[np.float32]:
    """The periodic Hann window, (n_fft,): shifted copies n_fft / 2 apart sum to one."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    return window.astype(np.float32)


def n_samples_of(n_frames: int, spec: Spec) -> int:
    """Samples that `n_frames` frames span: 199 680 for the 192 frames of the defaults."""
    return (n_frames - 1) * spec.hop + spec.n_fft


def stft(samples: NDArray[np.float32], spec: Spec) -> NDArray[np.complex64]:
    """Every whole frame of a signal.

    Args:
        samples: float32, (channels, n_samples).
        spec: the analysis settings; `n_fft` samples a frame, `hop` samples apart.

    Returns:
        complex64, (channels, n_fft // 2 + 1, n_frames), not normalised: a full-scale sine that
        lies on a bin reads n_fft / 4.

    Raises:
        SpecError: fewer samples than one frame.

    Source: Allen & Rabiner 1977.
    """
    if samples.shape[-1] < spec.n_fft:
        raise SpecError(f"{samples.shape[-1]} samples are less than a frame of {spec.n_fft}")
    frames = sliding_window_view(samples, spec.n_fft, axis=-1)[..., :: spec.hop, :]
    spectrum = _forward_fft.rfft(frames * hann(spec.n_fft), axis=-1)
    result: NDArray[np.complex64] = np.swapaxes(spectrum, -1, -2)
    return result.astype(np.complex64, copy=False)


def istft(spectrum: NDArray[np.complex64], spec: Spec) -> NDArray[np.float32]:
    """Samples from a spectrum, by weighted overlap-add.

    Args:
        spectrum: complex64, (..., n_fft // 2 + 1, n_frames).
        spec: the analysis settings that made it.

    Returns:
        float32, (..., (n_frames - 1) * hop + n_fft), full scale 1.0. Samples that fewer than
        n_fft / hop frames cover (the first and last n_fft - hop) come back faded.

    Raises:
        SpecError: the rows do not match the spec.

    Source: Griffin & Lim 1984, eq. 6.
    """
    if spectrum.shape[-2] != spec.n_rows:
        raise SpecError(f"spectrum has {spectrum.shape[-2]} rows, the spec {spec.n_rows}")
    n_frames, n_parts = spectrum.shape[-1], spec.n_fft // spec.hop
    window = _synthesis_window(spec.n_fft, spec.hop)
    channels = np.swapaxes(spectrum, -1, -2).reshape(-1, n_frames, spec.n_rows)
    slots = np.zeros((len(channels), n_frames + n_parts - 1, spec.hop), np.float32)
    # One channel at a time stays in the cache: a third faster than all at once.
    for channel, slot in zip(channels, slots, strict=True):
        frames = np.fft.irfft(channel, spec.n_fft, axis=-1).astype(np.float32, copy=False)
        frames *= window
        # Every frame is n_parts pieces of `hop` samples; piece p of frame f lands in slot f + p.
        pieces = frames.reshape(n_frames, n_parts, spec.hop)
        for part in range(n_parts):
            slot[part : part + n_frames] += pieces[:, part]
    return slots.reshape(*spectrum.shape[:-2], -1)


@lru_cache(maxsize=8)
def _synthesis_window(n_fft: int, hop: int) -> NDArray[np.float32]:
    """The Hann window over the sum of its squares, so that full overlap gives back the signal."""
    window = hann(n_fft).astype(np.float64)
    power = (window**2).reshape(-1, hop).sum(axis=0)
    result: NDArray[Any] = window / np.tile(power, n_fft // hop)
    return result.astype(np.float32)


def whole_stft(samples: NDArray[np.float32], spec: Spec) -> NDArray[np.complex64]:
    """The spectrum of a whole signal, padded with silence so that `whole_istft` inverts it.

    Args:
        samples: float32, (channels, n_samples), any length.
        spec: the analysis settings.

    Returns:
        complex64, (channels, n_fft // 2 + 1, n_frames).
    """
    edge = spec.n_fft - spec.hop
    n_samples = samples.shape[-1]
    n_frames = max(1, -(-(n_samples + edge) // spec.hop))
    tail = n_samples_of(n_frames, spec) - edge - n_samples
    padding = [(0, 0)] * (samples.ndim - 1) + [(edge, tail)]
    return stft(np.pad(samples, padding), spec)


def whole_istft(spectrum: NDArray[np.complex64], spec: Spec, n_samples: int) -> NDArray[np.float32]:
    """The inverse of `whole_stft`.

    Args:
        spectrum: complex64, (..., n_fft // 2 + 1, n_frames).
        spec: the analysis settings that made it.
        n_samples: samples to return; 1024 is 23.2 ms at 44.1 kHz.

    Returns:
        float32, (..., n_samples), within -120 dB of the signal.
    """
    edge = spec.n_fft - spec.hop
    return istft(spectrum, spec)[..., edge : edge + n_samples]
