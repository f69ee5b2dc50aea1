"""`unbraid data code`: lossy twins of a share of a pool."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unbraid.errors import TrainingError


def code(
    pools: Annotated[Path, typer.Argument(help="Folder of the pools.")],
    share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Of the songs; takes as much more disk.")
    ] = 0.15,
    seed: Annotated[int, typer.Option(min=0, help="Another one chooses other songs.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Add MP3, AAC, Opus and Vorbis copies (64 to 192 kb/s) that training draws now and then."""
    try:
        from unbraid.training.data.coding import add_twins
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is missing: pip install 'unbraid[train]'") from None
    console = Console(stderr=True, highlight=False)
    report = add_twins(
        pools, share, seed, jobs, progress=lambda i, n, name: console.print(f"{i}/{n}  {name}")
    )
    for coding, n_songs in report.codings.items():
        console.print(f"{coding}: {n_songs} songs")
    console.print(
        f"{report.n_made} files coded ({report.seconds / 3600:.2f} h), {report.n_kept} were there"
    )
