"""A whole track through the separator: streaming, in flat memory, with progress and cancel."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import Cancelled
from unbraid.separation.separator import Separator
from unbraid.separation.tiles import TileGrid
from unbraid.stems import STEMS

Samples = NDArray[np.float32]


class Source(Protocol):
    """What is separated: `unbraid.audio.Track`, or anything that reads like it."""

    @property
    def n_samples(self) -> int: ...
    @property
    def warnings(self) -> list[str]: ...
    def blocks(self, n_samples: int = ..., start: int = ...) -> Iterator[Samples]: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a separation is."""

    fraction: float  # 0 to 1, never falling
    done_s: float  # seconds of audio separated
    total_s: float  # seconds of audio in all, as far as is known
    eta_s: float | None  # seconds to go; None before the first tile is done
    times_real_time: float  # seconds of audio separated in a second


@dataclass(frozen=True, slots=True)
class Report:
    """What a separation did."""

    n_samples: int  # of each stem, at the model's rate
    n_tiles: int
    audio_s: float
    wall_s: float
    cpu_s: float  # of all threads of this process meanwhile
    sum_error_dbfs: float  # largest difference between the stems' sum and the mixture
    warnings: tuple[str, ...] = ()


def separate(
    track: Source,
    separator: Separator,
    sink: Callable[[Samples], None],
    *,
    progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
    n_threads: int | None = None,
) -> Report:
    """Stream a track through a separator.

    The stems' samples depend on the track and the model only, not on `n_threads`.

    Args:
        track: at the separator's sample rate; read once, straight through.
        separator: the model.
        sink: called in order, in this thread, with float32 (4, 2, n) until the track's end.
        progress: called in this thread after each tile.
        cancel: set it to stop; noticed within a tile, well under a second.
        n_threads: tiles at once; None for the separator's own number.

    Returns:
        What was done.

    Raises:
        Cancelled: `cancel` was set; the sink has had part of the song.
    """
    spec = separator.spec
    n_threads = n_threads or separator.n_threads
    clock = _Clock(max(1, track.n_samples), spec.sample_rate, progress)
    wall_s, cpu_s = time.monotonic(), time.process_time()
    join = _Join(separator.grid)
    n_tiles = 0
    error = np.float32(0)

    def check() -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled("cancelled")

    def finish(mixture: Samples, n_samples: int, future: Future[Samples]) -> None:
        nonlocal n_tiles, error
        while not future.done():
            check()
            _wait(future, 0.1)
        stems = join.add(future.result())[:, :, :n_samples]
        error = max(error, np.abs(stems.sum(axis=0) - mixture[:, :n_samples]).max(initial=0))
        sink(stems)
        n_tiles += 1
        clock.advance(stems.shape[-1], track.n_samples)

    pending: deque[tuple[Samples, int, Future[Samples]]] = deque()
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="separate")
    try:
        for tile, mixture, n_samples in _tiles(track, separator.grid):
            check()
            # One more than run, so that no thread waits for the decoder; never more, for memory.
            if len(pending) > n_threads:
                finish(*pending.popleft())
            pending.append((mixture, n_samples, pool.submit(separator.separate_tile, tile)))
        while pending:
            finish(*pending.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    clock.end()
    return Report(
        n_samples=clock.n_done,
        n_tiles=n_tiles,
        audio_s=clock.n_done / spec.sample_rate,
        wall_s=time.monotonic() - wall_s,
        cpu_s=time.process_time() - cpu_s,
        sum_error_dbfs=20 * math.log10(float(error)) if error > 0 else -math.inf,
        warnings=tuple(track.warnings),
    )


def _wait(future: Future[Samples], timeout_s: float) -> None:
    try:
        future.exception(timeout=timeout_s)
    except TimeoutError:
        return


class _Join:
    """Cross-fades the stems of consecutive tiles into one stream."""

    def __init__(self, grid: TileGrid) -> None:
        self._grid = grid
        self._tail: Samples | None = None  # faded end of the last tile, (4, 2, fade)

    def add(self, stems: Samples) -> Samples:
        """Take the next tile's stems; give those that no later tile will touch.

        The first tile gives from the track's start, each later one from where the last ended.
        """
        grid = self._grid
        if self._tail is None:
            # Nothing is before the first tile: its rising fade is not faded, only cut.
            whole = stems.copy()
            whole[..., grid.step :] *= grid.weights[grid.step :]
            self._tail = whole[..., grid.step :]
            return whole[..., grid.fade // 2 : grid.step]
        faded = stems * grid.weights
        faded[..., : grid.fade] += self._tail
        self._tail = faded[..., grid.step :]
        return faded[..., : grid.step]


def _tiles(track: Source, grid: TileGrid) -> Iterator[tuple[Samples, Samples, int]]:
    """Each tile's input, the mixture where `_Join` gives stems for it, and how much of it counts.

    Reads the track once; the last tile is padded with silence.
    """
    n_lead = grid.margin
    held = np.zeros((2, n_lead), np.float32)  # from input_start(index) on
    n_read = 0
    blocks = iter(track.blocks(grid.step, 0))
    ended = False
    index = 0
    while True:
        while held.shape[-1] < grid.n_input and not ended:
            block = next(blocks, None)
            if block is None:
                ended = True
            else:
                n_read += block.shape[-1]
                held = np.concatenate([held, block], axis=-1)
        # What _Join gives for tile i: from half a fade before its core (or the track's start)
        # to half a fade before the next one's.
        start = max(0, grid.output_start(index))
        end = grid.output_start(index + 1)
        n_samples = min(end, n_read) - start if ended else end - start
        if n_samples <= 0:
            return
        missing = grid.n_input - held.shape[-1]
        tile = np.pad(held, ((0, 0), (0, missing))) if missing > 0 else held[:, : grid.n_input]
        offset = start - grid.input_start(index)
        yield tile, tile[:, offset : offset + end - start], n_samples
        held = held[:, grid.step :].copy()
        index += 1


class _Clock:
    """Turns samples done into one monotone fraction and an estimate of what is left."""

    def __init__(
        self, n_total: int, sample_rate: int, progress: Callable[[Progress], None] | None
    ) -> None:
        self.n_done = 0
        self._n_total = n_total
        self._rate = sample_rate
        self._progress = progress
        self._started = time.monotonic()
        self._fraction = 0.0

    def advance(self, n_samples: int, n_total: int) -> None:
        self.n_done += n_samples
        self._n_total = max(n_total, self.n_done, 1)  # estimates grow while a file is decoded
        self._report(min(0.999, self.n_done / self._n_total))

    def end(self) -> None:
        self._n_total = max(1, self.n_done)
        self._report(1.0)

    def _report(self, fraction: float) -> None:
        if self._progress is None:
            return
        self._fraction = max(self._fraction, fraction)
        elapsed_s = max(1e-6, time.monotonic() - self._started)
        n_left = self._n_total - self.n_done
        self._progress(
            Progress(
                fraction=self._fraction,
                done_s=self.n_done / self._rate,
                total_s=self._n_total / self._rate,
                eta_s=elapsed_s * n_left / self.n_done if self.n_done else None,
                times_real_time=self.n_done / self._rate / elapsed_s,
            )
        )


@dataclass(frozen=True, slots=True)
class Stems:
    """The four stems of a song, in memory.

    Attributes:
        samples: float32, (4, 2, n_samples), in the order of STEMS, full scale 1.0.
        sample_rate: Hz.
        report: how it went.
    """

    samples: Samples
    sample_rate: int
    report: Report = field(repr=False)

    def __getitem__(self, stem: str) -> Samples:
        """One stem, (2, n_samples)."""
        if stem not in STEMS:
            raise KeyError(f"{stem}: not a stem; they are {', '.join(STEMS)}")
        samples: Samples = self.samples[STEMS.index(stem)]
        return samples

    @property
    def mixture(self) -> Samples:
        """The sum of the stems, which is the song, (2, n_samples)."""
        total: Samples = self.samples.sum(axis=0)
        return total


def separate_in_memory(
    audio: str | Path | Samples,
    separator: Separator,
    sample_rate: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Stems:
    """A file or an array to stems in memory; see `Separator.separate`."""
    from unbraid.audio.track import MemoryTrack, Track

    rate = separator.spec.sample_rate
    track: Track | MemoryTrack
    if isinstance(audio, str | Path):
        track = Track(audio, sample_rate=rate)
    else:
        track = Track.from_array(audio, sample_rate or rate, model_rate=rate)
    pieces: list[Samples] = []
    with track:
        report = separate(track, separator, pieces.append, progress=progress)
    empty = np.zeros((len(STEMS), 2, 0), np.float32)
    return Stems(np.concatenate([empty, *pieces], axis=-1), rate, report)
