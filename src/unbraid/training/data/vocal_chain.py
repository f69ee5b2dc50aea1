"""How a record treats its singer: cleaned, compressed, doubled, placed in rooms."""

import numpy as np

from unbraid.training.data.effects import (
    chorus,
    compress,
    cut,
    decibels,
    echo,
    level_db,
    peak_filter,
    room,
    saturate,
    wobble,
)
from unbraid.training.data.pool import Samples


def produce_vocals(lead: Samples, others: list[Samples], rng: np.random.Generator) -> Samples:
    """A lead and its doubles and harmonies as one stem.

    Args:
        lead: dry, (2, n_samples).
        others: further voices of the same length, placed left and right in turn.
        rng: decides on everything.
    """
    total = _strip(lead, rng)
    side = 1.0 if rng.random() < 0.5 else -1.0
    for voice in others:
        pan = side * float(rng.uniform(0.3, 1.0))
        side = -side
        gains = np.array([[1 - max(0.0, pan)], [1 + min(0.0, pan)]], np.float32)
        level = decibels(float(rng.uniform(-12, -3)) + level_db(total) - level_db(voice))
        total = np.asarray(total + _strip(voice, rng) * gains * level, dtype=np.float32)
    if not others and rng.random() < 0.2:
        copies = [
            wobble(total, float(rng.uniform(0.2, 0.9)), 2.0, phase)[i]
            for i, phase in enumerate((0.0, 2.5))
        ]
        total = np.asarray(
            total + np.stack(copies) * decibels(float(rng.uniform(-10, -3))), dtype=np.float32
        )
    if rng.random() < 0.12:
        total = chorus(total, rng, -9.0)
    if rng.random() < 0.35:
        delay = float(rng.choice((0.09, 0.13, 0.25, 0.33, 0.42)) * rng.uniform(0.9, 1.1))
        total = echo(total, delay, float(rng.uniform(0.2, 0.55)), float(rng.uniform(-16, -7)))
    if rng.random() < 0.85:
        total = room(
            total,
            rng,
            decay_s=float(rng.uniform(0.3, 2.8)),
            wet_db=float(rng.uniform(-24, -8)),
            delay_s=float(rng.uniform(0.0, 0.08)),
            dark=float(rng.uniform(0.2, 0.9)),
        )
    return total


def _strip(voice: Samples, rng: np.random.Generator) -> Samples:
    """One channel of the desk."""
    voice = cut(voice, low_hz=float(rng.uniform(80, 140)))
    voice = peak_filter(voice, float(rng.uniform(180, 400)), float(rng.normal(-1, 2)), 0.8)
    voice = peak_filter(voice, float(rng.uniform(2500, 5500)), float(rng.normal(2, 2.5)), 0.7)
    if rng.random() < 0.85:
        ratio, above = float(rng.uniform(2, 8)), float(rng.uniform(-14, -4))
        voice = compress(voice, ratio=ratio, above_db=above, attack_ms=4.0, release_ms=90.0)
    if rng.random() < 0.2:
        # Clipping makes difference tones below the voice, where no voice is.
        voice = cut(saturate(voice, float(rng.uniform(0, 6))), low_hz=100.0)
    return voice
