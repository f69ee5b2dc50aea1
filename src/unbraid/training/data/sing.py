"""Making recorded voices sing something else, in another key, from another throat.

WORLD (Morise, Yokomori and Ozawa 2016, doi:10.1587/transinf.2015EDP7457) takes a voice apart into
pitch, spectral envelope and aperiodicity. The envelopes and with them the syllables, breaths and
transitions stay as recorded; the pitch follows a melody with slides and vibrato; the envelopes
are stretched along frequency for larger and smaller singers.
"""

import warnings
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from unbraid.training.data.effects import cut, decibels
from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.tune import Tune

FRAME_MS = 8.0
FRAMES_PER_S = 1000 / FRAME_MS

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """A recording taken apart, a row each 8 ms."""

    pitch_hz: Curve  # (n_frames,), 0 where unvoiced
    envelope: NDArray[np.float64]  # (n_frames, n_bins), power
    aperiodicity: NDArray[np.float64]  # (n_frames, n_bins), 0 to 1

    @property
    def mean_hz(self) -> float:
        voiced = self.pitch_hz[self.pitch_hz > 0]
        return float(np.exp(np.log(voiced).mean())) if voiced.size else 0.0


def analyse(samples: Samples) -> Voice:
    """Take a dry voice apart; its channels are mixed first."""
    world = _world()
    mono = samples.mean(axis=0).astype(np.float64)
    coarse, time_s = world.dio(mono, RATE, f0_floor=65.0, f0_ceil=1100.0, frame_period=FRAME_MS)
    pitch = world.stonemask(mono, coarse, time_s, RATE)
    envelope = world.cheaptrick(mono, pitch, time_s, RATE)
    aperiodicity = world.d4c(mono, pitch, time_s, RATE)
    return Voice(pitch, envelope, aperiodicity)


def synthesise(voice: Voice, pitch_hz: Curve, formants: float, where: Curve) -> Samples:
    """The voice on another pitch, in another throat, at another pace.

    Args:
        voice: what was recorded.
        pitch_hz: new pitch of each new frame; 0 where unvoiced.
        formants: 1.12 moves all resonances up by 12 %.
        where: for each new frame, the recorded frame (fractional) it takes its sound from.

    Returns:
        (2, n_samples), two equal channels.
    """
    frames = np.clip(np.round(where).astype(int), 0, len(voice.pitch_hz) - 1)
    envelope, aperiodicity = voice.envelope[frames], voice.aperiodicity[frames]
    if formants != 1.0:
        n_bins = envelope.shape[1]
        source = np.minimum(np.arange(n_bins) / formants, n_bins - 1)
        below = np.minimum(source.astype(int), n_bins - 2)
        share = source - below
        log_envelope = np.log(envelope + 1e-16)
        envelope = np.exp(log_envelope[:, below] * (1 - share) + log_envelope[:, below + 1] * share)
        aperiodicity = aperiodicity[:, below] * (1 - share) + aperiodicity[:, below + 1] * share
    mono = _world().synthesize(
        np.ascontiguousarray(pitch_hz, dtype=np.float64),
        np.ascontiguousarray(envelope),
        np.ascontiguousarray(aperiodicity),
        RATE,
        FRAME_MS,
    )
    return np.repeat(mono[None].astype(np.float32), 2, axis=0)


def onsets(voice: Voice) -> list[int]:
    """Frames where a syllable begins: where the sound of the voice changes most."""
    loudness = np.log(voice.envelope[:, ::8] + 1e-12)
    change = np.abs(loudness[4:] - loudness[:-4]).mean(axis=1)
    change = gaussian_filter1d(np.pad(change, 2), 4.0)
    limit = max(0.5, float(np.percentile(change, 70)))
    peaks = [
        i
        for i in range(2, len(change) - 2)
        if change[i] == change[max(0, i - 12) : i + 13].max() and change[i] > limit
    ]
    return [0, *(p for p in peaks if 5 < p < len(voice.pitch_hz) - 5)]


