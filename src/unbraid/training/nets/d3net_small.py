"""D3Net's idea at the price of real time: one pair of bodies for all stems, on smaller images.

After N. Takahashi, Y. Mitsufuji, "D3Net: Densely connected multidilated DenseNet for music source
separation", 2020. What the seed's author found in it: "the best pure CNN model available", and
"the CPU usage would be huge, not useful for a player that applies the models on realtime".

What is kept: dense blocks with a dilation for each connection, a body for the low band beside one
for the whole spectrum, each level shown what was seen on the way down. What makes it cheap: the
first convolution makes a picture of 4x2 (low band: 2x2) points one of as many channels, a
body serves all four stems, and a level has one dense block. Each body draws its logits of all
shares; the low band's are added to the whole's.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from unbraid.errors import TrainingError
from unbraid.spec import Spec
from unbraid.training.nets.dense import Body, Depths
from unbraid.training.nets.net import Entrance, Net


@dataclass(frozen=True, slots=True)
class D3NetSmallConfig:
    """Sizes of the set."""

    kind: str = "d3net-small"
    split_bin: int = 256  # the low band's end: 2.8 kHz
    low_stem: int = 24  # channels of the first convolution
    low_growths: tuple[int, ...] = (16, 20, 24, 28, 24, 20, 16)  # k, down and up again
    low_layers: tuple[int, ...] = (4, 4, 4, 4, 4, 4, 4)  # L
    full_stem: int = 32
    full_growths: tuple[int, ...] = (20, 24, 28, 32, 28, 24, 20)
    full_layers: tuple[int, ...] = (4, 4, 4, 4, 4, 4, 4)
    compression: float = 0.3  # exponent on the input magnitudes

    @property
    def frame_multiple(self) -> int:
        return int(2 ** (1 + max(len(self.low_growths), len(self.full_growths)) // 2))

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """One net for all; see `NetConfig`."""
        n_low, n_full = len(self.low_growths) // 2 + 1, len(self.full_growths) // 2 + 2
        if self.split_bin % 2**n_low or not 0 < self.split_bin < spec.n_bins:
            raise TrainingError(
                f"split_bin ({self.split_bin}) must be a multiple of {2**n_low} below {spec.n_bins}"
            )
        if spec.n_bins % 2**n_full:
            raise TrainingError(f"n_bins ({spec.n_bins}) must be a multiple of {2**n_full}")
        return D3NetSmall(spec, self, stems)


class D3NetSmall(Net):
    """Magnitudes of the mixture to magnitudes of all stems.

    forward: (batch, 2, n_bins, n_frames) to (batch, stems, 2, n_bins, n_frames), non-negative, at
    most the mixture's.
    """

    def __init__(self, spec: Spec, config: D3NetSmallConfig, stems: tuple[str, ...]) -> None:
        super().__init__(stems)
        self.compression = config.compression
        n_channels, n_out = spec.n_channels, len(stems) * spec.n_channels
        self.split_bin, self.n_high_bins = config.split_bin, spec.n_bins - config.split_bin
        self.entrance = Entrance(spec, config.compression)
        self.low_stem = nn.Conv2d(n_channels, config.low_stem, 4, 2, 1)
        self.low = Body(config.low_stem, Depths(config.low_growths, config.low_layers, 1))
        self.low_logits = nn.ConvTranspose2d(self.low.n_out, n_out, 4, 2, 1)
        self.full_stem = nn.Conv2d(n_channels, config.full_stem, (8, 4), (4, 2), (2, 1))
        self.full = Body(config.full_stem, Depths(config.full_growths, config.full_layers, 1))
        self.full_logits = nn.ConvTranspose2d(self.full.n_out, n_out, (8, 4), (4, 2), (2, 1))
        for logits in (self.low_logits, self.full_logits):
            # Half of everything to everyone at first: random masks this early stall the training.
            nn.init.normal_(logits.weight, std=0.01)
            nn.init.zeros_(logits.bias)  # type: ignore[arg-type]

    def forward(self, magnitude: Tensor) -> Tensor:
        # The example sizes in the comments are those of 1024 bins by 192 frames, four stems.
        x = self.entrance(magnitude)  # (batch, 2, 1024, 192)
        low = self.low(self.low_stem(x[:, :, : self.split_bin]))  # (batch, 16, 128, 96)
        full = self.full(self.full_stem(x))  # (batch, 20, 256, 96)
        lows = F.pad(self.low_logits(low), (0, 0, 0, self.n_high_bins))  # (batch, 8, 1024, 192)
        share = torch.sigmoid(self.full_logits(full) + lows)  # (batch, 8, 1024, 192)
        shares = torch.stack(share.chunk(len(self.stems), dim=1), dim=1)  # (batch, 4, 2, 1024, 192)
        return shares * magnitude[:, None]

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        self.entrance.standardise(mean, deviation)
