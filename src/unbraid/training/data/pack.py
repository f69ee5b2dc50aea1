"""Packing pools into shards: how excerpts are coded, and how much of them fits."""

import hashlib
import io
import itertools
import math
import os
import shutil
import zipfile
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from unbraid.errors import OutputError, TrainingError
from unbraid.training.data.excerpts import Stem, cut_all, in_order
from unbraid.training.data.manifest import MANIFEST, Entry, read_manifest, sources_text
from unbraid.training.data.pool import RATE
from unbraid.training.data.shards import CHECKSUMS, FREE_GIB, SHARDS

Codec = Literal["vorbis", "flac"]

EXCERPT_S = 30.0
"""Length of a song's parts where not all of it can come along."""
LEAST_S = 4.0
"""No song is cut into shorter parts to fit into a shard."""
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
    stems = in_order(pools, entries, weights, excerpt_s, hours)
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


# -- coding and writing ---------------------------------------------------------------------


def _code_song(stems: list[Stem], codec: Codec, quality: float, limit: int) -> list[list[_Coded]]:
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
    halves = cut_all(stems, 0, length_s // 2), cut_all(stems, length_s // 2, None)
    return [group for half in halves for group in _code_song(half, codec, quality, limit)]


def _code(stem: Stem, codec: Codec, quality: float) -> _Coded:
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
