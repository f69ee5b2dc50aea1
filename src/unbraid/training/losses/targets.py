"""What a batch's estimates are judged against, and the measure all terms share.

An estimate is one tensor for all terms: real masks on the mixture, or, where it is complex, the
stems' spectra themselves; (batch, stems, 2, n_bins, n_frames).
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from unbraid.stems import STEMS

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
    spectrum: Tensor  # X, complex, (batch, 1, 2, n_bins, n_frames)
    mixture: Tensor  # |X|, the same shape
    magnitude: Tensor  # |S|, (batch, 4, 2, n_bins, n_frames)
    in_phase: Tensor  # c = Re(S conj(X)) / |X|, the same shape
    across: Tensor  # q^2 = |S|^2 - c^2, the same shape
    known: Tensor  # (batch, 4): 1 where a stem's target is known, 0 elsewhere
    samples: Tensor | None = None  # of the mixture, (batch, 2, n_samples), for nets on waveforms

    @classmethod
    @torch.no_grad()
    def of(cls, stems: Tensor, known: Tensor) -> Self:
        """Of complex spectra (batch, 4, 2, n_bins, n_frames) that sum to the mixture."""
        spectrum = stems.sum(dim=1, keepdim=True)
        mixture = spectrum.abs()
        direction = spectrum / mixture.clamp(min=1e-6)
        in_phase = stems.real * direction.real + stems.imag * direction.imag
        power = stems.real.square() + stems.imag.square()
        across = (power - in_phase.square()).clamp_(min=0.0)
        return cls(stems, spectrum, mixture, power.sqrt_(), in_phase, across, known)

    def only(self, stems: tuple[str, ...]) -> Self:
        """Of some stems of the same mixture."""
        if stems == STEMS:
            return self
        kept = [STEMS.index(stem) for stem in stems]
        fields = ("stems", "magnitude", "in_phase", "across", "known")
        return replace(self, **{name: getattr(self, name)[:, kept] for name in fields})

    def squared_error(self, estimate: Tensor) -> Tensor:
        """|mX - S|^2, (batch, 4, 2, n_bins, n_frames)."""
        if estimate.is_complex():
            error = estimate - self.stems
            return error.real.square() + error.imag.square()
        return (estimate * self.mixture - self.in_phase).square() + self.across

    def magnitude_of(self, estimate: Tensor) -> Tensor:
        """|mX|, the same shape."""
        if estimate.is_complex():
            # The constant keeps the gradient finite where there is nothing.
            return (estimate.real.square() + estimate.imag.square() + 1e-12).sqrt()
        return estimate * self.mixture

    def spectra_of(self, estimate: Tensor) -> Tensor:
        """mX, complex, the same shape."""
        return estimate if estimate.is_complex() else estimate * self.spectrum


def relative(error: Tensor, target: Tensor, mixture: Tensor, axes: tuple[int, ...]) -> Tensor:
    """mean(error) / max(mean(target), 0.4 mean(mixture)), means taken over `axes`."""
    floor = QUIET_FLOOR * mixture.mean(axes)
    return error.mean(axes) / torch.maximum(target.mean(axes), floor).clamp(min=1e-4)


@torch.no_grad()
def audible_sdr_db(estimate: Tensor, targets: Targets) -> Tensor:
    """Mean SDR (dB) over stems that are within 20 dB of their mixture: for the progress line."""
    axes = (-3, -2, -1)
    signal = targets.magnitude.square().mean(axes)
    error = targets.squared_error(estimate).mean(axes)
    sdr_db = 10 * torch.log10(signal / error.clamp(min=1e-8))
    heard = signal > 1e-2 * targets.mixture.square().mean(axes)
    return sdr_db[heard & (targets.known > 0)].mean()
