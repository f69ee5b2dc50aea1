"""What of the pools comes first: excerpts in an order of which every beginning is balanced.

So material can be cut off where the size ends, and each shard is a small training set by itself.
The class that has least comes next, in it the source that has least of its share, which is the
one training draws it by (its weight in the recipe times the square root of its hours); songs of a
source take turns.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbraid.training.data.manifest import Entry
from unbraid.training.data.pool import RATE, SILENCE_DBFS, levels

ACCOMPANIMENT_SHARE = 0.15
"""Music of unknown stems, against a stem: training draws it rarely."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A song's stems, or the same seconds of all of them."""

    entries: tuple[Entry, ...]
    start_s: int
    end_s: int | None  # None: to the end


@dataclass(frozen=True, slots=True)
class Stem:
    """A file of the pools, or a part of it."""

    entry: Entry
    samples: NDArray[np.int16]  # (n_samples, 2)

    def cut(self, start_s: int, end_s: int | None) -> "Stem | None":
        """Some seconds of it; None if there is nothing audible in them."""
        samples = self.samples[start_s * RATE : None if end_s is None else end_s * RATE]
        if len(samples) == 0:
            return None
        level = levels(samples.T.astype(np.float32) / np.float32(32768))
        on = level > SILENCE_DBFS
        if not on.any():
            return None
        entry, suffix = self.entry, f"@{start_s}"
        cut = replace(
            entry,
            item=entry.item + suffix,
            file=f"{entry.file.removesuffix('.npy')}{suffix}.npy",
            song=entry.song and entry.song + suffix,
            seconds=round(len(samples) / RATE, 3),
            level_dbfs=round(float(10 * np.log10(np.mean(10 ** (level[on] / 10)))), 2),
            active=round(float(on.mean()), 3),
        )
        return Stem(cut, samples)


def in_order(
    pools: Path,
    entries: list[Entry],
    weights: Mapping[str, float],
    excerpt_s: float | None,
    hours: float | None,
) -> Iterator[list[Stem]]:
    """The stems of songs or excerpts; every beginning of the sequence is balanced."""
    queues = _queues(entries, excerpt_s)
    available: dict[tuple[str, str], float] = defaultdict(float)
    for entry in entries:
        available[entry.kind, entry.source] += entry.seconds
    taken: dict[tuple[str, str], float] = defaultdict(float)
    by_class: dict[str, float] = defaultdict(float)
    total_s = 0.0
    while available and (hours is None or total_s < hours * 3600):
        kind = min(dict.fromkeys(k for k, _ in available), key=lambda k: by_class[k] / _share(k))
        source = min(
            (s for k, s in available if k == kind),
            key=lambda s: (
                taken[kind, s] / (weights.get(s, 1.0) * math.sqrt(available[kind, s])),
                -weights.get(s, 1.0) * math.sqrt(available[kind, s]),
            ),
        )
        part = next((p for p in queues[source] if any(e.kind == kind for e in p.entries)), None)
        if part is None:
            del available[kind, source]
            continue
        queue = queues[source]
        at = queue.index(part)
        stems = _audible(pools, part)
        heard = {stem.entry.kind for stem in stems}
        if kind not in heard:  # it is silent there: left for the classes that are not
            rest = tuple(entry for entry in part.entries if entry.kind in heard)
            queue[at : at + 1] = [replace(part, entries=rest)] if rest else []
            continue
        del queue[at]
        for stem in stems:
            active_s = stem.entry.seconds * stem.entry.active
            taken[stem.entry.kind, source] += active_s
            by_class[stem.entry.kind] += active_s
            total_s += stem.entry.seconds
        yield stems


def _share(kind: str) -> float:
    return ACCOMPANIMENT_SHARE if kind == "accompaniment" else 1.0


def _queues(entries: list[Entry], excerpt_s: float | None) -> dict[str, list[_Part]]:
    """By source: a part of each song, then another of each, both in random order."""
    songs: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        songs[entry.item].append(entry)
    rng = np.random.default_rng(0)
    by_source: dict[str, list[list[_Part]]] = defaultdict(list)
    for index in rng.permutation(len(songs)):
        song = tuple(list(songs.values())[index])
        length_s = max(entry.seconds for entry in song)
        n_parts = 1 if excerpt_s is None else max(1, round(length_s / excerpt_s))
        starts = [round(k * length_s / n_parts) for k in range(n_parts)]
        parts = [_Part(song, a, b) for a, b in itertools.zip_longest(starts, starts[1:])]
        by_source[song[0].source].append([parts[k] for k in rng.permutation(n_parts)])
    return {
        source: [
            part for turn in itertools.zip_longest(*parts) for part in turn if part is not None
        ]
        for source, parts in by_source.items()
    }


def _audible(pools: Path, part: _Part) -> list[Stem]:
    """The stems that sound in a part; a whole song's stay as they are."""
    stems = [Stem(e, np.load(pools / e.file, mmap_mode="r")) for e in part.entries]
    if part.start_s == 0 and part.end_s is None:
        return stems
    return cut_all(stems, part.start_s, part.end_s)


def cut_all(stems: list[Stem], start_s: int, end_s: int | None) -> list[Stem]:
    cuts = [stem.cut(start_s, end_s) for stem in stems]
    return [cut for cut in cuts if cut is not None]
