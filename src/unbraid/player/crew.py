"""The threads behind the player: one that decodes, some that separate."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from unbraid.errors import Cancelled, ModelError, OutputError, UnbraidError
from unbraid.player.pace import Pace
from unbraid.player.snapshot import NoticeKind
from unbraid.player.song import (
    MOST_FAILURES,
    SAMPLE_RATE,
    DecodedSong,
    Lane,
    Samples,
    Song,
    StemModel,
)
from unbraid.separation.pieces import separate_pieces
from unbraid.separation.planner import Demand, plan
from unbraid.separation.store import PLAIN, Store
from unbraid.stems import STEMS

NEAR_S = 8.0
"""So much ahead of the playhead is separated before what is wanted less."""

SWITCH_S = 2.0
"""So much of a model that is asked for, and of the one that plays, comes first of all."""

USEFUL = 0.5
"""A tile of which less would be left to hear than this share of the time that it takes is left for
later; of a model faster than the music less still, for then the next is in time as well."""

TRIM_TILES = 64
"""After so many tiles (0.3 GB) the store is held to its limit."""

NICENESS = 10
"""Of the threads that decode and separate, on Linux: what the device waits for goes first."""

_REST_S = 0.015  # between pieces decoded ahead while the playhead waits for its stems

Job = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Focus:
    """What matters now; the player makes one whenever the crew asks.

    Attributes:
        song: that plays, or is about to.
        position: of the playhead, or where a seek under way goes.
        loop: as in the transport.
        tempo: at which the playhead moves, 0 while it rests.
        models: the first is wanted most urgently, the last plays; none for the mixture alone.
        hint: where a seek is likely to go.
        following: the song after this one, once it is open.
    """

    song: Song | None = None
    position: int = 0
    loop: tuple[int, int] | None = None
    tempo: float = 0.0
    models: tuple[StemModel, ...] = ()
    hint: int | None = None
    following: Song | None = None


class Place(NamedTuple):
    """A song's stems by a model."""

    song: Song
    lane: Lane


