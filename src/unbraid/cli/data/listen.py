"""`unbraid data listen`: training examples to hear and to look at."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from unbraid.errors import TrainingError


def listen(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or a TOML file.")],
    pools: Annotated[Path, typer.Option("--data", help="Pools, or shards of them.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new folder for the files.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Examples.")] = 20,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Instead of the recipe's, whose run begins so.")
    ] = None,
) -> None:
    """Write random training examples as the net gets them: sound, spectrograms and a page."""
    try:
        from unbraid.training.data.listen import write
        from unbraid.training.recipe import load_recipe
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is missing: pip install 'unbraid[train]'") from None
    settings = load_recipe(recipe)
    if seed is not None:
        settings = replace(settings, seed=seed)
    page = write(settings, pools, out, n, progress=lambda line: typer.echo(line, err=True))
    typer.echo(f"open {page}")
