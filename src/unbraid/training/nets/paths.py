"""Recurrent layers along one axis of bands and frames (Luo & Yu 2023, BSRNN)."""

import torch
from torch import Tensor, nn


class Path(nn.Module):
    """x plus what a recurrent net says that goes both ways along the first axis.

    Unlike BSRNN's: a GRU for an LSTM, for three quarters of the price; a norm over the features of
    one place, where theirs is over the whole tile, so that short crops teach what whole tiles need.

    forward: (n_steps, n_others, batch, size) to the same shape.
    """

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.rnn = nn.GRU(size, hidden, bidirectional=True)
        self.linear = nn.Linear(2 * hidden, size)

    def forward(self, x: Tensor) -> Tensor:
        found, _ = self.rnn(self.norm(x).flatten(1, 2))  # (n_steps, others * batch, 2 * hidden)
        result: Tensor = x + self.linear(found).unflatten(1, x.shape[1:3])
        return result


class TimePath(nn.Module):
    """A `Path` along the frames of each band, silent at first: it adds to a net what it learns.

    forward: (batch, size, n_bands, n_frames) to the same shape.
    """

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.path = Path(size, hidden)
        nn.init.zeros_(self.path.linear.weight)
        nn.init.zeros_(self.path.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.path(x.permute(3, 2, 0, 1)).permute(2, 3, 1, 0)
        return result


class Line(nn.Module):
    """All bands of a frame as one, along time through a recurrent net, added to where they came
    from; silent at first.

    forward: (batch, n, n_bands, n_frames) to the same shape.
    """

    def __init__(self, n: int, n_bands: int, hidden: int) -> None:
        super().__init__()
        n_thin = n // 6
        self.thin = nn.Conv2d(n, n_thin, 1)
        self.reduce = nn.Linear(n_thin * n_bands, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.rnn = nn.GRU(hidden, hidden, bidirectional=True)
        self.expand = nn.Linear(2 * hidden, n_thin * n_bands)
        self.widen = nn.Conv2d(n_thin, n, 1)
        nn.init.zeros_(self.widen.weight)
        nn.init.zeros_(self.widen.bias)  # type: ignore[arg-type]
        self.shape = (n_thin, n_bands)

    def forward(self, x: Tensor) -> Tensor:
        frames = self.thin(x).flatten(1, 2).permute(2, 0, 1)  # (n_frames, batch, thin * bands)
        found, _ = self.rnn(self.norm(self.reduce(frames)))  # (n_frames, batch, 2 * hidden)
        back = torch.relu(self.expand(found)).permute(1, 2, 0)
        result: Tensor = x + self.widen(torch.unflatten(back, 1, self.shape))
        return result
