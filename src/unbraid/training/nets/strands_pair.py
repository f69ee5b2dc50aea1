"""Strands with a second opinion on the lows, where bass and drums are hardest to tell apart.

Two nets of `strands`, side by side: one for the whole spectrum, one that spends itself on the
lows. The second is trained first, alone, at a quarter of the sample rate (recipe `strands-lows`),
three times as fast as the first; then the two are put together (`tools/pair.py`) and their logits
added where both have bins. What two nets get wrong is not the same.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from unbraid.errors import TrainingError
from unbraid.models.manifest import InputKind
from unbraid.spec import Spec
from unbraid.stems import STEMS
from unbraid.training.nets.net import Net
from unbraid.training.nets.strands import Strands, StrandsConfig


@dataclass(frozen=True, slots=True)
class StrandsPairConfig:
    """Sizes of both nets."""

    kind: str = "strands-pair"
    whole: StrandsConfig = field(default_factory=StrandsConfig)
    lows: StrandsConfig = field(default_factory=StrandsConfig)
    # Of the frame that the lows were trained with, to this one's: so much smaller was all they saw.
    rate: float = 0.25

    @property
    def frame_multiple(self) -> int:
        return max(self.whole.frame_multiple, self.lows.frame_multiple)

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """One net for all; see `NetConfig`."""
        if stems != STEMS:
            raise TrainingError(f"{self.kind} gives {', '.join(STEMS)} together, not {list(stems)}")
        return StrandsPair(spec, self)


class StrandsPair(Net):
    """forward: (batch, 4, n_bins, n_frames) to masks, as of `BandNet`."""

    input_kind: InputKind = "complex"
    output_kind = "mask"

    def __init__(self, spec: Spec, config: StrandsPairConfig) -> None:
        super().__init__(STEMS)
        widths = zip(config.lows.band_bins, config.lows.n_bands, strict=True)
        self.n_low = sum(width * n for width, n in widths)
        self.rate = config.rate
        self.whole = Strands(spec, config.whole)
        self.lows = Strands(replace(spec, n_bins=self.n_low), config.lows)
        self.compression = self.whole.compression
        # How much each is believed, by stem and channel and by bin.
        shape = (2 * len(STEMS), self.lows.join.n_rows, 1)
        self.trust_whole = nn.Parameter(torch.full(shape, 0.5))
        self.trust_lows = nn.Parameter(torch.full(shape, 0.5))

    def forward(self, spectrum: Tensor) -> Tensor:
        logits = self.whole.claims(spectrum)
        low = self.lows.claims(spectrum[:, :, : self.n_low] * self.rate)
        n = low.shape[2]
        both = self.trust_whole * logits[:, :, :n] + self.trust_lows * low
        return self.whole.masks(torch.cat([both, logits[:, :, n:]], dim=2))

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        """See `Net.standardise`."""
        self.whole.standardise(mean, deviation)
        shrunk = self.rate**self.lows.compression
        self.lows.standardise(shrunk * mean[: self.n_low], shrunk * deviation[: self.n_low])