def melody(voice: Voice, rng: np.random.Generator, tune: Tune) -> tuple[Curve, Curve]:
    """A tune on a recording's syllables, a note each.

    Returns:
        Pitch (Hz, 0 where the recording is unvoiced) and place in the recording, by new frame.
    """
    starts = onsets(voice)
    notes: list[Curve] = []
    places: list[Curve] = []
    for start, end in pairwise([*starts, len(voice.pitch_hz)]):
        tone, length_s = tune.note()
        wanted = length_s * FRAMES_PER_S
        n_frames = max(4, int(np.clip(wanted, 0.55 * (end - start), 3.5 * (end - start))))
        # The consonant keeps its length; the vowel takes what is left.
        n_head = min(8, end - start - 1, n_frames - 2)
        tail = np.linspace(start + n_head, end - 1, n_frames - n_head)
        places.append(np.concatenate([np.arange(start, start + n_head, dtype=float), tail]))
        notes.append(np.full(n_frames, tone))
    pitch = _ornament(notes, rng)
    where = np.concatenate(places)
    recorded = voice.pitch_hz[np.clip(np.round(where).astype(int), 0, len(voice.pitch_hz) - 1)]
    voiced = recorded > 0
    # What the singer did within the note (scoops, unsteadiness) stays on top of the tune.
    own = np.zeros(len(where))
    own[voiced] = 12 * np.log2(recorded[voiced] / voice.mean_hz)
    own = np.clip(own - uniform_filter1d(own, 40), -0.7, 0.7)
    sung = 440 * 2 ** ((pitch + own - 69) / 12)
    return np.where(voiced, sung, 0.0), where


def _ornament(notes: list[Curve], rng: np.random.Generator) -> Curve:
    """Slides between notes, vibrato on long ones, drift."""
    pitch = np.concatenate(notes)
    slide = float(rng.uniform(2.0, 9.0))
    smooth = gaussian_filter1d(pitch, slide / 2)
    vibrato = np.zeros(len(pitch))
    rate, depth = float(rng.uniform(4.8, 6.6)), float(rng.uniform(0.1, 0.55))
    position = 0
    for note in notes:
        n_frames = len(note)
        if n_frames > 0.35 * FRAMES_PER_S and rng.random() < 0.7:
            time_s = np.arange(n_frames) / FRAMES_PER_S
            growth = np.clip((time_s - 0.18) / 0.3, 0, 1)
            wave = np.sin(2 * np.pi * rate * time_s + rng.uniform(0, 6))
            vibrato[position : position + n_frames] = depth * growth * wave
        if rng.random() < 0.25:  # scooped from below
            n_scoop = min(n_frames, int(rng.uniform(6, 16)))
            scoop = np.linspace(float(rng.uniform(-2.5, -0.8)), 0, n_scoop)
            vibrato[position : position + n_scoop] += scoop
        position += n_frames
    drift = gaussian_filter1d(rng.standard_normal(len(pitch)), 25) * 0.35
    return np.asarray(smooth + gaussian_filter1d(vibrato, 1.5) + drift)


def harmony(pitch_hz: Curve, tune: Tune, steps: int) -> Curve:
    """The same line some steps of the tune's scale higher or lower."""
    tones = np.array(tune.tones, dtype=float)
    voiced = pitch_hz > 0
    semitones = 69 + 12 * np.log2(np.where(voiced, pitch_hz, 440.0) / 440)
    nearest = np.abs(uniform_filter1d(semitones, 9)[:, None] - tones).argmin(axis=1)
    moved = tones[np.clip(nearest + steps, 0, len(tones) - 1)] - tones[nearest]
    shifted = 440 * 2 ** ((semitones + gaussian_filter1d(moved, 3.0) - 69) / 12)
    return np.where(voiced, shifted, 0.0)


def like_another_take(
    pitch_hz: Curve, where: Curve, rng: np.random.Generator
) -> tuple[Curve, Curve]:
    """Pitch and pace as the same singer would sing it again: cents and hundredths off."""
    n_frames = len(where)
    cents = gaussian_filter1d(rng.standard_normal(n_frames), 30) * 90
    lag = gaussian_filter1d(rng.standard_normal(n_frames), 40) * 18
    index = np.clip(np.arange(n_frames) + lag, 0, n_frames - 1)
    nearest = np.round(index).astype(int)
    return pitch_hz[nearest] * 2 ** (cents / 1200), where[nearest]


def breath(rng: np.random.Generator) -> Samples:
    """A singer drawing breath: (2, n_samples) of noise that swells, through an open mouth."""
    n_samples = round(float(rng.uniform(0.15, 0.45)) * RATE)
    noise = rng.standard_normal((1, n_samples)).astype(np.float32)
    noise = cut(noise, float(rng.uniform(600, 1500)), float(rng.uniform(3000, 8000)))
    swell = np.hanning(n_samples) ** float(rng.uniform(0.6, 1.5))
    loudness = decibels(float(rng.uniform(-54, -40)))
    return np.repeat((noise * swell * loudness).astype(np.float32), 2, axis=0)


def _world() -> Any:
    with warnings.catch_warnings():  # pyworld 0.3 asks for its version by a deprecated way
        warnings.simplefilter("ignore")
        return import_module("pyworld")
