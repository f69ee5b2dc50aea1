"""Models on a panel: every pair of model and song in a process of its own, resumable."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np

from unbraid.errors import ModelError, OutputError, UnbraidError, UsageError
from unbraid.evaluation.estimates import KNOWING, ORACLES, TRIVIAL
from unbraid.evaluation.panel import Panel, PanelSong
from unbraid.evaluation.scoring import DEFAULT_GROUPS, METRICS_VERSION
from unbraid.separation.model import named_model

ROWS: Final = "rows.jsonl"

Role = Literal["trivial", "model", "peer", "oracle"]  # as the tables have them
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One line of the tables."""

    name: str
    role: Role
    sha256: str
    asked: str  # by what name or path the worker finds it


@dataclass
class Results:
    """What an evaluation found.

    Attributes:
        rows: one for each song and candidate, in the order of the panel.
        notes: what was left out or made good, a line each.
    """

    panel: str
    groups: tuple[str, ...]
    candidates: list[Candidate]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)


def candidates_named(models: Sequence[str], peers: Sequence[str] = ()) -> list[Candidate]:
    """What the user named, between the trivial estimates and the oracles among it.

    Raises:
        ModelError: there is no such model.
        UsageError: two models of one name.
    """
    found = [Candidate(m.name, "trivial", m.sha256, m.name) for m in TRIVIAL.values()]
    for name in (*models, *peers):
        if name in TRIVIAL:
            continue  # they stand in every table
        if name in ORACLES or name == "oracles":
            names = ORACLES if name == "oracles" else (name,)
            found += [Candidate(n, "oracle", ORACLES[n].sha256, n) for n in names]
            continue
        if name.startswith("oracle:"):
            raise ModelError(f"{name}: no such oracle; choose from {', '.join(ORACLES)}")
        model = named_model(name)
        role: Role = "peer" if model.is_peer else "model"
        found.append(Candidate(model.label, role, model.sha256, str(name)))
    unique = list({(c.name, c.sha256): c for c in found}.values())
    names_ = [candidate.name for candidate in unique]
    for name in names_:
        if names_.count(name) > 1:
            unique = [_told_apart(c) if c.name == name else c for c in unique]
    if len({c.name for c in unique}) < len(unique):
        raise UsageError(f"two models are called {names_[-1]}; rename one")
    return sorted(unique, key=lambda candidate: get_args(Role).index(candidate.role))


def _told_apart(candidate: Candidate) -> Candidate:
    """Two trainings of one recipe have one name: the folder's name tells them apart."""
    name = f"{candidate.name} ({Path(candidate.asked).name})"
    return Candidate(name, candidate.role, candidate.sha256, candidate.asked)


def evaluate_panel(
    panel: Panel,
    candidates: Sequence[Candidate],
    *,
    groups: Sequence[str] = DEFAULT_GROUPS,
    n_jobs: int = 1,
    n_threads: int = 1,
    out: Path | None = None,
    progress: Callable[[Row, int, int], None] | None = None,
) -> Results:
    """Separate and score every song with every candidate.

    Args:
        panel: the songs.
        candidates: of `candidates_named`.
        groups: of metrics.
        n_jobs: processes at once.
        n_threads: of each model; the cost is that of so many.
        out: keeps the rows; what is there already is not done again.
        progress: called with each row, how many are done and how many there are.

    Returns:
        The rows; one that failed says why and has no figures.

    Raises:
        OutputError: `out` cannot be written to.
    """
    results = Results(panel.name, tuple(groups), list(candidates), [], list(panel.left_out))
    store = _Store(out)
    keyed = {
        (song.name, c.name): _key(panel, song, c, n_threads)
        for song in panel.songs
        for c in candidates
    }
    found: dict[tuple[str, str], Row] = {}
    for pair, key in keyed.items():
        row = store.known(key, groups)
        if row is not None:
            # Another name may have been given to the same weights since.
            found[pair] = {**row, "song": pair[0], "estimate": pair[1]}
    n_all, lock = len(keyed), threading.Lock()
    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="unbraid-evaluate-") as scratch:
        todo = [
            (_Prepared(song, Path(scratch) / str(i), wanted), wanted)
            for i, song in enumerate(panel.songs)
            if (wanted := [c for c in candidates if (song.name, c.name) not in found])
        ]

        workers = _Workers()

        def one(prepared: _Prepared, candidate: Candidate) -> Row:
            pair = (prepared.song.name, candidate.name)
            row = _row(keyed[pair], *pair, candidate, groups)
            if stop.is_set():
                return row
            try:
                row |= prepared.run(candidate, groups, n_threads, workers)
            except UnbraidError as error:
                row["error"] = str(error)
            finally:
                prepared.done()
            if stop.is_set():
                return row  # its worker was killed
            store.add(row)
            with lock:
                found[pair] = row
                if progress:
                    progress(row, len(found), n_all)
            return row

        with ThreadPoolExecutor(max(1, n_jobs), thread_name_prefix="evaluate") as pool:
            futures = [pool.submit(one, p, candidate) for p, wanted in todo for candidate in wanted]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                stop.set()
                workers.kill()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    results.rows = [found[pair] for pair in keyed]
    for song in panel.songs:
        rows = [row for row in results.rows if row["song"] == song.name]
        results.notes += [f"{song.name}: {note}" for note in rows[0].get("notes", [])]
    return results


