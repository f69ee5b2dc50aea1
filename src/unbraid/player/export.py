"""Stems, the mix that is heard, or a loop of both, to files while the song plays."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import gcd
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.track import Track
from unbraid.audio.writer import OutputFormat, StemWriter
from unbraid.errors import Cancelled, UnbraidError, UsageError
from unbraid.library.naming import DEFAULT_TEMPLATE
from unbraid.library.song import AtSourceRate, SongOptions, format_for, song_targets
from unbraid.player.mixer import Mixer, Strip
from unbraid.player.stretch import Stretch
from unbraid.separation.outputs import Output, mixed, stem_outputs
from unbraid.separation.tiles import TileGrid
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

MIX = "mix"
"""What the mix is called where stems have their names."""

_BLOCK = 4_096
_SPARE = 16_384  # samples of the bus that a stretch may read ahead
_MARGIN = 8_192  # samples around a loop that keep the resampler's edges out of it


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What the listener wants to have.

    Attributes:
        folder: made if it does not exist.
        stems: each becomes a file, at the song's own tempo and key.
        mix: one more file, of what is heard: faders, mutes, solos, pans, volume, limiter.
        loop_only: of the loop, not of the song; files are called "vocals loop" then.
        stretched: the mix at the tempo and key that are heard, not at the song's.
        template: as `unbraid separate --name`.
        format: wav, flac, mp3, m4a or opus.
        depth: 16, 24 or 32f; None for the source's, 16 for lossy ones.
        rate: the source's sample rate or the model's.
        force: replace files that exist.
    """

    folder: Path
    stems: tuple[str, ...] = STEMS
    mix: bool = False
    loop_only: bool = False
    stretched: bool = False
    template: str = DEFAULT_TEMPLATE
    format: str = "wav"
    depth: str | None = None
    rate: Literal["source", "model"] = "source"
    force: bool = False


class TileStems(Protocol):
    """A song's stems as the store keeps them; `unbraid.separation.store.SongStems`."""

    def has(self, tile: int, /) -> bool: ...
    def put(self, tile: int, stems: Samples, /) -> None: ...
    def read(self, start: int, mixture: Samples, /) -> Samples: ...


class TileSeparator(Protocol):
    """What takes a song apart by tiles; `unbraid.separation.separator.Separator`, for one."""

    @property
    def name(self) -> str: ...
    @property
    def grid(self) -> TileGrid: ...
    def separate_tile(self, mixture: Samples, /) -> Samples: ...


@dataclass(frozen=True, slots=True)
class ExportSong:
    """The song that plays, and how.

    Attributes:
        path: its file.
        separator: what takes it apart.
        stems: tiles that are separated already; gets those that are not.
        strips: the mixer's, by stem.
        loop: its first sample and the first behind it, at the separator's rate.
    """

    path: Path
    separator: TileSeparator
    stems: TileStems
    strips: tuple[Strip, ...] = tuple(Strip() for _ in STEMS)
    volume_db: float = 0.0
    limiter: bool = False
    tempo: float = 1.0
    key: int = 0
    loop: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written.

    Attributes:
        paths: by stem or "mix".
        gain_db: the one gain that all stems share, 0 unless they would clip.
        mix_gain_db: the mix's own.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    gain_db: float = 0.0
    mix_gain_db: float = 0.0


class ExportJob:
    """An export on a thread of its own.

    Args:
        song: what plays, as it was when the listener asked.
        request: what to write.
    """

    def __init__(self, song: ExportSong, request: ExportRequest) -> None:
        self.song, self.request = song, request
        self.fraction = 0.0
        """0 to 1, never falling."""
        self.result: ExportResult | None = None
        self.error: UnbraidError | None = None
        """Why there is no result; `Cancelled` if it was not wanted any more."""
        self._cancel = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="export", daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether there is a result or an error."""
        return self._done.is_set()

    def cancel(self) -> None:
        """Stop within a tile; nothing is left behind."""
        self._cancel.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; whether it came."""
        return self._done.wait(timeout_s)

    def _run(self) -> None:
        try:
            self.result = export(
                self.song, self.request, progress=self._advance, cancel=self._cancel
            )
        except UnbraidError as error:
            self.error = error
        except Exception as error:  # a thread's traceback would reach nobody
            self.error = UnbraidError(f"{self.song.path}: cannot be exported ({error})")
        finally:
            self._done.set()

    def _advance(self, fraction: float) -> None:
        self.fraction = max(self.fraction, fraction)


