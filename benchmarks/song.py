"""Songs to measure with: made up, or looped from one's own, of any length."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.encoder import Encoder, OutputFormat
from unbraid.audio.track import Track

RATE = 44_100
BEAT = RATE // 2  # samples: 120 beats a minute
CHORDS = ((57, 60, 64), (53, 57, 60), (48, 55, 64), (55, 59, 62))  # MIDI notes, one a bar

Samples = NDArray[np.float32]


def write_song(path: Path, length_s: float, source: Path | None = None) -> Path:
    """Write a 16-bit FLAC of a given length: `source` looped, or made up if there is none."""
    encoder = Encoder(path, OutputFormat("flac", "16"), RATE)
    n_left = round(length_s * RATE)
    for block in _looped(source):
        encoder.write(block[:, :n_left])
        n_left -= block.shape[1]
        if n_left <= 0:
            break
    encoder.close()
    return path


def _looped(source: Path | None) -> Iterator[Samples]:
    if source is None:
        yield from cycle([made_up_bars()])
    while True:
        assert source is not None
        with Track(source, sample_rate=RATE) as track:
            yield from track.blocks()


def made_up_bars() -> Samples:
    """Four bars with drums, bass, chords and something that sings: (2, 8 s), always the same."""
    random = np.random.default_rng(1)
    n_bar = 4 * BEAT
    song = np.zeros((2, len(CHORDS) * n_bar))
    for bar, chord in enumerate(CHORDS):
        at = bar * n_bar
        for note, pan in zip(chord, (0.3, 0.5, 0.7), strict=True):
            tone = 0.06 * _tone(note, n_bar, decay_s=2.0)
            song[:, at : at + n_bar] += tone * [[1 - pan], [pan]]
        for beat in range(4):
            here = slice(at + beat * BEAT, at + (beat + 1) * BEAT)
            song[:, here] += 0.25 * _tone(chord[0] - 24, BEAT, decay_s=0.4)
            song[:, here] += 0.12 * _tone(random.choice(chord) + 12, BEAT, 1.0, vibrato=0.02)
            noise = random.standard_normal(BEAT)
            time_s = np.arange(BEAT) / RATE
            kick = np.sin(60 * np.exp(-time_s * 30) + 320 * time_s) * np.exp(-time_s * 12)
            song[:, here] += 0.4 * kick if beat % 2 == 0 else 0.2 * noise * np.exp(-time_s * 20)
            hat = np.diff(noise, prepend=0.0) * np.exp(-(time_s % 0.25) * 60)
            song[:, here] += 0.04 * hat * [[0.4], [0.6]]
    return (song / np.abs(song).max() * 0.9).astype(np.float32)


def _tone(note: float, n_samples: int, decay_s: float, vibrato: float = 0.0) -> NDArray[np.float64]:
    """A note with twelve harmonics, rolled off."""
    time_s = np.arange(n_samples) / RATE
    hertz = 440 * 2 ** ((note - 69) / 12)
    phase = 2 * np.pi * hertz * (time_s + vibrato / 30 * np.sin(2 * np.pi * 5.5 * time_s))
    harmonics = sum(np.sin(k * phase) / k for k in range(1, 13))
    return harmonics * np.exp(-time_s / decay_s) * np.minimum(1, time_s / 0.005)
