"""Recurrent layers along one axis of bands and frames (Luo & Yu 2023, BSRNN)."""

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
