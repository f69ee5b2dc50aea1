"""Where in the song we are and what is to be played next: a state machine without I/O."""

import math
from enum import Enum
from typing import NamedTuple

from unbraid.errors import UsageError

TEMPO_RANGE = (0.5, 1.5)
KEY_RANGE = (-12, 12)  # semitones

RESTART_S = 3.0
"""Within so long after the start, `previous` means the song before."""

MIN_LOOP_S = 0.02
"""Shorter loops would be a tone."""


class Motion(Enum):
    """What the transport does."""

    STOPPED = "stopped"
    PAUSED = "paused"
    PLAYING = "playing"
    ENDED = "ended"


class Span(NamedTuple):
    """A stretch of the song to be heard: samples [start, start + n_samples)."""

    start: int
    n_samples: int


class Transport:
    """Play, pause, stop, seek and loop, counted in samples of the song.

    Consecutive spans that `advance` gives are contiguous but where the listener sought and where
    the loop ended; there the player has to cross-fade. Tempo and key are kept here, for they
    belong to how a song is played; spans are counted before them.

    Not thread-safe: the player's one thread owns it.

    Args:
        n_samples: the song's length.
        sample_rate: Hz.
    """

    def __init__(self, n_samples: int = 0, sample_rate: int = 44_100) -> None:
        self.sample_rate = sample_rate
        self.motion = Motion.STOPPED
        self.position = 0
        """The next sample to be given out, 0 to n_samples."""
        self.loop: tuple[int, int] | None = None
        """The first sample of the loop and the first behind it."""
        self.tempo = 1.0
        self.key = 0
        self._n_samples = max(0, n_samples)

    @property
    def n_samples(self) -> int:
        """The song's length; a header's claim may turn out to be wrong, so it can be set."""
        return self._n_samples

    @n_samples.setter
    def n_samples(self, n_samples: int) -> None:
        self._n_samples = max(0, n_samples)
        self.position = min(self.position, self._n_samples)
        if self.loop is not None and not self._has_room(*self.loop):
            self.loop = None

    @property
    def playing(self) -> bool:
        """Whether `advance` gives anything."""
        return self.motion is Motion.PLAYING

    def play(self) -> None:
        """Go on from the position; from the start if the song had ended."""
        if self.position >= self._n_samples:
            self.position = 0
        if self._n_samples:
            self.motion = Motion.PLAYING

    def pause(self) -> None:
        """Stay at the position."""
        if self.playing:
            self.motion = Motion.PAUSED

    def toggle(self) -> None:
        """What the space bar does."""
        if self.playing:
            self.pause()
        else:
            self.play()

    def stop(self) -> None:
        """Go back to the start and rest there; the loop stays."""
        self.motion = Motion.STOPPED
        self.position = 0

    def seek(self, sample: int) -> None:
        """Go on from a sample; one outside the song means its nearer end."""
        self.position = min(max(0, sample), self._n_samples)
        if self.motion is Motion.ENDED:
            self.motion = Motion.PAUSED

    def previous(self) -> bool:
        """Back to the start of the song.

        Returns:
            Whether the song before is meant instead, as within the first three seconds.
        """
        if self.position < RESTART_S * self.sample_rate:
            return True
        self.seek(0)
        return False

    def set_loop(self, start: int, end: int) -> None:
        """Repeat samples [start, end). Playing goes on where it is; only its end jumps back.

        Args:
            start: first sample; the two may come in any order.
            end: the first sample that is not played.

        Raises:
            UsageError: within the song it is shorter than 20 ms.
        """
        start, end = sorted(min(max(0, at), self._n_samples) for at in (start, end))
        if not self._has_room(start, end):
            raise UsageError(
                f"a loop needs {MIN_LOOP_S * 1000:.0f} ms within the song; move its ends apart"
            )
        self.loop = (start, end)

    def clear_loop(self) -> None:
        """Play on beyond the loop's end."""
        self.loop = None

    def set_tempo(self, tempo: float) -> None:
        """Speed without the pitch: 0.5 to 1.5 times the song's.

        Raises:
            UsageError: it is outside.
        """
        low, high = TEMPO_RANGE
        if not (math.isfinite(tempo) and low <= tempo <= high):
            raise UsageError(f"a tempo of {tempo:g} is not from {low} to {high}; 1 is the song's")
        self.tempo = float(tempo)

    def set_key(self, semitones: int) -> None:
        """Pitch without the speed: up to an octave down or up, in semitones.

        Raises:
            UsageError: it is outside, or between two semitones.
        """
        low, high = KEY_RANGE
        if semitones != int(semitones) or not low <= semitones <= high:
            raise UsageError(f"a key of {semitones} is not a whole number from {low} to {high}")
        self.key = int(semitones)

    def advance(self, n_samples: int) -> list[Span]:
        """Give out the next samples of the song and move on by them.

        Args:
            n_samples: how many are wanted, at the song's own tempo.

        Returns:
            Spans of `n_samples` in all; fewer if the song ended, none if nothing plays.
        """
        spans: list[Span] = []
        while self.playing and n_samples > 0:
            end = self._n_samples
            # One who sought beyond the loop's end plays on from there.
            if self.loop is not None and self.position < self.loop[1]:
                end = self.loop[1]
            span = Span(self.position, min(n_samples, end - self.position))
            if span.n_samples:
                spans.append(span)
            self.position += span.n_samples
            n_samples -= span.n_samples
            if self.position < end:
                break
            if self.loop is not None and end == self.loop[1]:
                self.position = self.loop[0]
            else:
                self.motion = Motion.ENDED
        return spans

    def upcoming(self, n_samples: int) -> list[Span]:
        """What `advance` would give, without moving: what to separate ahead."""
        kept = (self.motion, self.position)
        if self._n_samples > self.position:
            self.motion = Motion.PLAYING
        spans = self.advance(n_samples)
        self.motion, self.position = kept
        return spans

    def _has_room(self, start: int, end: int) -> bool:
        return end <= self._n_samples and end - start >= MIN_LOOP_S * self.sample_rate
