"""A net for each stem, side by side."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from unbraid.training.nets.net import Net


class PerStem(Net):
    """One net a stem; each graph is a file of its own.

    Args:
        stems: in the order of the output.
        make: gives one stem's net, a `Net` whose only stem it is.
    """

    def __init__(self, stems: tuple[str, ...], make: Callable[[str], Net]) -> None:
        super().__init__(stems)
        self.nets = nn.ModuleDict({stem: make(stem) for stem in stems})
        first = next(iter(self.graphs().values()))
        # Of a class by rule, of this set by its nets.
        self.input_kind, self.output_kind = first.input_kind, first.output_kind
        self.compression = first.compression

    def forward(self, given: Tensor) -> Tensor:
        return torch.cat([net(given) for net in self.nets.values()], dim=1)

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        for net in self.graphs().values():
            net.standardise(mean, deviation)

    def graphs(self) -> dict[str, Net]:
        return {stem: net for stem, net in self.nets.items() if isinstance(net, Net)}
