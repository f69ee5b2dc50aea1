"""pix2pix's adversary: a net that learns to tell true stems from separated ones, patch by patch.

It is shown a mixture beside its stems, as pictures of compressed magnitudes, and says of each patch
of 70 by 70 pixels whether they are true (Isola et al. 2017, sections 3.2.2 and 6.1.2). The
separator is paid for what it takes to be true. Both learn by turns: the separator first, then the
adversary on the same batch.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from unbraid.training.losses import Targets

COMPRESSION = 0.3
"""Exponent on magnitudes, that of pix2pix's pictures."""

FILTERS = (16, 32, 64, 128)
"""A quarter of the paper's, a sixteenth of its cost, or it would take most of a step on a CPU."""


class PatchNet(nn.Module):
    """The 70x70 PatchGAN: three convolutions of stride 2, two of stride 1, all 4x4.

    forward: (batch, n_channels, n_bins, n_frames) to logits (batch, 1, n_bins / 8 - 2,
    n_frames / 8 - 2), above 0 where it believes.
    """

    def __init__(self, n_channels: int, filters: tuple[int, ...] = FILTERS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, (n_in, n_out) in enumerate(pairwise((n_channels, *filters))):
            stride = 2 if i < len(filters) - 1 else 1
            layers.append(nn.Conv2d(n_in, n_out, 4, stride, 1, bias=i == 0))
            if i:
                # It only ever sees whole batches, true or false ones: their own statistics do.
                layers.append(nn.BatchNorm2d(n_out, track_running_stats=False))
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Conv2d(filters[-1], 1, 4, 1, 1))
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.02)

    def forward(self, pictures: Tensor) -> Tensor:
        # The example sizes in the comments are those of 1024 bins by 192 frames.
        logits: Tensor = self.layers(pictures)  # (batch, 1, 126, 22)
        return logits


class Adversary:
    """The patch net, its loss and its optimiser, Adam as in the paper.

    Args:
        n_stems: that the separator gives; they are judged together.
        n_channels: of sound.
        device: where it works.
    """

    def __init__(self, n_stems: int, n_channels: int, device: torch.device) -> None:
        self.net = PatchNet((1 + n_stems) * n_channels).to(device)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def cost(self, estimate: Tensor, targets: Targets) -> Tensor:
        """What the separator pays: cross-entropy of its stems against "true"; a scalar.

        Args:
            estimate: masks or spectra, (batch, stems, 2, n_bins, n_frames).
            targets: the same batch's, of the same stems.
        """
        self.net.requires_grad_(False)  # It does not learn from what it is asked here.
        logits = self.net(_pictures(targets.magnitude_of(estimate), targets))
        self.net.requires_grad_(True)
        return _cross_entropy(logits, True, targets.known)

    def learn(self, estimate: Tensor, targets: Targets) -> float:
        """Take one step against the estimates of a batch.

        Returns:
            Its own loss: 0.69 where it cannot tell, halved as in the paper.
        """
        magnitudes = targets.magnitude_of(estimate.detach())
        true = self.net(_pictures(targets.magnitude, targets))
        false = self.net(_pictures(magnitudes, targets))
        loss = _cross_entropy(true, True, targets.known)
        loss = (loss + _cross_entropy(false, False, targets.known)) / 2
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return loss.item()

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's."""
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])


def _pictures(stems: Tensor, targets: Targets) -> Tensor:
    """Mixture and stems, (batch, 2 + 2 stems, n_bins, n_frames), compressed."""
    magnitudes = torch.cat([targets.mixture, stems], dim=1).flatten(1, 2)
    # The constant keeps the gradient finite where there is nothing.
    pictures = torch.exp(COMPRESSION * torch.log(magnitudes + 1e-3))
    return pictures.contiguous(memory_format=torch.channels_last)


def _cross_entropy(logits: Tensor, is_true: bool, known: Tensor) -> Tensor:
    """Mean over the examples whose stems are all known; nothing where there are none."""
    wanted = torch.full_like(logits, float(is_true))
    costs = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean((1, 2, 3))
    counted = known.amin(dim=1)
    return (costs * counted).sum() / counted.sum().clamp(min=1e-3)
