"""Songs of the made-up band on oscillators alone: material where nothing else can be had.

It needs no data pack and no packages, so that anybody can go through the whole pipeline at once.
Its voice is a row of harmonics under three formants, no singer: it is built only when asked for.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbraid.training.data.band import compose
from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.score import DRUM_CHANNEL, Note, Score
from unbraid.training.data.sources.source import Song, Source, Stems, seed_of

SONG_S = 30.0
TAIL_S = 0.5
TOP_HZ = 16_000.0
# Centres of three formants (Hz) of a, e, i, o, u (Peterson and Barney 1952, men, rounded).
VOWELS = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (270, 2290, 3010),
    (570, 840, 2410),
    (300, 870, 2240),
)
FORMANT_WIDTHS_HZ = np.array([80.0, 100.0, 140.0])
FORMANT_GAINS = np.array([1.0, 0.5, 0.2])

Mono = NDArray[np.float32]


class Chip(Source):
    """Drum machine, synthesisers and a singing formant filter."""

    name = "chip"
    licence = "ours (MIT)"
    credit = "unbraid"
    kinds = ("vocals", "drums", "bass", "other")
    obtained = "generated; needs nothing"
    verified = "each song is a function of its number"
    default_hours = 0.5
    on_request = True

    def missing(self, pack: Path | None) -> str | None:
        return None

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        n_songs = max(1, round(hours * 3600 / SONG_S))
        return [Song(f"{n:04d}", partial(_make, n), SONG_S) for n in range(n_songs)]


def _make(number: int) -> Stems:
    score, _ = compose(seed_of("chip", number), SONG_S)
    rng = np.random.default_rng(seed_of("chip sound", number))
    bass = score.bass_channels()
    groups: dict[str, list[Note]] = {"drums": [], "bass": [], "other": []}
    for note in score.notes:
        if note.start_s < SONG_S:
            kind = "drums" if note.channel == DRUM_CHANNEL else "other"
            groups["bass" if note.channel in bass else kind].append(note)
    stems = {
        "drums": _mix([(n.start_s, _drum(n, rng), n.velocity) for n in groups["drums"]]),
        "bass": _mix([(n.start_s, _tone(n, rng, 8), n.velocity) for n in groups["bass"]]),
        "other": _mix([(n.start_s, _tone(n, rng, 20), n.velocity) for n in groups["other"]]),
        "vocals": _mix(_tune(score, rng)),
    }
    return {
        "vocals": _spread(stems["vocals"], 0.0),
        "drums": _spread(stems["drums"], float(rng.uniform(0, 0.3))),
        "bass": _spread(stems["bass"], 0.0),
        "other": _spread(stems["other"], float(rng.uniform(0.2, 0.8))),
    }


def _mix(sounds: list[tuple[float, Mono, float]]) -> Mono:
    """Sounds at their times (s) and MIDI velocities, brought to -16 dBFS where they sound."""
    track = np.zeros(round((SONG_S + TAIL_S) * RATE), np.float32)
    for start_s, sound, velocity in sounds:
        start = round(start_s * RATE)
        room = len(track) - start
        track[start : start + len(sound)] += sound[:room] * np.float32((velocity / 127) ** 1.5)
    loud = np.abs(track) > 1e-3
    rms = float(np.sqrt(np.mean(np.square(track[loud])))) if loud.any() else 1.0
    return track * np.float32(0.16 / rms)


def _spread(mono: Mono, width: float) -> Samples:
    """Two channels, the right one late by up to 15 ms in its part."""
    late = np.roll(mono, round(0.015 * RATE))
    right = (1 - width) * mono + width * late
    return np.stack([mono, right]).astype(np.float32)


def _tone(note: Note, rng: np.random.Generator, n_partials: int) -> Mono:
    """A synthesiser's tone: partials that fall off and die away, the higher the sooner."""
    times = np.arange(round(min(note.end_s - note.start_s + 0.05, 2.0) * RATE)) / RATE
    frequency = 440 * 2 ** ((note.pitch - 69) / 12)
    turn = np.exp((2j * np.pi * frequency - 0.8) * times)  # to the k-th power: the k-th partial
    partial = np.ones(len(times), complex)
    sound = np.zeros(len(times))
    square = rng.random() < 0.5
    for k in range(1, min(n_partials, int(TOP_HZ / frequency)) + 1):
        partial *= turn
        if k % 2 or not square:
            sound += partial.imag / k
    return _ends(sound)


