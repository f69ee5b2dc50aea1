"""A plucked string as a sum of decaying partials: basses that no soundfont has.

Where the string is plucked and where the pickup sits decide which partials sound, the plectrum or
finger how bright they start, the wood how fast they fade (Fletcher and Rossing 1998, chapter 2).
"""

import numpy as np

from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.score import Note

TOP_HZ = 6_000.0
LONGEST_S = 4.0


def play_string(notes: list[Note], rng: np.random.Generator, n_samples: int) -> Samples:
    """A bass with one random sound, one note at a time, (1, n_samples).

    Args:
        notes: what to play; a new note ends the one before.
        rng: the instrument: finger, plectrum, slap or muted, where picked, how bright.
        n_samples: length.
    """
    plucked, pickup = float(rng.uniform(0.06, 0.35)), float(rng.uniform(0.05, 0.3))
    tilt = float(rng.uniform(0.6, 2.2))  # partials fall with this power of their number
    sustain_s, damping = float(rng.uniform(0.5, 3.5)), float(rng.uniform(0.03, 0.3))
    stiffness = float(rng.uniform(0, 2.5e-4))
    click = float(rng.uniform(0, 0.25))
    sound = np.zeros((1, n_samples), np.float32)
    tones: dict[int, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = {}
    ordered = sorted(notes, key=lambda note: note.start_s)
    for note, following in zip(ordered, [*ordered[1:], None], strict=True):
        if note.pitch not in tones:
            root_hz = 440 * 2 ** ((note.pitch - 69) / 12)
            number = np.arange(1, max(2, int(TOP_HZ / root_hz)))
            partial_hz = root_hz * number * np.sqrt(1 + stiffness * number**2)
            strength = np.sin(np.pi * plucked * number) * np.sin(np.pi * pickup * number)
            strength = (strength / number**tilt) * rng.uniform(0.7, 1.3, len(number))
            fade = (1 + damping * number) / sustain_s
            time_s = np.arange(round(LONGEST_S * RATE), dtype=np.float32) / np.float32(RATE)
            tone = np.zeros(len(time_s), np.float32)
            for hz, amount, rate in zip(partial_hz, strength, fade, strict=True):
                audible = min(len(tone), round(6.9 / rate * RATE))  # until it is 60 dB down
                t = time_s[:audible]
                tone[:audible] += (
                    np.float32(amount) * np.exp(-rate * t) * np.sin(2 * np.pi * hz * t)
                )
            tone /= np.abs(tone).max() + 1e-9
            n_click = 300
            burst = rng.standard_normal(n_click) * np.exp(-np.arange(n_click) / 60)
            tone[:n_click] += np.float32(click) * burst.astype(np.float32)
            tones[note.pitch] = tone
        end_s = note.end_s if following is None else min(note.end_s, following.start_s)
        start = round(note.start_s * RATE)
        n_held = max(600, round((end_s - note.start_s) * RATE))
        piece = tones[note.pitch][: min(n_held + 2000, max(0, n_samples - start))].copy()
        n_release = min(2000, len(piece))
        piece[len(piece) - n_release :] *= np.linspace(1, 0, n_release, dtype=np.float32) ** 2
        n_attack = min(40, len(piece))
        piece[:n_attack] *= np.linspace(0, 1, n_attack, dtype=np.float32)
        sound[0, start : start + len(piece)] += piece * np.float32((note.velocity / 127) ** 1.3)
    return sound
