"""A score: notes in seconds, whatever file or generator they come from."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

DRUM_CHANNEL = 9
KICKS = {35, 36}
BASS_PROGRAMS = range(32, 40)


@dataclass(frozen=True, slots=True)
class Note:
    start_s: float
    end_s: float
    channel: int  # 0 to 15; 9 is percussion
    pitch: int  # MIDI key; 60 is middle C
    velocity: int  # 1 to 127


@dataclass(frozen=True, slots=True)
class Change:
    """Anything else a synthesiser is told."""

    time_s: float
    channel: int
    kind: Literal["control", "bend"]
    number: int  # of the controller; 0 for bends
    value: int  # 0 to 127; 0 to 16383 for bends


@dataclass(slots=True)
class Score:
    """A piece of music. A channel plays one program throughout."""

    notes: list[Note]
    changes: list[Change] = field(default_factory=list)
    programs: dict[int, int] = field(default_factory=dict)  # by channel, 0 to 127

    @property
    def duration_s(self) -> float:
        return max((note.end_s for note in self.notes), default=0.0)

    def channels(self) -> list[int]:
        return sorted({note.channel for note in self.notes})

    def bass_channels(self) -> list[int]:
        """Channels with a bass program; else the lowest voice, if it is low and single."""
        tuned = [c for c in self.channels() if c != DRUM_CHANNEL]
        bass = [c for c in tuned if self.programs.get(c, 0) in BASS_PROGRAMS]
        if bass:
            return bass
        low = {c: float(np.mean([n.pitch for n in self.notes if n.channel == c])) for c in tuned}
        if not low:
            return []
        lowest = min(low, key=lambda channel: low[channel])
        return [lowest] if low[lowest] < 50 and self._is_single(lowest) else []

    def _is_single(self, channel: int) -> bool:
        starts = Counter(round(n.start_s, 2) for n in self.notes if n.channel == channel)
        return sum(n == 1 for n in starts.values()) > 0.9 * len(starts)


def vary(score: Score, rng: np.random.Generator) -> Score:
    """The same piece as another band would play it: key, tempo, touch, timing, instruments."""
    tempo = float(rng.uniform(0.82, 1.2))
    shift = int(rng.integers(-4, 5))
    touch = float(rng.uniform(0.75, 1.15))
    looseness_s = float(rng.uniform(0.0, 0.010))
    bass = score.bass_channels()
    octave = {}
    for channel in bass:  # so that a bass guitar could play it
        mean = np.mean([n.pitch for n in score.notes if n.channel == channel]) + shift
        octave[channel] = 12 * round((37 - float(mean)) / 12)
    notes = []
    for note in score.notes:
        start = max(0.0, note.start_s / tempo + float(rng.normal(0, looseness_s)))
        velocity = int(np.clip(note.velocity * touch + rng.normal(0, 5), 8, 127))
        moved = shift + octave.get(note.channel, 0) if note.channel != DRUM_CHANNEL else 0
        length = max(0.03, (note.end_s - note.start_s) / tempo)
        pitch = int(np.clip(note.pitch + moved, 0, 127))
        notes.append(Note(start, start + length, note.channel, pitch, velocity))
    changes = [replace(change, time_s=change.time_s / tempo) for change in score.changes]
    programs = {c: _another(p, rng) for c, p in score.programs.items() if c != DRUM_CHANNEL}
    programs |= {c: int(rng.choice(BASS_CHOICE)) for c in bass}
    return Score(notes, changes, programs)


BASS_CHOICE = (32, 33, 33, 33, 33, 34, 34, 34, 35, 36, 37, 38, 39)
FAMILIES: tuple[tuple[int, ...], ...] = (
    (0, 0, 1, 2, 3, 4, 5, 7),  # pianos
    (16, 17, 17, 18, 18, 19, 21),  # organs
    (24, 25, 25, 26, 27, 27, 28, 29, 29, 30, 30),  # guitars
)
ROCK_BAND = (0, 1, 4, 5, 17, 18, 22, 24, 25, 26, 27, 27, 29, 30)


def _another(program: int, rng: np.random.Generator) -> int:
    """A neighbour for instruments of a band; others become one half of the time."""
    if program < 8:
        return int(rng.choice(FAMILIES[0]))
    if 16 <= program < 24:
        return int(rng.choice(FAMILIES[1]))
    if 24 <= program < 32:
        return int(rng.choice(FAMILIES[2]))
    if 32 <= program < 40:
        return int(rng.choice(BASS_CHOICE))
    return int(rng.choice(ROCK_BAND)) if rng.random() < 0.5 else program
