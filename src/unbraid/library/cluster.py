"""Many songs on many machines: the same batch on Ray Data.

The driver finds songs, gives them names and keeps the ledger; actors fetch a song, separate it in
a process under limits, and put its stems in place. An actor that dies is replaced and its song
done again: the bytes are the same, so doing it twice does no harm.
"""

import contextlib
import json
import logging
import os
import platform
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ray
import ray.data

from unbraid.errors import AudioError, UnbraidError, UsageError
from unbraid.library.events import BatchProgress, SongEvent, Summary
from unbraid.library.layout import Layout, needs_tags
from unbraid.library.ledger import Entry, Ledger
from unbraid.library.pool import Pool
from unbraid.library.remote import RemoteSong, fetch, is_remote, put, stamp_at, sweep_staging
from unbraid.library.source import Source
from unbraid.library.work import Work
from unbraid.library.worker import Failure, Probe, Separate, Separated, Setup, Task

_MOST_BLOCKS = 20_000
_STAGED_NAME = "{stem}.{ext}"


def run_cluster(
    address: str,
    songs: list[RemoteSong],
    problems: dict[str, str],
    out: str,
    work: Work,
    setup: Setup,
    *,
    n_jobs: int | None = None,
    stop: threading.Event | None = None,
    tell: Callable[[SongEvent | BatchProgress], None] = lambda event: None,
) -> Summary:
    """Separate all songs that are not done yet, on a cluster.

    Args:
        address: "local" for a Ray of this machine's own, "auto", or ray://host:port.
        songs: what is to be separated.
        problems: what could not be looked into, with the reason.
        out: the output folder, a path or a URL that every machine sees.
        work: what is done to each song; its folder is not used.
        setup: what each worker works with; the model must be on every machine.
        n_jobs: workers; None for as many as the cluster has processors for.
        stop: set it to wait for no more songs; those that were begun may be done again.
        tell: called in this thread with each song's end and the progress.

    Raises:
        OutputError: the output folder cannot be read or written to.
        UsageError: the cluster is too small, or names need tags.
    """
    if needs_tags(work.options.template):
        raise UsageError("on a cluster songs are named before they are read; use {track} in --name")
    if not is_remote(out):
        out = str(Path(out).absolute())  # actors have folders of their own to start from
    started_s = time.monotonic()
    summary = Summary()
    n_all = len(songs)

    def end(event: SongEvent) -> None:
        summary.states[event.state] += 1
        if event.error is not None:
            summary.failures[event.source] = event.error
        tell(event)
        elapsed_s = time.monotonic() - started_s
        n_ended = summary.states.total() - len(problems)
        n_made = summary.states["done"]
        tell(
            BatchProgress(
                n_songs=n_all,
                n_ended=n_ended,
                n_failed=summary.states["failed"],
                fraction=n_ended / max(1, n_all),
                audio_s=summary.audio_s,
                times_real_time=summary.audio_s / max(1e-6, elapsed_s),
                eta_s=elapsed_s * (n_all - n_ended) / n_made if n_made else None,
            )
        )

    for name, problem in problems.items():
        end(SongEvent("failed", Path(name), error=problem))
    with Ledger(out) as ledger:
        todo = []
        for song, row in _rows(songs, ledger, work):
            if isinstance(row, SongEvent):
                end(row)
            else:
                todo.append({"song": song.url, **row})
        if todo and not (stop and stop.is_set()):
            with _started(address, n_jobs, setup) as n_workers:
                for entry in _results(todo, out, work, setup, n_workers):
                    ledger.add(entry)
                    summary.audio_s += entry.audio_s
                    end(_event(entry, out))
                    if stop is not None and stop.is_set():
                        break
            sweep_staging(out)
    summary.n_untried = n_all + len(problems) - summary.states.total()
    summary.wall_s = time.monotonic() - started_s
    return summary


def _rows(
    songs: list[RemoteSong], ledger: Ledger, work: Work
) -> Iterator[tuple[RemoteSong, SongEvent | dict[str, Any]]]:
    """What is to be done for each song: nothing, as an event, or a row for an actor."""
    owner: dict[Path, str] = {song.name.path: song.url for song in songs}
    key, sizes = work.key, ledger.sizes()
    options = work.options
    layout = Layout(
        work.model,
        options,
        lambda song, target: ledger.owner(target) not in (None, owner[song.path]),
    )
    for song in songs:
        try:
            targets = layout.place(song.name, {})
        except UnbraidError as error:
            yield song, SongEvent("failed", Path(song.url), error=str(error))
            continue
        names = {output: target.as_posix() for output, target in targets.items()}
        entry = ledger.entry(song.url)
        files = (entry.files if entry else None) or {}
        is_done = (
            entry is not None
            and (entry.state, entry.stamp, entry.work) == ("done", song.stamp, key)
            and {output: file["target"] for output, file in files.items()} == names
            and all(sizes.get(file["target"]) == file["n_bytes"] for file in files.values())
        )
        if is_done:
            paths = {output: Path(name) for output, name in names.items()}
            yield song, SongEvent("skipped", Path(song.url), paths)
        else:
            ours = {file["target"] for file in files.values()}
            yield (
                song,
                {
                    "stamp": song.stamp,
                    "targets": names,
                    "may_replace": options.force or bool(ours.intersection(names.values())),
                },
            )


