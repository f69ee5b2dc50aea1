"""Our own net: bands in, a U-Net over bands and frames with tokens at its bottom, four stems out.

The seed: "I wanted to do the obvious and put a transformer in the bottleneck of the UNET. But
training was a lot slower when doing that". Not so where the U-Net works on some sixty bands instead
of 1024 bins and halves the frames as well: a token then stands for four frames, and attention costs
a fiftieth of the convolutions.

- One body for all stems, between the ends of `bands`.
- In the lows it sees how phases advance as well (`phases`): a held tone lies finer than its bins.
- Along time a recurrent layer in each band before the U-Net and after it, and one over all bands as
  one: a bass line's note or a singer's vowel outlasts what convolutions see.
- Tokens at the bottom: attention over 15 tokens either way (1.4 s), at distances, not positions
  (Shaw et al. 2018), so that short crops teach what whole tiles need.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from unbraid.errors import TrainingError
from unbraid.spec import Spec
from unbraid.stems import STEMS
from unbraid.training.nets.bands import (
    N_VIEWS,
    BandConfig,
    BandJoin,
    BandNet,
    Bands,
    BandSplit,
)
from unbraid.training.nets.net import Net
from unbraid.training.nets.paths import Line, TimePath
from unbraid.training.nets.phases import BINS, FRAMES, PhaseSteps

REACH = 15
"""Tokens that attention sees on either side; a crop of 64 frames has 16."""


@dataclass(frozen=True, slots=True)
class StrandsConfig(BandConfig):
    """Sizes of the net."""

    kind: str = "strands"
    filters: tuple[int, ...] = (48, 72, 96)  # of each level
    n_blocks: int = 2  # convolutions of a level, on the way down and up
    token_size: int = 192  # 0: no tokens
    n_layers: int = 2
    n_heads: int = 6
    # Of how many widths, from 0 Hz up, the bands are whose phases' steps are seen, from frame to
    # frame (how a tone lies beside its bins) and from bin to bin (when in its frame an attack is).
    advances_of: int = 0
    delays_of: int = 0
    hidden: int = 0  # of the recurrent layers before and after the U-Net, each way; 0: none
    line: int = 0  # of the recurrent layer that hears all bands as one, each way; 0: none

    @property
    def frame_multiple(self) -> int:
        return int(2 ** (len(self.filters) - 1))

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """One net for all; see `NetConfig`."""
        if stems != STEMS:
            raise TrainingError(f"strands gives {', '.join(STEMS)} together, not {list(stems)}")
        return Strands(spec, self)


class Strands(BandNet):
    """See `BandNet`; n_frames must be a multiple of 2 ** (levels - 1)."""

    silent = ("advances.", "delays.", "before.", "line.", "after.")

    def __init__(self, spec: Spec, config: StrandsConfig) -> None:
        super().__init__(Bands(spec, config), config)
        filters = config.filters
        self.split = BandSplit(self.bands.zone(), N_VIEWS, filters[0])
        self.advances, self.delays = (
            PhaseSteps(self.bands, n, axis, spec, config.compression, filters[0]) if n else None
            for n, axis in ((config.advances_of, FRAMES), (config.delays_of, BINS))
        )
        self.before, self.after = (
            TimePath(filters[0], config.hidden) if config.hidden else nn.Identity()
            for _ in range(2)
        )
        self.line = None
        if config.line:
            self.line = Line(filters[0], self.bands.n_bands, config.line)
        self.body = Body(self.bands.n_bands, spec.n_frames, config)
        self.join = BandJoin(self.bands, filters[0], config)

    def logits(self, image: Tensor, spectrum: Tensor) -> Tensor:
        """See `BandNet`."""
        features = self.split(image)  # (batch, 48, 63, 192), and so to the end
        for steps in (self.advances, self.delays):
            if steps is not None:
                features = features + steps(spectrum)
        features = self.before(features)
        if self.line is not None:
            features = self.line(features)
        features = self.after(self.body(features))
        logits: Tensor = self.join(features, image)
        return logits


def conv(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
    )


class Residual(nn.Module):
    """x plus what a convolution makes of it."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.layer = conv(n, n)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layer(x)
        return result