def _key(panel: Panel, song: PanelSong, candidate: Candidate, n_threads: int) -> Row:
    """What a row's figures depend on."""
    return {
        "metrics_version": METRICS_VERSION,
        "song_fingerprint": song.fingerprint,
        "sha256": candidate.sha256,
        "role": candidate.role,
        # Trivial estimates and oracles have no weights: their names tell them apart.
        "which": candidate.name if candidate.name in KNOWING else "",
        "n_threads": 0 if candidate.name in KNOWING else n_threads,
    }


def _row(key: Row, song: str, name: str, candidate: Candidate, groups: Sequence[str]) -> Row:
    return {
        "song": song,
        "estimate": name,
        "key": key,
        "role": candidate.role,
        "groups": list(groups),
        "licence": None,
        "stems": {},
        "sum_error_dbfs": None,
        "cost": None,
        "error": None,
        "notes": [],
    }


class _Store:
    """Rows in a file, appended whole; a last line that was cut off is as good as absent."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / ROWS if folder else None
        self._rows: dict[str, Row] = {}
        self._lock = threading.Lock()
        if self._path is None or folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
            if text and not text.endswith("\n"):
                with self._path.open("a", encoding="utf-8") as file:
                    file.write("\n")
        except OSError as error:
            raise OutputError(f"{folder}: cannot be used ({error.strerror})") from None
        for line in text.splitlines():
            with suppress(ValueError, KeyError, TypeError):
                row = json.loads(line)
                self._rows[self._name(row["key"])] = row

    @staticmethod
    def _name(key: Row) -> str:
        return json.dumps(key, sort_keys=True)

    def known(self, key: Row, groups: Sequence[str]) -> Row | None:
        """A row without an error that has all that is asked for."""
        row = self._rows.get(self._name(key))
        if row is None or row["error"] or not set(groups) <= set(row["groups"]):
            return None
        return row

    def add(self, row: Row) -> None:
        if self._path is None:
            return
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode()
        with self._lock:
            try:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
                try:
                    os.write(descriptor, line)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise OutputError(f"{self._path}: cannot be written ({error.strerror})") from None


class _Prepared:
    """A song decoded once for all candidates, as arrays on the disk while they need it."""

    def __init__(self, song: PanelSong, folder: Path, wanted: Sequence[Candidate]) -> None:
        self.song = song
        self._folder = folder
        self._n_left = len(wanted)
        self._lock = threading.Lock()
        self._read: dict[str, Any] | None = None
        self._error: UnbraidError | None = None

    def _ready(self) -> dict[str, Any]:
        with self._lock:
            if self._error:
                raise self._error
            if self._read is None:
                try:
                    song = self.song.read()
                except UnbraidError as error:
                    self._error = error
                    raise
                self._folder.mkdir()
                np.save(self._folder / "stems.npy", song.stems)
                np.save(self._folder / "mixture.npy", song.mixture)
                notes = list(song.notes)
                if not song.mixture.any():
                    notes.append("silent throughout")
                self._read = {"present": sorted(song.present), "notes": notes}
            return self._read

    def run(
        self, candidate: Candidate, groups: Sequence[str], n_threads: int, workers: "_Workers"
    ) -> Row:
        """Start a worker and read what it found."""
        known = self._ready()
        number = candidate.name.encode().hex()[:80]
        task_path = self._folder / f"{number}.json"
        result = self._folder / f"{number}.result.json"
        task = {
            "model": candidate.asked,
            "threads": n_threads,
            "mixture": str(self._folder / "mixture.npy"),
            "stems": str(self._folder / "stems.npy"),
            "present": known["present"],
            "groups": list(groups),
            "result": str(result),
        }
        task_path.write_text(json.dumps(task), encoding="utf-8")
        threads = {f"{name}_NUM_THREADS": str(n_threads) for name in ("OMP", "OPENBLAS", "MKL")}
        code, complaint = workers.run(
            [sys.executable, "-m", "unbraid.evaluation.worker", str(task_path)],
            {**os.environ, **threads},
        )
        row: Row = {"notes": known["notes"]}
        if result.exists():
            row |= json.loads(result.read_text(encoding="utf-8"))
            return row
        said = complaint.strip().splitlines()
        how = f"killed by signal {-code}" if code < 0 else f"ended with {code}"
        return row | {"error": f"its process was {how}" + (f": {said[-1][:200]}" if said else "")}

    def done(self) -> None:
        """One candidate less; with the last one the arrays go."""
        with self._lock:
            self._n_left -= 1
            if self._n_left == 0 and self._folder.exists():
                for path in self._folder.iterdir():
                    path.unlink()
                self._folder.rmdir()


class _Workers:
    """Processes that are running; none outlives this program."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._killed = False

    def run(self, command: list[str], environment: dict[str, str]) -> tuple[int, str]:
        """Run one to its end: its exit code and what it said on stderr."""
        with tempfile.TemporaryFile() as said:
            with self._lock:
                if self._killed:
                    return 1, ""
                # Nothing is ever written to its stdin, but it closes with this program, and the
                # worker then ends itself.
                worker = subprocess.Popen(
                    command,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                )
                self._running.add(worker)
            with worker:
                worker.wait()
            with self._lock:
                self._running.discard(worker)
            said.seek(0)
            return worker.returncode, said.read().decode(errors="replace")

    def kill(self) -> None:
        """End those that run, and start no more."""
        with self._lock:
            self._killed = True
            for worker in self._running:
                worker.kill()
