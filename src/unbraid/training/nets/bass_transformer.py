"""The bass net of version 0.1b: a smaller transformer that sees only the lows.

The post: "trained another model for bass, using again a transformer (or self attention layer), but
with less parameters, and smaller token dimension. Bass information is not much starting at 500 Hz,
so this can be exploited."

Silence above the band costs 0.28 dB of the ceiling at 500 Hz and 0.07 dB at 1 kHz (measured on real
multitracks), so the band ends there.
"""

from torch import Tensor, nn

from unbraid.spec import Spec
from unbraid.training.nets.tokens import Reverse, Tokens, layers


class BassTransformer(nn.Module):
    """One path, linear at both ends, over the lowest bins.

    forward: (batch, 2, n_bins, n_frames) to (batch, 2, n_bass_bins, n_frames).

    Args:
        spec: the analysis settings.
        n_bass_bins: the lowest bins, which it sees and gives.
        size: of a token.
        n_layers: of attention.
        n_heads: of each layer.
    """

    def __init__(
        self, spec: Spec, n_bass_bins: int, size: int, n_layers: int, n_heads: int
    ) -> None:
        super().__init__()
        self.n_bass_bins = n_bass_bins
        self.tokens = Tokens(spec.n_channels * n_bass_bins, spec.n_frames, size)
        self.layers = layers(n_layers, size, n_heads, 2 * size)
        self.reverse = Reverse(size, spec.n_channels, n_bass_bins)

    def forward(self, image: Tensor) -> Tensor:
        # The example sizes in the comments are those of 1 kHz by 192 frames, size 64.
        tokens = self.tokens(image[:, :, : self.n_bass_bins])  # (batch, 192, 64)
        for layer in self.layers:
            tokens = layer(tokens, tokens)  # the same
        lows: Tensor = self.reverse(tokens)  # (batch, 2, 96, 192)
        return lows
