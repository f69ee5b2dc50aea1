"""Losses: terms on masked spectra and on waveforms, put together by a recipe.

Each term gives (batch, stems): a cost for each stem of each example, normalised by the stem, so
that a loud one does not drown the others. Only known stems count.
"""

import dataclasses
from dataclasses import dataclass

from torch import Tensor

from unbraid.errors import TrainingError
from unbraid.spec import Spec
from unbraid.stems import STEMS
from unbraid.training.losses.hearing import masked_error
from unbraid.training.losses.spectra import (
    complex_l1,
    compressed_magnitude,
    energy,
    magnitude_l1,
)
from unbraid.training.losses.targets import Targets, audible_sdr_db
from unbraid.training.losses.waveforms import (
    Waveforms,
    multi_resolution,
    negative_si_sdr,
    waveform_l1,
)

__all__ = ["LossConfig", "Targets", "audible_sdr_db", "total_loss"]


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Weights of the terms, and their settings; a weight of 0 leaves its term out.

    Raises:
        TrainingError: nothing is weighted, or a value is out of its range.
    """

    complex_l1: float = 1.0
    compressed: float = 0.3
    energy: float = 0.0
    magnitude_l1: float = 0.0  # the seed's own target, blind to phase
    masked: float = 0.0  # the part of the complex error that is heard beside the stem
    multi_resolution: float = 0.0
    waveform_l1: float = 0.0
    si_sdr: float = 0.0  # in dB, where the others are about 1: weights of 0.01 to 0.05
    adversarial: float = 0.0  # what a net that tells true stems from these thinks, see `adversary`
    power: float = 0.5  # to which `compressed` raises magnitudes
    resolutions: tuple[int, ...] = (512, 1024, 2048)  # FFT sizes of `multi_resolution`
    drop_worst: float = 0.0  # share of a batch's examples, those of highest cost, to leave out
    stem_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)  # how much each stem's cost counts

    def __post_init__(self) -> None:
        weights = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)[:9]}
        for name, weight in weights.items():
            if not 0 <= weight < float("inf"):
                raise TrainingError(f"{name} must be 0 or more, not {weight!r}")
        if not any(weights.values()):
            raise TrainingError(f"nothing to learn from: give a weight to {', '.join(weights)}")
        if not 0 < self.power <= 1:
            raise TrainingError(f"power must be above 0 and at most 1, not {self.power!r}")
        if not 0 <= self.drop_worst < 1:
            raise TrainingError(f"drop_worst must be from 0 to below 1, not {self.drop_worst!r}")
        if not self.resolutions or any(n < 16 or n % 4 for n in self.resolutions):
            raise TrainingError(
                f"resolutions must be FFT sizes, multiples of 4, not {list(self.resolutions)}"
            )
        if len(self.stem_weights) != len(STEMS) or not all(
            0 < weight < float("inf") for weight in self.stem_weights
        ):
            raise TrainingError(
                f"stem_weights must be {len(STEMS)} numbers above 0, not {list(self.stem_weights)}"
            )

    @property
    def on_waveforms(self) -> bool:
        """Whether any term needs an inverse transform."""
        return any((self.multi_resolution, self.waveform_l1, self.si_sdr))


def total_loss(
    estimate: Tensor,
    targets: Targets,
    config: LossConfig,
    spec: Spec,
    stems: tuple[str, ...] = STEMS,
) -> Tensor:
    """The weighted sum of the terms that a recipe asks for, averaged over known stems; without
    `adversarial`, whose net the trainer holds.

    With `drop_worst` examples are ranked by their cost, averaged over known stems, and the worst
    share d of a batch of n is left out (truncation against wrong labels, as in the Sound Demixing
    Challenge 2023): the first floor(dn) do not count, the next one in part, so that small batches
    keep to the share too.

    Args:
        estimate: masks or spectra, (batch, 4, 2, n_bins, n_frames).
        targets: the same batch's.
        config: the weights.
        spec: the analysis settings of both.
        stems: which of the four the estimate and the targets are of.

    Returns:
        A scalar.
    """
    costs = targets.known.new_zeros(targets.known.shape)
    if config.complex_l1:
        costs = costs + config.complex_l1 * complex_l1(estimate, targets)
    if config.compressed:
        costs = costs + config.compressed * compressed_magnitude(estimate, targets, config.power)
    if config.energy:
        costs = costs + config.energy * energy(estimate, targets)
    if config.magnitude_l1:
        costs = costs + config.magnitude_l1 * magnitude_l1(estimate, targets)
    if config.masked:
        costs = costs + config.masked * masked_error(estimate, targets, spec)
    if config.on_waveforms:
        waveforms = Waveforms.of(estimate, targets, spec)
        if config.multi_resolution:
            distance = multi_resolution(waveforms, spec, config.resolutions)
            costs = costs + config.multi_resolution * distance
        if config.waveform_l1:
            costs = costs + config.waveform_l1 * waveform_l1(waveforms)
        if config.si_sdr:
            costs = costs + config.si_sdr * negative_si_sdr(waveforms)
    counted = targets.known
    if config.drop_worst:
        counted = counted * _kept(costs.detach(), counted, config.drop_worst)[:, None]
    counted = counted * costs.new_tensor([config.stem_weights[STEMS.index(s)] for s in stems])
    # Where nothing is known the loss is nothing.
    return (costs * counted).sum() / counted.sum().clamp(min=1e-3)


def _kept(costs: Tensor, known: Tensor, share: float) -> Tensor:
    """How much each example counts, (batch,): 0 for the worst, 1 for the others."""
    means = (costs * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)
    rank = means.argsort(descending=True).argsort()
    return (rank + 1 - share * len(means)).clamp(0, 1).to(costs)
