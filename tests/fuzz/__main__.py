"""Read damaged files of every kind in children under limits; count what became of them.

    python -m tests.fuzz [--inputs 10000] [--seed 1] [--workers 1] [--kinds sound,log] [--keep DIR]

Each file is one of a corpus (every container and codec, stem files, models, job logs, playlists,
cards), damaged: flipped bits, cuts, splices, repeats, header fields that lie. It is made again by
its seed and number: --first 4711 --inputs 1. Limits are those of OSS-Fuzz: 25 s and 2.5 GB.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.corpus import KINDS, make_corpus
from tests.fuzz.run import MOST_MB, MOST_S, Figures, cases, read_all, scratch


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(dir=scratch(), prefix="unbraid-fuzz-") as here:
        corpus = make_corpus(Path(here) / "corpus")
        wanted = options.kinds.split(",")
        chosen = {kind: paths for kind, paths in corpus.items() if kind in wanted}
        numbers = iter(range(options.first, options.first + options.inputs))
        files = cases(chosen, Path(here) / "files", options.seed, numbers)
        figures = read_all(files, n_workers=options.workers, keep=options.keep, tell=show)
    sys.exit(not judge(figures, options.seed))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--inputs", type=int, default=10_000, help="default 10000")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"of {', '.join(KINDS)}")
    parser.add_argument("--keep", type=Path, help="folder for files that did what none should")
    return parser.parse_args()


def show(figures: Figures) -> None:
    if figures.n_files % 500 == 0:
        print(
            f"{figures.n_files} files, {figures.wall_s:.0f} s, {len(figures.finds)} finds",
            flush=True,
        )


def judge(figures: Figures, seed: int) -> bool:
    """Print the table, and whether the promises hold."""
    for find in figures.finds:
        print(f"seed {seed}, number {find.number}, {find.path.parent.name}: {find.what}")
    print(f"{figures.n_files} damaged files in {figures.wall_s:.0f} s, seed {seed}")
    print(" ".join(f"{kind} {count}" for kind, count in figures.n_by_kind.most_common()))
    for how, count in figures.outcomes.most_common():
        print(f"{how:20} {count:7}")
    print(f"most CPU for one {figures.most_cpu_s:.2f} s, most memory {figures.most_mb:.0f} MB")
    # That this line is reached is the first promise: no file took the parent with it.
    kept = True
    for what, count in (
        ("crashes of the parent", 0),
        (f"hangs over {MOST_S:.0f} s", figures.n_hangs),
        (f"over {MOST_MB} MB", figures.n_over_memory + (figures.most_mb > MOST_MB)),
        ("errors that say nothing to a user", figures.outcomes["odd"]),
    ):
        print(f"{'BROKEN' if count else 'kept  '} {count} {what}")
        kept &= not count
    return kept


if __name__ == "__main__":
    main()
