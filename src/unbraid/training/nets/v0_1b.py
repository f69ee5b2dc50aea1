"""The seed's version 0.1b: four stems by one graph, on magnitudes of 1024 bins, 192 frames.

The post's latest model: "keep the linear activations for the transformer, add a small parallel
u-net, and mix their outputs", drums' and vocals' paths in parallel with cross-attention between
them; "another model for bass"; and for `other` "a small Unet (again) that receives all the
separated stems plus the input". The parts: `cross`, `small_unet`, `bass_transformer`, `other_unet`.

Where the post leaves it open:

- Transformer and U-Net are mixed by adding their linear pictures; a weight on either would only
  repeat what the last linear map of each can learn. The sum, through a sigmoid, is a stem's share
  of the mixture's magnitude, as in `transformer`.
- All parts are trained at once through the ratio mask that joins the four stems.
- It is trained on the six crops of 64 frames that 0.1 is given, each batch at a place of the tile
  drawn anew. The loss on whole tiles after 66 steps was 1.43; with four crops of 96 frames 1.47,
  with two whole tiles 1.57: more songs in a batch are worth more than long ones.
- d is 160, not the 384 of the transformer alone: the whole fits in a file of 10 MB.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from unbraid.errors import TrainingError
from unbraid.spec import Spec
from unbraid.stems import STEMS
from unbraid.training.nets.bass_transformer import BassTransformer
from unbraid.training.nets.cross import CrossedTransformers
from unbraid.training.nets.net import Entrance, Net
from unbraid.training.nets.other_unet import OtherUNet
from unbraid.training.nets.small_unet import SmallUNet


@dataclass(frozen=True, slots=True)
class V01bConfig:
    """Sizes of the set."""

    kind: str = "0.1b"
    token_size: int = 160  # of the drums' and vocals' paths
    n_layers: int = 3  # of each of them
    n_heads: int = 5
    n_hidden: int = 160  # between the linear maps of a layer
    cross_layer: int = 1  # the layer in which they look at each other, from 0; -1: none
    parallel_filters: tuple[int, ...] = (8, 16, 24, 32)  # of the U-Nets beside them; (): none
    bass_bins: int = 96  # lowest bins, which alone the bass has: up to 1 kHz
    bass_token_size: int = 64
    bass_layers: int = 2
    bass_heads: int = 4
    other_filters: tuple[int, ...] = (8, 16, 24, 32)
    compression: float = 0.3  # exponent on the input magnitudes

    @property
    def frame_multiple(self) -> int:
        return int(2 ** max(len(self.parallel_filters), len(self.other_filters)))

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """One net for all; see `NetConfig`."""
        if stems != STEMS:
            raise TrainingError(f"0.1b gives {', '.join(STEMS)} together, not {', '.join(stems)}")
        return V01b(spec, self)


class V01b(Net):
    """Magnitudes of the mixture to magnitudes of all four stems.

    forward: (batch, 2, n_bins, n_frames) to (batch, 4, 2, n_bins, n_frames), non-negative, at most
    the mixture's. n_bins must be a multiple of 2 ** the U-Nets' levels, and so must n_frames, at
    most that of the spec.
    """

    def __init__(self, spec: Spec, config: V01bConfig) -> None:
        super().__init__(STEMS)
        self.compression = config.compression
        n_channels = spec.n_channels
        self.n_silent_bins = spec.n_bins - config.bass_bins
        self.entrance = Entrance(spec, config.compression)
        self.transformers = CrossedTransformers(
            spec,
            config.token_size,
            config.n_layers,
            config.n_heads,
            config.n_hidden,
            config.cross_layer if config.cross_layer >= 0 else None,
        )
        self.parallel = nn.ModuleList(
            SmallUNet(n_channels, n_channels, config.parallel_filters)
            for _ in range(2)
            if config.parallel_filters
        )
        self.bass = BassTransformer(
            spec, config.bass_bins, config.bass_token_size, config.bass_layers, config.bass_heads
        )
        self.other = OtherUNet(n_channels, len(STEMS) - 1, config.other_filters)

    def forward(self, magnitude: Tensor) -> Tensor:
        # The example sizes in the comments are those of 1024 bins by 192 frames.
        image = self.entrance(magnitude)  # (batch, 2, 1024, 192)
        vocals, drums = self.transformers(image)  # the same, each
        if self.parallel:
            vocals, drums = vocals + self.parallel[0](image), drums + self.parallel[1](image)
        lows = torch.sigmoid(self.bass(image))  # (batch, 2, 96, 192)
        bass = F.pad(lows, (0, 0, 0, self.n_silent_bins))  # (batch, 2, 1024, 192)
        three = torch.stack([torch.sigmoid(vocals), torch.sigmoid(drums), bass], dim=1)
        three = three * magnitude[:, None]  # (batch, 3, 2, 1024, 192)
        rest = torch.sigmoid(self.other(image, three, self.entrance)) * magnitude
        return torch.cat([three, rest[:, None]], dim=1)  # (batch, 4, 2, 1024, 192)

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        self.entrance.standardise(mean, deviation)
