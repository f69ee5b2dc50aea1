"""Melodies as songs have them: over a chord loop, in phrases that come back."""

import numpy as np

from unbraid.training.data.styles import DEGREES, MAJOR, MINOR

MAJOR_SCALE, MINOR_SCALE = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
RHYTHMS: tuple[tuple[float, ...], ...] = (  # beats of a bar of four
    (1, 1, 1, 1),
    (0.5, 0.5, 1, 2),
    (1, 0.5, 0.5, 1, 1),
    (1.5, 0.5, 2),
    (0.5, 0.5, 0.5, 0.5, 1, 1),
    (0.75, 0.75, 0.5, 2),
    (3, 1),
    (2, 1, 1),
    (0.5, 1, 0.5, 1, 1),
    (4,),
)
FORM = (0, 0, 1, 0, 0, 2, 1, 0)
"""Which of three bars of rhythm and contour is sung next."""


class Tune:
    """An endless melody; asks for nothing but notes.

    Strong beats fall on notes of the chord, the others move by steps of the scale along a contour
    that returns with its rhythm.

    Args:
        rng: key, chords, rhythms, contours, tempo.
        centre_hz: about where it lies; it stays within a tenth.
    """

    def __init__(self, rng: np.random.Generator, centre_hz: float) -> None:
        major = bool(rng.random() < 0.55)
        self.key = int(rng.integers(12))
        self.scale = MAJOR_SCALE if major else MINOR_SCALE
        table = MAJOR if major else MINOR
        self.chords = [_triad(name, self.key) for name in table[int(rng.integers(len(table)))]]
        self.tones = [o * 12 + self.key + s for o in range(-1, 11) for s in self.scale]
        self.beat_s = 60 / float(rng.uniform(66, 150))
        self.bars = [
            [(beats, int(rng.choice((-2, -1, -1, 0, 1, 1, 2, 3)))) for beats in rhythm]
            for rhythm in (RHYTHMS[int(i)] for i in rng.integers(len(RHYTHMS), size=3))
        ]
        centre = 69 + 12 * np.log2(centre_hz / 440)
        self._home = self._now = int(np.argmin([abs(tone - centre) for tone in self.tones]))
        self._bar, self._note = 0, 0

    def note(self) -> tuple[float, float]:
        """The next note: MIDI key (fractional keys do not occur) and seconds."""
        bar = self.bars[FORM[self._bar % len(FORM)]]
        beats, step = bar[self._note]
        start = sum(length for length, _ in bar[: self._note])
        away = self._now - self._home
        step = -abs(step) if away > 4 else abs(step) if away < -4 else step
        self._now = int(np.clip(self._now + step, 1, len(self.tones) - 2))
        if start % 2 == 0:
            chord = self.chords[self._bar % len(self.chords)]
            near = sorted(range(self._now - 2, self._now + 3), key=lambda i: abs(i - self._now))
            within = range(len(self.tones))
            fits = [i for i in near if i in within and self.tones[i] % 12 in chord]
            self._now = fits[0] if fits else self._now
        self._note += 1
        if self._note == len(bar):
            self._bar, self._note = self._bar + 1, 0
        return float(self.tones[self._now]), beats * self.beat_s


def _triad(name: str, key: int) -> set[int]:
    numeral = name.removeprefix("b")
    root = key + DEGREES[numeral.upper()] - name.startswith("b")
    return {root % 12, (root + (3 if numeral.islower() else 4)) % 12, (root + 7) % 12}
