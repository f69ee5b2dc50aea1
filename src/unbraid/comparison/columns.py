"""Each model's stems of an excerpt, made in a process of its own."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unbraid.comparison.loudness import loudness_lufs
from unbraid.comparison.song import RATE, Excerpt
from unbraid.errors import UnbraidError
from unbraid.evaluation.metrics import level_dbfs, usdr
from unbraid.separation.model import named_model
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

TRUE: Final = "true stems"
MOST_GAIN_DB: Final = 6.0


@dataclass(frozen=True)
class Column:
    """One model's answer, or the true stems.

    Attributes:
        name: told apart from the others'.
        licence: of its weights.
        stems: by name, float32, (2, n_samples); empty if it failed.
        error: why it failed.
        gain_db: by stem, what makes it as loud as the first column's.
        short_db: by stem, how much softer it stays, where the gain is at its limit.
        usdr_db: by stem, where the true stem is known.
        level_dbfs: by stem, before the gain.
    """

    name: str
    licence: str = ""
    stems: dict[str, Samples] = field(default_factory=dict)
    error: str | None = None
    gain_db: dict[str, float] = field(default_factory=dict)
    short_db: dict[str, float] = field(default_factory=dict)
    usdr_db: dict[str, float] = field(default_factory=dict)
    level_dbfs: dict[str, float] = field(default_factory=dict)


def compare(
    excerpt: Excerpt,
    models: Sequence[str],
    *,
    n_threads: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Column]:
    """Separate an excerpt with every model and measure the stems.

    Args:
        excerpt: of `open_excerpt`.
        models: names or paths, of sets or peers.
        n_threads: of each model.
        progress: called before each model with its name, how many are done and how many there
            are.

    Returns:
        A column a model, in their order, then the true stems where they are known. One whose
        model failed says why; the others are complete.

    Raises:
        ModelError: there is no such model; found before any work.
    """
    found = [named_model(model) for model in models]
    names = _told_apart([model.label for model in found], models)
    columns = []
    for i, (name, asked) in enumerate(zip(names, models, strict=True)):
        if progress:
            progress(name, i, len(names))
        columns.append(replace(_separate_apart(asked, excerpt, n_threads), name=name))
    if excerpt.true is not None:
        true = {s: x for s, x in zip(STEMS, excerpt.true, strict=True) if s in excerpt.present}
        columns.append(Column(TRUE, stems=true))
    return _measured(columns, excerpt)


def _told_apart(names: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Two trainings of one recipe have one name: their folders' names, then numbers, tell."""
    unique: list[str] = []
    for name, path in zip(names, asked, strict=True):
        place = Path(path).name
        label = f"{name} ({place})" if names.count(name) > 1 and place != name else name
        n_before = sum(1 for other in unique if other == label or other.startswith(f"{label} #"))
        unique.append(f"{label} #{n_before + 1}" if n_before or label == TRUE else label)
    return unique


def _measured(columns: list[Column], excerpt: Excerpt) -> list[Column]:
    loudness = [{s: loudness_lufs(x, RATE) for s, x in c.stems.items()} for c in columns]
    # The first that gives a stem sets its loudness.
    target = {s: next((of[s] for of in loudness if s in of), -np.inf) for s in STEMS}
    result = []
    for column, lufs in zip(columns, loudness, strict=True):
        gains = {s: matching_gain_db(target[s], lufs[s]) for s in column.stems}
        short = {
            s: target[s] - lufs[s] - gain if np.isfinite([target[s], lufs[s]]).all() else 0.0
            for s, gain in gains.items()
        }
        scores = {}
        if excerpt.true is not None and column.name != TRUE:
            for stem in column.stems.keys() & excerpt.present:
                scores[stem] = usdr(excerpt.true[STEMS.index(stem)], column.stems[stem])
        levels = {s: level_dbfs(x) for s, x in column.stems.items()}
        measured = replace(column, gain_db=gains, short_db=short)
        result.append(replace(measured, usdr_db=scores, level_dbfs=levels))
    return result


def matching_gain_db(target_lufs: float, lufs: float) -> float:
    """What makes one sound as loud as another, at most 6 dB; 0 where either is silent."""
    if np.isinf(target_lufs) or np.isinf(lufs):
        return 0.0
    return float(np.clip(target_lufs - lufs, -MOST_GAIN_DB, MOST_GAIN_DB))


def _separate_apart(asked: str, excerpt: Excerpt, n_threads: int) -> Column:
    """In a process of its own: a model that crashes takes nothing with it."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=_answer, args=(theirs, asked, excerpt.song, excerpt.first, n_threads), daemon=True
    )
    process.start()
    theirs.close()
    try:
        licence, stems, error = ours.recv()
    except EOFError:
        process.join()
        code = process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return Column(asked, error=f"its process {how}")
    finally:
        ours.close()
        process.terminate()
        process.join()
    return Column(asked, licence, {s: excerpt.cut(x) for s, x in stems.items()}, error)


def _answer(pipe: Connection, asked: str, song: Samples, first: int, n_threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    licence, error = "", None
    stems: dict[str, Samples] = {}
    try:
        licence, stems = _separated(asked, song, first, n_threads)
    except UnbraidError as failure:
        error = str(failure)
    except Exception as failure:  # whatever a peer may raise belongs into its column
        error = f"{type(failure).__name__}: {' '.join(str(failure).split())[:300]}"
    pipe.send((licence, stems, error))
    pipe.close()


def _separated(
    asked: str, song: Samples, first: int, n_threads: int
) -> tuple[str, dict[str, Samples]]:
    """The one place that uses a model: its licence, and its stems of `song` at our rate."""
    from unbraid.audio.resample import resample
    from unbraid.separation.model import SetModel

    model = named_model(asked).open(n_threads)
    rate = model.sample_rate
    samples = song if rate == RATE else resample(song, RATE, rate)
    # Our tiles lie on one grid over the whole song: silence in front puts them where they would
    # be, so that what is compared is what `unbraid separate` writes.
    n_lead = 0
    if isinstance(model, SetModel):
        n_lead = round(first * rate / RATE) % model.separator.grid.step
    given = model.separate(np.pad(samples, ((0, 0), (n_lead, 0))))[..., n_lead:]
    if given.shape != (len(model.stems), *samples.shape):
        raise ValueError(f"gave an array of {given.shape}, expected {len(model.stems)} stems of it")
    n_bad = int(np.count_nonzero(~np.isfinite(given)))
    if n_bad:
        stem = model.stems[int(np.flatnonzero(~np.isfinite(given).all(axis=(1, 2)))[0])]
        raise ValueError(f"gave NaN or infinity in {n_bad} samples, first in {stem}")
    stems: dict[str, Samples] = {}
    for stem, part in zip(model.stems, given, strict=True):
        back = part if rate == RATE else resample(part, rate, RATE)
        stems[stem] = np.zeros(song.shape, np.float32)
        n_samples = min(song.shape[-1], back.shape[-1])
        stems[stem][:, :n_samples] = back[:, :n_samples]
    return model.licence, stems
