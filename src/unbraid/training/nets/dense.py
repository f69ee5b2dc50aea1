"""What D3Net is made of: dense blocks in which each connection has a dilation of its own.

N. Takahashi, Y. Mitsufuji, "D3Net: Densely connected multidilated DenseNet for music source
separation", 2020, sections 3 and 4.

In a dense block each layer sees the outputs of all layers before it. A convolution of their
concatenation is the sum of a convolution of each; here each of these has the dilation that suits
the layer it reads, 2 to the power of that layer's number. What a layer gives to all later ones is
then one convolution, made when the layer is done, and its parts are added to theirs: nothing is
concatenated, and no part of the sum is computed twice.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Depths:
    """Sizes of a body, level by level: down to the smallest image, and up again."""

    growths: tuple[int, ...]  # k, channels that a level gives
    layers: tuple[int, ...]  # L, of each of its blocks
    n_blocks: int  # M, dense blocks of a level


def bnc(n_in: int, n_out: int, dilation: int = 1) -> nn.Sequential:
    """Batch normalisation, ReLU, 3x3 convolution."""
    return nn.Sequential(
        nn.BatchNorm2d(n_in), nn.ReLU(), nn.Conv2d(n_in, n_out, 3, 1, dilation, dilation)
    )


def _through(layers: nn.ModuleList, first: Tensor, growth: int) -> Tensor:
    """Each layer adds to the chunks after its own; the last chunk when all have.

    Args:
        layers: the i-th takes chunk i and gives `growth` channels to each later one.
        first: all chunks on channels, as the first block made them.
        growth: channels of a chunk.
    """
    rest = first
    for layer in layers:
        rest = rest[:, growth:] + layer(rest[:, :growth])
    return rest


class D2Block(nn.Module):
    """A dense block: (batch, n_in, bins, frames) to (batch, growth, bins, frames).

    Layer i reads what layer i - 1 gave with dilation 2 ** i.
    """

    def __init__(self, n_in: int, growth: int, n_layers: int) -> None:
        super().__init__()
        self.growth = growth
        self.first = bnc(n_in, growth * n_layers)
        self.layers = nn.ModuleList(
            bnc(growth, growth * (n_layers - i), 2**i) for i in range(1, n_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        return _through(self.layers, self.first(x), self.growth)


class D3Block(nn.Module):
    """Dense blocks, densely connected: (batch, n_in, bins, frames) to (batch, growth, ...)."""

    def __init__(self, n_in: int, growth: int, n_layers: int, n_blocks: int) -> None:
        super().__init__()
        self.growth = growth
        self.first = D2Block(n_in, growth * n_blocks, n_layers)
        self.layers = nn.ModuleList(
            D2Block(growth, growth * (n_blocks - i), n_layers) for i in range(1, n_blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        return _through(self.layers, self.first(x), self.growth)


class Body(nn.Module):
    """Dense blocks on ever smaller images and back, each level shown what was seen on the way down.

    forward: (batch, n_in, bins, frames) to (batch, n_out, bins, frames); bins and frames must be
    multiples of 2 ** (len(depths.growths) // 2).
    """

    def __init__(self, n_in: int, depths: Depths) -> None:
        super().__init__()
        growths, n_down = depths.growths, len(depths.growths) // 2
        if len(growths) % 2 == 0 or len(growths) != len(depths.layers):
            raise ValueError(f"{growths} and {depths.layers}: must be as long, and odd")
        self.n_out = growths[-1]
        self.down, self.up, self.enlarge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for growth, n_layers in zip(growths[:n_down], depths.layers, strict=False):
            self.down.append(D3Block(n_in, growth, n_layers, depths.n_blocks))
            n_in = growth
        self.middle = D3Block(n_in, growths[n_down], depths.layers[n_down], depths.n_blocks)
        n_in = growths[n_down]
        for level in range(n_down + 1, len(growths)):
            growth, n_skip = growths[level], growths[len(growths) - 1 - level]
            self.enlarge.append(
                nn.Sequential(nn.BatchNorm2d(n_in), nn.ConvTranspose2d(n_in, n_in, 2, 2))
            )
            self.up.append(D3Block(n_in + n_skip, growth, depths.layers[level], depths.n_blocks))
            n_in = growth
        self.halve = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        levels = []
        for down in self.down:
            levels.append(down(x))  # (batch, k, bins, frames)
            x = self.halve(levels[-1])  # (batch, k, bins / 2, frames / 2)
        x = self.middle(x)
        for enlarge, up in zip(self.enlarge, self.up, strict=True):
            x = up(torch.cat([enlarge(x), levels.pop()], dim=1))  # (batch, k, 2 bins, 2 frames)
        return x
