"""The song that plays, the one after it, and the models that take them apart."""

from collections.abc import Callable

from unbraid.errors import UnbraidError
from unbraid.player.crew import Crew, Focus
from unbraid.player.mixer import Mixer
from unbraid.player.playback import LEAD, Playback
from unbraid.player.playlist import Item, Playlist
from unbraid.player.snapshot import NoticeKind
from unbraid.player.song import SAMPLE_RATE, Lane, Song, StemModel
from unbraid.player.transport import RESTART_S, Motion
from unbraid.player.voice import Voice
from unbraid.separation.store import PLAIN, Store

Tell = Callable[[str, NoticeKind], None]
"""Takes a notice: a line, and its kind."""

Post = Callable[[Callable[[], None]], None]
"""Has the player's thread do something."""


class Deck:
    """Opens songs, goes from one to the next, and changes models. The player's thread calls it.

    Args:
        playlist: the songs.
        mixer: the faders.
        store: where samples and stems are kept.
        model: that takes songs apart first.
        tell: takes notices.
        post: brings the reader's results to the player's thread.
        n_threads: tiles at once.
        is_driven: start no threads.
    """

    def __init__(
        self,
        playlist: Playlist,
        mixer: Mixer,
        store: Store,
        model: StemModel,
        tell: Tell,
        post: Post,
        n_threads: int,
        *,
        is_driven: bool,
    ) -> None:
        self.playlist = playlist
        self.playback = Playback(mixer, self._follow)
        self.model = model
        """That is wanted, and heard once it is ready."""
        self.candidates: tuple[StemModel, ...] = ()
        """Of a blind test: all are kept ready. The first one's levels are kept."""
        self.is_opening = False
        self.hint: int | None = None
        """Where a seek is likely to go."""
        self._store, self._tell, self._post = store, tell, post
        self._n_songs = 0
        self._request = 0
        self._following: Song | None = None
        self._next_serial: int | None = None  # the playlist's, of what comes after this song
        self._fetching: int | None = None  # the playlist's serial of what is being opened ahead
        self.crew = Crew(self.focus, store, tell, n_threads, is_driven=is_driven)

    def focus(self) -> Focus:
        """What is worth work now; any thread may ask."""
        playback = self.playback
        lane = playback.voice.lane
        models = [self.model, *self.candidates]
        if lane is not None:
            models = [model for model in models if model is not lane.model] + [lane.model]
        return Focus(
            playback.song,
            playback.going_to,
            playback.transport.loop,
            playback.transport.tempo if playback.is_going else 0.0,
            tuple(dict.fromkeys(models)),
            self.hint,
            self._following,
        )

    def close(self) -> None:
        """End the crew's threads and close the files."""
        self._request += 1
        self.crew.close()
        self.playback.close()
        for song in (self.playback.song, self._following):
            if song is not None:
                song.close()

    # Songs

    def open(
        self,
        item: Item,
        start_s: float = 0.0,
        loop_s: tuple[float, float] | None = None,
        *,
        play: bool,
        is_next: bool = False,
    ) -> None:
        """Open a song; the one before goes on until it is ready.

        Args:
            item: of the playlist.
            start_s: where to begin.
            loop_s: seconds to repeat.
            play: or be ready to.
            is_next: reached by the song before: if it cannot be read, the one after is opened.
        """
        self._request += 1
        request = self._request
        following = self._following
        if following is not None and following.item == item.serial and not (start_s or loop_s):
            self._following = None
            self._start(following, 0, play=play)
            return
        self.is_opening = True

        def read() -> None:
            if request != self._request:
                return
            try:
                song, start = self._opened(item, start_s, lambda: request == self._request)
            except UnbraidError as error:
                reason = str(error)
                self._post(lambda: self._failed(request, item, reason, play, is_next=is_next))
            else:
                self._post(lambda: self._arrived(request, song, start, loop_s, play=play))

        self.crew.read(read)

    def go_to_next(self, *, play: bool) -> bool:
        """The song after this one; False if there is none."""
        item = self._after_this()
        if item is not None:
            self.open(item, play=play, is_next=True)
        return item is not None

    def go_to_previous(self) -> None:
        """The start of the song, or the song before."""
        playback = self.playback
        song = playback.song
        place = None if song is None else self.playlist.place_of(song.item)
        before = [item for item in self.playlist.items[:place] if item.problem is None]
        if playback.heard < RESTART_S * SAMPLE_RATE and place and before:
            self.open(before[-1], play=playback.is_going)
        else:
            playback.seek(0)

    def tick(self) -> None:
        """Some times a second: open the following song ahead; give up what cannot be had."""
        playback, song = self.playback, self.playback.song
        wanted = playback.wanted
        if wanted is not None and wanted.lane is not None and wanted.lane.failed:
            playback.wanted = None
            if playback.voice.lane is not None:
                self.model = playback.voice.lane.model
        item = self._after_this()
        if song is None or not song.is_decoded or self.is_opening:
            return
        serial = None if item is None else item.serial
        if self._following is not None and self._following.item != serial:
            self.crew.read(self._following.close)
            self._following = None
        if item is None or self._following is not None or self._fetching == serial:
            return
        self._fetching = serial

        def read() -> None:
            try:
                following, _ = self._opened(item, 0.0, lambda: self._fetching == serial)
            except UnbraidError as error:
                reason = str(error)
                self._post(lambda: self._leave_out(item, reason))
            else:
                self._post(lambda: self._keep_following(following))

        self.crew.read(read)

    def _keep_following(self, song: Song) -> None:
        self._fetching = None
        if self._following is None and (item := self._after_this()) and item.serial == song.item:
            self._following = song
        else:
            self.crew.read(song.close)
        self.crew.wake()

    def _opened(
        self, item: Item, start_s: float, is_wanted: Callable[[], bool]
    ) -> tuple[Song, int]:
        """A song whose start is decoded. In the reader's thread."""
        self._n_songs += 1
        song = Song(item.path, self._store, self._n_songs, item.serial)
        try:
            start = min(round(start_s * SAMPLE_RATE), max(0, song.n_samples - 1))
            while is_wanted():
                end = song.decoded_until(start)
                if end - start >= LEAD or end >= song.n_samples:
                    break
                song.decode(end // PLAIN.step if song.jumps else song.decoded.find(0))
            song.lane(self.model)
        except BaseException:
            song.close()
            raise
        self.playlist.tell(
            item.serial,
            title=song.title,
            artist=song.artist,
            duration_s=song.n_samples / SAMPLE_RATE,
        )
        return song, start

    def _arrived(
        self,
        request: int,
        song: Song,
        start: int,
        loop_s: tuple[float, float] | None,
        *,
        play: bool,
    ) -> None:
        if request != self._request:
            self.crew.read(song.close)
            return
        self._start(song, start, play=play)
        if loop_s is not None:
            try:
                first, last = (round(at * SAMPLE_RATE) for at in loop_s)
                self.playback.transport.set_loop(first, last)
            except UnbraidError as error:
                self._tell(f"{song.path}: {error}", "warning")

    def _start(self, song: Song, start: int, *, play: bool) -> None:
        self.is_opening, self.hint = False, None
        old = self.playback.song
        self.playback.start_song(song, self._voice(song, self.model), start, play=play)
        place = self.playlist.place_of(song.item)
        if place is not None:
            self.playlist.select(place)
        if old is not None:
            self.crew.read(old.close)
        self.crew.wake()

    def _failed(self, request: int, item: Item, reason: str, play: bool, *, is_next: bool) -> None:
        if request != self._request:
            return
        self.is_opening = False
        self._leave_out(item, reason)
        after = self._after(item) if is_next else None
        if after is not None:
            self.open(after, play=play, is_next=True)

    def _leave_out(self, item: Item, reason: str) -> None:
        self._fetching = None
        self.playlist.tell(item.serial, problem=reason)
        self._tell(reason, "error")

    def _follow(self) -> bool:
        """Where a song has ended, within a block: go straight on if the next one is open."""
        following = self._following
        if self.is_opening:
            return False
        item = self._after_this()
        if item is None or following is None or following.item != item.serial:
            self.go_to_next(play=True)
            return False
        self._following = None
        self._start(following, 0, play=True)
        return True

    def _after_this(self) -> Item | None:
        song = self.playback.song
        if song is None:
            return self._playable(self.playlist.index)
        place = self.playlist.place_of(song.item)
        if place is None:  # it was taken out: what came after it then
            following = self._next_serial
            place = None if following is None else self.playlist.place_of(following)
            return None if place is None else self._playable(place)
        item = self._playable(place + 1)
        self._next_serial = None if item is None else item.serial
        return item

    def _after(self, item: Item) -> Item | None:
        place = self.playlist.place_of(item.serial)
        return None if place is None else self._playable(place + 1)

    def _playable(self, place: int) -> Item | None:
        left = self.playlist.items[max(0, place) :]
        return next((item for item in left if item.problem is None), None)

    # Models

    def use(self, model: StemModel | None) -> None:
        """Go over to a model, or to the mixture on its own (None)."""
        playback = self.playback
        playback.wanted = None
        if model is None:
            playback.is_original = True
        else:
            self.model = model
            if playback.song is None:
                playback.is_original = False
            else:
                playback.wanted = self._voice(playback.song, model)
        self.crew.wake()

    def compare(self, candidates: tuple[StemModel, ...]) -> None:
        """Keep these ready, at the levels of the first; none ends that."""
        self.candidates = candidates
        if not candidates:
            self.playback.voice.release()
        self.crew.wake()

    @property
    def shown(self) -> Lane | None:
        """The stems to be shown: what is heard, but in a blind test those of its first model,
        for pictures and counters would tell which letter is which."""
        song = self.playback.song
        if song is not None and self.candidates:
            return self.crew.lane(song, self.candidates[0])
        return self.playback.voice.lane

    def _voice(self, song: Song, model: StemModel) -> Voice:
        reference = self.crew.lane(song, self.candidates[0]) if self.candidates else None
        return Voice(self.crew.lane(song, model), reference)

    @property
    def motion(self) -> Motion:
        """What the listener asked for; a pause counts before it has faded out."""
        transport = self.playback.transport
        if transport.playing and not self.playback.is_going:
            return Motion.PAUSED
        return transport.motion
