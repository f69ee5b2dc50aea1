"""Reading and tidying recordings that come from elsewhere."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from unbraid.errors import TrainingError
from unbraid.training.data.pool import RATE, Samples, levels, n_clipped


class UnreadableError(TrainingError):
    """A recording is damaged, clipped or too short to be of use."""


def read_stereo(path: Path, *, start_s: float = 0.0, end_s: float | None = None) -> Samples:
    """Samples of a file at 44.1 kHz; mono becomes two equal channels, of more the first two stay.

    Raises:
        UnreadableError: it does not decode, holds NaN, or more than 0.1 % of it is clipped.
    """
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            file.seek(round(start_s * rate))
            n_frames = -1 if end_s is None else round((end_s - start_s) * rate)
            samples = file.read(n_frames, dtype="float32", always_2d=True).T
    except (RuntimeError, OSError) as error:
        raise UnreadableError(f"{path}: does not decode ({error})") from None
    if samples.shape[1] < rate // 50 or not np.isfinite(samples).all():
        raise UnreadableError(f"{path}: too short, or not all numbers")
    if n_clipped(samples) > samples.size / 1000:
        raise UnreadableError(f"{path}: clipped")
    samples = samples[:2] if samples.shape[0] > 1 else np.repeat(samples, 2, axis=0)
    if rate != RATE:
        samples = soxr.resample(samples.T, rate, RATE).T
    return np.ascontiguousarray(samples, dtype=np.float32)


def high_pass(samples: Samples, frequency_hz: float = 90.0) -> Samples:
    """Rumble and DC away, without shifting anything in time."""
    sections = butter(2, frequency_hz, "highpass", fs=RATE, output="sos")
    return np.asarray(sosfiltfilt(sections, samples, axis=-1), dtype=np.float32)


def cut_silence(samples: Samples, *, threshold_db: float = -45.0, keep_s: float = 0.25) -> Samples:
    """Shorten every pause to about twice `keep_s`.

    Args:
        samples: (2, n_samples).
        threshold_db: what counts as silence, against the 95th percentile of the 20-ms levels;
            a noisy recording's own floor does so too.
        keep_s: what stays of a pause at each of its ends; the joints lie in the silence.
    """
    block = RATE // 50
    level = levels(samples, block)
    floor, top = np.percentile(level, (5, 95))
    loud = level > top + max(threshold_db, min(floor - top + 6, -20))
    reach = round(keep_s * 50)
    kept = np.convolve(loud, np.ones(2 * reach + 1), "same") > 0
    return np.ascontiguousarray(samples[:, np.repeat(kept, block)[: samples.shape[1]]])


def join(pieces: Sequence[Samples], gap_s: NDArray[np.float64] | Sequence[float]) -> Samples:
    """Pieces one after the other with short fades at their ends and pauses between."""
    parts: list[Samples] = []
    for piece, gap in zip(pieces, gap_s, strict=True):
        n_fade = min(220, piece.shape[1] // 2)
        ramp = np.linspace(0, 1, n_fade, dtype=np.float32)
        faded = piece.copy()
        faded[:, :n_fade] *= ramp
        faded[:, piece.shape[1] - n_fade :] *= ramp[::-1]
        parts += [faded, np.zeros((2, round(gap * RATE)), np.float32)]
    return np.concatenate(parts, axis=1)


def with_air(samples: Samples, top_hz: float, level_db: float = -8.0) -> Samples:
    """Highs for a recording that ends at `top_hz`, kept low: its upper half, moved up twice.

    Without them a model would learn that such voices have no air; louder, that all have this.
    """
    n_samples = samples.shape[1]
    spectrum = np.fft.rfft(samples, axis=1)
    n_top = round(top_hz * n_samples / RATE)
    n_half = n_top // 2
    upper = spectrum[:, n_top - n_half : n_top].copy()
    spectrum[:, n_top:] = 0
    for octave in (0, 1):
        start = n_top + octave * n_half
        room_left = max(0, min(n_half, spectrum.shape[1] - start))
        gain = 10 ** ((octave + 1) * level_db / 20)
        spectrum[:, start : start + room_left] = upper[:, :room_left] * gain
    return np.fft.irfft(spectrum, n_samples, axis=1).astype(np.float32)


def levelled(piece: Samples) -> Samples:
    """Half way to one level: a shout may stay louder than a whisper."""
    loudness = float(np.sqrt(np.mean(np.square(piece)))) + 1e-4
    return np.asarray(piece * np.float32((0.1 / loudness) ** 0.5), dtype=np.float32)
