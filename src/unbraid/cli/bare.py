"""`unbraid train` where nothing is installed but torch, numpy and soundfile.

The other verbs need the packages of the command line and of the player; a rented GPU machine needs
only this one. Its weights are validated at home, by the separator that ships.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from unbraid.errors import TrainingError, UnbraidError

if TYPE_CHECKING:
    from unbraid.training.progress import Progress

LINE_S = 10.0
"""Seconds between two lines of progress."""


def main(arguments: list[str] | None = None) -> None:
    """Run `train`; every failure is one line on stderr and a non-zero exit."""
    try:
        _train(_parser().parse_args(arguments))
    except UnbraidError as error:
        print(f"unbraid: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="unbraid", epilog="the other verbs need: pip install typer rich", allow_abbrev=False
    )
    train = parser.add_subparsers(required=True).add_parser("train", help="train a recipe")
    train.add_argument("recipe", help="name of a shipped recipe, or a TOML file")
    train.add_argument("--data", type=Path, required=True, help="pools or shards")
    train.add_argument("--out", "-o", type=Path, required=True, help="folder of the run")
    train.add_argument("--minutes", type=float, help="length of the run, in all")
    train.add_argument("--steps", type=int, help="the same in steps")
    train.add_argument("--resume", action=argparse.BooleanOptionalAction, default=True)
    train.add_argument("--init", type=Path, help="start from these weights (safetensors)")
    train.add_argument("--device", default="auto", help="auto, cpu or cuda")
    return parser


def _train(options: argparse.Namespace) -> None:
    from unbraid.training.checkpoint import read_checkpoint
    from unbraid.training.recipe import load_recipe
    from unbraid.training.trainer import Trainer, prepare_process

    if options.minutes is None and options.steps is None:
        options.minutes = 60.0
    recipe = load_recipe(options.recipe)
    if not options.resume and read_checkpoint(options.out) is not None:
        raise TrainingError(f"{options.out}: holds a run; use --resume, or another --out")
    prepare_process()
    trainer = Trainer(recipe, options.data, options.out, device=options.device)
    if options.resume and trainer.resume():
        print(f"going on from step {trainer.step}", file=sys.stderr)
    elif options.init:
        trainer.start_from(options.init)
    trainer.run(
        options.minutes,
        max_steps=options.steps,
        progress=_Lines().show if trainer.rank == 0 else None,
    )
    if trainer.rank == 0:
        print(f"{trainer.step} steps; weights in {options.out}")


class _Lines:
    """A line of progress now and then."""

    def __init__(self) -> None:
        self._due_s = time.monotonic() + LINE_S

    def show(self, progress: "Progress") -> None:
        if time.monotonic() < self._due_s:
            return
        self._due_s = time.monotonic() + LINE_S
        print(
            f"step {progress.step}  {progress.elapsed_s / 60:.1f} min ({progress.spent:.0%})  "
            f"loss {progress.loss:.4f}  SDR {progress.sdr_db:.2f} dB on training mixes  "
            f"{progress.audio_per_s:.1f} s of audio a second",
            file=sys.stderr,
            flush=True,
        )
