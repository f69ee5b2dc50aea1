"""Lossy twins: pool items as they come back from MP3, AAC, Opus or Vorbis.

Most music is heard through a lossy codec, and separated from one. Coding takes too long to be done
while a net trains, so a share of the items gets a coded file beside it, and the remixer draws one
or the other.

What this is not: a record is coded as a mixture, where loud stems hide the loss of quiet ones.
Stems coded alone each keep what is theirs and lose their own highs; the mixture stays their exact
sum, which a coded mixture is of no known stems. Cut-offs, pre-echoes and narrowed stereo, which a
net must not trip over, are the same.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from unbraid.audio.encoder import Encoder, OutputFormat
from unbraid.audio.resample import resample
from unbraid.audio.track import Track
from unbraid.errors import TrainingError
from unbraid.training.alone import alone
from unbraid.training.data.manifest import MANIFEST, Entry, read_manifest
from unbraid.training.data.pool import RATE, write_array

CODECS = ("mp3", "m4a", "opus", "vorbis")
KBIT_RATES = (64, 96, 128, 160, 192)
"""For two channels."""
VORBIS_LEVELS = dict(zip(KBIT_RATES, (1.0, 0.8, 0.6, 0.5, 0.4), strict=True))
"""libsndfile's compression level for about such a rate: 1 is quality 0, 0 is quality 10."""


@dataclass(frozen=True, slots=True)
class Coding:
    """A codec at a bit rate."""

    codec: str
    kbit_rate: int  # kb/s; Vorbis only aims at it

    def __str__(self) -> str:
        return f"{self.codec} {self.kbit_rate} kb/s"


def coded(samples: NDArray[np.float32], coding: Coding) -> NDArray[np.float32]:
    """What is left of samples after a lossy codec, aligned to the sample.

    Args:
        samples: (2, n_samples), 44.1 kHz.
        coding: which codec.

    Returns:
        The same shape.
    """
    with tempfile.TemporaryDirectory(prefix="unbraid-coding-") as folder:
        path = Path(folder) / "coded"
        if coding.codec == "vorbis":
            level = VORBIS_LEVELS[coding.kbit_rate]
            with soundfile.SoundFile(
                path, "w", RATE, 2, "VORBIS", format="OGG", compression_level=level
            ) as file:
                for first in range(0, samples.shape[1], RATE):  # libvorbis fails at long ones
                    file.write(samples[:, first : first + RATE].T)
        else:
            output_format = OutputFormat(coding.codec)
            rate = output_format.nearest_rate(RATE)
            encoder = Encoder(path, output_format, rate, bit_rate=coding.kbit_rate * 1000)
            encoder.write(resample(samples, RATE, rate))
            encoder.close()
        with Track(path, sample_rate=RATE) as track:
            return track.read(0, samples.shape[1])


@dataclass(frozen=True, slots=True)
class Report:
    """What `add_twins` did."""

    n_made: int
    n_kept: int  # were there already
    seconds: float  # of stems made
    codings: dict[str, int]  # songs by codec and bit rate


def add_twins(
    folder: Path,
    share: float = 0.15,
    seed: int = 0,
    jobs: int = 1,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> Report:
    """Give a share of the songs of a pool lossy twins, and name them in the manifest.

    All stems of a song get the same codec and bit rate. Which songs and which codec follows from
    the song's name and the seed alone, so that a pool that has grown gets the rest of its twins by
    the same command.

    Args:
        folder: the pools.
        share: of all training songs; a share of 0.15 needs 15 % more of the disk.
        seed: another one chooses other songs.
        jobs: processes.
        progress: called after every file with the number done, of how many, and its name.

    Raises:
        TrainingError: no pools there.
        OutputError: another process writes there.
    """
    if not (folder / MANIFEST).is_file():
        raise TrainingError(f"{folder}: no training material; run `unbraid data build` first")
    with alone(folder, wait=False):
        return _add_twins(folder, share, seed, jobs, progress)


def _add_twins(
    folder: Path,
    share: float,
    seed: int,
    jobs: int,
    progress: Callable[[int, int, str], None] | None,
) -> Report:
    entries = read_manifest(folder)
    todo: list[tuple[Entry, Coding]] = []
    n_kept = 0
    for entry in entries:
        rng = np.random.default_rng([seed, *entry.item.encode()])
        if entry.split != "train" or rng.random() >= share:
            continue
        coding = Coding(str(rng.choice(list(CODECS))), int(rng.choice(KBIT_RATES)))
        if entry.twin and (folder / entry.twin).is_file():
            n_kept += 1
        else:
            todo.append((entry, coding))
    twins: dict[str, str] = {}
    try:
        for (entry, _), twin in zip(todo, _coded_all(folder, todo, jobs), strict=True):
            twins[entry.file] = twin
            if progress is not None:
                progress(len(twins), len(todo), entry.item)
    finally:  # what is made before a Ctrl-C need not be made again
        _name_twins(folder, entries, twins)
    songs = {entry.item: str(coding) for entry, coding in todo}
    seconds = sum(entry.seconds for entry, _ in todo)
    return Report(len(todo), n_kept, seconds, dict(sorted(Counter(songs.values()).items())))


def _coded_all(folder: Path, todo: Sequence[tuple[Entry, Coding]], jobs: int) -> Iterator[str]:
    files, codings = [entry.file for entry, _ in todo], [coding for _, coding in todo]
    if jobs <= 1:
        yield from map(_write_twin, [folder] * len(todo), files, codings)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as workers:
        yield from workers.map(_write_twin, [folder] * len(todo), files, codings)


def _write_twin(folder: Path, file: str, coding: Coding) -> str:
    """Code one file of a pool; the twin's name."""
    samples = np.load(folder / file, mmap_mode="r").T.astype(np.float32) / 32_768
    twin = file.removesuffix(".npy") + ".coded.npy"
    loud = np.clip(np.rint(coded(samples, coding).T * 32_768), -32_768, 32_767)
    write_array(folder / twin, loud.astype(np.int16))
    return twin


def _name_twins(folder: Path, entries: Sequence[Entry], twins: dict[str, str]) -> None:
    """Write the manifest anew: whole, or not at all."""
    lines = [replace(e, twin=twins.get(e.file, e.twin)).to_line() for e in entries]
    partial = folder / f".{MANIFEST}.{os.getpid()}.partial"
    try:
        partial.write_text("".join(lines), encoding="utf-8")
        partial.replace(folder / MANIFEST)
    finally:
        partial.unlink(missing_ok=True)
