"""The two transformers of version 0.1b, drums' and vocals', that look at each other in one layer.

The post: "run both attention layers (one for drums, other for vocals) in parallel, and do cross
attention (feed information from drums to vocals and vice versa) in one of the layers. The aim is to
reduce the bleeding between these stems which are most common."

In the layer where they cross, each path's keys and values are made of the other's tokens and
nothing else changes: a set without it has the same sizes and costs the same, and what differs is
what crossing is worth. Both paths start from the same tokens. These are linear in the mixture, and
so is what each path's first layer makes of them: a second reduction would say it twice.
"""

from torch import Tensor, nn

from unbraid.errors import TrainingError
from unbraid.spec import Spec
from unbraid.training.nets.tokens import Reverse, Tokens, layers


class CrossedTransformers(nn.Module):
    """Two paths from one mixture, linear at both ends.

    forward: (batch, 2, n_bins, n_frames) to two of the same shape.

    Args:
        spec: the analysis settings.
        size: of a token.
        n_layers: of each path.
        n_heads: of each layer.
        n_hidden: between the linear maps of a layer.
        cross_layer: which layer crosses, from 0; None for none.

    Raises:
        TrainingError: there is no such layer.
    """

    def __init__(
        self,
        spec: Spec,
        size: int,
        n_layers: int,
        n_heads: int,
        n_hidden: int,
        cross_layer: int | None,
    ) -> None:
        super().__init__()
        if cross_layer is not None and not 0 <= cross_layer < n_layers:
            raise TrainingError(f"cross_layer ({cross_layer}) must be one of {n_layers}, from 0")
        self.cross_layer = cross_layer
        self.tokens = Tokens(spec.n_channels * spec.n_bins, spec.n_frames, size)
        self.layers = nn.ModuleList(layers(n_layers, size, n_heads, n_hidden) for _ in range(2))
        self.reverse = nn.ModuleList(Reverse(size, spec.n_channels, spec.n_bins) for _ in range(2))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        # The example sizes in the comments are those of 1024 bins by 192 frames, size 160.
        one = other = self.tokens(image)  # (batch, 192, 160)
        for i, (layer_of_one, layer_of_other) in enumerate(zip(*self.layers, strict=True)):
            sources = (other, one) if i == self.cross_layer else (one, other)
            one, other = layer_of_one(one, sources[0]), layer_of_other(other, sources[1])
        return self.reverse[0](one), self.reverse[1](other)  # (batch, 2, 1024, 192) twice
