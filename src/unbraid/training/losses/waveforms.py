"""Terms on waveforms, made from masked spectra by one inverse transform that all of them share.

Only samples that n_fft / hop frames cover are compared: the first and last n_fft - hop samples of
a crop lie under the slopes of fewer windows, where masked spectra give no faithful waveform.
Everything above the model's top bin is absent from both sides.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from unbraid.spec import Spec
from unbraid.training.losses.targets import QUIET_FLOOR, Targets, relative

AXES = (-2, -1)

SI_SDR_BOUND = 1e-3
"""-30 dB: an error below it counts no less, so that solved stems do not draw all effort."""

LOG_FLOOR = 1e-3
"""-60 dB: added to magnitudes, relative to the mixture's mean one, before logarithms are taken."""


@dataclass(frozen=True, slots=True)
class Waveforms:
    """Float samples, full scale 1.0."""

    estimate: Tensor  # (batch, 4, 2, n_samples)
    stems: Tensor  # (batch, 4, 2, n_samples)
    mixture: Tensor  # (batch, 1, 2, n_samples)

    @classmethod
    def of(cls, estimate: Tensor, targets: Targets, spec: Spec) -> Self:
        """Of estimates (batch, 4, 2, n_bins, n_frames) and the stems they are to be.

        Returns:
            n_samples = (n_frames + 1) * hop - n_fft.
        """
        with torch.no_grad():
            stems = middle_samples(targets.stems, spec)
            mixture = middle_samples(targets.spectrum, spec)
        return cls(middle_samples(targets.spectra_of(estimate), spec), stems, mixture)


def middle_samples(spectrum: Tensor, spec: Spec) -> Tensor:
    """Weighted overlap-add of the part of a crop that all overlapping frames cover.

    Args:
        spectrum: complex, (..., n_bins, n_frames), frame 0 at sample 0.
        spec: the analysis settings; rows above n_bins are taken as silent.

    Returns:
        (..., (n_frames + 1) * hop - n_fft): samples n_fft - hop to n_frames * hop of the crop.

    Source: Griffin & Lim 1984, eq. 6.
    """
    window = torch.hann_window(spec.n_fft, device=spectrum.device)
    n_overlaps, n_frames = spec.n_fft // spec.hop, spectrum.shape[-1]
    frames = torch.fft.irfft(spectrum.transpose(-2, -1), n=spec.n_fft) * window
    pieces = frames.reshape(*frames.shape[:-1], n_overlaps, spec.hop)
    total = torch.stack(
        [
            pieces[..., n_overlaps - 1 - i : n_frames - i, i, :]  # piece i of frame j lies at i + j
            for i in range(n_overlaps)
        ]
    ).sum(dim=0)
    weight = window.square().reshape(n_overlaps, spec.hop).sum(dim=0)
    return (total / weight).flatten(-2)


def waveform_l1(waveforms: Waveforms) -> Tensor:
    """sum |e - s| / max(sum |s|, 0.4 sum |x|), of estimate e, stem s, mixture x.

    Returns:
        (batch, 4); 0 for a perfect estimate.

    Source: the L1 of Défossez et al. 2019 (Demucs), made relative to the stem.
    """
    error = (waveforms.estimate - waveforms.stems).abs()
    return relative(error, waveforms.stems.abs(), waveforms.mixture.abs(), AXES)


def negative_si_sdr(waveforms: Waveforms) -> Tensor:
    """10 log10((|e - as|^2 + b) / (|as|^2 + b)) in dB, with a = <e, s> / |s|^2.

    Without b it is minus the SI-SDR of Le Roux et al. 2019, which has no bounds and no meaning
    for a silent stem. b = 0.001 max(|s|^2, 0.16 |x|^2) keeps it within about -30 and 38 dB for
    masks up to 1 (a soft threshold, as in Wisdom et al. 2020), and for a silent stem it is the
    level of what leaks into it, 0 dB where nothing does. Both channels are scaled as one.

    Returns:
        (batch, 4); -10 log10(1 + 1 / 0.001) = -30.0 for a perfect estimate of a loud stem.
    """
    estimate, stems = waveforms.estimate.flatten(-2), waveforms.stems.flatten(-2)
    power = stems.square().mean(-1)
    loudness = waveforms.mixture.flatten(-2).square().mean(-1)
    bound = SI_SDR_BOUND * torch.maximum(power, QUIET_FLOOR**2 * loudness).clamp(min=1e-8)
    scale = (estimate * stems).mean(-1) / power.clamp(min=1e-12)
    scaled = scale[..., None] * stems
    error = (estimate - scaled).square().mean(-1)
    return 10 * torch.log10((error + bound) / (scaled.square().mean(-1) + bound))


def multi_resolution(waveforms: Waveforms, spec: Spec, resolutions: tuple[int, ...]) -> Tensor:
    """Spectral convergence + log magnitude distance, averaged over several transforms.

    Of each, with magnitudes E of the estimate, S of the stem and X of the mixture:

        sqrt(sum (E - S)^2) / max(sqrt(sum S^2), 0.4 sqrt(sum X^2))
        + mean |ln(E + f) - ln(S + f)|, f = 0.001 mean X

    over the bins that the model sees, both channels as one. Periodic Hann windows, a quarter of
    the window apart, frames inside the waveform only.

    Args:
        waveforms: of a batch.
        spec: gives the model's top frequency.
        resolutions: FFT sizes, samples; 512, 1024, 2048 are 12, 23, 46 ms at 44.1 kHz.

    Returns:
        (batch, 4); 0 where all magnitudes agree.

    Source: Yamamoto et al. 2020 (Parallel WaveGAN), as in Steinmetz & Reiss 2020 (auraloss); the
    floors are ours, since stems may be silent.
    """
    terms = []
    for size in resolutions:
        n_bins = min(spec.n_bins * size // spec.n_fft, size // 2) + 1
        estimate = _spectra(waveforms.estimate, size, n_bins).abs()
        with torch.no_grad():
            spectra = _spectra(waveforms.stems, size, n_bins)
            stems, mixture = spectra.abs(), _spectra(waveforms.mixture, size, n_bins).abs()
            floor = (LOG_FLOOR * mixture.mean((-3, -2, -1), keepdim=True)).clamp(min=1e-6)
            size_of_stems = stems.square().mean((-3, -2, -1)).sqrt()
            least = QUIET_FLOOR * mixture.square().mean((-3, -2, -1)).sqrt()
        # The constant keeps the gradient of the root finite where the error is nothing.
        distance = ((estimate - stems).square().mean((-3, -2, -1)) + 1e-12).sqrt()
        terms.append(distance / torch.maximum(size_of_stems, least).clamp(min=1e-4))
        ratio = torch.log(estimate + floor) - torch.log(stems + floor)
        terms.append(ratio.abs().mean((-3, -2, -1)))
    return torch.stack(terms).sum(dim=0) / len(resolutions)


def _spectra(samples: Tensor, size: int, n_bins: int) -> Tensor:
    window = torch.hann_window(size, device=samples.device)
    spectrum = torch.stft(
        samples.flatten(0, -2), size, size // 4, window=window, center=False, return_complex=True
    )[:, :n_bins]
    return spectrum.reshape(*samples.shape[:-1], *spectrum.shape[-2:])
