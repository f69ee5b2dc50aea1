"""The seed's version 0.1: a U-Net on magnitudes, one net a stem, with thinned skip connections.

The post: "First version (0.1) is a simple u-net (with skip connections). The only difference with
a standard u-net is that I reduce the number of filters in the skip connections to speed up things
a little", on a "magnitude spectrum [of] 1024x192x2: 1024 bins (11 KHz top frequency), by 192
windows, for two channels", each net giving the magnitude spectrum of its stem. The body is that of
pix2pix (Isola et al. 2017), where the author started: 4x4 convolutions of stride 2, six levels.

Two things the post does not mention: magnitudes are compressed and standardised bin by bin at the
entrance (as Open-Unmix and D3Net do; the pitch of a convolution is otherwise unknown to it), and
the four nets of a set are trained together through the ratio mask that joins them.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from unbraid.spec import Spec
from unbraid.training.nets.net import Entrance, Net
from unbraid.training.nets.per_stem import PerStem


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """Sizes of one stem's net."""

    kind: str = "unet"
    filters: tuple[int, ...] = (24, 40, 56, 64, 72, 72)  # of each level, outermost first
    time_levels: int = 4  # outermost levels that halve the frames as well as the bins
    skip_fraction: float = 0.5  # filters that a skip connection keeps
    compression: float = 0.3  # exponent on the input magnitudes

    @property
    def frame_multiple(self) -> int:
        return int(2**self.time_levels)

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """A net a stem; see `NetConfig`."""
        return PerStem(stems, lambda stem: UNet(spec, self, stem))


class UNet(Net):
    """Magnitudes of the mixture to magnitudes of one stem.

    forward: (batch, 2, n_bins, n_frames) to (batch, 1, 2, n_bins, n_frames), non-negative, at most
    the mixture's.
    n_bins must be a multiple of 2 ** len(filters), n_frames of 2 ** time_levels.
    """

    def __init__(self, spec: Spec, config: UNetConfig, stem: str) -> None:
        super().__init__((stem,))
        self.compression = config.compression
        self.skip_fraction = config.skip_fraction
        n_channels, filters = spec.n_channels, config.filters
        self.entrance = Entrance(spec, config.compression)
        self.down = nn.ModuleList()
        # Kernel and stride (bins, frames). Halving the frames six times would leave one of a
        # training crop's 64, and a net that knows little but its own padding.
        shapes = [
            ((4, 4), (2, 2)) if level < config.time_levels else ((4, 3), (2, 1))
            for level in range(len(filters))
        ]
        for (n_in, n_out), (kernel, stride) in zip(
            pairwise((n_channels, *filters)), shapes, strict=True
        ):
            self.down.append(
                nn.Sequential(
                    nn.Conv2d(n_in, n_out, kernel, stride, 1, bias=False),
                    nn.BatchNorm2d(n_out),
                    nn.LeakyReLU(0.2),
                )
            )
        self.up = nn.ModuleList()
        n_in = filters[-1]
        for n_level, (kernel, stride) in zip(filters[-2::-1], shapes[:0:-1], strict=True):
            self.up.append(
                nn.Sequential(
                    nn.ConvTranspose2d(n_in, n_level, kernel, stride, 1, bias=False),
                    nn.BatchNorm2d(n_level),
                    nn.ReLU(),
                )
            )
            n_in = n_level + round(n_level * config.skip_fraction)
        self.gain = nn.ConvTranspose2d(n_in, n_channels, 4, 2, 1)
        # Half of everything to everyone at first: random masks this early stall the training.
        nn.init.normal_(self.gain.weight, std=0.01)
        nn.init.zeros_(self.gain.bias)  # type: ignore[arg-type]

    def forward(self, magnitude: Tensor) -> Tensor:
        # The example sizes in the comments are those of 1024 bins by 192 frames.
        x = self.entrance(magnitude)  # (batch, 2, 1024, 192)
        levels = []
        for down in self.down:
            x = down(x)  # (batch, filters[i], 512, 96) ... (batch, filters[-1], 16, 12)
            levels.append(x)
        levels.pop()
        for up in self.up:
            level = levels.pop()
            n_skip = round(level.shape[1] * self.skip_fraction)
            x = torch.cat([up(x), level[:, :n_skip]], dim=1)
        return (torch.sigmoid(self.gain(x)) * magnitude)[:, None]  # (batch, 1, 2, 1024, 192)

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        self.entrance.standardise(mean, deviation)
