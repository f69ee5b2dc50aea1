"""Spectra as torch makes them, which peers were trained on: centred frames, mirrored ends.

Ours (`unbraid.spectral`) need n_fft to be a multiple of the hop, which MDX-Nets' 7680 is not.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from unbraid.spectral.stft import hann


def centred_stft(samples: NDArray[np.float32], n_fft: int, hop: int) -> NDArray[np.complex64]:
    """As `torch.stft(..., center=True)` with a periodic Hann window.

    Args:
        samples: float32, (..., n_samples), more than n_fft / 2 of them.
        n_fft: samples of a frame.
        hop: samples from a frame to the next.

    Returns:
        complex64, (..., n_fft // 2 + 1, 1 + n_samples // hop).
    """
    padding = [(0, 0)] * (samples.ndim - 1) + [(n_fft // 2, n_fft // 2)]
    padded = np.pad(samples, padding, mode="reflect")
    frames = sliding_window_view(padded, n_fft, axis=-1)[..., ::hop, :]
    spectrum = np.fft.rfft(frames * hann(n_fft), axis=-1).astype(np.complex64, copy=False)
    result: NDArray[np.complex64] = np.swapaxes(spectrum, -1, -2)
    return result


def centred_istft(spectrum: NDArray[np.complex64], hop: int, n_samples: int) -> NDArray[np.float32]:
    """The inverse of `centred_stft`: (..., bins, frames) to (..., n_samples)."""
    n_fft, n_frames = 2 * (spectrum.shape[-2] - 1), spectrum.shape[-1]
    window = hann(n_fft)
    total = np.zeros((*spectrum.shape[:-2], n_fft + hop * (n_frames - 1)), np.float32)
    power = np.zeros(total.shape[-1], np.float32)
    for frame in range(n_frames):
        place = slice(frame * hop, frame * hop + n_fft)
        total[..., place] += window * np.fft.irfft(spectrum[..., frame], n_fft, axis=-1)
        power[place] += window**2
    inside = slice(n_fft // 2, n_fft // 2 + n_samples)
    return (total[..., inside] / np.maximum(power[inside], 1e-8)).astype(np.float32, copy=False)
