"""A bass guitar as a sum of decaying partials: playing that no soundfont has.

Where the string is plucked and where the pickup sits decide which partials sound, the plectrum or
finger how bright they start, the wood and the winding how fast they fade; a string moves in two
planes, of which one fades slower and a little out of tune (Fletcher and Rossing 1998, chapter 2).
Every note is made anew: harder is brighter, some slide, some are dead.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.score import Note

LONGEST_S = 4.0
BLOCK = 256  # samples: partials are products of a phasor a block and one within the block
TOUCHES = ("finger", "finger", "finger", "pick", "pick", "slap", "mute", "flat")


@dataclass(frozen=True, slots=True)
class _Guitar:
    """One instrument and the hand that plays it."""

    plucked: float  # where, as a fraction of the string
    pickup: float
    tilt: float  # partials fall with this power of their number
    top_hz: float
    sustain_s: float  # of the lowest partial, to 1/e
    damping: float  # how much faster each next partial fades
    stiffness: float
    noise: float  # of finger or plectrum, against the tone's peak
    noise_s: float
    noise_smooth: int  # samples: a soft fingertip makes a dull noise
    dead: float  # share of dead notes
    slides: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> "_Guitar":
        def between(low: float, high: float) -> float:
            return float(rng.uniform(low, high))

        touch = TOUCHES[int(rng.integers(len(TOUCHES)))]
        bright = touch in ("pick", "slap")
        dull = touch in ("mute", "flat")
        return cls(
            plucked=between(0.05, 0.18) if bright else between(0.12, 0.4),
            pickup=between(0.06, 0.3),
            tilt=between(0.5, 1.2) if bright else between(1.2, 2.4) if dull else between(0.8, 1.7),
            top_hz=between(3500, 7000) if bright else between(1200, 3500),
            sustain_s=between(0.12, 0.35) if touch == "mute" else between(0.6, 3.5),
            damping=between(0.2, 0.6) if dull or touch == "slap" else between(0.03, 0.25),
            stiffness=between(0, 2.5e-4),
            noise=between(0.05, 0.5) if bright else between(0.0, 0.15),
            noise_s=between(0.002, 0.012),
            noise_smooth=int(rng.integers(2, 8)) if bright else int(rng.integers(8, 40)),
            dead=float(rng.choice((0.0, 0.0, 0.03, 0.1))),
            slides=float(rng.choice((0.0, 0.02, 0.06))),
        )


def play_string(notes: list[Note], rng: np.random.Generator, n_samples: int) -> Samples:
    """A bass guitar with one random sound, one note at a time, (1, n_samples).

    Args:
        notes: what to play; a new note ends the one before.
        rng: the instrument, where and how it is picked, and every note's small differences.
        n_samples: length.
    """
    guitar = _Guitar.random(rng)
    sound = np.zeros((1, n_samples), np.float32)
    ordered = sorted(notes, key=lambda note: note.start_s)
    for note, following in zip(ordered, [*ordered[1:], None], strict=True):
        end_s = note.end_s if following is None else min(note.end_s, following.start_s)
        start = round(note.start_s * RATE)
        held_s = min(LONGEST_S, max(0.015, end_s - note.start_s))
        dead = rng.random() < guitar.dead
        n_held = round(min(held_s, 0.05 if dead else held_s) * RATE)
        n_release = round(float(rng.uniform(0.012, 0.06)) * RATE)
        length = min(n_held + n_release, n_samples - start)
        if length < 64:
            continue
        piece = _tone(note, guitar, rng, length, dead=dead)
        n_release = min(n_release, length)
        piece[length - n_release :] *= np.linspace(1, 0, n_release, dtype=np.float32) ** 2
        sound[0, start : start + length] += piece
    return sound


def _tone(
    note: Note, guitar: _Guitar, rng: np.random.Generator, length: int, *, dead: bool
) -> NDArray[np.float32]:
    hardness = note.velocity / 127
    root_hz = 440 * 2 ** ((note.pitch - 69) / 12)
    number = np.arange(1, max(3, min(80, int(guitar.top_hz * (0.5 + hardness) / root_hz))))
    partial_hz = root_hz * number * np.sqrt(1 + guitar.stiffness * number**2)
    plucked = guitar.plucked * float(rng.uniform(0.9, 1.1))
    strength = np.sin(np.pi * plucked * number) * np.sin(np.pi * guitar.pickup * number)
    strength *= rng.uniform(0.8, 1.2, len(number)) / number ** (guitar.tilt + 0.8 - hardness)
    fade = (1 + guitar.damping * number) / (0.04 if dead else guitar.sustain_s)
    both_hz = np.concatenate([partial_hz, partial_hz + rng.uniform(-0.4, 0.4, len(number))])
    both_fade = np.concatenate([fade, fade * 0.3])
    both_strength = np.concatenate([strength, strength * float(rng.uniform(0.15, 0.5))])
    tone = _partials(both_hz, both_fade, both_strength, length + BLOCK)
    tone = _bent(tone, guitar, rng, length, hardness)
    tone *= np.float32(hardness**1.3) / (np.abs(tone).max() + np.float32(1e-9))
    n_noise = min(length, round(8 * guitar.noise_s * RATE))
    burst = rng.standard_normal(n_noise + guitar.noise_smooth).astype(np.float32)
    dulled = np.convolve(burst, np.hanning(guitar.noise_smooth + 2)[1:-1], "valid")[:n_noise]
    dulled *= np.exp(-np.arange(n_noise) / (guitar.noise_s * RATE)) / (np.abs(dulled).max() + 1e-9)
    level = hardness**2 * guitar.noise * float(rng.uniform(0.4, 1.4)) * (2 if dead else 1)
    tone[:n_noise] += (dulled * level).astype(np.float32)
    n_attack = min(40, length)
    tone[:n_attack] *= np.linspace(0, 1, n_attack, dtype=np.float32)
    return tone


def _partials(
    hz: NDArray[np.float64], fade: NDArray[np.float64], strength: NDArray[np.float64], length: int
) -> NDArray[np.float32]:
    """A sum of decaying sines; as products of two small tables some fifty times cheaper."""
    step = (-fade + 2j * np.pi * hz) / RATE
    n_blocks = -(-length // BLOCK)
    outer = (strength * np.exp(np.outer(np.arange(n_blocks) * BLOCK, step))).astype(np.complex64)
    inner = np.exp(np.outer(step, np.arange(BLOCK))).astype(np.complex64)
    tone: NDArray[np.float32] = outer.real @ inner.imag + outer.imag @ inner.real
    return tone.reshape(-1)[:length]


def _bent(
    tone: NDArray[np.float32],
    guitar: _Guitar,
    rng: np.random.Generator,
    length: int,
    hardness: float,
) -> NDArray[np.float32]:
    """A hard pluck starts sharp; some notes slide in from below or above."""
    time_s = np.arange(length) / RATE
    semitones = float(rng.uniform(0, 0.35)) * hardness**2 * np.exp(-time_s / 0.04)
    if rng.random() < guitar.slides:
        slide_s = float(rng.uniform(0.05, 0.16))
        semitones += float(rng.choice((-5, -3, -2, -2, 2))) * np.clip(1 - time_s / slide_s, 0, 1)
    where = np.cumsum(2 ** (semitones / 12)) - 1
    return np.interp(where, np.arange(len(tone)), tone).astype(np.float32)
