"""The player: reader, separator's threads, mixer, ring and device put together.

Who owns what, and how the others hear of it:

- any caller: nothing. Commands go on a queue; `snapshot` only reads.
- "player": transport, mixer's state, stretch, timeline, the ring's writing end. It replaces
  attributes, which others read. It waits for nobody and touches no file but through memory maps.
- "reader": the songs' files. It opens and decodes, and writes the decoded mixture to the store.
- "separate 0", "separate 1": the tile each is at. They write stems to the store.
- "device": the output. It opens and tends it, and finds another when it is lost.
- the device's own: the ring's reading end. It copies, and neither waits nor locks.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import UsageError
from unbraid.models.catalog import DEFAULT_MODEL, catalog
from unbraid.player.blind import Blind, Trial
from unbraid.player.deck import Deck
from unbraid.player.export import ExportJob, ExportRequest, ExportSong
from unbraid.player.feed import Feed
from unbraid.player.glance import ORIGINAL, take_snapshot
from unbraid.player.keeper import Keeper
from unbraid.player.mixer import Mixer
from unbraid.player.output import Device, Output
from unbraid.player.overview import Overview
from unbraid.player.playlist import Playlist
from unbraid.player.snapshot import Notice, NoticeKind, Snapshot
from unbraid.player.song import SAMPLE_RATE, Song, StemModel
from unbraid.player.spectrogram import spectrogram
from unbraid.player.transport import Transport
from unbraid.separation.separator import DEFAULT_THREADS, n_cores
from unbraid.separation.store import Store, default_folder
from unbraid.stems import STEMS

__all__ = ["ORIGINAL", "Notice", "Player", "Snapshot"]

STORE_LIMIT = 8 * 2**30
"""Bytes that stems may take on the disk: some 90 minutes of songs."""

TURN_S = 0.004
"""Between looks at the ring."""

TICK_S = 0.2
"""Between looks at what is to be opened ahead."""

_N_NOTICES = 20

Command = Callable[[], None]


class Player:
    """Plays songs on four faders while they are still being taken apart.

    Every command returns at once and may be given from any thread. What is wrong with its
    arguments is raised at once; what fails later becomes a `Notice` in the snapshot. A context
    manager; `close` it, or threads stay.

    Args:
        model: a set's or a peer's name, or a path; None for the default.
        output: where to play; None for the system's sound. Not opened before the first `play`.
        device: part of the device's name; None for the system's choice.
        store: folder of the stems that were separated; None for the user's cache folder.
        store_limit: bytes it may take; the songs unused for longest are removed.
        n_threads: tiles separated at once; None for one a core, at most two.
        playlist: the songs; None for an empty list.
        is_driven: start no threads: `step` and `work` do what they would, in order. For tests.

    Raises:
        ModelError: there is no such model.

    Example:
        >>> with Player() as player:  # doctest: +SKIP
        ...     player.playlist.add(["song.mp3"])
        ...     player.open(0)
        ...     player.mixer.set_mute("vocals", True)
    """

    playlist: Playlist
    mixer: Mixer
    """The real one; its controls may be set by any thread. Meters: `Meter(player.mixer)`."""
    blind: Blind | None
    """The blind test under way, or the last one until `stop_blind`."""

    def __init__(
        self,
        *,
        model: str | None = None,
        output: Output | None = None,
        device: str | None = None,
        store: Path | None = None,
        store_limit: int = STORE_LIMIT,
        n_threads: int | None = None,
        playlist: Playlist | None = None,
        is_driven: bool = False,
    ) -> None:
        self.playlist = playlist or Playlist()
        self.mixer = Mixer(SAMPLE_RATE)
        self.blind = None
        self._commands: deque[Command] = deque()
        self._notices: tuple[Notice, ...] = ()
        self._n_notices = 0
        self._lock = threading.Lock()
        self._models: dict[str, StemModel] = {}
        self._store = Store(store or default_folder(), store_limit)
        self._feed = Feed(SAMPLE_RATE, is_timed=not is_driven)
        self._ticked_at_s = 0.0
        self._goes_on = False  # once a device is found
        self._is_driven = is_driven
        self._deck = Deck(
            self.playlist,
            self.mixer,
            self._store,
            self._model(model or DEFAULT_MODEL),
            self._tell,
            self._commands.append,
            n_threads or min(DEFAULT_THREADS, n_cores()),
            is_driven=is_driven,
        )
        self._playback = self._deck.playback
        self._keeper = Keeper(
            output,
            device,
            SAMPLE_RATE,
            self._feed.give,
            on_lost=lambda: self._do(self._lost),
            on_found=lambda: self._do(self._found),
            tell=self._tell,
            is_driven=is_driven,
        )
        self._closed = False
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        if not is_driven:
            self._thread.start()

    # Songs

    def open(
        self,
        index: int,
        *,
        start_s: float = 0.0,
        loop_s: tuple[float, float] | None = None,
        play: bool = True,
    ) -> None:
        """Open a song of the playlist; the one before sounds until it is ready.

        A file that cannot be read becomes an error notice and its item's `problem`; nothing else
        plays then, unless it was reached by the end of the song before: then it is left out.

        Args:
            index: in the playlist.
            start_s: where to begin.
            loop_s: seconds that are repeated; a notice tells if the song has no such part.
            play: or only be ready to.

        Raises:
            UsageError: there is no such item.
        """
        items = self.playlist.items
        if not 0 <= index < len(items):
            raise UsageError(f"the list has {len(items)} songs, none with the index {index}")
        if play:
            self._keeper.want()
        self._do(lambda: self._deck.open(items[index], start_s, loop_s, play=play))

    def next(self) -> None:
        """The next song of the list that can be read; at the end of the list it stops."""

        def go() -> None:
            if not self._deck.go_to_next(play=self._playback.is_going):
                self._playback.stop()

        self._do(go)

    def previous(self) -> None:
        """Back to the start, or within its first three seconds to the song before."""
        self._do(self._deck.go_to_previous)

    # Transport

    def play(self) -> None:
        """Go on; opens the playlist's current song if none is open."""
        song, item = self._playback.song, self.playlist.current
        if song is None and not self._deck.is_opening:
            if item is None:
                raise UsageError("no song is open; add one to the list")
            self.open(self.playlist.index)
            return
        self._keeper.want()
        self._do(self._playback.play)

    def pause(self) -> None:
        self._do(self._playback.pause)

    def toggle(self) -> None:
        """Play or pause."""
        if self._playback.is_going:
            self.pause()
        else:
            self.play()

    def stop(self) -> None:
        """Rest at the start."""
        self._do(self._playback.stop)

    def seek(self, sample: int) -> None:
        """Go on from a sample; one outside the song means its nearer end."""

        def seek() -> None:
            self._deck.hint = None
            self._playback.seek(sample)
            self._deck.crew.wake()

        self._do(seek)

    def seek_by(self, seconds: float) -> None:
        """Go back or on from what is heard, or from where a seek under way goes."""
        n_samples = round(seconds * SAMPLE_RATE)

        def seek() -> None:
            playback = self._playback
            at = playback.heard if playback.seeking is None else playback.seeking
            playback.seek(at + n_samples)
            self._deck.crew.wake()

        self._do(seek)

    def prepare(self, sample: int) -> None:
        """Separate there soon: the mouse is down, a seek is likely to follow."""
        self._deck.hint = sample
        self._deck.crew.wake()

    def set_loop(self, start: int, end: int) -> None:
        """Repeat samples [start, end).

        Raises:
            UsageError: no song is open, or the loop is shorter than 20 ms.
        """
        song = self._song()
        Transport(song.n_samples, SAMPLE_RATE).set_loop(start, end)  # refuses what is too short
        self._do(lambda: self._change_loop(song, (start, end)))

    def clear_loop(self) -> None:
        song = self._playback.song
        if song is not None:
            self._do(lambda: self._change_loop(song, None))

    def set_tempo(self, tempo: float) -> None:
        """0.5 to 1.5 times the song's.

        Raises:
            UsageError: it is outside.
        """
        Transport().set_tempo(tempo)
        self._do(lambda: self._playback.transport.set_tempo(tempo))

    def set_key(self, semitones: int) -> None:
        """-12 to 12 semitones.

        Raises:
            UsageError: it is outside.
        """
        Transport().set_key(semitones)
        self._do(lambda: self._playback.transport.set_key(semitones))

    # Models

    def models(self) -> list[str]:
        """Model sets that are installed, the default first, and ORIGINAL; peers by path are not
        known before they are asked for."""
        names = [entry.name for entry in catalog()]
        names.sort(key=lambda name: name != DEFAULT_MODEL)
        known = [model.name for model in self._models.values() if model.name not in names]
        return [*names, *known, ORIGINAL]

    def set_model(self, name: str) -> None:
        """Fade to another model as soon as the playhead's stems are there, at the same sample.

        Args:
            name: a set's or peer's name, a path, or ORIGINAL; in a blind test one of its letters.

        Raises:
            ModelError: there is no such model.
            UsageError: there is no such letter.
        """
        blind = self.blind
        if blind is not None and not blind.is_revealed:
            name = blind.hidden(name)
        model = None if name == ORIGINAL else self._model(name)
        self._do(lambda: self._deck.use(model))

    def start_blind(self, names: Sequence[str]) -> Blind:
        """Hide the names of models until `reveal`; the first letter is heard.

        Their levels are matched stem by stem, and all are kept separated ahead of the playhead.

        Raises:
            ModelError: there is no such model.
            UsageError: too few or too many names.
        """
        models = [None if name == ORIGINAL else self._model(name) for name in names]
        log = self._store.folder / "blind-tests.jsonl"
        blind = Blind([model.name if model else ORIGINAL for model in models], log=log)
        candidates = tuple(model for model in models if model is not None)
        self.blind = blind
        self._do(lambda: self._deck.compare(candidates))
        self.set_model(blind.letters[0])
        return blind

    def choose(self, letter: str) -> Trial:
        """Log the preferred letter with song and position; the next trial begins, dealt anew.

        Raises:
            UsageError: no test is under way, or it has no such letter.
        """
        blind, song = self.blind, self._playback.song
        if blind is None:
            raise UsageError("no blind test is under way; start one")
        trial = blind.choose(
            letter, song=song.path.name if song else "", position=self._playback.heard
        )
        self.set_model(blind.letters[0])
        return trial

    def stop_blind(self) -> None:
        """End the test, revealed or not, and play on with what is heard."""
        self.blind = None
        self._do(lambda: self._deck.compare(()))

    # Devices

    def devices(self) -> list[Device]:
        """What can play; may take a while, so ask from no interface's thread."""
        return self._keeper.devices()

    def set_device(self, name: str | None) -> None:
        """Play elsewhere; part of a name is enough, None is the system's choice."""
        self._keeper.use(name)

    # What is shown, and files

    def snapshot(self) -> Snapshot:
        """The state now; cheap."""
        return take_snapshot(self._deck, self._keeper, self.blind, self._notices)

    def overview(self) -> Overview:
        """Peaks of the song that is open; an empty one if none is. Another object with each song
        and each model."""
        song, lane = self._playback.song, self._playback.voice.lane
        if song is None:
            return Overview()
        return song.overview if lane is None else lane.overview

    def spectrogram(
        self, stem: str, start: int, end: int, n_columns: int, n_rows: int = 128
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """A stem's level by time and frequency. Takes some 20 ms a thousand columns: call it from
        a thread of the interface's own.

        Args:
            stem: of STEMS, or "mixture".
            start: first sample.
            end: the first behind.
            n_columns: of the picture.
            n_rows: of the picture; spaced evenly in octaves from 40 Hz to 16 kHz.

        Returns:
            uint8, (n_rows, n_columns), the highest frequency first, 0 for -90 dB and less, 255 for
            0 dB; and bool, (n_columns,), whether the column is separated already.

        Raises:
            UsageError: there is no such stem.
        """
        if stem not in (*STEMS, "mixture"):
            raise UsageError(f"no stem {stem!r}; choose from {', '.join((*STEMS, 'mixture'))}")
        song, lane = self._playback.song, self._playback.voice.lane
        middles = start + (np.arange(n_columns) + 0.5) * (end - start) / n_columns
        if song is None or (lane is None and stem in STEMS):
            return np.zeros((n_rows, n_columns), np.uint8), np.zeros(n_columns, np.bool_)

        def read(at: int, n_samples: int) -> NDArray[np.float32]:
            mixture = song.read(at, n_samples)
            if lane is None or stem not in STEMS:
                return mixture
            part: NDArray[np.float32] = lane.stems.read(at, mixture)[STEMS.index(stem)]
            return part

        if lane is None or stem not in STEMS:
            there = np.array([song.decoded_until(int(at)) > at for at in middles])
        else:
            there = np.array([lane.ready_until(int(at), song.n_samples) > at for at in middles])
        return spectrogram(read, start, end, n_columns, n_rows, SAMPLE_RATE), there

    def export(self, request: ExportRequest) -> ExportJob:
        """Write stems, mix or loop as they are now, on a thread of its own.

        Raises:
            UsageError: no song is open, or the model is ORIGINAL.
        """
        song, lane = self._song(), self._playback.voice.lane
        if lane is None or self._playback.is_original:
            raise UsageError("the original has no stems to export; choose a model")
        transport = self._playback.transport
        heard = ExportSong(
            song.path,
            lane.model,
            lane.stems,
            tuple(self.mixer.strips),
            self.mixer.volume_db,
            self.mixer.limiter.on,
            transport.tempo,
            transport.key,
            transport.loop,
        )
        return ExportJob(heard, request)

    # Life

    def step(self) -> None:
        """One turn of the player's thread: commands, then samples for the ring. For tests."""
        while self._commands:
            self._commands.popleft()()
        now_s = time.monotonic()
        if self._is_driven:
            self._keeper.tend()
        if self._is_driven or now_s - self._ticked_at_s > TICK_S:
            self._ticked_at_s = now_s
            self._deck.tick()
        n_behind = self._feed.n_behind(self._keeper.latency_s)
        self._playback.fill(self._feed.ring, self._feed.n_target, n_behind)

    def work(self) -> bool:
        """One job of the reader's or the separator's threads, if there is any. For tests."""
        return self._deck.crew.work()

    def close(self) -> None:
        """End all threads and close the device; exports go on."""
        if self._closed:
            return
        self._closed = True
        self._woken.set()
        if not self._is_driven:
            self._thread.join()
        self._keeper.close()
        self._deck.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Within

    def _run(self) -> None:
        while not self._closed:
            try:
                self.step()
            except Exception as error:  # a thread's traceback would reach nobody
                self._tell(f"the player stumbled ({type(error).__name__}: {error})", "error")
                time.sleep(TICK_S)
            self._woken.wait(TURN_S if self._keeper.name else TICK_S / 4)
            self._woken.clear()

    def _do(self, command: Command) -> None:
        self._commands.append(command)
        self._woken.set()

    def _lost(self) -> None:
        self._goes_on = self._playback.is_going
        self._playback.halt()
        self._feed.ring.drop()

    def _found(self) -> None:
        if self._goes_on:
            self._playback.play()

    def _change_loop(self, song: Song, loop: tuple[int, int] | None) -> None:
        if self._playback.song is song:
            if loop is None:
                self._playback.transport.clear_loop()
            else:
                self._playback.transport.set_loop(*loop)
            self._deck.crew.wake()

    def _song(self) -> Song:
        if self._playback.song is None:
            raise UsageError("no song is open; open one first")
        return self._playback.song

    def _model(self, name: str) -> StemModel:
        with self._lock:
            model = self._models.get(name)
            if model is None:
                model = StemModel(name)
                model = self._models.setdefault(model.name, model)
                self._models[name] = model
            return model

    def _tell(self, text: str, kind: NoticeKind) -> None:
        with self._lock:
            self._n_notices += 1
            notice = Notice(self._n_notices, text, kind)
            self._notices = (*self._notices, notice)[-_N_NOTICES:]
