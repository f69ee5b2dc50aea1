"""Frames as tokens: what a picture of 1024 bins becomes for a transformer, and the way back.

The post: "a model that will simply reduce each 1024 bins window to a single row. No activation on
this reduction, just a linear one (a 1024x1 kernel to be applied to the image). [...] Reshape this
into 192xd and here are our 192 tokens. Position Embedding will be added to this, and then fed to
the transformer. Finally the output of the transformer would go through the reverse process".

The layers are those of Vaswani et al. 2017 with the normalisation before each half (Xiong et al.
2020), which trains at U-Net's learning rates. They are written out because torch's own are closed
to keys and values from another path, and take a route of their own in inference.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from unbraid.errors import TrainingError


class Tokens(nn.Module):
    """The linear reduction of each frame to one token, and the position embedding.

    forward: (batch, 2, n_bins, n_frames) to (batch, n_frames, size). Fewer frames than
    `n_frames` lie at the head of a tile; in training, anywhere in it.

    Args:
        n_values: channels times bins of a frame.
        n_frames: positions, most frames that can be given.
        size: of a token, the number of filters of the reduction.
    """

    def __init__(self, n_values: int, n_frames: int, size: int) -> None:
        super().__init__()
        # A convolution whose kernel is as high as the picture, as the product that it is.
        self.reduce = nn.Linear(n_values, size)
        self.position = nn.Parameter(torch.empty(n_frames, size))
        nn.init.normal_(self.position, std=0.02)

    def forward(self, image: Tensor) -> Tensor:
        # The example sizes in the comments are those of 1024 bins by 192 frames, size 384.
        frames = image.flatten(1, 2).mT  # (batch, 192, 2048)
        tokens: Tensor = self.reduce(frames)  # (batch, 192, 384)
        n_frames = tokens.shape[1]
        # Of a short crop nobody says where in a tile it lies: all positions are to be learnt.
        spare = len(self.position) - n_frames
        start = int(torch.randint(spare + 1, (), device="cpu")) if self.training else 0
        return tokens + self.position[start : start + n_frames]


class Reverse(nn.Module):
    """The reverse process: each token to a frame, by a linear map alone.

    forward: (batch, n_frames, size) to (batch, n_channels, n_bins, n_frames).
    """

    def __init__(self, size: int, n_channels: int, n_bins: int) -> None:
        super().__init__()
        self.shape = (n_channels, n_bins)
        self.norm = nn.LayerNorm(size)  # The last of the transformer's, whose layers begin with one
        self.expand = nn.Linear(size, n_channels * n_bins)
        # Nothing at first, or nearly: random masks this early stall the training.
        nn.init.normal_(self.expand.weight, std=1e-3)
        nn.init.zeros_(self.expand.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        frames: Tensor = self.expand(self.norm(tokens))  # (batch, 192, 2048)
        return frames.mT.reshape(len(frames), *self.shape, -1)  # (batch, 2, 1024, 192)


class Layer(nn.Module):
    """A transformer's layer: attention, then two linear maps with a GELU between.

    forward: tokens (batch, n_frames, size) to the same shape. What they ask for is sought in
    `source`, the tokens themselves (self-attention) or those of another path (cross-attention).

    Raises:
        TrainingError: the heads do not divide the size.
    """

    def __init__(self, size: int, n_heads: int, n_hidden: int) -> None:
        super().__init__()
        if size % n_heads:
            raise TrainingError(f"a token's size ({size}) must be a multiple of heads ({n_heads})")
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(size)
        self.query = nn.Linear(size, size)
        self.key_and_value = nn.Linear(size, 2 * size)
        self.join = nn.Linear(size, size)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(size), nn.Linear(size, n_hidden), nn.GELU(), nn.Linear(n_hidden, size)
        )

    def forward(self, tokens: Tensor, source: Tensor) -> Tensor:
        query = self._heads(self.query(self.norm(tokens)))  # (batch, heads, 192, 384 / heads)
        key, value = map(self._heads, self.key_and_value(self.norm(source)).chunk(2, dim=-1))
        found = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.join(found.transpose(1, 2).flatten(2))
        transformed: Tensor = tokens + self.feed_forward(tokens)
        return transformed

    def _heads(self, tokens: Tensor) -> Tensor:
        n_examples, n_frames, _ = tokens.shape
        return tokens.view(n_examples, n_frames, self.n_heads, -1).transpose(1, 2)


def layers(n_layers: int, size: int, n_heads: int, n_hidden: int) -> nn.ModuleList:
    """A transformer's layers."""
    return nn.ModuleList(Layer(size, n_heads, n_hidden) for _ in range(n_layers))
