"""The player: reader, separator's threads, mixer, ring and device put together.

Who owns what, and how the others hear of it:

- any caller: nothing. Commands go on a queue; `snapshot` only reads.
- "player": transport, mixer's state, stretch, timeline, the ring's writing end. It replaces
  attributes, which others read. It waits for nobody and touches no file but through memory maps.
- "reader": the songs' files. It opens and decodes, and writes the decoded mixture to the store.
- "separate 0", "separate 1": the tile each is at. They write stems to the store.
- "device": the output. It opens and tends it, and finds another when it is lost.
- "sound", or the device's own: the ring's reading end. It copies, and neither waits nor locks.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import UsageError
from unbraid.models.catalog import DEFAULT_MODEL, catalog
from unbraid.player.blind import Blind, Trial
from unbraid.player.core import Core
from unbraid.player.export import ExportJob, ExportRequest, ExportSong
from unbraid.player.glance import ORIGINAL, take_snapshot
from unbraid.player.output import Device
from unbraid.player.overview import Overview
from unbraid.player.snapshot import Notice, Snapshot
from unbraid.player.song import SAMPLE_RATE
from unbraid.player.spectrogram import MIXTURE, picture_of
from unbraid.player.transport import Transport
from unbraid.stems import STEMS

__all__ = ["ORIGINAL", "Notice", "Player", "Snapshot"]


class Player(Core):
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
        n_threads: tiles separated at once; None for at most two that leave a core to the sound.
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
        song, lane = self._playback.song, self._deck.shown
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
        if stem not in (*STEMS, MIXTURE):
            raise UsageError(f"no stem {stem!r}; choose from {', '.join((*STEMS, MIXTURE))}")
        song, lane = self._playback.song, self._deck.shown
        return picture_of(song, lane, stem, start, end, n_columns, n_rows)

    def export(self, request: ExportRequest) -> ExportJob:
        """Write stems, mix or loop as they are now, on a thread of its own.

        Raises:
            UsageError: no song is open, or the model is ORIGINAL.
        """
        song, lane = self._song(), self._playback.voice.lane
        if lane is None or self._playback.is_original:
            raise UsageError("the original has no stems to export; choose a model")
        mixer, transport = self.mixer, self._playback.transport
        how = (transport.tempo, transport.key, transport.loop)
        faders = (tuple(mixer.strips), mixer.volume_db, mixer.limiter.on)
        heard = ExportSong(song.path, lane.model, lane.stems, *faders, *how)
        return ExportJob(heard, request)
