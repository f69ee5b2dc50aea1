"""`unbraid data lower`: the pools at a lower sample rate."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unbraid.errors import TrainingError


def lower(
    pools: Annotated[Path, typer.Argument(help="Folder of the pools.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; goes on with what is there.")],
    rate: Annotated[int, typer.Option(min=8000, help="Hz.")] = 11_025,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Copy the pools at a lower rate, for nets of the lows such as recipe strands-lows."""
    try:
        from unbraid.training.data.lower_rate import lower_rate
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is missing: pip install 'unbraid[train]'") from None
    console = Console(stderr=True, highlight=False)
    n_files = lower_rate(
        pools, out, rate, jobs, progress=lambda i, n, name: console.print(f"{i}/{n}  {name}")
    )
    console.print(f"{n_files} files written to {out}")