def _ends(sound: NDArray[np.float64]) -> Mono:
    n_fade = min(len(sound) // 2, RATE // 200)
    ramp = np.linspace(0, 1, n_fade)
    sound[:n_fade] *= ramp
    sound[len(sound) - n_fade :] *= ramp[::-1]
    return sound.astype(np.float32)


def _drum(note: Note, rng: np.random.Generator) -> Mono:
    """A drum machine's: a falling sine for kick and toms, noise over it or alone for the rest."""
    key = note.pitch
    times = np.arange(RATE // 2) / RATE
    noise = rng.standard_normal(len(times))
    if key in (35, 36) or key in (41, 43, 45, 47, 48, 50):
        low_hz = 48.0 if key < 40 else 80.0 + 14 * (key - 41)
        phase = low_hz * times + low_hz * 0.1 * (1 - np.exp(-times * 30))
        return _ends(
            np.sin(2 * np.pi * phase) * np.exp(-times * 9) + 0.05 * noise * np.exp(-times * 90)
        )
    if key in (37, 38, 39, 40):
        body = np.sin(2 * np.pi * 185 * times) * np.exp(-times * 25)
        return _ends(0.6 * body + 0.5 * noise * np.exp(-times * 18))
    decay = 6.0 if key in (46, 49, 51, 52, 53, 55, 57, 59) else 45.0
    bright = np.diff(noise, prepend=0.0)  # 6 dB more an octave
    return _ends(0.3 * bright * np.exp(-times * decay))


def _tune(score: Score, rng: np.random.Generator) -> list[tuple[float, Mono, float]]:
    """Phrases on notes that sound just then, with slides, vibrato and breathy onsets."""
    tuned = [n for n in score.notes if n.channel != DRUM_CHANNEL]
    sung: list[tuple[float, Mono, float]] = []
    time_s, pitch = 1.0, float(rng.integers(52, 68))
    while tuned and time_s < SONG_S - 2:
        classes = [n.pitch for n in tuned if n.start_s - 0.2 <= time_s < n.end_s] or [round(pitch)]
        target = min(classes, key=lambda p: (p - pitch + rng.normal(0, 2)) % 12)
        new = pitch + (target - pitch + 6) % 12 - 6
        new += -12 if new > 74 else 12 if new < 48 else 0
        length_s = float(rng.choice((0.2, 0.3, 0.4, 0.8)))
        sung.append((time_s, _syllable(pitch, new, length_s, rng), float(rng.uniform(80, 120))))
        pitch = new
        time_s += length_s + (float(rng.uniform(0.6, 2.0)) if rng.random() < 0.15 else 0.0)
    return sung


def _syllable(start: float, end: float, length_s: float, rng: np.random.Generator) -> Mono:
    times = np.arange(round((length_s + 0.03) * RATE)) / RATE
    slide = start + (end - start) * np.clip(times / 0.06, 0, 1)
    vibrato = 0.3 * np.clip(times - 0.2, 0, 0.3) / 0.3 * np.sin(2 * np.pi * 5.5 * times)
    frequency = 440 * 2 ** ((slide + vibrato - 69) / 12)
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    formants = np.array(VOWELS[int(rng.integers(len(VOWELS)))]) * float(rng.uniform(1.0, 1.15))
    sound = np.zeros(len(times))
    mean_hz = float(frequency.mean())
    for k in range(1, int(min(TOP_HZ / 2, 6000) / frequency.max()) + 1):
        resonance = FORMANT_GAINS / (1 + ((k * mean_hz - formants) / FORMANT_WIDTHS_HZ) ** 2)
        sound += (float(resonance.sum()) + 0.02) / k**0.5 * np.sin(k * phase)
    breath = np.diff(rng.standard_normal(len(times)), prepend=0.0)
    sound += breath * (0.02 + 0.3 * np.exp(-times * 60) * (rng.random() < 0.5))
    return _ends(sound * np.minimum(1, 8 * (times[-1] - times) + 0.1))
