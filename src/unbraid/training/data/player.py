"""What every part of the made-up band shares: its clock, its touch, its chords."""

from dataclasses import dataclass, field

import numpy as np

from unbraid.training.data.score import Change, Note
from unbraid.training.data.styles import Style

BASS_CHANNEL = 0
BAR_STEPS = 16

Riff = list[tuple[int, int, int]]
"""(step, steps, semitones above the root) of a bar."""


@dataclass(frozen=True, slots=True)
class Chord:
    root: int  # semitones above C
    minor: bool

    def triad(self) -> tuple[int, int, int]:
        return self.root, self.root + (3 if self.minor else 4), self.root + 7


@dataclass
class Player:
    """What all parts need to know while they write."""

    style: Style
    rng: np.random.Generator
    step_s: float
    swing: float
    key: int
    lowest: int = 28  # of the bass: E1; tuned down, on five strings or synthesised B0 to Eb1
    notes: list[Note] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def at(self, step: float) -> float:
        """Seconds of a step, late if it is an off-beat and the song swings."""
        whole = int(step)
        late = self.swing * (1 if whole % 4 == 2 else 0.5 if whole % 2 else 0)
        return 0.1 + (step + late) * self.step_s

    def play(
        self,
        channel: int,
        step: float,
        n_steps: float,
        pitch: int,
        velocity: float,
        *,
        late_s: float = 0,
    ) -> None:
        rng = self.rng
        start = max(0.0, self.at(step) + late_s + float(rng.normal(0, 0.005)))
        loudness = int(np.clip(velocity + rng.normal(0, 6), 15, 127))
        length = max(0.04, n_steps * self.step_s)
        self.notes.append(Note(start, start + length, channel, pitch, loudness))

    def bend(self, channel: int, step: float, shape: list[tuple[float, float]]) -> None:
        """Pitch bends, (steps after `step`, semitones)."""
        for after, semitones in shape:
            value = int(np.clip(8192 + semitones * 4096, 0, 16383))
            self.changes.append(
                Change(self.at(step) + after * self.step_s, channel, "bend", 0, value)
            )
