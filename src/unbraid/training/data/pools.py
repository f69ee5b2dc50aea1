"""Random crops out of the pools: memory-mapped, or resident on the GPU; the remixer's store."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unbraid.errors import TrainingError
from unbraid.stems import STEMS
from unbraid.training.data.manifest import Entry, read_manifest
from unbraid.training.data.shards import unpacked

REFERENCE_DBFS = -20.0
"""Crops drawn alone are brought to this level (RMS of the item's audible parts) before mixing."""

TEACHER = "teacher-"
"""Sources whose name begins so hold what another net separated: their stems are never parted."""

RESIDENT_SHARE = 0.6
"""Of the GPU's free memory, at most, for samples."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One file of samples."""

    samples: NDArray[np.int16]  # (n_samples, 2), memory-mapped
    first: int  # its place in the GPU's store, samples


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One stem of one song of a pool, 44.1 kHz."""

    name: str  # "<source>/<song>.<class>"
    recording: Recording
    twin: Recording | None  # the same after a lossy codec
    seconds: float
    active: float  # fraction of it that is not silent
    source: str
    song: str | None  # stems that share it belong together, aligned to the sample
    level_dbfs: float  # RMS where it is not silent

    @property
    def samples(self) -> NDArray[np.int16]:
        """(n_samples, 2), memory-mapped."""
        return self.recording.samples


class _Choice(Generic[T]):
    """Things drawn by weight."""

    def __init__(self, things: Sequence[T], weights: Sequence[float]) -> None:
        self.things = list(things)
        total = np.cumsum(np.asarray(weights, np.float64))
        self._edges = total / total[-1:]

    def draw(self, rng: np.random.Generator) -> T:
        return self.things[int(np.searchsorted(self._edges, rng.random(), side="right"))]


class Pools:
    """All training items by class, drawn by source weight and then by audible length.

    Args:
        folder: pools, or shards of them, which are decoded beside them the first time.
        source_weights: how often a source is drawn, times the square root of its hours; 1 if
            not named. 0 leaves a source out.
        device: where `gather` gives its crops. On a GPU all samples are copied there if they fit
            in `RESIDENT_SHARE` of its free memory; if not, crops are sent one batch at a time.

    Raises:
        TrainingError: no manifest, a stem without any material, or a damaged file.
    """

    def __init__(
        self,
        folder: Path,
        source_weights: Mapping[str, float] | None = None,
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        folder = unpacked(folder)
        entries = read_manifest(folder)
        if not entries:
            raise TrainingError(f"{folder}: no training material; run `unbraid data build` first")
        self._weights = source_weights or {}
        self.device = torch.device(device)
        self._recordings: list[Recording] = []
        items: dict[str, list[Item]] = defaultdict(list)
        songs: dict[str, dict[str, Item]] = defaultdict(dict)
        # Sorted, for a build with several processes writes its lines in any order.
        for entry in sorted(entries, key=lambda entry: entry.file):
            if entry.split != "train" or self._weights.get(entry.source, 1.0) <= 0:
                continue
            item = self._item(folder, entry)
            items[entry.kind].append(item)
            if item.song is not None:
                songs[item.song][entry.kind] = item
        self.songs = [stems for stems in songs.values() if len(stems.keys() & set(STEMS)) >= 2]
        self.duets = [stems for stems in songs.values() if {"vocals", "accompaniment"} <= {*stems}]
        # What a teacher left of the voice in its accompaniment, and the other way round, is right
        # only where the two sound together.
        alone = {
            kind: [item for item in found if not item.source.startswith(TEACHER)]
            for kind, found in items.items()
        }
        self._items = {kind: found for kind, found in alone.items() if found}
        missing = [stem for stem in STEMS if stem not in self._items]
        if missing:
            raise TrainingError(f"{folder}: no training material for {', '.join(missing)}")
        self._choices = {kind: self._by_source(found) for kind, found in self._items.items()}
        self._song_choice = self._by_seconds(self.songs)
        self._duet_choice = self._by_seconds(self.duets)
        self._store = self._resident()

    def _item(self, folder: Path, entry: Entry) -> Item:
        return Item(
            name=f"{entry.item}.{entry.kind}",
            recording=self._recording(folder / entry.file),
            twin=self._recording(folder / entry.twin) if entry.twin else None,
            seconds=entry.seconds,
            active=entry.active,
            source=entry.source,
            song=entry.song,
            level_dbfs=entry.level_dbfs,
        )

    def _recording(self, path: Path) -> Recording:
        last = self._recordings[-1] if self._recordings else None
        first = last.first + len(last.samples) if last else 0
        self._recordings.append(Recording(_mapped(path), first))
        return self._recordings[-1]

    def _by_source(self, items: list[Item]) -> _Choice[_Choice[Item]]:
        by_source: dict[str, list[Item]] = defaultdict(list)
        for item in items:
            by_source[item.source].append(item)
        # A bass that plays in a twentieth of its song would else be drawn mostly for its silence.
        choices = [
            _Choice(found, [i.seconds * max(i.active, 0.01) for i in found])
            for found in by_source.values()
        ]
        weights = [
            self._weights.get(source, 1.0) * math.sqrt(sum(i.seconds for i in found))
            for source, found in by_source.items()
        ]
        return _Choice(choices, weights)

    def _by_seconds(self, songs: list[dict[str, Item]]) -> _Choice[dict[str, Item]]:
        first = [next(iter(stems.values())) for stems in songs]
        by_source: dict[str, float] = defaultdict(float)
        for item in first:
            by_source[item.source] += item.seconds
        weights = [
            self._weights.get(i.source, 1.0) * i.seconds / math.sqrt(by_source[i.source])
            for i in first
        ]
        return _Choice(songs, weights)

    def _resident(self) -> Tensor | None:
        if self.device.type != "cuda":
            return None
        free, _ = torch.cuda.mem_get_info(self.device)
        n_samples = sum(len(recording.samples) for recording in self._recordings)
        return self._stored(n_samples) if 4 * n_samples <= RESIDENT_SHARE * free else None

    def _stored(self, n_samples: int) -> Tensor:
        """All recordings one after the other, (n_samples, 2), on the device."""
        store = torch.empty((n_samples, 2), dtype=torch.int16, device=self.device)
        for recording in self._recordings:
            part = store[recording.first : recording.first + len(recording.samples)]
            part.copy_(torch.from_numpy(recording.samples))
        return store

    def has(self, kind: str) -> bool:
        """Whether there is any material of this class to be drawn alone."""
        return kind in self._items

    def hours(self) -> dict[str, float]:
        """Hours of training material by class."""
        return {kind: sum(i.seconds for i in found) / 3600 for kind, found in self._items.items()}

    def draw(self, kind: str, rng: np.random.Generator) -> Item:
        """One random item of a class."""
        return self._choices[kind].draw(rng).draw(rng)

    def draw_song(self, rng: np.random.Generator) -> dict[str, Item]:
        """The stems of one of `songs`, by class."""
        return self._song_choice.draw(rng)

    def draw_duet(self, rng: np.random.Generator) -> dict[str, Item]:
        """The stems of one of `duets`, by class."""
        return self._duet_choice.draw(rng)

    def gather(self, crops: Sequence[tuple[Recording, int]], n_samples: int) -> Tensor:
        """Equally long crops.

        Args:
            crops: recording and first sample of each; what lies outside reads as silence.
            n_samples: length of each.

        Returns:
            int16, (n_crops, n_samples, 2), on the device.
        """
        if self._store is not None:
            return self._gather_resident(self._store, crops, n_samples)
        gathered = np.stack([read(recording, start, n_samples) for recording, start in crops])
        return torch.from_numpy(gathered).to(self.device)

    def _gather_resident(
        self, store: Tensor, crops: Sequence[tuple[Recording, int]], n_samples: int
    ) -> Tensor:
        """The same by one indexing of the store, instead of a copy for each crop."""
        places = [(start, r.first, len(r.samples)) for r, start in crops]
        start, first, length = torch.tensor(places, device=self.device).T[..., None]
        at = start + torch.arange(n_samples, device=self.device)
        inside = (at >= 0) & (at < length)
        found: Tensor = store[torch.where(inside, at + first, 0)] * inside[..., None]
        return found


def read(recording: Recording, start: int, n_samples: int) -> NDArray[np.int16]:
    """(n_samples, 2); what lies outside of the recording is silent."""
    first, end = max(start, 0), start + n_samples
    found = recording.samples[first : max(end, first)]
    if len(found) == n_samples:
        return found
    return np.pad(found, ((first - start, n_samples - (first - start) - len(found)), (0, 0)))


def _mapped(path: Path) -> NDArray[np.int16]:
    """The samples of a file, not yet read; unlike numpy's map it keeps no file open."""
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            n_header = file.tell() // 2
        if dtype != np.int16 or len(shape) != 2 or shape[1] != 2:
            raise ValueError(f"{dtype} of shape {shape}")
        n_values = n_header + 2 * shape[0]
        flat = torch.from_file(str(path), shared=False, size=n_values, dtype=torch.int16)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(
            f"{path}: cannot be read ({reason}); delete it and run `unbraid data build` again"
        ) from None
    samples: NDArray[np.int16] = flat[n_header:].view(-1, 2).numpy()
    return samples
