"""The seed's experiment between its versions 0.1 and 0.1b: linear tokens and a transformer, alone.

The post: "my model input of (1024x192x2) would end up 1x192xd where d is the number of filters for
the convolution, and hence, the dimension of the tokens (384 is a nice number for the dimension).
[...] It worked! No activations were used outside the transformer, so it was the transformer doing
the separation." See `tokens`.

What comes back from the tokens is not the magnitude itself but, through a sigmoid, its share of the
mixture's, as in our 0.1. A picture made of 384 numbers a frame has no partials' edges; one laid
over the mixture keeps the mixture's. The sigmoid only holds the share between 0 and 1: it is the
same for every bin and grows with what it is given, so which bins belong to a stem is still the
transformer's to say. At first the share is a half, everywhere.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from unbraid.spec import Spec
from unbraid.training.nets.net import Entrance, Net
from unbraid.training.nets.per_stem import PerStem
from unbraid.training.nets.tokens import Reverse, Tokens, layers


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """Sizes of one stem's net."""

    kind: str = "transformer"
    token_size: int = 384  # d, filters of the linear 1024x1 convolution
    n_layers: int = 2
    n_heads: int = 8
    n_hidden: int = 384  # between the linear maps of a layer
    compression: float = 0.3  # exponent on the input magnitudes

    @property
    def frame_multiple(self) -> int:
        return 1

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """A net a stem; see `NetConfig`."""
        return PerStem(stems, lambda stem: Transformer(spec, self, stem))


class Transformer(Net):
    """Magnitudes of the mixture to magnitudes of one stem.

    forward: (batch, 2, n_bins, n_frames) to (batch, 1, 2, n_bins, n_frames), non-negative, at most
    the mixture's. n_frames is at most that of the spec.
    """

    def __init__(self, spec: Spec, config: TransformerConfig, stem: str) -> None:
        super().__init__((stem,))
        self.compression = config.compression
        size = config.token_size
        self.entrance = Entrance(spec, config.compression)
        self.tokens = Tokens(spec.n_channels * spec.n_bins, spec.n_frames, size)
        self.layers = layers(config.n_layers, size, config.n_heads, config.n_hidden)
        self.reverse = Reverse(size, spec.n_channels, spec.n_bins)

    def forward(self, magnitude: Tensor) -> Tensor:
        # The example sizes in the comments are those of 1024 bins by 192 frames.
        tokens = self.tokens(self.entrance(magnitude))  # (batch, 192, 384)
        for layer in self.layers:
            tokens = layer(tokens, tokens)  # the same
        share = torch.sigmoid(self.reverse(tokens))  # (batch, 2, 1024, 192)
        return (share * magnitude)[:, None]  # (batch, 1, 2, 1024, 192)

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        self.entrance.standardise(mean, deviation)
