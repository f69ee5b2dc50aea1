"""What samples of drums lack: the ring of shells and heads that a record's microphones pick up.

Of a real kit's energy 30 to 70 % lies below 80 Hz, of sampled kits a few per cent: their kicks are
short and thin. A kick's head rings at 40 to 90 Hz for 100 to 300 ms, falling in pitch as its
tension falls; snares ring at 140 to 260 Hz, toms between.
"""

import numpy as np
from numpy.typing import NDArray

from unbraid.training.data.effects import cut
from unbraid.training.data.kits import ROLE_OF_KEY
from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.score import Note

LOW_HZ = 80.0
TOM_HZ = {"tom-low": 80.0, "tom-mid": 110.0, "tom-high": 145.0}


def with_bodies(
    sound: Samples, notes: list[Note], rng: np.random.Generator, *, electric: bool = False
) -> Samples:
    """A kit with rings under its kicks, snares and toms, in a proportion as on records.

    Args:
        sound: the kit, (2, n_samples).
        notes: what it played, by General MIDI key.
        rng: tuning, damping, proportion.
        electric: longer and deeper falls, as drum machines have.
    """
    by_role: dict[str, list[Note]] = {}
    for note in notes:
        by_role.setdefault(ROLE_OF_KEY.get(note.pitch, ""), []).append(note)
    n_samples = sound.shape[1]
    energy = float(np.square(sound).sum())
    sound = sound.copy()
    if "snare" in by_role and rng.random() < 0.6:
        hit = _ring(float(rng.uniform(140, 260)), 0.3, float(rng.uniform(0.02, 0.08)), 0.006, rng)
        _add(sound, _played(by_role["snare"], hit, n_samples, rng), energy, rng.uniform(-22, -8))
    tune = float(rng.uniform(0.8, 1.3))
    for role in sorted(TOM_HZ.keys() & by_role.keys()):
        hit = _ring(TOM_HZ[role] * tune, 0.3, float(rng.uniform(0.06, 0.22)), 0.03, rng)
        _add(sound, _played(by_role[role], hit, n_samples, rng), energy, rng.uniform(-24, -10))
    if "kick" not in by_role or rng.random() < 0.1:
        return sound
    kick = _played(by_role["kick"], _kick(rng, electric), n_samples, rng)
    # The proportion of lows is drawn, and the ring made as loud as that takes.
    wanted = float(np.clip(rng.normal(0.63, 0.12), 0.25, 0.85))
    energy, low = float(np.square(sound).sum()), float(np.square(cut(sound, high_hz=LOW_HZ)).sum())
    ring = 2 * float(np.square(kick).sum())
    ring_low = 2 * float(np.square(cut(kick[None], high_hz=LOW_HZ)).sum())
    needed = (wanted * energy - low) / max(ring_low - wanted * ring, 0.1 * ring, 1e-9)
    return np.asarray(sound + np.float32(np.sqrt(np.clip(needed, 0, None))) * kick)


def _kick(rng: np.random.Generator, electric: bool) -> NDArray[np.float32]:
    root_hz = 54 * 2 ** float(np.clip(rng.normal(0, 0.25), -0.45, 0.6))
    fall = float(rng.uniform(1.0, 6.0) if electric else rng.uniform(0.1, 1.6))
    # A drum machine's may last as long as a bass's note, in tune, distorted: a drum all the same.
    decay_s = 0.05 * 12 ** float(rng.random()) if electric else float(rng.uniform(0.03, 0.13))
    hit = _ring(root_hz, fall, decay_s, float(rng.uniform(0.008, 0.04)), rng)
    if electric:
        drive = 12 ** float(rng.uniform(-1, 1))
        hit = (np.tanh(drive * hit) / np.tanh(drive)).astype(np.float32)
    else:  # the head's second mode
        second = _ring(root_hz * float(rng.uniform(1.5, 2.3)), fall / 2, decay_s * 0.5, 0.01, rng)
        hit[: len(second)] += second[: len(hit)] * np.float32(rng.uniform(0, 0.35))
    n_click = round(0.01 * RATE)
    time_s = np.arange(n_click) / RATE
    click = rng.standard_normal(n_click) * np.exp(-time_s / float(rng.uniform(0.0005, 0.003)))
    hit[:n_click] += (click * float(rng.choice((0, 0.1, 0.3)))).astype(np.float32)
    return hit


def _ring(
    root_hz: float, fall: float, decay_s: float, fall_s: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A decaying sine that begins `fall` times its frequency too high."""
    n_samples = round(min(1.8, 7 * decay_s) * RATE)
    time_s = np.arange(n_samples) / RATE
    hz = root_hz * (1 + fall * np.exp(-time_s / fall_s))
    wave = np.sin(2 * np.pi * np.cumsum(hz) / RATE + float(rng.uniform(0, 0.5)))
    wave *= np.exp(-time_s / decay_s) * np.clip(time_s / 0.0015, 0, 1)
    wave *= np.clip((time_s[-1] - time_s) / 0.02, 0, 1)
    return wave.astype(np.float32)


def _played(
    notes: list[Note], hit: NDArray[np.float32], n_samples: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """One drum, (n_samples,): a stroke ends the ring of the one before."""
    sound = np.zeros(n_samples, np.float32)
    starts = sorted((round(note.start_s * RATE), note.velocity) for note in notes)
    for (start, velocity), (following, _) in zip(
        starts, [*starts[1:], (n_samples, 0)], strict=True
    ):
        length = min(len(hit), following - start + 300, n_samples - start)
        if length <= 0:
            continue
        piece = hit[:length] * np.float32((velocity / 110) ** 1.6 * rng.uniform(0.85, 1.15))
        n_fade = min(300, length)
        piece[length - n_fade :] *= np.linspace(1, 0, n_fade, dtype=np.float32)
        sound[start : start + length] += piece
    return sound


def _add(sound: Samples, drum: NDArray[np.float32], energy: float, level_db: float) -> None:
    own = 2 * float(np.square(drum).sum())
    if own > 0:
        sound += drum * np.float32(np.sqrt(energy / own) * 10 ** (level_db / 20))
