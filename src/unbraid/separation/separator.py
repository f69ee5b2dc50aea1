"""A tile of mixture in, four stems out: the one function that every other part calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unbraid.models.catalog import ModelEntry, find_model
from unbraid.models.manifest import Card, InputKind
from unbraid.models.session import Graph
from unbraid.separation.tiles import TileGrid
from unbraid.spectral.masks import carry_upward, ratio_masks
from unbraid.spectral.stft import istft, stft
from unbraid.spectral.wiener import wiener
from unbraid.stems import STEMS

if TYPE_CHECKING:
    from unbraid.separation.offline import Progress, Stems

N_CLAIMED = len(STEMS) - 1
"""Stems that are computed; the last, `other`, is what they leave."""


DEFAULT_THREADS = 2
"""Most tiles separated at once unless asked: with more, memory passes 400 MB."""


class Separator:
    """A model set, ready to separate tiles. One may be shared by threads.

    Args:
        model: a name in the catalogue, the path of a set, or None for the default.
        n_threads: tiles separated at once by `separate`; None for one a core, at most two:
            each takes some 100 MB.
            Each call of `separate_tile` runs in the thread that makes it, so that a tile's
            numbers are the same however many there are.
        providers: ONNX Runtime's execution providers, best first; None for the CPU.

    Raises:
        ModelError: there is no such model, or it is damaged.

    Example:
        >>> import numpy as np
        >>> from unbraid import Separator
        >>> stems = Separator().separate(np.zeros((2, 44_100), np.float32), 44_100)
        >>> stems["vocals"].shape
        (2, 44100)
    """

    def __init__(
        self,
        model: str | Path | ModelEntry | None = None,
        *,
        n_threads: int | None = None,
        providers: list[str] | None = None,
    ) -> None:
        self.entry = model if isinstance(model, ModelEntry) else find_model(model)
        self.n_threads = n_threads or min(DEFAULT_THREADS, n_cores())
        self._graphs = [
            Graph(file, card, providers=providers)
            for file, card in zip(self.entry.files, self.entry.cards, strict=True)
        ]
        self.name = self.entry.name
        self.spec = self.entry.spec
        self.grid = TileGrid(self.spec)
        self.providers = self._graphs[0].providers
        given = {stem for card in self.entry.cards for stem in card.stems}
        self._claimed = [i for i, stem in enumerate(STEMS[:N_CLAIMED]) if stem in given]
        self.stems = (
            STEMS if len(self._claimed) == N_CLAIMED else tuple(STEMS[i] for i in self._claimed)
        )
        """Those the set knows; what none of them claims is `other`, whatever that is made of."""

    def separate_tile(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Separate what one tile reads.

        Args:
            mixture: float32, (2, grid.n_input), from grid.input_start(i), full scale 1.0.

        Returns:
            float32, (4, 2, grid.n_output), from grid.output_start(i), not yet faded. The four
            sum to the mixture to float rounding, for `other` is what the others leave.
        """
        start = self.grid.margin - self.grid.fade // 2
        window = slice(start, start + self.grid.n_output)
        stems = np.zeros((len(STEMS), *mixture.shape[:-1], self.grid.n_output), np.float32)
        # One at a time, for memory.
        for index, claim in zip(self._claimed, self._claims(mixture), strict=True):
            stems[index] = claim[..., window]
        np.subtract(mixture[:, window], stems[:N_CLAIMED].sum(axis=0), out=stems[N_CLAIMED])
        return stems

    def _claims(self, mixture: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        """Samples (2, n_input) of each claimed stem of what a tile reads."""
        spec, n_claimed = self.spec, len(self._claimed)
        if self._graphs[0].card.input == "waveform":
            return iter(self._given(lambda card: mixture)[:n_claimed])
        spectrum = stft(mixture, spec)
        seen = spectrum[:, : spec.n_bins]
        masks = carry_upward(self._masks(seen)[:n_claimed], seen, spec)
        if np.iscomplexobj(masks):
            return (istft(mask * spectrum, spec) for mask in masks)
        return (istft(stem, spec) for stem in wiener(masks.real, spectrum))

    def _given(self, tile: Callable[[Card], NDArray[np.float32]]) -> NDArray[np.float32]:
        """What the graphs give of the tiles they are given, in the order of STEMS."""
        outputs = [graph(tile(graph.card)) for graph in self._graphs]
        stems = [stem for graph in self._graphs for stem in graph.card.stems]
        order = [stems.index(stem) for stem in STEMS if stem in stems]
        output = np.concatenate(outputs) if len(outputs) > 1 else outputs[0]
        if order != sorted(order):
            output = output[order]
        # A net gone astray must not reach a loudspeaker as noise.
        if not np.isfinite(output).all():
            np.nan_to_num(output, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        return output

    def _masks(
        self, spectrum: NDArray[np.complex64]
    ) -> NDArray[np.float32] | NDArray[np.complex64]:
        """Masks (stems, 2, n_bins, n_frames) in the order of STEMS; the last may be missing."""

        @cache  # once for all graphs, and only what they ask for
        def view(kind: InputKind) -> NDArray[np.float32]:
            if kind == "magnitude":
                return np.ascontiguousarray(np.abs(spectrum))
            return _unfold(spectrum)

        output = self._given(lambda card: view(card.input))
        kind = self._graphs[0].card.output
        if kind == "complex_mask":
            return output[:, 0::2] + np.complex64(1j) * output[:, 1::2]
        if kind == "mask":
            return output
        if len(output) == len(STEMS):
            return ratio_masks(output)
        return np.minimum(output / np.maximum(view("magnitude"), 1e-6), np.float32(1))

    def warm_up(self) -> None:
        """Separate a tile of silence, so that the first real one is not slowed by allocations."""
        self.separate_tile(np.zeros((self.spec.n_channels, self.grid.n_input), np.float32))

    def separate(
        self,
        audio: str | Path | NDArray[np.float32],
        sample_rate: int | None = None,
        *,
        progress: Callable[[Progress], None] | None = None,
    ) -> Stems:
        """Separate a file or an array wholly in memory.

        Args:
            audio: a path, or samples of shape (channels, n_samples) or (n_samples,), full
                scale 1.0.
            sample_rate: of the array, in Hz; the model's if not given.
            progress: called after each tile.

        Returns:
            The stems at the model's rate.

        Raises:
            AudioError: the file cannot be read as audio.
        """
        from unbraid.separation.offline import separate_in_memory

        return separate_in_memory(audio, self, sample_rate, progress)


def n_cores() -> int:
    """Cores this process may use; a container's share where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _unfold(spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
    """(2, bins, frames) complex to (4, bins, frames): left real, left imaginary, right ..."""
    parts = np.stack([spectrum.real, spectrum.imag], axis=1)
    return parts.reshape(-1, *spectrum.shape[1:])
