"""A rival of our own net: SCNet (Tong et al. 2024) at a quarter of its width.

W. Tong, J. Zhu et al., "SCNet: Sparse Compression Network for Music Source Separation", ICASSP
2024. Rows of the spectrum are thinned by 1, 4 and 16 where music is dense, less dense and sparse,
three times over; recurrent nets along time and rows work on what is left; and the way back adds
what the way down saw. Both ends are those of `strands`, every bin a row, and so is the price.

Unlike theirs: GRUs for LSTMs and norms as `band_rnn` explains; no Fourier transform of the frames
between recurrent layers, for it would tell a crop from a whole tile; batch norms, which vanish in
the graph, for group norms; masks as `strands` makes them.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from unbraid.errors import TrainingError
from unbraid.spec import Spec
from unbraid.stems import STEMS
from unbraid.training.nets.band_rnn import DualPaths
from unbraid.training.nets.bands import N_VIEWS, BandConfig, BandNet, Bands
from unbraid.training.nets.net import Net

STRIDES = (1, 4, 16)
"""One row of so many is kept in the lows, the middle and the highs."""
KERNELS = (3, 4, 16)
"""Rows that one kept row sees."""


@dataclass(frozen=True, slots=True)
class SCNetSmallConfig:
    """Sizes of the net."""

    kind: str = "scnet-small"
    shares: tuple[float, ...] = (0.175, 0.392)  # of the rows: lows, middle; the highs are the rest
    filters: tuple[int, ...] = (8, 16, 32)  # of each level
    n_convs: tuple[int, ...] = (3, 2, 1)  # of each part of a level
    hidden: int = 32  # of a GRU, in each direction
    n_layers: int = 4  # each along time, then along rows
    compression: float = 0.3  # exponent on the input magnitudes

    @property
    def frame_multiple(self) -> int:
        return 1

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """One net for all; see `NetConfig`."""
        if stems != STEMS:
            raise TrainingError(f"scnet-small gives {', '.join(STEMS)} together, not {list(stems)}")
        return SCNetSmall(spec, self)


class SCNetSmall(BandNet):
    """See `BandNet`; any number of frames."""

    def __init__(self, spec: Spec, config: SCNetSmallConfig) -> None:
        every_bin = BandConfig((1,), (spec.n_bins,), compression=config.compression)
        super().__init__(Bands(spec, every_bin), every_bin)
        n_rows = spec.n_bins
        sizes = (2 * len(STEMS), *config.filters)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, (n_out, n) in enumerate(pairwise(sizes)):
            parts = Parts(n_rows, config.shares)
            self.down.append(Down(parts, N_VIEWS if level == 0 else n_out, n, config.n_convs))
            self.up.insert(0, Up(parts, n, n_out))
            n_rows = sum(parts.kept)
        self.body = DualPaths(config.filters[-1], config.hidden, config.n_layers)
        with torch.no_grad():  # Random logits that are not small are hard to leave.
            for name, weight in self.up[-1].named_parameters():
                if name.startswith("layers"):
                    weight.mul_(0.15)

    def logits(self, image: Tensor, spectrum: Tensor) -> Tensor:
        """See `BandNet`."""
        seen = []
        x = image  # (batch, 4, 2049, 192)
        for down in self.down:
            x, skip = down(x)  # (batch, 8, 616, 192), (batch, 16, 186, 192), (batch, 32, 57, 192)
            seen.append(skip)
        x = self.body(x)
        for up in self.up:
            x = up(x + seen.pop())
        logits: Tensor = x
        return logits


class Parts:
    """Rows of a level's lows, middle and highs, and how many of them are kept."""

    def __init__(self, n_rows: int, shares: tuple[float, ...]) -> None:
        low, middle = (-int(-n_rows * share // 1) for share in (shares[0], sum(shares)))
        self.sizes = (low, middle - low, n_rows - middle)
        self.kept = tuple(-(-n // s) for n, s in zip(self.sizes, STRIDES, strict=True))
        # Zeros before and after, so that each row is in what one kept row sees.
        missing = [
            (kept - 1) * stride + kernel - n
            for n, kept, stride, kernel in zip(self.sizes, self.kept, STRIDES, KERNELS, strict=True)
        ]
        self.padding = tuple((n // 2, n - n // 2) for n in missing)


class Down(nn.Module):
    """Each part thinned by its stride, and convolved along time as often as it is dense; then all
    parts together.

    forward: (batch, n_in, n_rows, n_frames) to (batch, n_out, n_kept, n_frames), twice: for the
    next level and for the way back.
    """

    def __init__(self, parts: Parts, n_in: int, n_out: int, n_convs: tuple[int, ...]) -> None:
        super().__init__()
        self.parts = parts
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(n_in, n_out, (kernel, 1), (stride, 1), bias=False),
                nn.BatchNorm2d(n_out),
                *(TimeConv(n_out) for _ in range(n)),
                nn.GELU(),
            )
            for kernel, stride, n in zip(KERNELS, STRIDES, n_convs, strict=True)
        )
        self.together = nn.Conv2d(n_out, n_out, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.split(x, [*self.parts.sizes], dim=2)
        kept = [
            layer(F.pad(part, (0, 0, *padding)))
            for layer, part, padding in zip(self.layers, rows, self.parts.padding, strict=True)
        ]
        skip = torch.cat(kept, dim=2)
        return self.together(skip), skip


class TimeConv(nn.Module):
    """x plus what gated and depthwise convolutions along time make of it; the shape stays."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(n, n // 2, (1, 3), padding=(0, 1), bias=False),
            nn.BatchNorm2d(n // 2),
            nn.GLU(dim=1),
            nn.Conv2d(n // 4, n // 4, (1, 3), padding=(0, 1), groups=n // 4, bias=False),
            nn.BatchNorm2d(n // 4),
            nn.SiLU(),
            nn.Conv2d(n // 4, n, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layers(x)
        return result


class Up(nn.Module):
    """Both ways merged by a gate, then each part spread to the rows it had.

    forward: (batch, n_in, n_kept, n_frames) to (batch, n_out, n_rows, n_frames).
    """

    def __init__(self, parts: Parts, n_in: int, n_out: int) -> None:
        super().__init__()
        self.parts = parts
        self.merge = nn.Sequential(nn.Conv2d(n_in, 2 * n_in, 3, padding=1), nn.GLU(dim=1))
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(n_in, n_out, (kernel, 1), (stride, 1))
            for kernel, stride in zip(KERNELS, STRIDES, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        kept = self.merge(x).split(self.parts.kept, dim=2)
        sizes, padding = self.parts.sizes, self.parts.padding
        rows = [
            layer(part)[:, :, before : before + n]
            for layer, part, n, (before, _) in zip(self.layers, kept, sizes, padding, strict=True)
        ]
        return torch.cat(rows, dim=2)
