"""The player: reader, separator's threads, mixer, ring and device put together.

Who owns what:

| thread | owns | talks to the others by |
|---|---|---|
| any caller's | nothing | `Player`'s commands, which are put on a queue; `snapshot`, which only reads |
| player | transport, mixer's state, stretch, timeline, the ring's writing end | attributes it replaces |
| reader | the songs' files: opens, decodes, writes the decoded mixture to the store | the store |
| separate 0, 1 | nothing but the tile it is at; writes its stems to the store | the store |
| device | the output: opens it, tends it, finds another when it is lost | the queue |
| the device's own | the ring's reading end | `Ring.read_into`, which neither waits nor allocates |
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unbraid.player.blind import Blind, Trial
from unbraid.player.export import ExportJob, ExportRequest
from unbraid.player.mixer import Mixer
from unbraid.player.output import Device, Output
from unbraid.player.overview import Overview
from unbraid.player.playlist import Playlist
from unbraid.player.snapshot import Notice, Snapshot

__all__ = ["ORIGINAL", "Notice", "Player", "Snapshot"]

ORIGINAL = "original"
"""The name of the model that is none: the mixture on its own, without faders but the volume."""

SAMPLE_RATE = 44_100
"""Hz at which everything is played, whatever the file has."""

STORE_LIMIT = 8 * 2**30
"""Bytes that stems may take on the disk: about 2 h of songs at the default model."""


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
        raise NotImplementedError

    # Songs

    def open(self, index: int, *, start_s: float = 0.0, play: bool = True) -> None:
        """Open a song of the playlist; the one before sounds until it is ready.

        A file that cannot be read becomes an error notice and its item's `problem`; nothing else
        plays then, unless it was reached by the end of the song before: then it is left out.

        Args:
            index: in the playlist.
            start_s: where to begin.
            play: or only be ready to.

        Raises:
            UsageError: there is no such item.
        """
        raise NotImplementedError

    def next(self) -> None:
        """The next song of the list that can be read; at the end of the list it stops."""
        raise NotImplementedError

    def previous(self) -> None:
        """Back to the start, or within its first three seconds to the song before."""
        raise NotImplementedError

    # Transport

    def play(self) -> None:
        """Go on; opens the playlist's current song if none is open."""
        raise NotImplementedError

    def pause(self) -> None:
        raise NotImplementedError

    def toggle(self) -> None:
        """Play or pause."""
        raise NotImplementedError

    def stop(self) -> None:
        """Rest at the start."""
        raise NotImplementedError

    def seek(self, sample: int) -> None:
        """Go on from a sample; one outside the song means its nearer end."""
        raise NotImplementedError

    def seek_by(self, seconds: float) -> None:
        """Go back or on from what is heard, or from where a seek under way goes."""
        raise NotImplementedError

    def prepare(self, sample: int) -> None:
        """Separate there soon: the mouse is down, a seek is likely to follow."""
        raise NotImplementedError

    def set_loop(self, start: int, end: int) -> None:
        """Repeat samples [start, end).

        Raises:
            UsageError: no song is open, or the loop is shorter than 20 ms.
        """
        raise NotImplementedError

    def clear_loop(self) -> None:
        raise NotImplementedError

    def set_tempo(self, tempo: float) -> None:
        """0.5 to 1.5 times the song's.

        Raises:
            UsageError: it is outside.
        """
        raise NotImplementedError

    def set_key(self, semitones: int) -> None:
        """-12 to 12 semitones.

        Raises:
            UsageError: it is outside.
        """
        raise NotImplementedError

    # Models

    def models(self) -> list[str]:
        """Model sets that are installed, the default first, and ORIGINAL; peers by path are not
        known before they are asked for."""
        raise NotImplementedError

    def set_model(self, name: str) -> None:
        """Fade to another model as soon as the playhead's stems are there, at the same sample.

        Args:
            name: a set's or peer's name, a path, or ORIGINAL; in a blind test one of its letters.

        Raises:
            ModelError: there is no such model.
            UsageError: there is no such letter.
        """
        raise NotImplementedError

    def start_blind(self, names: Sequence[str]) -> Blind:
        """Hide the names of models until `reveal`; the first letter is heard.

        Their levels are matched stem by stem, and all are kept separated ahead of the playhead.

        Raises:
            ModelError: there is no such model.
            UsageError: too few or too many names.
        """
        raise NotImplementedError

    def choose(self, letter: str) -> Trial:
        """Log the preferred letter with song and position; the next trial begins, dealt anew.

        Raises:
            UsageError: no test is under way, or it has no such letter.
        """
        raise NotImplementedError

    def stop_blind(self) -> None:
        """End the test, revealed or not, and play on with what is heard."""
        raise NotImplementedError

    # Devices

    def devices(self) -> list[Device]:
        """What can play; may take a while, so ask from no interface's thread."""
        raise NotImplementedError

    def set_device(self, name: str | None) -> None:
        """Play elsewhere; part of a name is enough, None is the system's choice."""
        raise NotImplementedError

    # What is shown, and files

    def snapshot(self) -> Snapshot:
        """The state now; cheap."""
        raise NotImplementedError

    def overview(self) -> Overview:
        """Peaks of the song that is open; an empty one if none is. Another object with each song
        and each model."""
        raise NotImplementedError

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
        raise NotImplementedError

    def export(self, request: ExportRequest) -> ExportJob:
        """Write stems, mix or loop as they are now, on a thread of its own.

        Raises:
            UsageError: no song is open, or the model is ORIGINAL.
        """
        raise NotImplementedError

    # Life

    def step(self) -> None:
        """One turn of the player's thread: commands, then samples for the ring. For tests."""
        raise NotImplementedError

    def work(self) -> bool:
        """One job of the reader's or the separator's threads, if there is any. For tests."""
        raise NotImplementedError

    def close(self) -> None:
        """End all threads and close the device; exports go on."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
