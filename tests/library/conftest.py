"""Batches in this process and by command, on the tiny model."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from tests.cli.conftest import write_song
from unbraid.library import batch as batches
from unbraid.library.batch import run_batch
from unbraid.library.events import BatchProgress, SongEvent, Summary
from unbraid.library.inputs import find_inputs
from unbraid.library.jobs import PRIVATE
from unbraid.library.pool import Event
from unbraid.library.song import SongOptions
from unbraid.library.work import Work
from unbraid.library.worker import Limits, Setup, Task, _Bench
from unbraid.models.catalog import find_model
from unbraid.separation.outputs import stem_outputs
from unbraid.separation.separator import Separator

UNBRAID = [sys.executable, "-m", "unbraid"]


@lru_cache(maxsize=1)
def _loaded(setup: Setup) -> Separator:
    return Separator(setup.model, n_threads=1)


class PoolInside:
    """Does a pool's work in this process, one task after the other."""

    def __init__(self, setup: Setup, n_workers: int) -> None:
        self._bench = _Bench.__new__(_Bench)
        self._bench._setup = setup
        self._bench._separator = _loaded(setup)

    def run(self, next_task: Callable[[], Task | None]) -> Iterator[Event]:
        while (task := next_task()) is not None:
            yield Event(task, self._bench._reply(task))

    def close(self) -> None: ...


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Three songs of half a second."""
    folder = tmp_path / "in"
    (folder / "disc").mkdir(parents=True)
    for number, name in enumerate(("a.wav", "b.flac", "disc/a.wav")):
        write_song(str(folder / name), seconds=0.4 + number / 10)
    return folder


@pytest.fixture
def batch(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> "Batch":
    monkeypatch.setattr(batches, "Pool", PoolInside)
    monkeypatch.setattr(_Bench, "_allow", lambda self, done_s: None)
    return Batch(tmp_path, tiny_model)


class Batch:
    """Runs batches of the folder `in` to the folder `out`, and keeps what was told."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model = folder, model
        self.events: list[SongEvent] = []

    def __call__(self, stems: str | None = "bass", stop: threading.Event | None = None,
                 verify: bool = False, **options: object) -> Summary:  # fmt: skip
        self.events = []
        out = self.folder / "out"
        found = find_inputs([str(self.folder / "in")], without=out)
        wanted = SongOptions(stem_outputs(stems), out, **options)
        work = Work("tiny", find_model(self.model).sha256, wanted)
        setup = Setup(str(self.model), 1, Limits())

        def keep(event: SongEvent | BatchProgress) -> None:
            if isinstance(event, SongEvent):
                self.events.append(event)

        return run_batch(found, work, setup, n_jobs=1, tell=keep, stop=stop, verify=verify)

    @property
    def states(self) -> dict[str, str]:
        root = self.folder / "in"
        return {e.source.relative_to(root).as_posix(): e.state for e in self.events}

    def tree(self) -> dict[str, bytes]:
        out = self.folder / "out"
        return {
            path.relative_to(out).as_posix(): path.read_bytes()
            for path in sorted(out.rglob("*"))
            if path.is_file() and PRIVATE not in path.parts
        }


def command(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    text = [str(argument) for argument in arguments]
    return subprocess.run(
        [*UNBRAID, "batch", *text], capture_output=True, text=True, check=False, timeout=300, **more
    )
