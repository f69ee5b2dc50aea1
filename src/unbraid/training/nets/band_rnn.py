"""A rival of our own net: recurrent nets along time and along bands in turn (Luo & Yu 2023, BSRNN).

Y. Luo and J. Yu, "Music Source Separation with Band-Split RNN", IEEE/ACM TASLP 31, 2023. Both ends
are those of `strands`, and so is the price: only what lies between the ends differs.

Unlike theirs: one net for all stems; layers as `paths` tells; masks as `strands` makes them.
"""

from dataclasses import dataclass

from torch import Tensor, nn

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
from unbraid.training.nets.paths import Path


@dataclass(frozen=True, slots=True)
class BandRNNConfig(BandConfig):
    """Sizes of the net."""

    kind: str = "band-rnn"
    size: int = 64  # features of a band in a frame
    hidden: int = 40  # of a GRU, in each direction
    n_layers: int = 3  # each along time, then along bands

    @property
    def frame_multiple(self) -> int:
        return 1

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """One net for all; see `NetConfig`."""
        if stems != STEMS:
            raise TrainingError(f"band-rnn gives {', '.join(STEMS)} together, not {list(stems)}")
        return BandRNN(spec, self)


class BandRNN(BandNet):
    """See `BandNet`; any number of frames."""

    def __init__(self, spec: Spec, config: BandRNNConfig) -> None:
        super().__init__(Bands(spec, config), config)
        self.split = BandSplit(self.bands.zone(), N_VIEWS, config.size)
        self.body = DualPaths(config.size, config.hidden, config.n_layers)
        self.join = BandJoin(self.bands, config.size, config)

    def logits(self, image: Tensor, spectrum: Tensor) -> Tensor:
        """See `BandNet`."""
        features = self.body(self.split(image))  # (batch, 64, 63, 192)
        logits: Tensor = self.join(features, image)
        return logits


class DualPaths(nn.Module):
    """Layers along time and along bands in turn.

    forward: (batch, size, n_bands, n_frames) to the same shape.
    """

    def __init__(self, size: int, hidden: int, n_layers: int) -> None:
        super().__init__()
        self.time = nn.ModuleList(Path(size, hidden) for _ in range(n_layers))
        self.bands = nn.ModuleList(Path(size, hidden) for _ in range(n_layers))
        self.norm = nn.LayerNorm(size)

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(3, 2, 0, 1)  # (n_frames, n_bands, batch, size)
        for time, bands in zip(self.time, self.bands, strict=True):
            x = bands(time(x).transpose(0, 1)).transpose(0, 1)
        result: Tensor = self.norm(x).permute(2, 3, 1, 0)
        return result
