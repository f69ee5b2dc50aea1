"""Building the pools: fetches nothing, reads and renders everything, resumes where it stopped."""

import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from unbraid.errors import OutputError, TrainingError
from unbraid.training.alone import alone
from unbraid.training.data.manifest import (
    Entry,
    append_entries,
    read_manifest,
    refuse_validation_songs,
    sources_text,
)
from unbraid.training.data.pool import RATE, write_song
from unbraid.training.data.sources import SOURCES, Song, Source

BYTES_PER_S = RATE * 4  # of a stem: int16, stereo
FREE_GIB = 2.0  # left alone on the disk


@dataclass
class Report:
    """What a build did."""

    n_made: int = 0
    n_kept: int = 0  # were there already
    skipped: list[str] = field(default_factory=list)  # one line each: what and why
    seconds: float = 0.0  # of stems made
    wall_s: float = 0.0


@dataclass(frozen=True)
class Progress:
    """One line of progress."""

    n_done: int
    n_songs: int
    song: str
    stem_hours: float  # made so far in this build


def build(
    out: Path,
    pack: Path | None = None,
    sources: Sequence[str | Source] | None = None,
    hours: float | None = None,
    jobs: int = 1,
    *,
    skip: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Report:
    """Write pools of 44.1 kHz stems and their manifest.

    A song whose lines stand in the manifest and whose files are there is kept. A recording that
    does not decode, is clipped or silent is skipped and named in the report.

    Args:
        out: folder of the pools; made if it is not there.
        pack: the project's data pack; None leaves out what needs it.
        sources: names of sources, or sets that a user brought; None takes all that can be built
            here.
        hours: hours of songs of each source without an end; None takes each source's own default.
        jobs: processes.
        skip: how many of each source's first songs to leave out, as a net that trains on has heard
            them; of those without an end there are others, and `hours` counts both.
        progress: called after every song.

    Raises:
        TrainingError: an unknown source, or one asked for by name lacks what it needs.
        OutputError: the folder cannot be written, another process writes there, or the disk is
            nearly full.
    """
    chosen, report = _choose(sources, pack)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be made ({error.strerror})") from None
    # Two builds would take each other's partial files for those of a killed one.
    with alone(out, wait=False):
        _build(out, pack, chosen, hours, jobs, skip, report, progress)
    return report


def _build(
    out: Path,
    pack: Path | None,
    chosen: Sequence[Source],
    hours: float | None,
    jobs: int,
    skip: int,
    report: Report,
    progress: Callable[[Progress], None] | None,
) -> None:
    started = time.monotonic()
    for left in out.glob("*/.*.partial"):  # by a build that was killed
        left.unlink()
    entries = read_manifest(out)
    there = {entry.item for entry in entries if (out / entry.file).is_file()}
    broken = {entry.item for entry in entries if not (out / entry.file).is_file()}
    listed = {entry.item for entry in entries}
    todo: list[tuple[Source, Song]] = []
    for source in chosen:
        try:
            songs = source.songs(pack, source.default_hours if hours is None else hours)
        except TrainingError as error:
            report.skipped.append(f"{source.name}: {error}")
            continue
        if skip >= len(songs):
            report.skipped.append(
                f"{source.name}: it has {len(songs)} songs, and {skip} are left out"
            )
        for song in songs[skip:]:
            refuse_validation_songs([f"{source.name}/{song.name}", *_files_of(song)], out)
            if f"{source.name}/{song.name}" in there - broken:
                report.n_kept += 1
            else:
                todo.append((source, song))
    need = sum(song.seconds * len(source.kinds) for source, song in todo) * BYTES_PER_S
    free = shutil.disk_usage(out).free
    if need > free - FREE_GIB * 2**30:
        raise OutputError(
            f"{out}: {need / 2**30:.1f} GiB are needed and {FREE_GIB:g} more kept free, "
            f"{free / 2**30:.1f} are there; ask for fewer --hours or --sources"
        )
    for source, song, outcome in _run(out, todo, jobs):
        if isinstance(outcome, str):
            report.skipped.append(outcome)
        else:
            new = [e for e in outcome if e.item not in listed]
            append_entries(out, new)
            report.n_made += 1
            report.seconds += sum(entry.seconds for entry in outcome)
        if progress is not None:
            n_done = report.n_made + len(report.skipped)
            name = f"{source.name}/{song.name}"
            progress(Progress(n_done, len(todo), name, report.seconds / 3600))
    thanks = {s.name: s.credit for s in (*SOURCES.values(), *chosen)}
    text = sources_text(read_manifest(out), thanks)
    (out / "SOURCES.md").write_text(text, encoding="utf-8")
    report.wall_s = time.monotonic() - started


def _choose(names: Sequence[str | Source] | None, pack: Path | None) -> tuple[list[Source], Report]:
    report = Report()
    chosen = []
    usual = [source.name for source in SOURCES.values() if not source.on_request]
    for name in names if names is not None else usual:
        if isinstance(name, Source):
            chosen.append(name)
            continue
        if name not in SOURCES:
            raise TrainingError(f"{name}: no such source; known: {', '.join(SOURCES)}")
        remedy = SOURCES[name].missing(pack)
        if remedy is None:
            chosen.append(SOURCES[name])
        elif names is not None:
            raise TrainingError(f"{name}: {remedy}")
        else:
            report.skipped.append(f"{name}: {remedy}")
    return chosen, report


def _files_of(song: Song) -> list[str]:
    """Folder and name of the files that a song is made from."""
    given = getattr(song.make, "args", ())
    flat = [path for part in given for path in (part if isinstance(part, tuple) else (part,))]
    return ["/".join(path.parts[-2:]) for path in flat if isinstance(path, Path)]


def _run(
    out: Path, todo: Sequence[tuple[Source, Song]], jobs: int
) -> Iterator[tuple[Source, Song, list[Entry] | str]]:
    if jobs <= 1:
        for source, song in todo:
            yield source, song, _make(out, source.name, source.licence, song)
        return
    waiting = list(reversed(todo))
    running: dict[Future[list[Entry] | str], tuple[Source, Song]] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_one_thread) as workers:
        while waiting or running:
            while waiting and len(running) < 2 * jobs:
                source, song = waiting.pop()
                future = workers.submit(_make, out, source.name, source.licence, song)
                running[future] = (source, song)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                source, song = running.pop(future)
                yield source, song, future.result()


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"


def _make(out: Path, source: str, licence: str, song: Song) -> list[Entry] | str:
    """In a worker: make, write; a line that says why if it cannot be used."""
    if shutil.disk_usage(out).free < FREE_GIB * 2**30:
        raise OutputError(f"{out}: less than {FREE_GIB:g} GiB are free")
    try:
        return write_song(
            out,
            song.make(),
            source=source,
            song=song.name,
            licence=licence,
            split=song.split,
            coherent=song.coherent,
        )
    except TrainingError as error:
        return f"{source}/{song.name}: {error}"
