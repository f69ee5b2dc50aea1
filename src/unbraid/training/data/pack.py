"""Packing pools into shards: what goes in first, how it is coded, how much of it fits.

The order is such that every beginning of it is balanced, so that material can be cut off where
the size ends, and each shard is a small training set by itself. The class that has least comes
next, in it the source that has least of its share, which is the one training draws it by (its
weight in the recipe times the square root of its hours); songs of a source take turns.
"""

import hashlib
import io
import itertools
import math
import os
import shutil
import zipfile
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import OutputError, TrainingError
from unbraid.training.data.manifest import MANIFEST, Entry, read_manifest, sources_text
from unbraid.training.data.pool import RATE, SILENCE_DBFS, levels
from unbraid.training.data.shards import CHECKSUMS, FREE_GIB, SHARDS

Codec = Literal["vorbis", "flac"]

EXCERPT_S = 30.0
"""Length of a song's parts where not all of it can come along."""
LEAST_S = 4.0
"""No song is cut into shorter parts to fit into a shard."""
ACCOMPANIMENT_SHARE = 0.15
"""Music of unknown stems, against a stem: training draws it rarely."""
SUFFIXES = {b"OggS": ".ogg", b"fLaC": ".flac"}  # by how a file begins
PIECE_FRAMES = 2**14  # libsndfile's Vorbis encoder keeps what it is given on a thread's small stack
COMPRESSED_TO: dict[Codec, float] = {"vorbis": 0.1, "flac": 0.6}  # at most, of the pools' bytes


@dataclass
class Packed:
    """What was packed."""

    n_bytes: int = 0  # of all shards
    shards: list[Path] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # by class
    source_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    sdr_db: list[float] = field(default_factory=list)  # of each file; infinite if lossless

    @property
    def mb_per_hour(self) -> float:
        """Megabytes (10^6) for an hour of a stem."""
        return self.n_bytes / 1e6 / max(sum(self.seconds.values()) / 3600, 1e-9)


@dataclass(frozen=True, slots=True)
class _Part:
    """A song's stems, or the same seconds of all of them."""

    entries: tuple[Entry, ...]
    start_s: int
    end_s: int | None  # None: to the end


@dataclass(frozen=True, slots=True)
class _Stem:
    """A file of the pools, or a part of it."""

    entry: Entry
    samples: NDArray[np.int16]  # (n_samples, 2)

    def cut(self, start_s: int, end_s: int | None) -> "_Stem | None":
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
        return _Stem(cut, samples)


@dataclass(frozen=True, slots=True)
class _Coded:
    entry: Entry
    content: bytes
    sdr_db: float


def pack(
    pools: Path,
    out: Path,
    *,
    limit: int,
    fit: int | None = None,
    hours: float | None = None,
    codec: Codec = "vorbis",
    quality: float = 0.4,
    source_weights: Mapping[str, float] | None = None,
    jobs: int | None = None,
    progress: Callable[[Packed], None] | None = None,
) -> Packed:
    """Write pools as shards. The held-out part of them stays behind.

    Args:
        pools: the folder.
        out: folder of the shards; it must not hold any.
        limit: bytes of a shard, at most.
        fit: bytes of all shards, at most; excerpts of as many songs as fit are taken, the most
            valuable first. None, with no hours given, takes whole songs and all of them.
        hours: of stems, at most, likewise.
        codec: lossless FLAC, or Ogg Vorbis at a fraction of its size.
        quality: Vorbis' 0 to 1; 0.4 is about 42 MB for an hour of a stem, 20 dB below which
            lies what is lost. Mixtures are made of the coded stems, so that nothing in training
            contradicts itself.
        source_weights: the recipe's; sources not named weigh 1, those of 0 are left out.
        jobs: threads; None takes all cores.
        progress: called after every song or excerpt.

    Raises:
        TrainingError: no pools are there, files of them vanished, or a song cannot be cut to
            fit into a shard.
        OutputError: the folder holds shards, cannot be written, or the disk is too small.
    """
    weights = source_weights or {}
    entries = [
        replace(e, twin=None)  # it can be made again where there is room for it
        for e in read_manifest(pools)
        if e.split == "train" and weights.get(e.source, 1.0) > 0
    ]
    _check(pools, entries, out, fit, codec)
    n_workers = jobs or os.cpu_count() or 1
    excerpt_s = None if fit is None and hours is None else EXCERPT_S
    packed = Packed()
    writer = _Writer(out, limit, math.inf if fit is None else fit, _sources(pools, entries), packed)
    stems = _in_order(pools, entries, weights, excerpt_s, hours)
    waiting: deque[Future[list[list[_Coded]]]] = deque()
    # Threads, not processes: the encoder works without Python's lock.
    with ThreadPoolExecutor(n_workers) as workers:
        try:
            while True:
                for song in itertools.islice(stems, 2 * n_workers - len(waiting)):
                    args = (song, codec, quality, writer.room)
                    waiting.append(workers.submit(_code_song, *args))
                if not waiting or not all(map(writer.add, waiting.popleft().result())):
                    break
                if progress:
                    progress(packed)
            writer.finish()
        except OSError as error:
            raise OutputError(f"{out}: cannot be written ({error.strerror})") from None
        finally:
            workers.shutdown(cancel_futures=True)
            writer.abandon()
    return packed


