"""`unbraid batch`: folders, playlists and lists of songs to stems."""

import json
import math
import sys
import threading
from collections.abc import Callable, Sequence, Sized
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unbraid.cli import options as options_of
from unbraid.errors import UsageError

if TYPE_CHECKING:
    from unbraid.library.events import BatchProgress, SongEvent, Summary
    from unbraid.library.work import Work
    from unbraid.library.worker import Setup

    Run = Callable[[threading.Event, "_Teller"], Summary]

STOPPED = 130


def batch(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Folders, songs, globs, m3u8 playlists; - for a list on stdin."
        ),
    ],
    out: Annotated[
        str,
        typer.Option("-o", "--out", help="Folder to write to; with --cluster also a URL."),
    ] = "separated",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Songs at once; one a core if not given.")
    ] = None,
    model: options_of.Model = None,
    stems: options_of.Stems = None,
    two_stems: options_of.TwoStems = None,
    mix: options_of.Mix = None,
    file_format: options_of.Format = "wav",
    depth: options_of.Depth = None,
    stem_mp4: options_of.StemMp4 = False,
    rate: options_of.Rate = "source",
    name: options_of.Name = None,
    force: options_of.Force = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Pieces of a song at once; cores / jobs if not given.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check finished songs' files by checksum.")
    ] = False,
    memory_mb: Annotated[
        int | None, typer.Option("--memory-mb", min=300, help="Most that a worker may use.")
    ] = None,
    stall_s: Annotated[
        float, typer.Option("--stall-s", min=1, help="Give up a song after so long without a sign.")
    ] = 120.0,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="On Ray: local, auto or ray://host:port."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each event.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> int:
    """Take many songs apart, and lose nothing on the way.

    What is done is skipped, what was cut is resumed, what changed is done again: run the same
    command as often as you like. Ctrl-C finishes the songs that were begun; twice gives them up.
    """
    from unbraid.cli.interrupts import Stops

    options = options_of.song_options(
        folder=Path(out),
        stems=stems,
        two_stems=two_stems,
        mixes=mix,
        file_format=file_format,
        depth=depth,
        rate=rate,
        name=name,
        force=force,
        stem_mp4=stem_mp4,
    )
    asked = stems is not None or two_stems is not None
    n_jobs, setup, work = _prepared(model, options, jobs, threads, memory_mb, stall_s, asked=asked)
    lines = _lines() if "-" in paths else []
    with _Teller(as_json=as_json, quiet=quiet) as teller, Stops(teller.stopping) as stops:
        if cluster is None:
            run = _locally(paths, out, lines, work, setup, n_jobs, verify=verify)
        else:
            run = _on_cluster(cluster, paths, out, lines, work, setup, jobs)
        summary = run(stops.stop, teller)
    teller.end(summary)
    if stops.stop.is_set() and summary.n_untried:
        return STOPPED
    return 1 if summary.failures or summary.n_untried else 0


def _locally(
    paths: list[str],
    out: str,
    lines: list[bytes],
    work: "Work",
    setup: "Setup",
    n_jobs: int,
    *,
    verify: bool,
) -> "Run":
    from unbraid.library.batch import run_batch
    from unbraid.library.inputs import find_inputs

    for name in (*paths, out):
        if "://" in name:
            raise UsageError(f"{name}: URLs need --cluster; or name a folder")
    found = find_inputs(paths, without=Path(out), lines=lines)

    def run(stop: threading.Event, teller: "_Teller") -> "Summary":
        teller.start(len(found.songs), found.n_others, work.model, n_jobs)
        return run_batch(
            found, work, setup, n_jobs=n_jobs, verify=verify, stop=stop, tell=teller.tell
        )

    _check_some(paths, found.songs, found.problems)
    return run


def _on_cluster(
    address: str,
    paths: list[str],
    out: str,
    lines: list[bytes],
    work: "Work",
    setup: "Setup",
    jobs: int | None,
) -> "Run":
    try:
        from unbraid.library.cluster import run_cluster
        from unbraid.library.remote import find_anywhere
    except ModuleNotFoundError as error:
        raise UsageError(f"--cluster needs {error.name}: pip install 'unbraid[cluster]'") from None
    songs, problems = find_anywhere(paths, without=out, lines=lines)

    def run(stop: threading.Event, teller: "_Teller") -> "Summary":
        teller.start(len(songs), 0, work.model, jobs)
        return run_cluster(
            address, songs, problems, out, work, setup, n_jobs=jobs, stop=stop, tell=teller.tell
        )

    _check_some(paths, songs, problems)
    return run


def _check_some(paths: list[str], songs: Sequence[object], problems: Sized) -> None:
    if not songs and not problems:
        raise UsageError(f"no songs in {', '.join(paths)}; name a folder that holds some")


