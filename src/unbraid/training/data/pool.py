"""Writing a song's stems into a pool: int16, (n_samples, 2), 44.1 kHz, memory-mappable."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import TrainingError
from unbraid.training.data.manifest import Entry, Kind, refuse_validation_songs

RATE = 44_100
PEAK = 0.95
"""No pool file exceeds it; the stems of a song are turned down together if one would."""
SILENCE_DBFS = -50.0

Samples = NDArray[np.float32]
"""(2, n_samples), full scale 1.0."""


class NothingAudibleError(TrainingError):
    """A stem came out silent, or a recording is empty."""


def levels(samples: Samples, block: int = RATE) -> NDArray[np.float64]:
    """RMS of each block in dBFS, both channels together; the last block may be shorter."""
    power = np.square(samples.astype(np.float64)).mean(axis=0)
    starts = np.arange(0, power.size, block)
    sums = np.add.reduceat(power, starts)
    lengths = np.diff(np.append(starts, power.size))
    level: NDArray[np.float64] = 10 * np.log10(sums / lengths + 1e-12)
    return level


def n_clipped(samples: Samples) -> int:
    """Samples inside runs of three or more equal ones at the very top: a clipped recording."""
    flat = np.abs(samples)
    top = flat >= max(0.99, float(flat.max()) * 0.9999)
    runs = top[:, 2:] & top[:, 1:-1] & top[:, :-2]
    return int(runs.sum())


def write_song(
    folder: Path,
    stems: Mapping[Kind, Samples],
    *,
    source: str,
    song: str,
    licence: str,
    split: Literal["train", "holdout"] = "train",
    coherent: bool = True,
) -> list[Entry]:
    """Write what belongs together; every file appears whole or not at all.

    Args:
        folder: the pools.
        stems: by class; shorter ones are padded with silence to the longest if coherent.
        source: the source's name.
        song: unique within the source.
        licence: an SPDX expression or a plain name.
        split: what may be trained on, and what is kept for judging.
        coherent: stems share one gain and one song; otherwise each is levelled alone.

    Raises:
        NothingAudibleError: no stem is above -50 dBFS anywhere.
        TrainingError: it is a song that models are judged by.
    """
    refuse_validation_songs([f"{source}/{song}"], folder)
    audible = {kind: s for kind, s in stems.items() if levels(s).max(initial=-120) > SILENCE_DBFS}
    if not audible:
        raise NothingAudibleError(f"{source}/{song}: nothing audible")
    n_samples = max(s.shape[1] for s in audible.values())
    peak = max(float(np.abs(s).max()) for s in audible.values())
    common = min(1.0, PEAK / peak)
    entries = []
    (folder / source).mkdir(parents=True, exist_ok=True)
    for kind, samples in audible.items():
        gain = common if coherent else PEAK / float(np.abs(samples).max()) * 0.7
        scaled = samples * np.float32(gain)
        if coherent:
            scaled = np.pad(scaled, ((0, 0), (0, n_samples - samples.shape[1])))
        level = levels(scaled)
        on = level > SILENCE_DBFS
        file = f"{source}/{song}.{kind}.npy"
        write_array(folder / file, np.round(scaled.T * 32767).astype(np.int16))
        entries.append(
            Entry(
                item=f"{source}/{song}",
                file=file,
                source=source,
                licence=licence,
                kind=kind,
                song=f"{source}/{song}" if coherent else None,
                split=split,
                seconds=round(scaled.shape[1] / RATE, 3),
                level_dbfs=round(float(10 * np.log10(np.mean(10 ** (level[on] / 10)))), 2),
                active=round(float(on.mean()), 3),
            )
        )
    return entries


def write_array(path: Path, array: NDArray[np.int16]) -> None:
    """Write (n_samples, 2); the file appears whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            np.save(file, np.ascontiguousarray(array))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
