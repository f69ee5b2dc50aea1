"""Pools at a lower sample rate, for nets that hear only the lows: a quarter of the samples to mix,
augment and turn into spectra."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from unbraid.audio.resample import resample
from unbraid.errors import TrainingError
from unbraid.training.alone import alone
from unbraid.training.data.manifest import Entry, append_entries, read_manifest
from unbraid.training.data.pool import write_array


def lower_rate(
    folder: Path,
    out: Path,
    rate: int,
    jobs: int = 1,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> int:
    """Copy all training items of a pool at another rate; those that are there already are kept.

    Lossy twins are left out: what a codec loses lies above.

    Args:
        folder: the pools.
        out: where to; made if it is not there.
        rate: Hz, below the pools' own.
        jobs: processes.
        progress: called after every file with the number done, of how many, and its name.

    Returns:
        How many files were written.

    Raises:
        TrainingError: no pools there, or their rate is not above `rate`.
        OutputError: another process writes there.
    """
    entries = [entry for entry in read_manifest(folder) if entry.split == "train"]
    if not entries:
        raise TrainingError(f"{folder}: no training material; run `unbraid data build` first")
    if any(entry.rate <= rate for entry in entries):
        raise TrainingError(f"{folder}: is not above {rate} Hz; choose a lower --rate")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{out}: cannot be made: {error.strerror}") from None
    with alone(out, wait=False):
        there = {entry.file for entry in read_manifest(out)}
        todo = [entry for entry in entries if entry.file not in there]
        for source in {entry.source for entry in todo}:
            (out / source).mkdir(exist_ok=True)
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as workers:
            jobs_of = (workers.submit(_write, folder, out, entry, rate) for entry in todo)
            for number, job in enumerate([*jobs_of], 1):
                entry = job.result()
                append_entries(out, [entry])
                if progress is not None:
                    progress(number, len(todo), entry.item)
    return len(todo)


def _write(folder: Path, out: Path, entry: Entry, rate: int) -> Entry:
    samples = np.load(folder / entry.file, mmap_mode="r").T.astype(np.float32)
    lower = np.clip(np.rint(resample(samples, entry.rate, rate)), -32_768, 32_767)
    write_array(out / entry.file, lower.T.astype(np.int16))
    return replace(entry, twin=None, rate=rate)
