"""Recordings of any format, for sets and songs that users bring."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from unbraid.audio.streams import read_streams as decode_streams
from unbraid.audio.track import Track
from unbraid.errors import AudioError
from unbraid.evaluation.layouts import EXTENSIONS
from unbraid.training.data.pool import RATE, Samples, n_clipped
from unbraid.training.data.recordings import UnreadableError

USUAL_S = 240.0
"""What a song is taken to last where its header does not tell."""


def sound_files(folder: Path) -> Iterator[Path]:
    """Files whose names end like sound, at any depth; none whose name begins with a dot."""
    for path in folder.rglob("*"):
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith("."):
            yield path


def length_s(path: Path) -> float:
    """About how long a recording is, by its header."""
    try:
        with av.open(str(path)) as container:
            duration = container.duration
    except (av.FFmpegError, OSError):
        return USUAL_S
    return USUAL_S if duration is None else duration / av.time_base


def read_any(path: Path) -> Samples:
    """A whole recording, stereo, at 44.1 kHz.

    Raises:
        UnreadableError: it does not decode, is damaged somewhere, or is clipped.
    """
    try:
        with Track(path, sample_rate=RATE) as track:
            samples = np.concatenate([*track.blocks()], axis=1)
            warnings = track.warnings
    except AudioError as error:
        raise UnreadableError(str(error)) from None
    if warnings:
        raise UnreadableError(f"{path}: damaged ({warnings[0]})")
    return _unclipped(path, samples)


def read_streams(path: Path) -> list[Samples]:
    """Every audio stream of a file, such as a `.stem.mp4`, stereo, at 44.1 kHz.

    Raises:
        UnreadableError: it does not decode to its end, or a stream is clipped.
    """
    try:
        streams = decode_streams(path, RATE)
    except AudioError as error:
        raise UnreadableError(str(error)) from None
    return [_unclipped(path, samples) for samples in streams]


def _unclipped(path: Path, samples: Samples) -> Samples:
    if n_clipped(samples) > samples.size / 1000:
        raise UnreadableError(f"{path}: clipped")
    return samples
