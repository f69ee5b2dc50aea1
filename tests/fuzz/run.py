"""Many damaged files through workers under a batch's limits, and what became of each."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from unittest.mock import patch

from tests.fuzz.corpus import KINDS
from tests.fuzz.mutate import mutated
from tests.fuzz.readers import Outcome, serve_reader
from unbraid.library.pool import Pool
from unbraid.library.song import SongOptions
from unbraid.library.source import Source
from unbraid.library.worker import Alive, Limits, Separate, Setup, Task

MOST_S, MOST_MB = 25.0, 2_500
"""What any file may take: the limits that OSS-Fuzz sets."""

WEIGHTS = {"sound": 70, "stems": 6, "model": 6, "log": 6, "playlist": 6, "card": 6}


@dataclass(frozen=True, slots=True)
class Find:
    """A file that did what none should: it can be made again from its seed and number."""

    number: int
    path: Path
    what: str


@dataclass(slots=True)
class Figures:
    """What became of all files."""

    n_files: int = 0
    n_by_kind: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    finds: list[Find] = field(default_factory=list)
    most_cpu_s: float = 0.0
    most_mb: float = 0.0
    wall_s: float = 0.0

    @property
    def n_hangs(self) -> int:
        return self.outcomes["too long"]

    @property
    def n_over_memory(self) -> int:
        return self.outcomes["too much memory"]


def cases(
    corpus: dict[str, list[Path]], folder: Path, seed: int, numbers: Iterator[int]
) -> Iterator[tuple[int, Path]]:
    """Damaged files, one for each number: the same for the same seed."""
    contents = {kind: [path.read_bytes() for path in paths] for kind, paths in corpus.items()}
    for kind in KINDS:
        (folder / kind).mkdir(parents=True, exist_ok=True)
    kinds = [kind for kind in WEIGHTS if corpus.get(kind)]
    for number in numbers:
        random = Random(f"{seed} {number}")
        (kind,) = random.choices(kinds, [WEIGHTS[kind] for kind in kinds])
        chosen = random.randrange(len(corpus[kind]))
        origin = corpus[kind][chosen]
        path = folder / kind / f"{number:06} {origin.name}"
        path.write_bytes(mutated(contents[kind][chosen], contents[kind], random))
        yield number, path


def read_all(
    files: Iterator[tuple[int, Path]],
    *,
    n_workers: int,
    keep: Path | None = None,
    tell: Callable[[Figures], None] = lambda figures: None,
) -> Figures:
    """Read files in child processes under limits.

    Args:
        files: with their numbers, in folders named as their kind; removed when read.
        n_workers: children at a time.
        keep: where finds are copied to.
        tell: called after each file.
    """
    limits = Limits(MOST_MB, cpu_s_per_minute=MOST_S / 2, stall_s=MOST_S)
    figures, started_s = Figures(), time.monotonic()
    numbers: dict[Path, int] = {}

    def next_task() -> Task | None:
        number, path = next(files, (0, None))
        if path is None:
            return None
        numbers[path] = number
        return Separate(path, Source("", "", "{}"), SongOptions([], path.parent))

    with patch("unbraid.library.pool.serve", serve_reader):
        pool = Pool(Setup("", 1, limits), n_workers)
        try:
            for event in pool.run(next_task):
                figures.most_mb = max([figures.most_mb, *map(_peak_mb, pool.pids)])
                if isinstance(event.reply, Alive):
                    continue
                path, number = event.task.path, numbers.pop(event.task.path)
                how, told = _judged(event.reply)
                figures.n_files += 1
                figures.n_by_kind[path.parent.name] += 1
                figures.outcomes[how] += 1
                if isinstance(event.reply, Outcome):
                    figures.most_cpu_s = max(figures.most_cpu_s, event.reply.cpu_s)
                if how not in ("read", "refused"):
                    figures.finds.append(Find(number, path, f"{how}: {told}"))
                    if keep is not None and path.exists():
                        place = keep / path.parent.name
                        place.mkdir(parents=True, exist_ok=True)
                        (place / path.name).write_bytes(path.read_bytes())
                path.unlink(missing_ok=True)
                figures.wall_s = time.monotonic() - started_s
                tell(figures)
        finally:
            pool.close()
    return figures


def _judged(reply: object) -> tuple[str, str]:
    """The outcome's name, and what was told; a worker's death is its cause."""
    if isinstance(reply, Outcome):
        return reply.how, reply.told
    told = str(getattr(reply, "message", reply))
    for words, how in (
        ("MB of memory", "too much memory"),
        ("s of the processor", "too long"),
        ("nothing happened", "too long"),
        ("crashed the process", "crashed its child"),
    ):
        if words in told:
            return how, told
    return "odd", told


def _peak_mb(pid: int) -> float:
    """The most memory that a process has held."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    return 0.0


def scratch() -> str | None:
    """A folder in memory where there is one: files are flushed ten thousand times."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
