"""The grid of tiles, fixed for a spec, and the weights that join their stems.

Tile i owns the core samples [i * step, (i + 1) * step), where step = spec.stride * spec.hop. A
model call reads the core with context on both sides, and gives stems for the core and half a
fade beyond each end; there neighbours cross-fade with weights that sum to one. A sample never
belongs to more than two tiles, and a + b = b + a in floats, so the order of tiles cannot matter.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import SpecError
from unbraid.spec import Spec

MAX_FADE_FRAMES = 8
"""Longest cross-fade between tiles: 186 ms at the defaults."""


@dataclass(frozen=True)
class TileGrid:
    """Where tiles lie. All positions are samples at the spec's rate; the track starts at 0."""

    spec: Spec

    @cached_property
    def step(self) -> int:
        """Samples from one tile's core to the next: 163 840 (3.7 s) at the defaults."""
        return self.spec.stride * self.spec.hop

    @cached_property
    def n_input(self) -> int:
        """Samples that a model call reads: 199 680 (4.5 s) at the defaults."""
        return self.spec.n_samples

    @cached_property
    def margin(self) -> int:
        """Samples read before the core and after it."""
        return (self.n_input - self.step) // 2

    @cached_property
    def fade(self) -> int:
        """Samples over which neighbours cross-fade, centred on the border of their cores."""
        # Only samples that all overlapping frames cover are whole.
        clean = self.margin - (self.spec.n_fft - self.spec.hop)
        if clean < 0:
            needed = -(-(self.spec.n_fft - self.spec.hop) // (2 * self.spec.hop))
            raise SpecError(f"context must be at least {needed} frames, not {self.spec.context}")
        return min(2 * clean, MAX_FADE_FRAMES * self.spec.hop, self.step)

    @cached_property
    def n_output(self) -> int:
        """Samples of stems that a tile gives: its core and half a fade at each end."""
        return self.step + self.fade

    def input_start(self, index: int) -> int:
        """First sample that tile `index` reads; negative for the first tile."""
        return index * self.step - self.margin

    def output_start(self, index: int) -> int:
        """First sample of the stems that tile `index` gives."""
        return index * self.step - self.fade // 2

    def n_tiles(self, n_samples: int) -> int:
        """Tiles that cover a track; a track of no samples has none."""
        if n_samples <= 0:
            return 0
        # The last core ends half a fade after the last sample, so that no cross-fade is left open.
        return max(1, -(-(n_samples + self.fade // 2) // self.step))

    def tile_at(self, sample: int) -> int:
        """The tile whose core holds a sample."""
        return sample // self.step

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """(n_output,): raised-cosine ramps at both ends, one between.

        The falling ramp is one minus the rising one, so neighbours sum to one.
        """
        phase = (np.arange(self.fade) + 0.5) / max(1, self.fade)
        rising = (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)
        weights = np.ones(self.n_output, np.float32)
        weights[: self.fade] = rising
        weights[self.n_output - self.fade :] = 1 - rising
        return weights
