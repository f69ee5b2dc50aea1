"""Augmentation as tensor operations, on the device that trains.

Everything here keeps the mixture equal to the sum of its stems: what a real mixing desk does to
the bus (equaliser, compressor) is done to every stem by the same factor.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

COMPRESSOR_BLOCK = 512
"""Samples over which the bus compressor measures: 11.6 ms at 44.1 kHz."""


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """Probabilities are per stem unless said otherwise; levels are in dB."""

    swap_channels: float = 0.5
    flip_polarity: float = 0.5
    balance_db: float = 3.0  # left against right, standard deviation
    narrow: float = 0.3  # stereo folded towards mono
    saturate: float = 0.15  # tanh, drive up to 12 dB
    equalise: float = 0.5
    equalise_db: float = 6.0  # standard deviation of a band's gain, four bands
    low_shelf: float = 0.7
    # By stem: vocals, drums, bass, other. Rendered kits lack the sub of a record's kick drum, and
    # a net that never heard it gives all of it to the bass.
    low_shelf_db: tuple[float, ...] = (0.0, 6.0, -3.0, 0.0)  # mean
    low_shelf_spread_db: float = 5.0
    bus_equalise: float = 0.5  # per example
    bus_equalise_db: float = 3.0
    bus_compress: float = 0.4  # per example
    bus_level_db: float = 4.0  # per example, standard deviation


def augment_samples(
    stems: Tensor, config: AugmentationConfig, generator: torch.Generator
) -> Tensor:
    """What is done to waveforms.

    Args:
        stems: (batch, 4, 2, n_samples).
        config: probabilities and ranges.
        generator: the source of randomness; its device must be the stems'.

    Returns:
        The same shape.
    """
    n_batch, n_stems = stems.shape[:2]

    def chance(probability: float, *shape: int) -> Tensor:
        return torch.rand(*shape, 1, 1, generator=generator, device=stems.device) < probability

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, 1, 1, generator=generator, device=stems.device)

    each = (n_batch, n_stems)
    stems = torch.where(chance(config.swap_channels, *each), stems.flip(2), stems)
    stems = torch.where(chance(config.flip_polarity, *each), -stems, stems)
    mid = stems.mean(dim=2, keepdim=True)
    width = torch.rand(*each, 1, 1, generator=generator, device=stems.device)
    stems = torch.where(chance(config.narrow, *each), mid + (stems - mid) * width, stems)
    balance = 10 ** (normal(*each) * config.balance_db / 40)
    stems = stems * torch.cat([balance, 1 / balance], dim=2)
    level = stems.square().mean(dim=(2, 3), keepdim=True).sqrt() + 1e-5
    drive = 10 ** (torch.rand(*each, 1, 1, generator=generator, device=stems.device) * 0.6) / 4
    saturated = torch.tanh(stems * drive / level) * level / drive
    stems = torch.where(chance(config.saturate, *each), saturated, stems)
    stems = torch.where(chance(config.bus_compress, n_batch, 1), _compress(stems), stems)
    loudness = stems.sum(dim=1, keepdim=True).square().mean(dim=(2, 3), keepdim=True).sqrt() + 1e-4
    target = 10 ** ((-16 + normal(n_batch, 1) * config.bus_level_db) / 20)
    # Never more than 20 dB up: the noise of a nearly silent example is not music.
    return stems * (target / loudness).clamp(max=10.0)


def _compress(stems: Tensor) -> Tensor:
    """Bus compression 2:1 above the mean level, one gain for all stems and channels."""
    mixture = stems.sum(dim=1)
    power = functional.avg_pool1d(
        mixture.square().mean(dim=1, keepdim=True), COMPRESSOR_BLOCK, ceil_mode=True
    )
    # Attack and release are both the width of this smoothing: about 60 ms.
    power = functional.avg_pool1d(power, 5, 1, 2, count_include_pad=False)
    threshold = power.mean(dim=2, keepdim=True) + 1e-8
    gain = (power / threshold).clamp(min=1.0) ** -0.25
    gain = functional.interpolate(gain, size=stems.shape[-1], mode="linear")
    return stems * gain[:, None]


def equaliser(
    stems_shape: tuple[int, int],
    n_rows: int,
    config: AugmentationConfig,
    generator: torch.Generator,
    device: torch.device,
) -> Tensor:
    """Random smooth gain curves over frequency, per stem and per example together.

    Four bumps an octave or two wide at random places on a logarithmic axis from 43 Hz to half
    the sample rate (at 44.1 kHz), and for stems a shelf below 60 to 170 Hz.

    Returns:
        (batch, 4, 1, n_rows, 1), to be multiplied with spectra.
    """
    n_batch, n_stems = stems_shape
    octave = torch.linspace(0, 1, n_rows, device=device).clamp(min=1 / n_rows).log2() + 9.0

    def curves(n_curves: int, spread_db: float, probability: float) -> Tensor:
        def rand(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, device=device)

        centre = rand(n_batch, n_curves, 4, 1) * 9
        width = 0.5 + rand(n_batch, n_curves, 4, 1) * 1.5
        height = torch.randn(n_batch, n_curves, 4, 1, generator=generator, device=device)
        curve_db = (height * spread_db * torch.exp(-(((octave - centre) / width) ** 2))).sum(2)
        return curve_db * (rand(n_batch, n_curves, 1) < probability)

    corner = 0.5 + 1.5 * torch.rand(n_batch, n_stems, 1, generator=generator, device=device)
    shelf_db = torch.randn(n_batch, n_stems, 1, generator=generator, device=device)
    shelf_db = shelf_db * config.low_shelf_spread_db
    shelf_db = shelf_db + torch.tensor(config.low_shelf_db, device=device)[:, None]
    has_shelf = torch.rand(n_batch, n_stems, 1, generator=generator, device=device)
    shelf_db = shelf_db * (has_shelf < config.low_shelf)
    # Half of the gain at the corner, nearly all of it half an octave below.
    total_db = shelf_db * torch.sigmoid((corner - octave) * 4)
    total_db = (
        total_db
        + curves(n_stems, config.equalise_db, config.equalise)
        + curves(1, config.bus_equalise_db, config.bus_equalise)
    )
    return torch.exp(total_db.clamp(-15, 15) * (math.log(10) / 20))[:, :, None, :, None]