class Crew:
    """Decodes and separates what the focus asks for, the most urgent first.

    Args:
        focus: called by these threads whenever they look for work.
        store: where stems are kept.
        tell: takes notices: a line, and whether it is an error or a warning.
        n_threads: tiles at once.
        is_driven: start no threads; `work` does one job.
    """

    def __init__(
        self,
        focus: Callable[[], Focus],
        store: Store,
        tell: Callable[[str, NoticeKind], None],
        n_threads: int,
        *,
        is_driven: bool = False,
    ) -> None:
        self.pace = Pace()
        self._focus, self._store, self._tell = focus, store, tell
        self._errands: list[Job] = []
        self._taken: set[tuple[Place, int]] = set()
        self._whole: dict[Place, threading.Event] = {}  # under way, with what cancels it
        self._changed = threading.Condition()
        self._n_changes = 0
        self.clock = time.monotonic
        self._closed = False
        self._threads: list[threading.Thread] = []
        if not is_driven:
            self._start("reader", self.next_reading)
            for i in range(n_threads):
                self._start(f"separate {i}", self.next_separation)

    def read(self, job: Job) -> None:
        """Have the reader's thread do something first: open or close a song."""
        with self._changed:
            self._errands.append(job)
        self.wake()

    def wake(self) -> None:
        """There may be work: the focus changed, or a piece or tile is done."""
        with self._changed:
            self._n_changes += 1
            self._changed.notify_all()

    def close(self) -> None:
        """End the threads, within a tile; errands that are left are done."""
        with self._changed:
            self._closed = True
            for cancel in self._whole.values():
                cancel.set()
        self.wake()
        for thread in self._threads:
            thread.join()
        for job in self._errands:
            job()

    def work(self) -> bool:
        """One job, if there is any."""
        job = self.next_reading() or self.next_separation()
        if job is not None:
            job()
        return job is not None

    def _start(self, name: str, find: Callable[[], Job | None]) -> None:
        thread = threading.Thread(target=self._serve, args=(find,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, find: Callable[[], Job | None]) -> None:
        _stand_back()
        while not self._closed:
            n_seen = self._n_changes
            try:
                job = find()
                if job is not None:
                    job()
            except Exception as error:  # a thread's traceback would reach nobody
                self._tell(f"the player stumbled ({type(error).__name__}: {error})", "error")
                time.sleep(0.1)
                continue
            with self._changed:
                while job is None and n_seen == self._n_changes and not self._closed:
                    self._changed.wait()

    # The reader's thread

    def next_reading(self) -> Job | None:
        """What the reader does next."""
        with self._changed:
            if self._errands:
                return self._errands.pop(0)
        focus = self._focus()
        for song in (focus.song, focus.following):
            if song is not None and not song.is_decoded:
                piece, is_urgent = self._next_piece(song, focus)
                if piece is not None:
                    return lambda: self._decode(song, piece, is_urgent=is_urgent)
        return None

    def _next_piece(self, song: Song, focus: Focus) -> tuple[int | None, bool]:
        """What the playhead needs, what the next tiles need, then all in playing order."""
        position = focus.position if song is focus.song else 0
        loop = focus.loop if song is focus.song else None

        def next_of(demands: list[Demand[str]]) -> int | None:
            task = next(plan(demands, lambda task: bool(song.decoded[task.tile])), None)
            if task is None or song.jumps:
                return task.tile if task else None
            # Straight on, or the file would be decoded from its start again.
            return song.decoded.find(0)

        def demand(start: int, horizon: int | None = None) -> Demand[str]:
            return Demand("mixture", PLAIN, song.n_samples, start, loop, horizon)

        urgent = [demand(position, SAMPLE_RATE)]
        is_waiting = False
        for place, tile in self._tasks(focus, within_s=SWITCH_S):
            if place.song is song and not place.lane.model.is_whole:
                start = place.lane.grid.input_start(tile)
                n_left = max(0, start) - start
                urgent.append(
                    Demand(
                        "mixture",
                        PLAIN,
                        song.n_samples,
                        max(0, start),
                        None,
                        place.lane.grid.n_input - n_left,
                    )
                )
                is_waiting = True
        piece = next_of(urgent)
        if piece is not None:
            return piece, True
        return next_of([demand(position)]), not is_waiting

    def _decode(self, song: Song, piece: int, *, is_urgent: bool) -> None:
        try:
            song.decode(piece)
        except UnbraidError as error:
            self._tell(str(error), "error")
            song.give_up()
        if song.is_decoded:
            for warning in song.warnings:
                self._tell(warning, "warning")
        self.wake()
        if not is_urgent:
            time.sleep(_REST_S)

    # The separator's threads

    def next_separation(self) -> Job | None:
        """What a separator's thread does next. It is taken then: it must be called."""
        focus = self._focus()
        with self._changed:
            for model in focus.models:
                if not model.is_warm:
                    model.is_warm = True
                    return lambda: self._load(model, warm_up=focus.song is None)
            for place, cancel in self._whole.items():
                if place.lane.model not in focus.models or place.song is not focus.song:
                    cancel.set()
            for place, tile in self._tasks(focus):
                if place.lane.model.is_whole and not place.lane.stems.has(tile):
                    if place.song.is_decoded and not self._whole:
                        cancel = self._whole[place] = threading.Event()
                        return lambda: self._separate_whole(place, cancel)
                elif (place, tile) not in self._taken and _is_readable(place, tile):
                    self._taken.add((place, tile))
                    now_s = self.clock()
                    return lambda: self._separate(place, tile, now_s)
        return None

    def _tasks(self, focus: Focus, within_s: float | None = None) -> Iterator[tuple[Place, int]]:
        """Tiles to be separated, the most urgent first."""
        demands: list[Demand[Place]] = []

        def ask(
            song: Song | None, model: StemModel, position: int, horizon_s: float | None
        ) -> None:
            if song is None:
                return
            lane = self.lane(song, model)
            if lane is None or lane.failed:
                return
            n_ahead = None if horizon_s is None else round(horizon_s * SAMPLE_RATE)
            loop, lead = None, 0
            if song is focus.song:
                loop = focus.loop
                if position == focus.position:
                    lead = _lead(focus, lane)
            place = Place(song, lane)
            demands.append(Demand(place, lane.grid, song.n_samples, position, loop, n_ahead, lead))

        models = focus.models
        for model in models:
            ask(focus.song, model, focus.position, SWITCH_S)
        if within_s is None and models:
            if focus.hint is not None:
                ask(focus.song, models[0], focus.hint, SWITCH_S)
            for model in reversed(models):
                ask(focus.song, model, focus.position, NEAR_S)
            ask(focus.song, models[0], focus.position, None)
            ask(focus.following, models[0], 0, None)
        return plan(demands, lambda task: bool(task.key.lane.ready[task.tile]))

    def lane(self, song: Song, model: StemModel) -> Lane | None:
        """A song's stems by a model; None if the store cannot be written to, which is told."""
        if model.key in song.lost:
            return None
        try:
            return song.lane(model)
        except OutputError as error:
            song.lost.add(model.key)
            self._tell(str(error), "error")
            return None

    def _load(self, model: StemModel, *, warm_up: bool) -> None:
        with suppress(UnbraidError):  # told when a tile fails, with the song's name
            model.load(warm_up=warm_up)
        self.wake()

    def _separate(self, place: Place, tile: int, taken_at_s: float) -> None:
        song, lane = place
        grid = lane.grid
        try:
            if not lane.stems.has(tile):
                with self.pace.working(grid.step / SAMPLE_RATE):
                    stems = lane.model.separate_tile(
                        song.read(grid.input_start(tile), grid.n_input)
                    )
                self._keep(lane, tile, stems)
                lane.model.note_pace(self.clock() - taken_at_s)
            lane.take(tile, song.read(tile * grid.step, grid.step))
        except UnbraidError as error:
            self._fail(lane, str(error), is_final=isinstance(error, (ModelError, OutputError)))
        except Exception as error:  # ONNX Runtime raises many kinds
            self._fail(
                lane, f"{lane.model.name}: fails ({error}); choose another model", is_final=False
            )
        finally:
            with self._changed:
                self._taken.discard((place, tile))
            self.wake()

    def _keep(self, lane: Lane, tile: int, stems: Samples) -> None:
        if self.pace.n_tiles % TRIM_TILES == 0:
            self._store.trim()
        try:
            lane.stems.put(tile, stems)
        except OutputError:
            self._store.trim(0)  # all that is not in use
            lane.stems.put(tile, stems)

    def _separate_whole(self, place: Place, cancel: threading.Event) -> None:
        """By a peer that wants the whole song."""
        song, lane = place
        held: list[Samples] = []
        n_put = 0

        def sink(stems: Samples) -> None:
            nonlocal n_put
            held.append(stems)
            joined = np.concatenate(held, axis=-1)
            held.clear()
            n_whole = joined.shape[-1] // PLAIN.step
            for at in range(n_whole):
                self._keep(lane, n_put, joined[..., at * PLAIN.step : (at + 1) * PLAIN.step])
                n_put += 1
            held.append(joined[..., n_whole * PLAIN.step :])

        try:
            with self.pace.working(song.n_samples / SAMPLE_RATE):
                separate_pieces(DecodedSong(song), lane.model.model, sink, cancel=cancel)
                n_left = sum(part.shape[-1] for part in held)
                if n_left:
                    sink(np.zeros((len(STEMS), 2, PLAIN.step - n_left), np.float32))
        except Cancelled:
            pass
        except UnbraidError as error:
            self._fail(lane, str(error), is_final=True)
        finally:
            with self._changed:
                self._whole.pop(place, None)
            self.wake()

    def _fail(self, lane: Lane, reason: str, *, is_final: bool) -> None:
        lane.n_failures = MOST_FAILURES if is_final else lane.n_failures + 1
        if lane.failed:
            self._tell(f"{reason}; the mixture plays", "error")


def _lead(focus: Focus, lane: Lane) -> int:
    """Samples that the playhead goes on while a tile is separated, and some: see `USEFUL`."""
    tile_s = focus.tempo * lane.model.tile_s
    slowness = min(1.0, tile_s * SAMPLE_RATE / lane.grid.step)
    return round(tile_s * (1 + USEFUL * slowness) * SAMPLE_RATE)


def _is_readable(place: Place, tile: int) -> bool:
    """Whether all that a tile reads is decoded."""
    song, grid = place.song, place.lane.grid
    end = grid.input_start(tile) + grid.n_input
    if end > song.n_samples and not song.is_length_exact:
        return False  # there may be more than the file's header says
    return song.decoded_until(max(0, grid.input_start(tile))) >= min(end, song.n_samples)


def _stand_back() -> None:
    """Let the sound's threads go first. Only Linux gives each thread a niceness of its own."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
