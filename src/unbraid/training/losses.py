"""Losses on masked spectra; each is zero for a perfect estimate, and normalised stem by stem.

A real mask m on the mixture X leaves an error |mX - S| whose square is (m|X| - c)^2 + q^2, where c
is the part of the stem S in phase with the mixture and q the part across it, which no real mask
can reach. `Targets` holds c and q, so that no complex arithmetic is left in the gradient.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

QUIET_FLOOR = 0.4
"""A stem quieter than this fraction of the mixture counts as if it were that loud. With 0.15 a
prototype never left the plateau: near-silent stems drowned the others."""


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Weights of the terms; 0 leaves a term out."""

    complex_l1: float = 1.0
    compressed: float = 0.3


@dataclass(frozen=True, slots=True)
class Targets:
    """What a batch's masks are judged against."""

    mixture: Tensor  # |X|, (batch, 1, 2, n_bins, n_frames)
    magnitude: Tensor  # |S|, (batch, 4, 2, n_bins, n_frames)
    in_phase: Tensor  # Re(S conj(X)) / |X|, the same shape
    across: Tensor  # |S|^2 - in_phase^2, the same shape
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
        return cls(magnitude, power.sqrt_(), in_phase, across, known)


def complex_l1(masks: Tensor, targets: Targets) -> Tensor:
    """sum |mX - S| / max(sum |S|, 0.4 sum |X|), averaged over known stems.

    In the complex domain, so that a magnitude net learns the mask that is best with the
    mixture's phase (phase-sensitive; Erdogan et al. 2015): worth 1.5 to 2 dB of ceiling over
    matching |S|.

    Args:
        masks: real, (batch, 4, 2, n_bins, n_frames).
        targets: the same batch's.
    """
    error = (masks * targets.mixture - targets.in_phase).square() + targets.across
    # The constant keeps the gradient of the root finite where the error is nothing.
    return _per_stem((error + 1e-6).sqrt(), targets.magnitude, targets.mixture, targets.known)


def compressed_magnitude(masks: Tensor, targets: Targets) -> Tensor:
    """sum ||mX|^0.5 - |S|^0.5| / max(sum |S|^0.5, 0.4 sum |X|^0.5), averaged over known stems.

    Hears quiet passages and highs, which the linear term leaves to luck (cf. Wilson et al. 2018).
    """
    target = targets.magnitude.sqrt()
    error = ((masks * targets.mixture + 1e-4).sqrt() - target).abs()
    return _per_stem(error, target, targets.mixture.sqrt(), targets.known)


def _per_stem(error: Tensor, target: Tensor, mixture: Tensor, known: Tensor) -> Tensor:
    axes = (-3, -2, -1)
    floor = QUIET_FLOOR * mixture.mean(axes)
    ratio = error.mean(axes) / torch.maximum(target.mean(axes), floor).clamp(min=1e-4)
    return (ratio * known).sum() / known.sum().clamp(min=1)


def total_loss(masks: Tensor, targets: Targets, config: LossConfig) -> Tensor:
    """The weighted sum of the terms a recipe asks for."""
    loss = masks.new_zeros(())
    if config.complex_l1:
        loss = loss + config.complex_l1 * complex_l1(masks, targets)
    if config.compressed:
        loss = loss + config.compressed * compressed_magnitude(masks, targets)
    return loss


@torch.no_grad()
def audible_sdr_db(masks: Tensor, targets: Targets) -> Tensor:
    """Mean SDR (dB) over stems that are within 20 dB of their mixture: for the progress line."""
    axes = (-3, -2, -1)
    signal = targets.magnitude.square().mean(axes)
    error = (masks * targets.mixture - targets.in_phase).square() + targets.across
    sdr_db = 10 * torch.log10(signal / error.mean(axes).clamp(min=1e-8))
    heard = signal > 1e-2 * targets.mixture.square().mean(axes)
    return sdr_db[heard & (targets.known > 0)].mean()
