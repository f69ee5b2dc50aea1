"""What a net is given of a mixture, and what its output says of the stems: the separator's twin.

`unbraid.separation.separator` does the same with numpy; a test holds the two together.
"""

import numpy as np
import torch
from torch import Tensor, nn

from unbraid.models.manifest import InputKind
from unbraid.spec import Spec
from unbraid.spectral.wiener import SILENCE, SOME, TINY, covariances
from unbraid.stems import STEMS
from unbraid.training.losses import Targets
from unbraid.training.nets.net import Net


def given_shape(net: Net, spec: Spec, n_frames: int) -> tuple[int, ...]:
    """Shape of one example as a net is given it."""
    if net.input_kind == "waveform":
        return (spec.n_channels, (n_frames - 1) * spec.hop + spec.n_fft)
    parts = 2 if net.input_kind == "complex" else 1
    return (spec.n_channels * parts, spec.n_bins, n_frames)


def given(targets: Targets, kind: InputKind) -> Tensor:
    """What a net of this kind is given of a batch: (batch, *given_shape)."""
    if kind == "waveform":
        assert targets.samples is not None
        return targets.samples
    if kind == "complex":
        parts = torch.view_as_real(targets.spectrum[:, 0])  # (batch, 2, n_bins, n_frames, 2)
        value = parts.permute(0, 1, 4, 2, 3).flatten(1, 2)
    else:
        value = targets.mixture[:, 0]
    return value.contiguous(memory_format=torch.channels_last)


def estimate(
    net: Net, forward: nn.Module, targets: Targets, spec: Spec, wiener: bool = False
) -> Tensor:
    """Estimates of a net's stems, as losses want them: real masks, or complex spectra.

    Args:
        net: says what goes in and comes out.
        forward: what is called: the net, or what shares it between processes.
        targets: of a batch, all four stems.
        spec: the analysis settings.
        wiener: filter what is a real mask, as the separator does.

    Returns:
        (batch, stems, 2, n_bins, n_frames).
    """
    # Autocast does not reach beyond the net.
    output: Tensor = forward(given(targets, net.input_kind))
    with torch.autocast(output.device.type, enabled=False):
        output = output.float()
        match net.output_kind:
            case "complex_mask":
                masks = torch.complex(output[:, :, 0::2], output[:, :, 1::2])
                return masks * targets.spectrum
            case "waveform":
                return spectra(output, spec)
            case "mask":
                masks = output
            case "magnitude" if net.stems == STEMS:
                masks = ratio_masks(output)
            case _:
                # Not held to 1 as when separating: no gradient would bring it back.
                masks = output / targets.mixture.clamp(min=1e-6)
        return filtered(masks, targets) if wiener else masks


def filtered(masks: Tensor, targets: Targets) -> Tensor:
    """Spectra as the multichannel Wiener filter makes them; torch's twin of
    `unbraid.spectral.wiener`. Gradients reach masks through the filter, not through covariances.

    Args:
        masks: real, (batch, stems, 2, n_bins, n_frames).
        targets: the same batch's.

    Returns:
        Complex, the same shape.
    """
    peak = targets.mixture.amax((-3, -2, -1), keepdim=True).clamp(min=TINY)
    power = (targets.mixture / peak).square()
    powers = (masks * power).sum(dim=2)  # (batch, stems, n_bins, n_frames)
    rest = (power.sum(dim=2) - powers.sum(dim=1, keepdim=True)).clamp(min=0)
    powers = torch.cat([powers, rest], dim=1) + SILENCE
    mixtures = (targets.spectrum / peak)[:, 0]
    found = [
        covariances(*(np.swapaxes(each.numpy(force=True), -1, -2)[SOME] for each in pair))
        for pair in zip(powers, mixtures, strict=True)
    ]
    axes, spread = (torch.from_numpy(np.stack(each)).to(masks) for each in zip(*found, strict=True))
    x, y = torch.einsum("nac,ncbf->anbf", axes.to(mixtures), mixtures)
    # As shares, or gradients in quiet bins would be quotients of what floats cannot hold.
    shares = powers / powers.sum(dim=1, keepdim=True)
    a, b, c = torch.einsum("nsk,nsbf->knbf", spread.flatten(2)[..., [0, 1, 3]], shares)
    determinant = a * c - b * b
    whitened = torch.stack([c * x - b * y, a * y - b * x], dim=1) / determinant[:, None]
    ways = torch.einsum("nac,nsad->nscd", axes, spread[:, :-1]).to(mixtures)
    parts = torch.einsum("nscd,ndbf->nscbf", ways, whitened)
    return parts * shares[:, :-1, None] * peak


def ratio_masks(magnitudes: Tensor) -> Tensor:
    """Power ratio masks over axis 1; torch's twin of `unbraid.spectral.masks.ratio_masks`."""
    power = magnitudes.square() + 1e-10
    return power / power.sum(dim=1, keepdim=True)


def spectra(samples: Tensor, spec: Spec) -> Tensor:
    """Complex spectra, frames aligned as the separator's are.

    Args:
        samples: (..., n_samples); n_samples = (n_frames - 1) * hop + n_fft.
        spec: the analysis settings.

    Returns:
        (..., n_bins, n_frames), complex64.
    """
    flat = samples.reshape(-1, samples.shape[-1])
    window = torch.hann_window(spec.n_fft, device=samples.device)
    spectrum = torch.stft(
        flat, spec.n_fft, spec.hop, window=window, center=False, return_complex=True
    )
    return spectrum[:, : spec.n_bins].reshape(*samples.shape[:-1], spec.n_bins, -1)
