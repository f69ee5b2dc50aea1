"""What carries the player: its threads, the queue of commands, notices, and what they share."""

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from types import TracebackType
from typing import Self

from unbraid.errors import UsageError
from unbraid.models.catalog import DEFAULT_MODEL
from unbraid.player.blind import Blind
from unbraid.player.deck import Deck
from unbraid.player.feed import Feed
from unbraid.player.keeper import Keeper
from unbraid.player.mixer import Mixer
from unbraid.player.output import Output
from unbraid.player.playlist import Playlist
from unbraid.player.snapshot import Notice, NoticeKind
from unbraid.player.song import SAMPLE_RATE, Song, StemModel
from unbraid.separation.separator import DEFAULT_THREADS, n_cores
from unbraid.separation.store import Store, default_folder

STORE_LIMIT = 8 * 2**30
"""Bytes that stems may take on the disk: some 90 minutes of songs."""

TURN_S = 0.004
"""Between looks at the ring."""

TICK_S = 0.2
"""Between looks at what is to be opened ahead."""

_N_NOTICES = 20

Command = Callable[[], None]


class Core:
    """`unbraid.player.Player` without its commands; takes the same arguments."""

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
        self._spare_folder: TemporaryDirectory[str] | None = None
        self._store = Store(store or self._folder(), store_limit)
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
            n_threads or min(DEFAULT_THREADS, max(1, n_cores() - 1)),
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
        n_target = self._feed.n_target(self._keeper.n_underruns)
        self._playback.fill(self._feed.ring, n_target, n_behind)

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
        if self._spare_folder is not None:
            self._spare_folder.cleanup()

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
            self._woken.wait(TURN_S if self._keeper.is_wanted else TICK_S / 4)
            self._woken.clear()

    def _do(self, command: Command) -> None:
        self._commands.append(command)
        self._woken.set()

    def _folder(self) -> Path:
        """The usual folder of the store; one of our own while that cannot be written to."""
        folder = default_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=folder).close()
        except OSError as error:
            reason = f"{folder}: cannot be written to ({error.strerror})"
            self._tell(f"{reason}; stems are kept until the end only: set UNBRAID_CACHE", "warning")
            self._spare_folder = TemporaryDirectory(prefix="unbraid-", ignore_cleanup_errors=True)
            return Path(self._spare_folder.name)
        return folder

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
