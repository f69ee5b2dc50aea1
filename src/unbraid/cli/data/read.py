"""`unbraid data read`: songs with stems that the user has, such as the field's own sets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from unbraid.errors import TrainingError

if TYPE_CHECKING:
    from unbraid.training.data.readers.song_set import SongSet


def read(
    path: Annotated[Path, typer.Argument(help="Folder of the set.")],
    out: Annotated[Path, typer.Option(help="Folder of the pools; an earlier run is resumed.")],
    layout: Annotated[
        str, typer.Option(help="auto, musdb18, musdb18-hq, moisesdb, slakh2100 or folders.")
    ] = "auto",
    licence: Annotated[
        str | None, typer.Option(help="Of the songs, if the set has none of its own.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Name in the pools, for the recipe's weights.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Add MUSDB18, MusDB18-HQ, MoisesDB, Slakh2100 or <song>/<stem>.<ext> to the pools."""
    try:
        from unbraid.training.data.readers import find_set
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is missing: pip install 'unbraid[train]'") from None
    add(find_set(path, layout=layout, licence=licence, source=source), out, jobs)


def add(songs: "SongSet", out: Path, jobs: int) -> None:
    """Write a set to the pools and tell how it goes."""
    from unbraid.training.data.build import Progress, build

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    n_held_out = sum(song.split == "holdout" for song in songs.found)
    console.print(
        f"{songs.name}: {len(songs.found)} songs, {n_held_out} of them held out; {songs.licence}",
        markup=False,
    )
    if "NC" in songs.licence:
        console.print(
            "Non-commercial: for research models of your own. A model trained on it says so in "
            "its card; none of it is in the models that unbraid ships."
        )

    def show(progress: Progress) -> None:
        console.print(f"{progress.n_done}/{progress.n_songs}  {progress.song}", markup=False)

    report = build(out, None, [songs], None, jobs, progress=show)
    for line in (*songs.left_out, *report.skipped):
        console.print(f"skipped  {line}", markup=False)
    n_skipped = len(report.skipped) + len(songs.left_out)
    console.print(
        f"{report.n_made} songs made, {report.n_kept} were there, {n_skipped} skipped; "
        f"{report.seconds / 3600:.2f} h of stems in {report.wall_s / 60:.1f} min"
    )
