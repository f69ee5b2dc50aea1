"""Random crops out of the pools on disk, memory-mapped: what the remixer draws from."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import TrainingError
from unbraid.stems import STEMS
from unbraid.training.data.manifest import read_manifest

REFERENCE_DBFS = -20.0
"""Crops drawn alone are brought to this level (RMS of the item's audible parts) before mixing."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a pool: int16 samples, (n_samples, 2), 44.1 kHz."""

    samples: NDArray[np.int16]  # memory-mapped
    seconds: float
    source: str
    song: str | None  # stems that share it belong together, aligned to the sample
    level_dbfs: float  # RMS where it is not silent


class Pools:
    """All training items by class, drawn by source weight and then by length.

    Args:
        folder: where `manifest.jsonl` and the files it names lie.
        source_weights: how often a source is drawn, times the square root of its hours; 1 if
            not named. 0 leaves a source out.

    Raises:
        TrainingError: no manifest, or a stem without any material.
    """

    def __init__(self, folder: Path, source_weights: Mapping[str, float] | None = None) -> None:
        entries = read_manifest(folder)
        if not entries:
            raise TrainingError(f"{folder}: no training material; run `unbraid data build` first")
        weights = source_weights or {}
        self._items: dict[str, dict[str, list[Item]]] = defaultdict(lambda: defaultdict(list))
        songs: dict[str, dict[str, Item]] = defaultdict(dict)
        for entry in entries:
            if entry.split != "train" or weights.get(entry.source, 1.0) <= 0:
                continue
            samples = np.load(folder / entry.file, mmap_mode="r")
            item = Item(samples, entry.seconds, entry.source, entry.song, entry.level_dbfs)
            self._items[entry.kind][item.source].append(item)
            if item.song is not None:
                songs[item.song][entry.kind] = item
        missing = [stem for stem in STEMS if stem not in self._items]
        if missing:
            raise TrainingError(f"{folder}: no training material for {', '.join(missing)}")
        self.songs = [stems for stems in songs.values() if len(stems.keys() & set(STEMS)) >= 2]
        self._source_share: dict[str, tuple[list[str], NDArray[np.float64]]] = {}
        for kind, by_source in self._items.items():
            names = sorted(by_source)
            share = np.array(
                [
                    weights.get(name, 1.0) * math.sqrt(sum(i.seconds for i in by_source[name]))
                    for name in names
                ]
            )
            self._source_share[kind] = (names, share / share.sum())
        self._song_share = self._share_songs(weights)

    def _share_songs(self, weights: Mapping[str, float]) -> NDArray[np.float64]:
        by_source: dict[str, float] = defaultdict(float)
        first = [next(iter(stems.values())) for stems in self.songs]
        for item in first:
            by_source[item.source] += item.seconds
        share = np.array(
            [weights.get(i.source, 1.0) * i.seconds / math.sqrt(by_source[i.source]) for i in first]
        )
        return share / share.sum() if len(share) else share

    def has(self, kind: str) -> bool:
        """Whether there is any material of this class."""
        return kind in self._items

    def hours(self) -> dict[str, float]:
        """Hours of training material by class."""
        return {
            kind: sum(i.seconds for items in by_source.values() for i in items) / 3600
            for kind, by_source in self._items.items()
        }

    def draw(self, kind: str, rng: np.random.Generator) -> Item:
        """One random item of a class."""
        names, share = self._source_share[kind]
        items = self._items[kind][names[rng.choice(len(names), p=share)]]
        seconds = np.array([item.seconds for item in items])
        return items[rng.choice(len(items), p=seconds / seconds.sum())]

    def draw_song(self, rng: np.random.Generator) -> dict[str, Item]:
        """The stems of one random song, by class."""
        return self.songs[rng.choice(len(self.songs), p=self._song_share)]
