"""`unbraid data build`: from open sources to pools on disk."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from unbraid.errors import TrainingError

PACK_HELP = "The project's data pack. Sources that need it are left out without it."


def build(
    out: Annotated[Path, typer.Option(help="Folder of the pools; an earlier build is resumed.")],
    sources: Annotated[
        str | None, typer.Option(help="Names with commas; all that can be built if not given.")
    ] = None,
    hours: Annotated[
        float | None, typer.Option(min=0.01, help="Hours of each source that has no end.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    skip: Annotated[
        int, typer.Option(min=0, help="Leave out each source's first songs; --hours counts them.")
    ] = 0,
    pack: Annotated[Path | None, typer.Option(envvar="UNBRAID_DATA", help=PACK_HELP)] = None,
) -> None:
    """Read, render and write 44.1 kHz stems, a manifest and SOURCES.md."""
    try:
        from unbraid.training.data.build import Progress
        from unbraid.training.data.build import build as build_pools
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is missing: pip install 'unbraid[train]'") from None
    console = Console(stderr=True, highlight=False)

    def show(progress: Progress) -> None:
        share = progress.n_done / max(1, progress.n_songs)
        console.print(
            f"{share:4.0%}  {progress.n_done}/{progress.n_songs}  {progress.song}"
            f"  {progress.stem_hours:.2f} h of stems"
        )

    names = [name.strip() for name in sources.split(",")] if sources else None
    report = build_pools(out, pack, names, hours, jobs, skip=skip, progress=show)
    for line in report.skipped:
        console.print(f"skipped  {line}")
    console.print(
        f"{report.n_made} songs made, {report.n_kept} were there, {len(report.skipped)} skipped; "
        f"{report.seconds / 3600:.2f} h of stems in {report.wall_s / 60:.1f} min"
    )
