"""What a batch's masks are judged against, and the measure all terms share."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

QUIET_FLOOR = 0.4
"""A stem quieter than this fraction of the mixture counts as if it were that loud. With 0.15 a
prototype never left the plateau: near-silent stems drowned the others."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The true stems of a batch.

    A real mask m on the mixture X leaves an error |mX - S| whose square is (m|X| - c)^2 + q^2,
    where c is the part of the stem S in phase with the mixture and q the part across it, which no
    real mask can reach. Holding c and q leaves no complex arithmetic in the spectral terms'
    gradients.
    """

    stems: Tensor  # S, complex, (batch, 4, 2, n_bins, n_frames)
    mixture: Tensor  # |X|, (batch, 1, 2, n_bins, n_frames)
    magnitude: Tensor  # |S|, (batch, 4, 2, n_bins, n_frames)
    in_phase: Tensor  # c = Re(S conj(X)) / |X|, the same shape
    across: Tensor  # q^2 = |S|^2 - c^2, the same shape
    known: Tensor  # (batch, 4): 1 where a stem's target is known, 0 elsewhere

    @classmethod
    @torch.no_grad()
    def of(cls, stems: Tensor, known: Tensor) -> Self:
        """Of complex spectra (batch, 4, 2, n_bins, n_frames) that sum to the mixture."""
        mixture = stems.sum(dim=1, keepdim=True)
        magnitude = mixture.abs()
        direction = mixture / magnitude.clamp(min=1e-6)
        in_phase = stems.real * direction.real + stems.imag * direction.imag
        power = stems.real.square() + stems.imag.square()
        across = (power - in_phase.square()).clamp_(min=0.0)
        return cls(stems, magnitude, power.sqrt_(), in_phase, across, known)

    def squared_error(self, masks: Tensor) -> Tensor:
        """|mX - S|^2, (batch, 4, 2, n_bins, n_frames)."""
        return (masks * self.mixture - self.in_phase).square() + self.across


def relative(error: Tensor, target: Tensor, mixture: Tensor, axes: tuple[int, ...]) -> Tensor:
    """mean(error) / max(mean(target), 0.4 mean(mixture)), means taken over `axes`."""
    floor = QUIET_FLOOR * mixture.mean(axes)
    return error.mean(axes) / torch.maximum(target.mean(axes), floor).clamp(min=1e-4)


@torch.no_grad()
def audible_sdr_db(masks: Tensor, targets: Targets) -> Tensor:
    """Mean SDR (dB) over stems that are within 20 dB of their mixture: for the progress line."""
    axes = (-3, -2, -1)
    signal = targets.magnitude.square().mean(axes)
    error = targets.squared_error(masks).mean(axes)
    sdr_db = 10 * torch.log10(signal / error.clamp(min=1e-8))
    heard = signal > 1e-2 * targets.mixture.square().mean(axes)
    return sdr_db[heard & (targets.known > 0)].mean()
