"""The seed's attempt at version 0.1 with bands: more filters where more of the music is.

The post: "Splitting the spectrum into bands, so the model would prioritize bands (use more filters)
where more important information is present, and of course, messing with the model [...]. Masking
didn't do much, neither bands, they would just change the shape of the sound, the frequency
response."

Three U-Nets of version 0.1 a stem, side by side, each on its own part of the bins: the lowest
quarter (to 2.8 kHz: fundamentals, the bass, most of a voice) has one and a half times the filters
of version 0.1, the upper half (from 5.5 kHz) half of them. Together they cost what 0.1 costs. What
is lost is the view across bands: a drum is a line through all of them.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from unbraid.errors import TrainingError
from unbraid.spec import Spec
from unbraid.training.nets.net import Net
from unbraid.training.nets.per_stem import PerStem
from unbraid.training.nets.unet import UNet, UNetConfig


@dataclass(frozen=True, slots=True)
class BandUNetConfig:
    """Sizes of one stem's net."""

    kind: str = "band-unet"
    band_bins: tuple[int, ...] = (256, 256, 512)  # of each band, from the lowest
    filters: tuple[tuple[int, ...], ...] = (  # of each band's levels, outermost first
        (24, 48, 72, 104, 128, 128),
        (16, 32, 48, 64, 80, 80),
        (8, 16, 24, 32, 40, 40),
    )
    time_levels: int = 4  # as in `UNetConfig`, and the two below
    skip_fraction: float = 0.5
    compression: float = 0.3

    @property
    def frame_multiple(self) -> int:
        return int(2**self.time_levels)

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """A net a stem; see `NetConfig`."""
        if sum(self.band_bins) != spec.n_bins or len(self.band_bins) != len(self.filters):
            raise TrainingError(
                f"band_bins {list(self.band_bins)} must sum to {spec.n_bins}, one for each of "
                f"{len(self.filters)} rows of filters"
            )
        for n_bins, filters in zip(self.band_bins, self.filters, strict=True):
            if n_bins % 2 ** len(filters):
                raise TrainingError(
                    f"a band of {n_bins} bins cannot be halved {len(filters)} times"
                )
        return PerStem(stems, lambda stem: BandUNet(spec, self, stem))


class BandUNet(Net):
    """Magnitudes of the mixture to magnitudes of one stem.

    forward: (batch, 2, n_bins, n_frames) to (batch, 1, 2, n_bins, n_frames), non-negative, at most
    the mixture's.
    """

    def __init__(self, spec: Spec, config: BandUNetConfig, stem: str) -> None:
        super().__init__((stem,))
        self.compression = config.compression
        self.band_bins = [*config.band_bins]
        self.bands = nn.ModuleList(
            UNet(
                replace(spec, n_bins=n_bins),
                UNetConfig(
                    filters=filters,
                    time_levels=config.time_levels,
                    skip_fraction=config.skip_fraction,
                    compression=config.compression,
                ),
                stem,
            )
            for n_bins, filters in zip(config.band_bins, config.filters, strict=True)
        )

    def forward(self, magnitude: Tensor) -> Tensor:
        # The example sizes in the comments are those of 1024 bins by 192 frames.
        parts = torch.split(magnitude, self.band_bins, dim=2)  # (batch, 2, 256 | 256 | 512, 192)
        stems = [band(part) for band, part in zip(self.bands, parts, strict=True)]
        return torch.cat(stems, dim=3)  # (batch, 1, 2, 1024, 192)

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        figures = (torch.split(each, self.band_bins) for each in (mean, deviation))
        for band, *parts in zip(self.bands, *figures, strict=True):
            assert isinstance(band, UNet)
            band.standardise(*parts)
