"""Synthesised basses: subs, 808s, saws and squares through a moving filter, growls.

Sawtooths are smoothed at their jumps (Välimäki and Huovilainen 2007, doi:10.1109/MSP.2007.323276).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from unbraid.training.data.effects import cut
from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.score import Note

CORNERS_HZ = (110.0, 330.0, 1000.0, 3000.0)
"""The moving filter is a blend of four that stand still."""

Curve = NDArray[np.float64]


def play_synth(notes: list[Note], rng: np.random.Generator, n_samples: int) -> Samples:
    """A monophonic synthesiser with one random sound, (1, n_samples).

    Args:
        notes: what to play; a new note ends the one before.
        rng: oscillators, filter, envelopes, glide.
        n_samples: length.
    """
    kind = str(rng.choice(("saw", "square", "detuned", "fm", "sub", "808"), p=SHARES))
    ordered = sorted(notes, key=lambda note: note.start_s)
    pitch, loudness, opening = _curves(ordered, rng, n_samples, kind)
    hz = 440 * 2 ** ((pitch - 69) / 12)
    turns = np.cumsum(hz) / RATE
    sine = np.sin(2 * np.pi * turns)
    if kind == "fm":
        ratio = float(rng.choice((1, 1, 2, 3, 0.5)))
        index = float(rng.uniform(1, 6)) * opening
        raw = np.sin(2 * np.pi * turns + index * np.sin(2 * np.pi * ratio * turns))
    elif kind in ("sub", "808"):
        drive = float(rng.uniform(0.2, 4 if kind == "808" else 1.5))
        raw = np.tanh(drive * sine * loudness) / np.tanh(drive) / np.maximum(loudness, 1e-3)
    else:
        raw = _saw(turns, hz)
        if kind == "square":
            raw = raw - _saw(turns + float(rng.uniform(0.2, 0.5)), hz)
        elif kind == "detuned":
            spread = 2 ** (float(rng.uniform(4, 25)) / 1200)
            raw = 0.5 * (raw + _saw(turns * spread, hz * spread))
        raw = _filtered(raw, opening, rng) + float(rng.choice((0, 0, 0.4, 0.9))) * sine
    return np.asarray(raw * loudness * 0.5, dtype=np.float32)[None]


SHARES = (0.26, 0.2, 0.2, 0.1, 0.12, 0.12)


def _curves(
    notes: list[Note], rng: np.random.Generator, n_samples: int, kind: str
) -> tuple[Curve, Curve, Curve]:
    """Pitch (semitones), loudness and the filter's opening (0 to 1) at every sample."""
    pitch = np.full(n_samples, float(notes[0].pitch) if notes else 36.0)
    loudness, opening = np.zeros(n_samples), np.zeros(n_samples)
    attack_s, sustain = float(rng.uniform(0.002, 0.012)), float(rng.choice((0.3, 0.7, 1.0)))
    decay_s = float(rng.uniform(0.2, 0.9)) if kind == "808" else float(rng.uniform(0.08, 0.5))
    sustain = 0.0 if kind == "808" else sustain
    close_s, floor = float(rng.uniform(0.05, 0.6)), float(rng.uniform(0.0, 0.35))
    drop = float(rng.uniform(3, 14)) if kind == "808" else 0.0
    wave_hz = float(rng.choice((0, 0, 0, 2, 4, 8))) * float(rng.uniform(0.8, 1.2))
    for note, following in zip(notes, [*notes[1:], None], strict=True):
        end_s = note.end_s if following is None else min(note.end_s, following.start_s)
        start = round(note.start_s * RATE)
        length = min(n_samples - start, round((max(end_s - note.start_s, 0.02) + 0.03) * RATE))
        if length <= 0:
            continue
        time_s = np.arange(length) / RATE
        here = slice(start, start + length)
        pitch[start:] = note.pitch
        pitch[here] += drop * np.exp(-time_s / 0.02)
        held = sustain + (1 - sustain) * np.exp(-time_s / decay_s)
        gate = np.clip(time_s / attack_s, 0, 1) * np.clip((time_s[-1] - time_s) / 0.03, 0, 1)
        loudness[here] = held * gate * (note.velocity / 127) ** 0.8
        wave = 1 - 0.5 * (wave_hz > 0) * (1 + np.cos(2 * np.pi * wave_hz * time_s)) * 0.8
        opening[here] = wave * (floor + (1 - floor) * np.exp(-time_s / close_s))
        opening[here] *= 0.5 + note.velocity / 254
    glide_s = float(rng.choice((0.0005, 0.0005, 0.02, 0.05)))
    keep = np.exp(-1 / (glide_s * RATE))
    smooth, _ = lfilter([1 - keep], [1, -keep], pitch, zi=[pitch[0] * keep])
    # Overlapping gates would click where a note cuts into the one before.
    keep = np.exp(-1 / (0.001 * RATE))
    return smooth, lfilter([1 - keep], [1, -keep], loudness), opening


def _saw(turns: Curve, hz: Curve) -> Curve:
    phase, step = turns % 1.0, np.maximum(hz / RATE, 1e-6)
    saw = 2 * phase - 1
    after, before = phase < step, phase > 1 - step
    x = phase[after] / step[after]
    saw[after] -= x + x - x * x - 1
    x = (phase[before] - 1) / step[before]
    saw[before] -= x * x + x + x + 1
    return saw


def _filtered(raw: Curve, opening: Curve, rng: np.random.Generator) -> Curve:
    low, high = float(rng.uniform(0.0, 0.8)), float(rng.uniform(0.5, 3.0))
    place = np.clip(low + opening * high, 0, len(CORNERS_HZ) - 1)
    total = np.zeros(len(raw))
    for index, corner_hz in enumerate(CORNERS_HZ):
        share = np.clip(1 - np.abs(place - index), 0, 1)
        if share.any():
            total += share * cut(raw[None].astype(np.float32), high_hz=corner_hz)[0]
    return total
