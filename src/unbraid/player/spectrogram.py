"""A picture of sound: level by time and frequency, as bytes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unbraid.player.song import SAMPLE_RATE, Lane, Song
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

MIXTURE = "mixture"
"""What the mixture is called where stems have their names."""

N_FFT = 4096
LOW_HZ, HIGH_HZ = 40.0, 16_000.0
FLOOR_DB = -90.0

_AT_ONCE = 32  # columns


def spectrogram(
    read: Callable[[int, int], Samples],
    start: int,
    end: int,
    n_columns: int,
    n_rows: int,
    sample_rate: int,
) -> NDArray[np.uint8]:
    """Levels in octave-spaced rows.

    Args:
        read: gives (2, n) samples from a start on, zeros outside the song.
        start: first sample.
        end: the first behind.
        n_columns: of the picture; each shows 93 ms around its middle.
        n_rows: from 16 kHz down to 40 Hz.
        sample_rate: Hz.

    Returns:
        uint8, (n_rows, n_columns): 0 for -90 dB and less, 255 for a full-scale sine.
    """
    window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
    edges = np.geomspace(HIGH_HZ, LOW_HZ, n_rows + 1) * N_FFT / sample_rate
    # A row takes the loudest of its bins; low rows, narrower than a bin, share one.
    first = np.floor(edges[1:]).astype(int)
    last = np.maximum(first + 1, np.floor(edges[:-1]).astype(int))
    pairs = np.stack([first, last], axis=1).ravel()
    picture = np.zeros((n_rows, n_columns), np.uint8)
    for left in range(0, n_columns, _AT_ONCE):
        columns = range(left, min(left + _AT_ONCE, n_columns))
        frames = np.zeros((len(columns), N_FFT), np.float32)
        for frame, column in zip(frames, columns, strict=True):
            middle = start + round((column + 0.5) * (end - start) / n_columns)
            frame[:] = read(middle - N_FFT // 2, N_FFT).mean(axis=0)
        magnitudes = np.abs(np.fft.rfft(frames * window)) * (4 / N_FFT)
        peaks = np.maximum.reduceat(magnitudes, pairs, axis=1)[:, ::2]
        decibels = 20 * np.log10(np.maximum(peaks, 1e-6))
        picture[:, left : left + len(columns)] = np.clip((1 - decibels / FLOOR_DB) * 255, 0, 255).T
    return picture


def picture_of(
    song: Song | None,
    lane: Lane | None,
    stem: str,
    start: int,
    end: int,
    n_columns: int,
    n_rows: int,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The spectrogram of a stem, or of the mixture, as far as it is there.

    Returns:
        See `spectrogram`; and bool, (n_columns,), whether the column's middle is there.
    """
    there = np.zeros(n_columns, np.bool_)
    if song is None or (lane is None and stem != MIXTURE):
        return np.zeros((n_rows, n_columns), np.uint8), there
    for column in range(n_columns):
        at = int(start + (column + 0.5) * (end - start) / n_columns)
        if lane is None or stem == MIXTURE:
            there[column] = song.decoded_until(at) > at
        else:
            there[column] = lane.ready_until(at, song.n_samples) > at

    def read(at: int, n_samples: int) -> Samples:
        mixture = song.read(at, n_samples)
        if lane is None or stem == MIXTURE:
            return mixture
        part: Samples = lane.stems.read(at, mixture)[STEMS.index(stem)]
        return part

    return spectrogram(read, start, end, n_columns, n_rows, SAMPLE_RATE), there