def _sources(pools: Path, entries: list[Entry]) -> str:
    path = pools / "SOURCES.md"
    return path.read_text(encoding="utf-8") if path.is_file() else sources_text(entries, {})


def _check(pools: Path, entries: list[Entry], out: Path, fit: int | None, codec: Codec) -> None:
    if not entries:
        raise TrainingError(f"{pools}: no training material; run `unbraid data build` first")
    gone = [entry.file for entry in entries if not (pools / entry.file).is_file()]
    if gone:
        raise TrainingError(
            f"{pools}: {gone[0]} and {len(gone) - 1} more vanished; run `unbraid data build` again"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(out).free
    except OSError as error:
        raise OutputError(f"{out}: cannot be made ({error.strerror})") from None
    if any(out.glob(SHARDS)) or (out / CHECKSUMS).exists():
        raise OutputError(f"{out}: holds shards; delete them or name another folder")
    n_bytes = sum((pools / entry.file).stat().st_size for entry in entries)
    need = min(n_bytes * COMPRESSED_TO[codec], math.inf if fit is None else fit)
    if need > free - FREE_GIB * 2**30:
        raise OutputError(
            f"{out}: up to {need / 2**30:.1f} GiB are needed and {FREE_GIB:g} more kept free, "
            f"{free / 2**30:.1f} are there; name another folder, or less with --fit"
        )


# -- what comes next ------------------------------------------------------------------------


def _in_order(
    pools: Path,
    entries: list[Entry],
    weights: Mapping[str, float],
    excerpt_s: float | None,
    hours: float | None,
) -> Iterator[list[_Stem]]:
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


def _audible(pools: Path, part: _Part) -> list[_Stem]:
    """The stems that sound in a part; a whole song's stay as they are."""
    stems = [_Stem(e, np.load(pools / e.file, mmap_mode="r")) for e in part.entries]
    if part.start_s == 0 and part.end_s is None:
        return stems
    return _cut(stems, part.start_s, part.end_s)


def _cut(stems: list[_Stem], start_s: int, end_s: int | None) -> list[_Stem]:
    cuts = [stem.cut(start_s, end_s) for stem in stems]
    return [cut for cut in cuts if cut is not None]


# -- coding and writing ---------------------------------------------------------------------


def _code_song(stems: list[_Stem], codec: Codec, quality: float, limit: int) -> list[list[_Coded]]:
    """A song's files; in several parts along time if they would fill more than a shard."""
    if not stems:  # a silent half
        return []
    coded = [_code(stem, codec, quality) for stem in stems]
    if _size(coded) <= limit:
        return [coded]
    length_s = math.ceil(max(stem.entry.seconds for stem in stems))
    if length_s < 2 * LEAST_S:
        raise TrainingError(
            f"{stems[0].entry.item}: {length_s} s of it fill more than a shard; "
            "name a larger --limit"
        )
    halves = _cut(stems, 0, length_s // 2), _cut(stems, length_s // 2, None)
    return [group for half in halves for group in _code_song(half, codec, quality, limit)]


def _code(stem: _Stem, codec: Codec, quality: float) -> _Coded:
    import soundfile

    form = ("FLAC", "PCM_16", 0.6) if codec == "flac" else ("OGG", "VORBIS", 1 - quality)
    stream = io.BytesIO()
    blocks = range(0, len(stem.samples), PIECE_FRAMES)
    with soundfile.SoundFile(
        stream, "w", RATE, 2, format=form[0], subtype=form[1], compression_level=form[2]
    ) as file:
        for start in blocks:
            file.write(stem.samples[start : start + PIECE_FRAMES])
    content = stream.getvalue()
    power = error = 0.0
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        for start in blocks:  # what is sent is what was meant, and how nearly
            meant = stem.samples[start : start + PIECE_FRAMES].astype(np.float64) / 32768
            power += float(np.square(meant).sum())
            error += float(np.square(file.read(len(meant), always_2d=True) - meant).sum())
    return _Coded(stem.entry, content, 10 * math.log10(power / error) if error else math.inf)


def _size(coded: list[_Coded]) -> int:
    """Bytes in a shard, at most: content, its two headers, its line of the manifest."""
    return sum(
        len(c.content) + 2 * len(c.entry.file.encode()) + 76 + len(c.entry.to_line().encode())
        for c in coded
    )


class _Writer:
    """Fills shards one after the other.

    Args:
        out: their folder.
        limit: bytes of a shard, at most.
        fit: bytes of all, at most.
        sources: text of SOURCES.md, of which each shard holds a copy: licences travel along.
        packed: what is counted.
    """

    def __init__(self, out: Path, limit: int, fit: float, sources: str, packed: Packed) -> None:
        self._out, self._fit, self._packed = out, fit, packed
        self._sources = sources.encode()
        # SOURCES.md, the manifest's headers, and the end of the zip file.
        self._fixed = len(self._sources) + 1024
        self.room = int(min(limit, fit)) - self._fixed
        self._limit = min(limit, fit)
        self._archive: zipfile.ZipFile | None = None
        self._lines: list[str] = []
        self._n_bytes = 0

    def add(self, coded: list[_Coded]) -> bool:
        """Write a song or an excerpt; False if all that may be written is full."""
        size = _size(coded)
        if self._archive is not None and self._n_bytes + size > self._limit:
            self.close()
        new = 0 if self._archive is not None else self._fixed
        if self._packed.n_bytes + self._n_bytes + new + size > self._fit:
            return False
        if self._archive is None:
            self._archive = zipfile.ZipFile(self._partial, "w")
            self._n_bytes = self._fixed
        for c in coded:
            name = c.entry.file.removesuffix(".npy") + SUFFIXES[c.content[:4]]
            self._archive.writestr(zipfile.ZipInfo(name), c.content)
            self._lines.append(c.entry.to_line())
            self._packed.seconds[c.entry.kind] += c.entry.seconds
            self._packed.source_seconds[c.entry.source] += c.entry.seconds
            self._packed.sdr_db.append(c.sdr_db)
        self._n_bytes += size
        return True

    @property
    def _partial(self) -> Path:
        return self._out / ".shard.partial"

    def close(self) -> None:
        """Give the shard its manifest and its name."""
        if self._archive is None:
            return
        with self._archive as archive:
            deflated = zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(MANIFEST), "".join(self._lines), deflated)
            archive.writestr(zipfile.ZipInfo("SOURCES.md"), self._sources, deflated)
        path = self._out / SHARDS.replace("*", f"{len(self._packed.shards) + 1:03d}")
        self._partial.replace(path)
        self._packed.shards.append(path)
        self._packed.n_bytes += path.stat().st_size
        self._archive, self._lines, self._n_bytes = None, [], 0

    def finish(self) -> None:
        """Close the last shard and list all of them."""
        self.close()
        lines = []
        for path in self._packed.shards:
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
        (self._out / CHECKSUMS).write_text("".join(lines), encoding="utf-8")

    def abandon(self) -> None:
        """Leave nothing half-written."""
        if self._archive is not None:
            self._archive.close()
        self._partial.unlink(missing_ok=True)
