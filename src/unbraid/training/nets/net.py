"""What every net of a model set is to the trainer and the exporter."""

from typing import Protocol

import torch
from torch import Tensor, nn

from unbraid.models.manifest import InputKind, OutputKind
from unbraid.spec import Spec


class Net(nn.Module):
    """The nets of a model set, trained together.

    forward: what `input_kind` names of the mixture to what `output_kind` names of the stems, with
    the shapes of a card: (batch, 2, n_bins, n_frames) magnitudes to (batch, stems, 2, n_bins,
    n_frames) of magnitudes or masks; (batch, 4, ...) real and imaginary parts to (batch, stems,
    4, ...); (batch, 2, n_samples) samples to (batch, stems, 2, n_samples).
    """

    input_kind: InputKind = "magnitude"
    output_kind: OutputKind = "magnitude"

    def __init__(self, stems: tuple[str, ...]) -> None:
        super().__init__()
        self.stems = stems

    silent: tuple[str, ...] = ()
    """Beginnings of the names of parameters that change nothing until they have learnt: weights of
    a net without them can be gone on with."""

    compression: float | None = None
    """Exponent on the magnitudes whose bins `standardise` is told of; None if it is not wanted."""

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        """Let the net see each bin with mean 0 and deviation 1.

        Args:
            mean: of the compressed magnitudes, (n_bins,).
            deviation: the same; 0.1 should be added, or empty bins would be blown up.
        """
        raise NotImplementedError

    def graphs(self) -> "dict[str, Net]":
        """What is exported: a graph by its file's name; together they give `stems`."""
        return {"model": self}


class NetConfig(Protocol):
    """Sizes of a net: the table `[net]` of a recipe, a frozen dataclass beside the net."""

    @property
    def kind(self) -> str:
        """Its name in recipes, always that of its class."""

    @property
    def frame_multiple(self) -> int:
        """What an example's frames must be a multiple of."""

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """The net with random weights.

        Raises:
            TrainingError: it cannot give these stems, or work with this spec.
        """


class Entrance(nn.Module):
    """Magnitudes compressed and standardised bin by bin, as Open-Unmix and D3Net do: the pitch of
    a convolution is otherwise unknown to it."""

    def __init__(self, spec: Spec, compression: float) -> None:
        super().__init__()
        self.compression = compression
        self.shift = nn.Parameter(torch.zeros(1, spec.n_channels, spec.n_bins, 1))
        self.scale = nn.Parameter(torch.ones(1, spec.n_channels, spec.n_bins, 1))

    def forward(self, magnitude: Tensor) -> Tensor:
        """(batch, 2, n_bins, n_frames) to the same shape."""
        # As a power, the same costs a tenth of a small net in ONNX Runtime.
        x = torch.exp(self.compression * torch.log(magnitude + 1e-6))
        return (x + self.shift) * self.scale

    @torch.no_grad()
    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        """See `Net.standardise`."""
        self.shift.copy_(-mean[:, None].expand_as(self.shift))
        self.scale.copy_((1 / (deviation[:, None] + 0.1)).expand_as(self.scale))