@contextlib.contextmanager
def _started(address: str, n_jobs: int | None, setup: Setup) -> Iterator[int]:
    """Ray, and how many workers it has room for; one processor is left for reading."""
    mine = not ray.is_initialized()
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters is told by our events
    if mine:
        about = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": False}
        if address == "local":
            n_cpus = max((n_jobs or os.cpu_count() or 1) * setup.n_threads, 1) + 1
            ray.init(address="local", num_cpus=n_cpus, **about)
        else:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    try:
        n_cpus = int(ray.cluster_resources().get("CPU", 0))
        n_workers = min(n_jobs or n_cpus, (n_cpus - 1) // setup.n_threads)
        if n_workers < 1:
            raise UsageError(
                f"the cluster has {n_cpus} processors, a worker needs {setup.n_threads} and one is "
                "left for reading; use fewer --threads or a larger cluster"
            )
        yield n_workers
    finally:
        if mine:
            ray.shutdown()


def _results(
    rows: list[dict[str, Any]], out: str, work: Work, setup: Setup, n_workers: int
) -> Iterator[Entry]:
    """The rows' ends, as they come."""
    # Rows travel as JSON: names need not be text, which Arrow's strings must be.
    items = [{"row": json.dumps(row)} for row in rows]
    done = ray.data.from_items(items, override_num_blocks=min(len(items), _MOST_BLOCKS)).map(
        SongActor,
        fn_constructor_args=(out, work, setup),
        compute=ray.data.ActorPoolStrategy(size=n_workers),
        num_cpus=setup.n_threads,
    )
    for result in done.iter_rows():
        yield Entry(**json.loads(result["entry"]))


class SongActor:
    """One worker of the cluster: a song's row in, its ledger entry out."""

    def __init__(self, out: str, work: Work, setup: Setup) -> None:
        self._out, self._work, self._model = out, work, setup.model
        self._pool = Pool(setup, 1)
        self._is_checked = False

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Never raises for a song's sake: Ray would end the whole batch."""
        asked = json.loads(row["row"])
        entry = Entry(asked["song"], asked["stamp"], self._work.key, "failed")
        try:
            with tempfile.TemporaryDirectory(prefix="unbraid-") as folder:
                entry = self._separated(asked, entry, Path(folder))
        except UnbraidError as error:
            entry = replace(entry, error=str(error))
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            told = f"{asked['song']}: unexpected {type(error).__name__}: {reason}"
            entry = replace(entry, error=told)
        return {"entry": json.dumps(asdict(entry))}

    def _separated(self, asked: dict[str, Any], entry: Entry, folder: Path) -> Entry:
        self._check_model()
        near = fetch(entry.url, folder)
        source = self._run(Probe(near))
        if isinstance(source, Failure):
            return replace(entry, error=source.message.replace(str(near), entry.url))
        assert isinstance(source, Source)
        options = replace(
            self._work.options, folder=folder / "stems", template=_STAGED_NAME, force=True
        )
        reply = self._run(Separate(near, source, options))
        if isinstance(reply, Failure):
            return replace(entry, error=reply.message.replace(str(near), entry.url))
        assert isinstance(reply, Separated)
        if stamp_at(entry.url) != entry.stamp:
            raise AudioError(f"{entry.url}: changed while it was read; run the batch again")
        files = {}
        for output, staged in reply.files.items():
            target, digest = asked["targets"][output], staged.sha256
            put(staged.path, self._out, target, sha256=digest, may_replace=asked["may_replace"])
            files[output] = {"target": target, "n_bytes": staged.n_bytes, "sha256": digest}
        result = reply.result
        return replace(
            entry,
            state="done",
            content=source.content,
            files=files,
            audio_s=result.audio_s,
            wall_s=result.wall_s,
            cpu_s=result.cpu_s,
        )

    def _run(self, task: Task) -> Any:
        tasks = [task]
        replies = [event.reply for event in self._pool.run(lambda: tasks.pop() if tasks else None)]
        return replies[-1]

    def _check_model(self) -> None:
        """Another machine may have another model by that name."""
        if self._is_checked:
            return
        from unbraid.separation.model import named_model

        if named_model(self._model).sha256 != self._work.numbers:
            raise UsageError(
                f"{self._model} on {platform.node()} is not the model of the machine that "
                "asks; install the same one on both"
            )
        self._is_checked = True


def _event(entry: Entry, out: str) -> SongEvent:
    paths = {
        output: Path(f"{out.rstrip('/')}/{file['target']}")
        for output, file in (entry.files or {}).items()
    }
    facts = {"audio_s": entry.audio_s, "wall_s": entry.wall_s, "cpu_s": entry.cpu_s}
    if entry.state == "done":
        return SongEvent("done", Path(entry.url), paths, facts=facts)
    return SongEvent("failed", Path(entry.url), error=entry.error)