def export(
    song: ExportSong,
    request: ExportRequest,
    *,
    progress: Callable[[float], None] = lambda fraction: None,
    cancel: threading.Event | None = None,
) -> ExportResult:
    """Write what was asked for; stems have the numbers that `unbraid separate` gives.

    Args:
        song: what plays.
        request: what to write.
        progress: called with the fraction that is done, after each tile.
        cancel: set it to stop.

    Raises:
        AudioError: the song cannot be read any more.
        OutputError: a file exists already or cannot be written.
        UsageError: nothing was asked for, or a loop where there is none.
        Cancelled: `cancel` was set; nothing is left behind.
    """
    if request.loop_only and song.loop is None:
        raise UsageError("there is no loop to export; set one, or export the whole song")
    if not (request.stems or request.mix):
        raise UsageError("nothing to export; choose a stem or the mix")
    model_rate = song.separator.grid.spec.sample_rate
    with ExitStack() as stack:
        track = stack.enter_context(Track(song.path, sample_rate=model_rate))
        rate = track.source.sample_rate if request.rate == "source" else model_rate
        files = _Files(song, request, track, rate, stack)
        start, stop = song.loop if request.loop_only and song.loop is not None else (0, None)
        for stems in _at_rate(track, song, start, stop, rate, stack, progress, cancel):
            files.write(stems)
        result = files.commit()
    progress(1.0)
    return result


class _Files:
    """The stems' files and the mix's: their lengths may differ, and their gains."""

    def __init__(
        self, song: ExportSong, request: ExportRequest, track: Track, rate: int, stack: ExitStack
    ) -> None:
        chosen = format_for(track, request.format, request.depth)
        suffix = " loop" if request.loop_only else ""
        self._outputs = stem_outputs(",".join(request.stems)) if request.stems else []

        def writer(names: list[str]) -> StemWriter:
            called = [Output(name + suffix, ()) for name in names]
            options = SongOptions(
                called, request.folder, request.template, request.format, request.depth
            )
            targets = song_targets(track.path.stem, track.tags, song.separator.name, options)
            return stack.enter_context(
                _writer(
                    dict(zip(names, targets.values(), strict=True)),
                    chosen,
                    rate,
                    track,
                    force=request.force,
                )
            )

        self._stems = writer([output.name for output in self._outputs]) if self._outputs else None
        self._mix = writer([MIX]) if request.mix else None
        self._heard = _Heard(song, rate, stretched=request.stretched)

    def write(self, stems: Samples) -> None:
        """Take the next (4, 2, n) samples."""
        if self._stems is not None:
            self._stems.write(mixed(stems, self._outputs))
        if self._mix is not None:
            for block in self._heard.add(stems):
                self._mix.write(block[None])

    def commit(self) -> ExportResult:
        if self._mix is not None:
            for block in self._heard.end():
                self._mix.write(block[None])
        paths, gains_db = {}, []
        for writer in (self._stems, self._mix):
            written = writer.commit() if writer is not None else None
            paths.update(written.paths if written else {})
            gains_db.append(written.gain_db if written else 0.0)
        return ExportResult(paths, *gains_db)


def _writer(
    targets: dict[str, Path], chosen: OutputFormat, rate: int, track: Track, *, force: bool
) -> StemWriter:
    return StemWriter(
        targets,
        output_format=chosen,
        sample_rate=rate,
        target_rate=rate,
        tags=track.tags,
        cover=track.cover,
        force=force,
    )


