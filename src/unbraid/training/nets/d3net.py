"""Sony's D3Net, vocals' net as published: dense blocks whose connections differ in dilation.

N. Takahashi, Y. Mitsufuji, "D3Net: Densely connected multidilated DenseNet for music source
separation", 2020. The post: "This is what I consider is the best pure CNN model available. [...]
The quality of sound in vocals is amazing [...]. But, IT IS SLOWWWWWW. It is a dense network, so
each block is connected to each other in a layer."

Two bands and the whole spectrum are seen by a body each (`Body`); what the bands' two make is laid
on top of each other in frequency, the whole's beside it in channels, and a last dense block and a
gate make the magnitudes.

Where this differs from what was published:

- Bins are those of the spec: 1024 (11 kHz) by default, where theirs are 1600 (17 kHz). A spec with
  n_bins = 1600 gives theirs, 2.97 million parameters and 20.2 GMAC for each second of audio
  where tiles do not overlap: what the published net has and costs.
- The bodies of the high band are as deep as those of the low one, and upsampling keeps the number
  of channels; the paper's tables leave both open.
- The scale and bias of the output begin where the trained ones end: a bin's deviation and half its
  mean, so that a young net claims a half and its ReLU lives.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unbraid.errors import TrainingError
from unbraid.spec import Spec
from unbraid.training.nets.dense import Body, D2Block, Depths
from unbraid.training.nets.net import Entrance, Net
from unbraid.training.nets.per_stem import PerStem


@dataclass(frozen=True, slots=True)
class D3NetConfig:
    """Sizes of one stem's net; the defaults are those of vocals."""

    kind: str = "d3net"
    split_bin: int = 256  # where the high band begins; drums 128, bass 192
    low_stem: int = 32  # channels of the first convolution
    low_growths: tuple[int, ...] = (16, 18, 20, 22, 20, 18, 16)  # k, down and up again
    low_layers: tuple[int, ...] = (5, 5, 5, 5, 4, 4, 4)  # L
    low_blocks: int = 2  # M
    high_stem: int = 8
    high_growths: tuple[int, ...] = (2, 2, 2, 2, 2, 2, 2)
    high_layers: tuple[int, ...] = (1, 1, 1, 1, 1, 1, 1)
    high_blocks: int = 1
    full_stem: int = 32
    full_growths: tuple[int, ...] = (13, 14, 15, 16, 17, 16, 14, 12, 11)
    full_layers: tuple[int, ...] = (4, 5, 6, 7, 8, 6, 5, 4, 4)
    full_blocks: int = 2
    last_growth: int = 12
    last_layers: int = 3

    @property
    def frame_multiple(self) -> int:
        deepest = max(map(len, (self.low_growths, self.high_growths, self.full_growths)))
        return int(2 ** (deepest // 2))

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """A net a stem; see `NetConfig`."""
        bands = {
            "low": (self.split_bin, self.low_growths),
            "high": (spec.n_bins - self.split_bin, self.high_growths),
            "full": (spec.n_bins, self.full_growths),
        }
        for name, (n_bins, growths) in bands.items():
            n_halvings = len(growths) // 2
            if n_bins < 1 or n_bins % 2**n_halvings:
                raise TrainingError(
                    f"the {name} band's {n_bins} bins cannot be halved {n_halvings} times"
                )
        return PerStem(stems, lambda stem: D3Net(spec, self, stem))


class D3Net(Net):
    """Magnitudes of the mixture to magnitudes of one stem.

    forward: (batch, 2, n_bins, n_frames) to (batch, 1, 2, n_bins, n_frames), non-negative.
    Bins of each band and frames must be multiples of 2 ** the halvings of their body.
    """

    compression = 1.0  # it sees magnitudes as they are

    def __init__(self, spec: Spec, config: D3NetConfig, stem: str) -> None:
        super().__init__((stem,))
        n_channels = spec.n_channels
        self.split_bin = config.split_bin
        self.entrance = Entrance(spec, self.compression)
        low = Depths(config.low_growths, config.low_layers, config.low_blocks)
        high = Depths(config.high_growths, config.high_layers, config.high_blocks)
        full = Depths(config.full_growths, config.full_layers, config.full_blocks)
        self.low_stem = nn.Conv2d(n_channels, config.low_stem, 3, padding=1)
        self.high_stem = nn.Conv2d(n_channels, config.high_stem, 3, padding=1)
        self.full_stem = nn.Conv2d(n_channels, config.full_stem, 3, padding=1)
        self.low = Body(config.low_stem, low)
        self.high = Body(config.high_stem, high)
        self.full = Body(config.full_stem, full)
        # The high band is given as many channels as the low one has, to lie beside it.
        self.widen = nn.Sequential(
            nn.BatchNorm2d(self.high.n_out), nn.Conv2d(self.high.n_out, self.low.n_out, 1)
        )
        self.last = D2Block(
            self.low.n_out + self.full.n_out, config.last_growth, config.last_layers
        )
        self.last_norm = nn.BatchNorm2d(config.last_growth)
        self.gate = nn.Conv2d(config.last_growth, n_channels, 1)
        self.filter = nn.Conv2d(config.last_growth, n_channels, 1)
        nn.init.normal_(self.filter.weight, std=0.01)
        nn.init.zeros_(self.filter.bias)  # type: ignore[arg-type]
        self.scale = nn.Parameter(torch.ones(1, 1, spec.n_bins, 1))
        self.bias = nn.Parameter(torch.full((1, 1, spec.n_bins, 1), 0.5))

    def forward(self, magnitude: Tensor) -> Tensor:
        # The example sizes in the comments are those of 1024 bins by 192 frames.
        x = self.entrance(magnitude)  # (batch, 2, 1024, 192)
        low = self.low(self.low_stem(x[:, :, : self.split_bin]))  # (batch, 16, 256, 192)
        high = self.high(self.high_stem(x[:, :, self.split_bin :]))  # (batch, 2, 768, 192)
        bands = torch.cat([low, self.widen(high)], dim=2)  # (batch, 16, 1024, 192)
        full = self.full(self.full_stem(x))  # (batch, 11, 1024, 192)
        x = self.last_norm(self.last(torch.cat([bands, full], dim=1)))  # (batch, 12, 1024, 192)
        x = torch.sigmoid(self.gate(x)) * self.filter(x)  # (batch, 2, 1024, 192)
        return torch.relu(x * self.scale + self.bias)[:, None]  # (batch, 1, 2, 1024, 192)

    @torch.no_grad()
    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        self.entrance.standardise(mean, deviation)
        self.scale.copy_((deviation[:, None] + 0.1).expand_as(self.scale))
        self.bias.copy_((mean[:, None] / 2).expand_as(self.bias))
