"""Workers side by side: tasks in, what came of them out; a worker that dies is replaced."""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from unbraid.library.worker import Alive, Failure, Limits, Setup, Task, serve

_TICK_S = 0.2
_IDLE_SHARE = 0.02
"""A worker that uses less of a processor than this, and makes no progress, waits for something."""

_DYING_S = 2.0
_THREADS = ("OMP", "OPENBLAS", "MKL")


class WorkerProcess:
    """A child process and the way to it; started when it is first needed.

    Args:
        setup: what it works with.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._process: Any = None
        self.connection: Connection | None = None
        self.task: Task | None = None
        self._alive = Alive(0.0, 0.0, 0.0)
        self._moved_at_s = 0.0
        self._cpu_then_s = 0.0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def give(self, task: Task) -> None:
        """Start a task."""
        if self._process is None or not self._process.is_alive():
            self.kill()
            self._start()
        assert self.connection is not None
        self.task = task
        self._alive = Alive(0.0, 0.0, 0.0)
        self._moved_at_s, self._cpu_then_s = time.monotonic(), 0.0
        with suppress(OSError):  # it is dead, which `take` finds out
            self.connection.send(task)

    def take(self) -> Any:
        """The next message.

        Raises:
            EOFError: the process has died.
        """
        assert self.connection is not None
        try:
            message = self.connection.recv()
        except OSError as error:
            raise EOFError from error
        if isinstance(message, Alive):
            self._look(message)
        return message

    def has_stalled(self) -> bool:
        """Whether it has done nothing for too long."""
        return time.monotonic() - self._moved_at_s > self._setup.limits.stall_s

    def cause_of_death(self) -> str:
        """What it died of, and a remedy; its pipe has closed."""
        self._process.join(_DYING_S)
        return _cause(self._process.exitcode, self._setup.limits)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.join(_DYING_S)  # for ever, if it waits for a disk that is gone
            self._process = None
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        with _threads(self._setup.n_threads):
            self._process = context.Process(target=serve, args=(theirs, self._setup), daemon=True)
            self._process.start()
        theirs.close()

    def _look(self, now: Alive) -> None:
        has_moved = (now.done_s, now.fraction) != (self._alive.done_s, self._alive.fraction)
        waited_s = time.monotonic() - self._moved_at_s
        is_busy = now.cpu_s - self._cpu_then_s > _IDLE_SHARE * waited_s
        if has_moved or is_busy:
            self._moved_at_s, self._cpu_then_s = time.monotonic(), now.cpu_s
        self._alive = now


@dataclass(frozen=True, slots=True)
class Event:
    """What came of a task, or how far it is (`Alive`)."""

    task: Task
    reply: Any  # Source, Separated, Failure or Alive


class Pool:
    """Workers that share a queue of tasks.

    A task whose worker dies, stalls or runs out of memory is tried once more in a fresh one, then
    it has failed.

    Args:
        setup: what each worker works with.
        n_workers: how many.
    """

    def __init__(self, setup: Setup, n_workers: int) -> None:
        self._limits = setup.limits
        self._workers = [WorkerProcess(setup) for _ in range(n_workers)]
        self._tried_once: set[tuple[type[Task], Path]] = set()

    @property
    def pids(self) -> list[int]:
        """The workers that run."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    def run(self, next_task: Callable[[], Task | None]) -> Iterator[Event]:
        """Work until there is no task left and none is being worked at.

        Args:
            next_task: gives the next, or None if there is none now; asked again after each event.
        """
        again: deque[Task] = deque()
        while True:
            for worker in self._workers:
                if worker.task is None:
                    task = again.popleft() if again else next_task()
                    if task is None:
                        break
                    worker.give(task)
            busy = [worker for worker in self._workers if worker.task is not None]
            if not busy:
                return
            ready = wait([w.connection for w in busy if w.connection is not None], _TICK_S)
            for worker in busy:
                assert worker.task is not None
                task = worker.task
                reply: Any = None
                if worker.connection in ready:
                    try:
                        reply = worker.take()
                        if isinstance(reply, Failure) and reply.is_odd:
                            reply = self._give_up(worker, task, reply, again)
                    except EOFError:
                        cause = Failure(f"{task.path}: {worker.cause_of_death()}")
                        reply = self._give_up(worker, task, cause, again)
                elif worker.has_stalled():
                    cause = Failure(f"{task.path}: {_stalled(self._limits)}")
                    reply = self._give_up(worker, task, cause, again)
                if reply is None:
                    continue
                if not isinstance(reply, Alive):
                    worker.task = None
                yield Event(task, reply)

    def close(self) -> None:
        """End all workers at once."""
        for worker in self._workers:
            worker.kill()

    def _give_up(
        self, worker: WorkerProcess, task: Task, cause: Failure, again: deque[Task]
    ) -> Failure | None:
        """End a worker; its task has failed if that happened to it before."""
        worker.kill()
        worker.task = None
        key = (type(task), task.path)
        if key not in self._tried_once:
            self._tried_once.add(key)
            again.append(task)
            return None
        return cause


@contextmanager
def _threads(n_threads: int) -> Iterator[None]:
    """What a process started meanwhile finds: how many threads its libraries may have."""
    names = [f"{library}_NUM_THREADS" for library in _THREADS]
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(n_threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _cause(exit_code: int | None, limits: Limits) -> str:
    """What a worker died of, twice, and what to do."""
    number = -exit_code if exit_code is not None and exit_code < 0 else 0
    if number == getattr(signal, "SIGXCPU", -1):
        return (
            f"takes more than {limits.cpu_s_per_minute:.0f} s of the processor a minute of audio; "
            "is it a song? convert it to wav or flac"
        )
    if number == getattr(signal, "SIGKILL", -1):
        return "its process was killed, twice: by hand, or for want of memory; use fewer --jobs"
    name = signal.Signals(number).name if number else f"exit code {exit_code}"
    return f"crashed the process that read it, twice ({name}); convert it to wav or flac elsewhere"


def _stalled(limits: Limits) -> str:
    return (
        f"nothing happened for {limits.stall_s:.0f} s, twice; is its disk still there? "
        "Run the batch again, or copy the song nearer"
    )