class _Heard:
    """The mix as it is heard, without the mixer's and the stretch's delays."""

    def __init__(self, song: ExportSong, rate: int, *, stretched: bool) -> None:
        self._mixer = Mixer(rate, _BLOCK)
        for stem, strip in zip(STEMS, song.strips, strict=True):
            self._mixer.set_gain_db(stem, strip.gain_db)
            self._mixer.set_pan(stem, strip.pan)
            self._mixer.set_mute(stem, strip.mute)
            self._mixer.set_solo(stem, strip.solo)
        self._mixer.set_volume_db(song.volume_db)
        self._mixer.set_limiter(song.limiter)
        self._mixer.settle()
        self._stretch = Stretch(rate)
        self._tempo, self._key = (song.tempo, song.key) if stretched else (1.0, 0)
        self._bus = np.zeros((2, 0), np.float32)
        self._n_mixed = 0
        self._n_out = -self._mixer.latency

    def add(self, stems: Samples) -> Iterator[Samples]:
        """What is heard of the next (4, 2, n) samples, so far."""
        blocks = [self._bus]
        for at in range(0, stems.shape[-1], _BLOCK):
            block = stems[..., at : at + _BLOCK]
            out = np.empty((2, block.shape[-1]), np.float32)
            self._mixer.mix(block, out)
            blocks.append(out)
        self._bus = np.concatenate(blocks, axis=1)
        self._n_mixed += stems.shape[-1]
        while self._bus.shape[1] > _SPARE:
            yield self._pulled(1_024)

    def end(self) -> Iterator[Samples]:
        """The rest."""
        n_left = round(self._n_mixed / self._tempo) - self._n_out
        for at in range(0, n_left, 1_024):
            yield self._pulled(min(1_024, n_left - at))

    def _pulled(self, n_samples: int) -> Samples:
        out = self._stretch.pull(n_samples, self._next, tempo=self._tempo, key=self._key)
        self._mixer.finish(out)
        n_early = min(n_samples, max(0, -self._n_out))
        self._n_out += n_samples
        return out[:, n_early:]

    def _next(self, n_samples: int) -> Samples:
        block = self._bus[:, :n_samples]
        self._bus = self._bus[:, n_samples:]
        return np.pad(block, ((0, 0), (0, n_samples - block.shape[1])))


def _at_rate(
    track: Track,
    song: ExportSong,
    start: int,
    stop: int | None,
    rate: int,
    stack: ExitStack,
    progress: Callable[[float], None],
    cancel: threading.Event | None,
) -> Iterator[Samples]:
    """Stems (4, 2, n) of samples [start, stop) of the track, at another rate."""
    model_rate = track.sample_rate
    if rate == model_rate:
        yield from _stems(track, song, start, stop, progress, cancel)
        return
    # Where both rates have a sample, early enough for the resampler's filter to be full.
    shared = gcd(rate, model_rate)
    n_steps = max(0, start - _MARGIN) // (model_rate // shared)
    early, early_at_rate = n_steps * (model_rate // shared), n_steps * (rate // shared)
    n_skipped = round(start * rate / model_rate) - early_at_rate
    n_wanted = None if stop is None else round(stop * rate / model_rate) - early_at_rate
    original = stack.enter_context(Track(song.path, sample_rate=rate))
    ready: list[Samples] = []
    at_rate = AtSourceRate(original, model_rate, ready.append, start=early_at_rate)
    n_given = 0

    def given() -> Iterator[Samples]:
        nonlocal n_given
        for block in ready:
            first, last = n_given, n_given + block.shape[-1]
            n_given = last
            end = last if n_wanted is None else min(last, n_wanted)
            if max(first, n_skipped) < end:
                yield block[..., max(0, n_skipped - first) : end - first]
        ready.clear()

    late = None if stop is None else stop + _MARGIN
    for stems in _stems(track, song, early, late, progress, cancel):
        at_rate.add(stems)
        yield from given()
    if late is None or late > track.n_samples:
        at_rate.end()
        yield from given()


def _stems(
    track: Track,
    song: ExportSong,
    start: int,
    stop: int | None,
    progress: Callable[[float], None],
    cancel: threading.Event | None,
) -> Iterator[Samples]:
    """Stems (4, 2, n) of samples [start, stop), tile by tile; those that are stored are read."""
    grid = song.separator.grid
    at = start
    while stop is None or at < stop:
        if cancel is not None and cancel.is_set():
            raise Cancelled("cancelled")
        # What no later tile than this one touches.
        tile = (at + grid.fade // 2) // grid.step
        end = grid.output_start(tile + 1)
        mixture = next(track.blocks(end - at if stop is None else min(end, stop) - at, at), None)
        if mixture is None:
            return
        for index in range(max(0, tile - 1), tile + 1):
            if not song.stems.has(index):
                read = track.read(grid.input_start(index), grid.n_input)
                song.stems.put(index, song.separator.separate_tile(read))
        yield song.stems.read(at, mixture)
        at += mixture.shape[-1]
        n_total = (track.n_samples if stop is None else min(stop, track.n_samples)) - start
        progress(min(0.999, (at - start) / max(1, n_total)))