class Body(nn.Module):
    """A U-Net over bands and frames: (batch, filters[0], n_bands, n_frames) to the same shape."""

    def __init__(self, n_bands: int, n_frames: int, config: StrandsConfig) -> None:
        super().__init__()
        filters = config.filters
        levels = len(filters) - 1
        self.padding = -n_bands % 2**levels  # bands of nothing above the last

        def blocks(n: int) -> nn.Sequential:
            return nn.Sequential(*(Residual(n) for _ in range(config.n_blocks)))

        self.down = nn.ModuleList(blocks(n) for n in filters[:-1])
        self.shrink = nn.ModuleList(conv(a, b, 2) for a, b in pairwise(filters))
        self.bottom = blocks(filters[-1])
        self.tokens = None
        if config.token_size:
            n_rows = (n_bands + self.padding) // 2**levels
            n_tokens = n_frames // 2**levels
            self.tokens = Tokens(filters[-1], n_rows, n_tokens, config)
        self.enlarge = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(b, a, 2, 2, bias=False), nn.BatchNorm2d(a), nn.ReLU())
            for a, b in reversed([*pairwise(filters)])
        )
        self.merge = nn.ModuleList(nn.Conv2d(2 * n, n, 1) for n in filters[-2::-1])
        self.up = nn.ModuleList(blocks(n) for n in filters[-2::-1])

    def forward(self, x: Tensor) -> Tensor:
        # The example sizes in the comments are those of 64 bands by 192 frames, 3 levels.
        n_bands = x.shape[2]
        x = F.pad(x, (0, 0, 0, self.padding))
        levels = []
        for down, shrink in zip(self.down, self.shrink, strict=True):
            levels.append(down(x))  # (batch, 48, 64, 192), (batch, 72, 32, 96)
            x = shrink(levels[-1])
        x = self.bottom(x)  # (batch, 96, 16, 48)
        if self.tokens is not None:
            x = self.tokens(x)
        for enlarge, merge, up in zip(self.enlarge, self.merge, self.up, strict=True):
            x = up(merge(torch.cat([enlarge(x), levels.pop()], dim=1)))
        return x[:, :, :n_bands]


class Tokens(nn.Module):
    """All bands of a frame as one token, through attention, added to where they came from.

    forward: (batch, n, n_rows, n_tokens) to the same shape.
    """

    def __init__(self, n: int, n_rows: int, n_tokens: int, config: StrandsConfig) -> None:
        super().__init__()
        size = config.token_size
        n_thin = n // 2
        self.thin = nn.Conv2d(n, n_thin, 1)
        self.reduce = nn.Linear(n_thin * n_rows, size)
        self.layers = nn.ModuleList(
            Attention(size, config.n_heads, n_tokens) for _ in range(config.n_layers)
        )
        self.norm = nn.LayerNorm(size)
        self.expand = nn.Linear(size, n_thin * n_rows)
        self.widen = nn.Conv2d(n_thin, n, 1)
        self.shape = (n_thin, n_rows)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.reduce(self.thin(x).flatten(1, 2).mT)  # (batch, n_tokens, size)
        for layer in self.layers:
            tokens = layer(tokens)
        back = self.expand(self.norm(tokens)).mT.unflatten(1, self.shape)
        result: Tensor = x + self.widen(torch.relu(back))
        return result


class Attention(nn.Module):
    """A transformer's layer that sees `REACH` tokens either way and knows only their distance.

    forward: (batch, n_tokens, size) to the same shape.
    """

    def __init__(self, size: int, n_heads: int, n_tokens: int) -> None:
        super().__init__()
        if size % n_heads:
            raise TrainingError(f"a token's size ({size}) must be a multiple of heads ({n_heads})")
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(size)
        self.look = nn.Linear(size, 3 * size)
        self.join = nn.Linear(size, size)
        self.distance = nn.Parameter(torch.zeros(n_heads, 2 * REACH + 1))
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size)
        )
        apart = torch.arange(n_tokens)[:, None] - torch.arange(n_tokens)
        self.register_buffer("index", apart.clamp(-REACH, REACH) + REACH, persistent=False)
        hidden = torch.zeros(n_tokens, n_tokens).masked_fill(apart.abs() > REACH, -1e4)
        self.register_buffer("hidden", hidden, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        n_tokens = tokens.shape[1]
        heads = self.look(self.norm(tokens)).unflatten(2, (3, self.n_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # (batch, heads, n_tokens, size / heads)
        index: Tensor = self.index[:n_tokens, :n_tokens]  # type: ignore[index]
        hidden: Tensor = self.hidden[:n_tokens, :n_tokens]  # type: ignore[index]
        bias = self.distance[:, index] + hidden
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        tokens = tokens + self.join(found.transpose(1, 2).flatten(2))
        transformed: Tensor = tokens + self.feed_forward(tokens)
        return transformed
