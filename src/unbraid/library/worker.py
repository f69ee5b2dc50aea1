"""A process that looks at songs and separates them, under limits; of what it dies, it alone dies.

Its parent sends tasks and gets what came of them, with signs of life in between. A worker whose
parent is gone ends by itself.
"""

import errno
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from unbraid.errors import AudioError, UnbraidError
from unbraid.library.source import Source, file_digest, stamp_of

if TYPE_CHECKING:
    from unbraid.library.song import SongOptions, SongResult
    from unbraid.separation.model import Model
    from unbraid.separation.offline import Progress
    from unbraid.separation.separator import Separator

LIFE_S = 1.0
"""Seconds between two signs of life."""

DEFAULT_MEMORY_MB = 2_500
"""More than any song that is one needs, and what fuzzers allow decoders."""

_PROGRESS_S = 0.25
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may use for a song.

    Attributes:
        memory_mb: of data, beside the program's code; None for as much as there is.
        cpu_s_per_minute: CPU seconds for each minute of audio, and as many again for the start
            and the end; None for any.
        stall_s: seconds without progress and without use of the CPU, after which it is given up.
    """

    memory_mb: int | None = DEFAULT_MEMORY_MB
    cpu_s_per_minute: float | None = 600.0
    stall_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker works with.

    Attributes:
        model: a name in the catalogue, a path, or a peer's name.
        n_threads: tiles it separates at once.
        limits: see `Limits`.
    """

    model: str
    n_threads: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class Probe:
    """Find out what is in a file: its checksum and, if asked for, its tags."""

    path: Path
    with_tags: bool = False


@dataclass(frozen=True, slots=True)
class Separate:
    """Separate a file whose stamp and checksum are known into a folder of its own."""

    path: Path
    source: Source
    options: "SongOptions"


Task = Probe | Separate


@dataclass(frozen=True, slots=True)
class Staged:
    """A file as a worker wrote it."""

    path: Path
    n_bytes: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Separated:
    """A song's files, on the disk in their staging folder."""

    result: "SongResult"
    files: dict[str, Staged]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed, in one line.

    Attributes:
        message: names the song and the remedy.
        is_disk: the next song would fail of it as well.
        is_odd: it may be the worker's state, not the song: a fresh worker may do it.
    """

    message: str
    is_disk: bool = False
    is_odd: bool = False


@dataclass(frozen=True, slots=True)
class Alive:
    """A sign of life: how far, and the CPU seconds that the worker has used in all."""

    done_s: float
    fraction: float
    cpu_s: float


def serve(connection: Connection, setup: Setup) -> None:
    """What runs in the child process: tasks in, replies out, until the parent closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C; the parent decides
    if not os.environ.get("UNBRAID_DEBUG"):
        _silence()
    _Bench(connection, setup).work()


class _Bench:
    def __init__(self, connection: Connection, setup: Setup) -> None:
        self._connection = connection
        self._setup = setup
        self._lock = threading.Lock()
        self._separator: Separator | Model | None = None
        self._done_s = self._fraction = 0.0
        self._cpu_at_start = 0.0
        _limit_memory(setup.limits.memory_mb)

    def work(self) -> None:
        for watch in (self._watch_parent, self._show_life):
            threading.Thread(target=watch, daemon=True).start()
        while True:
            try:
                task: Task = self._connection.recv()
            except (EOFError, OSError):
                return
            self._done_s = self._fraction = 0.0
            self._cpu_at_start = time.process_time()
            self._allow(0.0)
            self._send(self._reply(task))

    def _reply(self, task: Task) -> Source | Separated | Failure:
        try:
            if isinstance(task, Probe):
                return _probe(task)
            return self._separate(task)
        except UnbraidError as error:
            code = getattr(error.__cause__, "errno", None)
            return Failure(str(error), is_disk=_is_output(error) and code in _DISK)
        except MemoryError:
            return Failure(
                f"{task.path}: needs more than {self._setup.limits.memory_mb} MB of memory; "
                "raise --memory-mb, or convert it to an ordinary format",
                is_odd=True,
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            told = f"{task.path}: unexpected {type(error).__name__}: {reason}"
            return Failure(told, is_odd=True)

    def _separate(self, task: Separate) -> Separated:
        from unbraid.library.song import separate_song

        if self._separator is None:
            self._separator = _opened(self._setup)
        result = separate_song(task.path, self._separator, task.options, progress=self._advance)
        if stamp_of(task.path) != task.source.stamp and file_digest(task.path) != (
            task.source.content
        ):
            raise AudioError(f"{task.path}: changed while it was read; run the batch again")
        files = {}
        for output, name in result.paths.items():
            path = Path(name)
            status = path.stat()
            files[output] = Staged(path, status.st_size, status.st_mtime_ns, file_digest(path))
        return Separated(result, files)

    def _advance(self, progress: "Progress") -> None:
        self._allow(progress.done_s)
        self._done_s, self._fraction = progress.done_s, progress.fraction

    def _allow(self, done_s: float) -> None:
        """Let the processor be used for the audio that was separated, and two minutes more."""
        allowed = self._setup.limits.cpu_s_per_minute
        if allowed is None or sys.platform == "win32":
            return
        import resource

        # Threads count, as they do for the system.
        limit = self._cpu_at_start + allowed * (done_s / 60 + 2)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, hard))

    def _watch_parent(self) -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    def _show_life(self) -> None:
        last, told_s = (0.0, 0.0), 0.0
        while True:
            time.sleep(_PROGRESS_S)
            now = (self._done_s, self._fraction)
            if now != last or time.monotonic() - told_s >= LIFE_S:
                last, told_s = now, time.monotonic()
                self._send(Alive(*now, time.process_time()))

    def _send(self, message: object) -> None:
        with self._lock, suppress(OSError):  # a parent that is gone is noticed by its watch
            self._connection.send(message)


def _probe(task: Probe) -> Source:
    import json

    from unbraid.audio.track import Track

    for _ in range(2):
        stamp = stamp_of(task.path)
        try:
            content = file_digest(task.path)
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
            raise AudioError(f"{task.path}: {reason}; check the disk and permissions") from error
        if stamp_of(task.path) == stamp:
            break
    else:
        raise AudioError(f"{task.path}: is still being written; run the batch again when it is not")
    tags = {}
    if task.with_tags:
        with Track(task.path) as track:
            tags = track.tags
    return Source(stamp, content, json.dumps(tags))


def _opened(setup: Setup) -> "Separator | Model":
    from unbraid.separation.model import named_model, plugins
    from unbraid.separation.separator import Separator

    if setup.model.partition(":")[0] in plugins():
        return named_model(setup.model).open(setup.n_threads)
    return Separator(setup.model, n_threads=setup.n_threads)


def _is_output(error: UnbraidError) -> bool:
    from unbraid.errors import OutputError

    return isinstance(error, OutputError)


def _limit_memory(n_mb: int | None) -> None:
    """Of data where the system counts it; code and mapped files cost nothing worth limiting."""
    if sys.platform == "win32":
        return
    import resource

    with suppress(ValueError, OSError):  # the system's own limit is lower
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if n_mb is not None:
            kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
            resource.setrlimit(kind, (n_mb * 10**6, n_mb * 10**6))


def _silence() -> None:
    """Decoders grumble, and a dying runtime tells its last words; the parent tells in one line."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