def _prepared(
    model: str | None,
    options: Any,
    jobs: int | None,
    threads: int | None,
    memory_mb: int | None,
    stall_s: float,
    *,
    asked: bool,
) -> "tuple[int, Setup, Work]":
    """How many workers, with what, doing what."""
    from unbraid.library.work import Work
    from unbraid.library.worker import DEFAULT_MEMORY_MB, Limits, Setup
    from unbraid.models.catalog import DEFAULT_MODEL, find_model
    from unbraid.separation.model import named_model
    from unbraid.separation.separator import DEFAULT_THREADS, n_cores

    wanted = model or DEFAULT_MODEL
    named = named_model(wanted)
    if named.is_peer:
        opened = named.open(0)
        given, licence = opened.stems, opened.licence
        typer.echo(f"unbraid: {named.name}: weights: {licence}", err=True)
        # What a peer needs nobody here knows.
        limits = Limits(memory_mb, cpu_s_per_minute=None, stall_s=stall_s)
    else:
        given = tuple(stem for card in find_model(wanted).cards for stem in card.stems)
        limits = Limits(memory_mb or DEFAULT_MEMORY_MB, stall_s=stall_s)
    n_jobs = jobs or n_cores()
    n_threads = threads or max(1, min(DEFAULT_THREADS, n_cores() // n_jobs))
    outputs = options_of.possible(options.outputs, named.name, given, asked=asked)
    work = Work(named.name, named.sha256, replace(options, outputs=outputs))
    return n_jobs, Setup(wanted, n_threads, limits), work


def _lines() -> list[bytes]:
    """A list on stdin: one path a line, or ended by NULs as `find -print0` does."""
    content = sys.stdin.buffer.read()
    return content.split(b"\0") if b"\0" in content else content.splitlines()


class _Teller:
    """Says what happens: a bar and lines for people, or JSON for programs."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._as_json, self._quiet = as_json, quiet
        self._console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.fields[state]}"),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1.0, state="")

    def __enter__(self) -> "_Teller":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def start(self, n_songs: int, n_others: int, model: str, n_jobs: int | None) -> None:
        self._event("start", n_songs=n_songs, n_others=n_others, model=model, jobs=n_jobs)

    def tell(self, event: "SongEvent | BatchProgress") -> None:
        from unbraid.library.events import BatchProgress

        if isinstance(event, BatchProgress):
            self._advance(event)
            return
        paths = {output: str(path) for output, path in event.paths.items()}
        facts = {k: v for k, v in event.facts.items() if k not in ("source", "paths")}
        self._event(
            event.state,
            source=str(event.source),
            **({"error": event.error} if event.error is not None else {"paths": paths}),
            **facts,
            warnings=list(event.warnings),
        )
        if event.error is not None:
            self._line(event.error)
        elif not self._quiet:
            for warning in event.warnings:
                self._line(f"{event.source}: {warning}")

    def stopping(self) -> None:
        self._line("finishing the songs that were begun; Ctrl-C once more gives them up")

    def end(self, summary: "Summary") -> None:
        states = {state: summary.states[state] for state in sorted(summary.states)}
        self._event(
            "end",
            **states,
            untried=summary.n_untried,
            halted=summary.halted,
            audio_s=summary.audio_s,
            wall_s=summary.wall_s,
        )
        if summary.halted:
            self._line(summary.halted)
        if summary.n_untried:
            self._line(f"{summary.n_untried} songs left; run the same command to go on")
        if summary.failures:
            n_all = summary.states.total() + summary.n_untried
            self._line(f"{len(summary.failures)} of {n_all} songs failed, listed above")
        if self._as_json or self._quiet:
            return
        counts = ", ".join(f"{count} {state}" for state, count in states.items()) or "none done"
        speed = summary.audio_s / max(1e-6, summary.wall_s)
        print(f"{counts}; {summary.audio_s:.0f} s of audio at {speed:.1f}x real time")

    def _advance(self, now: "BatchProgress") -> None:
        from unbraid.cli.progress import clock_time

        to_go = f"{clock_time(now.eta_s)} to go, " if now.eta_s is not None else ""
        failed = f", {now.n_failed} failed" if now.n_failed else ""
        self._bar.update(
            self._task,
            description=f"{now.n_ended}/{now.n_songs}{failed}",
            completed=now.fraction,
            state=f"{to_go}{now.times_real_time:.1f}x real time",
        )
        self._event("progress", **asdict(now))

    def _line(self, text: str) -> None:
        # Names need not be text: what cannot be printed is spelled out.
        self._console.print(f"unbraid: {text.encode('utf-8', 'backslashreplace').decode()}")

    def _event(self, kind: str, **fields: Any) -> None:
        """One line; JSON has no infinity, so the sum error of an exact sum reads null."""
        if not self._as_json:
            return
        finite = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in fields.items()
        }
        print(json.dumps({"event": kind, **finite}), flush=True)
