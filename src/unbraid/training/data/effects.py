"""What a studio does to an instrument: equalisers, amplifiers, rooms, compressors, doublings.

All take and return float32 samples, (channels, n_samples), full scale 1.0, and are deterministic
given their arguments. One channel stays one where no effect is stereo by nature: it costs half.
"""

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, oaconvolve, sosfilt

from unbraid.training.data.pool import RATE, Samples

BLOCK = 64  # samples between two gains of a compressor: 1.5 ms


def decibels(value: float) -> np.float32:
    """A level in dB as a factor."""
    return np.float32(10 ** (value / 20))


def level_db(samples: Samples) -> float:
    """RMS in dBFS of the louder half of the 50-ms blocks: what the ear takes as the level."""
    block = RATE // 20
    n_blocks = max(1, samples.shape[1] // block)
    power = np.square(samples[:, : n_blocks * block]).mean(axis=0)
    power = power.reshape(n_blocks, -1).mean(axis=1)
    loud = power[power >= np.median(power[power > 1e-10])] if (power > 1e-10).any() else power
    return float(10 * np.log10(loud.mean() + 1e-12))


def peak_filter(
    samples: Samples, frequency_hz: float, gain_db: float, quality: float = 0.9
) -> Samples:
    """A bell at a frequency. Source: Bristow-Johnson, Cookbook formulae for audio EQ."""
    a = 10 ** (gain_db / 40)
    angle = 2 * np.pi * min(frequency_hz, 0.45 * RATE) / RATE
    alpha = np.sin(angle) / (2 * quality)
    middle = -2 * np.cos(angle)
    section = np.array([1 + alpha * a, middle, 1 - alpha * a, 1 + alpha / a, middle, 1 - alpha / a])
    return np.asarray(sosfilt(section[None] / section[3], samples, axis=-1), dtype=np.float32)


def cut(
    samples: Samples, low_hz: float | None = None, high_hz: float | None = None, order: int = 2
) -> Samples:
    """Keep what lies between two frequencies."""
    for frequency, kind in ((low_hz, "highpass"), (high_hz, "lowpass")):
        if frequency is not None:
            sections = butter(order, min(frequency, 0.45 * RATE), kind, fs=RATE, output="sos")
            samples = sosfilt(sections, samples, axis=-1)
    return np.asarray(samples, dtype=np.float32)


def random_equaliser(samples: Samples, rng: np.random.Generator, spread_db: float = 3.0) -> Samples:
    """Two or three bells anywhere from 60 Hz to 12 kHz."""
    for _ in range(int(rng.integers(2, 4))):
        frequency = 60 * 2 ** float(rng.uniform(0, 7.6))
        gain, quality = float(rng.normal(0, spread_db)), float(rng.uniform(0.4, 1.6))
        samples = peak_filter(samples, frequency, gain, quality)
    return samples


def amplifier(samples: Samples, drive_db: float, rng: np.random.Generator) -> Samples:
    """A guitar amplifier with its loudspeaker: chords beat against each other as in a real one.

    The signal is driven into two unequal soft clippers at twice the rate, and coloured by a
    cabinet: nothing above about 5 kHz, bumps at 110 Hz and 2 to 4 kHz.

    Args:
        samples: a clean guitar; mixed to one channel.
        drive_db: 0 is nearly clean, 20 crunches, 40 sustains.
        rng: decides on the amplifier's colours.
    """
    mono = samples.mean(axis=0, keepdims=True)
    mono = cut(mono, low_hz=float(rng.uniform(60, 180)), order=1)
    mono = peak_filter(mono, float(rng.uniform(600, 1400)), float(rng.uniform(2, 8)), 0.6)
    loudness = 10 ** (level_db(mono) / 20) + 1e-6
    fast = soxr.resample(mono[0], RATE, 2 * RATE, quality="MQ")
    bias = float(rng.uniform(0.05, 0.3))
    fast = np.tanh(fast * decibels(drive_db) * 0.5 / loudness + bias) - np.tanh(bias)
    fast = np.tanh(fast * decibels(drive_db / 4)) if drive_db > 12 else fast
    driven = soxr.resample(fast, 2 * RATE, RATE, quality="MQ")[None, : samples.shape[1]]
    driven = np.pad(driven, ((0, 0), (0, samples.shape[1] - driven.shape[1])))
    driven = cut(driven.astype(np.float32), low_hz=float(rng.uniform(45, 90)))
    driven = cut(driven, high_hz=float(rng.uniform(3800, 6000)), order=4)
    driven = peak_filter(driven, 120 * float(rng.uniform(0.8, 1.4)), float(rng.uniform(0, 9)), 1.0)
    driven = peak_filter(driven, float(rng.uniform(2000, 4000)), float(rng.uniform(1, 7)), 1.2)
    driven *= np.float32(loudness / (10 ** (level_db(driven) / 20) + 1e-6))
    return np.asarray(driven, dtype=np.float32)


def saturate(samples: Samples, drive_db: float) -> Samples:
    """Tape or a valve: peaks are rounded, the level stays."""
    loudness = 10 ** (level_db(samples) / 20) * 3 + 1e-6
    drive = decibels(drive_db) / loudness
    return np.asarray(np.tanh(samples * drive) / drive, dtype=np.float32)


def room(
    samples: Samples,
    rng: np.random.Generator,
    *,
    decay_s: float,
    wet_db: float,
    delay_s: float = 0.01,
    dark: float = 0.5,
) -> Samples:
    """A room, hall or plate: a few early echoes, then noise that dies away, its highs first.

    Args:
        samples: what sounds in it.
        rng: decides on the room; two calls make two rooms.
        decay_s: time to -60 dB at low frequencies.
        wet_db: level of the reverberation against the dry sound.
        delay_s: before the first echo.
        dark: 0 keeps the highs as long as the lows, 1 loses them at once.
    """
    n_samples = round((decay_s * 0.8 + delay_s) * RATE)
    time_s = np.arange(n_samples) / RATE
    response = np.zeros((2, n_samples), np.float32)
    for low, high, share in (
        (80, 700, 1.0),
        (700, 3500, 1 - 0.4 * dark),
        (3500, 12_000, 1 - 0.8 * dark),
    ):
        noise = rng.standard_normal((2, n_samples)).astype(np.float32)
        noise = cut(noise, low, high, order=1)
        response += noise * np.exp(-6.9 * time_s / (decay_s * max(share, 0.15))).astype(np.float32)
    for _ in range(8):
        at = int(rng.uniform(0, min(0.06 * RATE, n_samples - 1)))
        response[int(rng.integers(2)), at] += float(rng.normal(0, 6))
    n_delay = round(delay_s * RATE)
    response = np.pad(response, ((0, 0), (n_delay, 0)))[:, :n_samples]
    wet = oaconvolve(samples, response, axes=1)[:, : samples.shape[1]]
    ratio = 10 ** (level_db(samples) / 20) / (10 ** (level_db(wet) / 20) + 1e-9)
    return np.asarray(samples + wet * (ratio * decibels(wet_db)), dtype=np.float32)


def echo(samples: Samples, delay_s: float, feedback: float, wet_db: float) -> Samples:
    """Repeats, each darker, thrown from side to side."""
    wet = np.zeros_like(samples)
    repeat = samples
    step = round(delay_s * RATE)
    for _ in range(5):
        repeat = np.pad(repeat, ((0, 0), (step, 0)))[::-1, : samples.shape[1]]
        repeat = cut(repeat, 150, 4500, order=1) * np.float32(feedback)
        wet = wet + repeat
    return np.asarray(samples + wet * decibels(wet_db), dtype=np.float32)


def wobble(samples: Samples, rate_hz: float, depth_ms: float, phase: float = 0.0) -> Samples:
    """A delay that swings: a second, slightly detuned copy for choruses and doublings."""
    index = np.arange(samples.shape[1], dtype=np.float64)
    swing = 1 + np.sin(2 * np.pi * rate_hz * index / RATE + phase)
    where = index - (0.005 + depth_ms / 1000 * swing) * RATE
    return np.stack([np.interp(where, index, side) for side in samples]).astype(np.float32)


def chorus(samples: Samples, rng: np.random.Generator, wet_db: float = -6.0) -> Samples:
    """Two swinging copies, one to each side."""
    rate, depth = float(rng.uniform(0.3, 1.5)), float(rng.uniform(0.5, 2.5))
    sides = (samples[:1], samples[-1:])
    copies = [wobble(side, rate, depth, 2.0 * c)[0] for c, side in enumerate(sides)]
    return np.asarray(samples + np.stack(copies) * decibels(wet_db), dtype=np.float32)


def compressor_gain(
    samples: Samples,
    *,
    above_db: float = 0.0,
    ratio: float = 3.0,
    attack_ms: float = 10.0,
    release_ms: float = 150.0,
) -> NDArray[np.float32]:
    """Gain of a compressor over time, (n_samples,), without make-up.

    Args:
        samples: what it listens to.
        above_db: threshold against the sound's own level.
        ratio: of what comes in above the threshold to what comes out.
        attack_ms: time constant when it gets louder.
        release_ms: time constant when it gets quieter.
    """
    n_blocks = -(-samples.shape[1] // BLOCK)
    power = np.square(samples).max(axis=0)
    power = np.pad(power, (0, n_blocks * BLOCK - power.size)).reshape(n_blocks, BLOCK).mean(axis=1)
    over = 10 * np.log10(power + 1e-10) - level_db(samples) - above_db
    wanted = (np.maximum(over, 0) * (1 / ratio - 1)).tolist()
    up, down = (float(np.exp(-BLOCK / RATE / (t / 1000))) for t in (attack_ms, release_ms))
    gain_db, now = np.empty(n_blocks), 0.0
    for index, target in enumerate(wanted):
        keep = up if target < now else down
        now = target + (now - target) * keep
        gain_db[index] = now
    at = np.arange(samples.shape[1]) / BLOCK - 0.5
    return np.asarray(10 ** (np.interp(at, np.arange(n_blocks), gain_db) / 20), dtype=np.float32)


def compress(samples: Samples, **settings: float) -> Samples:
    """A compressor on one track; the level stays about what it was."""
    before = level_db(samples)
    squeezed = samples * compressor_gain(samples, **settings)
    return np.asarray(squeezed * decibels(before - level_db(squeezed)), dtype=np.float32)
