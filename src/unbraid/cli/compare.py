"""`unbraid compare`: models side by side, as files and on a page."""

from pathlib import Path
from typing import Annotated

import typer


def compare(
    song: Annotated[
        Path,
        typer.Argument(
            metavar="SONG", help="A sound file, a .stem.mp4, or a folder of a song's true stems."
        ),
    ],
    models: Annotated[
        list[str] | None,
        typer.Option("--models", "--model", metavar="A B ...", help="Names or paths."),
    ] = None,
    peers: Annotated[
        list[str] | None, typer.Option("--peers", metavar="P ...", help="Installed peers, by name.")
    ] = None,
    start: Annotated[float, typer.Option(help="Where the excerpt starts, in seconds.")] = 0.0,
    length: Annotated[
        float | None, typer.Option(help="Its length in seconds; at most 60 if not given.")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The song's true stems, if they are not beside it."),
    ] = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the stems and the page.")
    ] = Path("unbraid-compare"),
    match: Annotated[
        bool,
        typer.Option(
            "--match/--no-match", help="Each model's stems as loud as the first one's (up to 6 dB)."
        ),
    ] = True,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each model.")] = 2,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that no earlier comparison wrote.")
    ] = False,
) -> int:
    """Hear models on the same bar: stems beside each other, and a page that switches between them.

    The page works offline: switch models at the same sample while it plays, loop, see and hear
    differences, and test yourself blind.
    """
    from rich.console import Console

    from unbraid.cli.interrupts import Interrupts
    from unbraid.comparison.columns import TRUE
    from unbraid.comparison.columns import compare as run
    from unbraid.comparison.song import open_excerpt
    from unbraid.comparison.write import check_output, write_comparison
    from unbraid.errors import ModelError
    from unbraid.models.catalog import catalog
    from unbraid.separation.model import named_model

    names = [*(models or []), *(peers or [])]
    if not names:
        names = [entry.name for entry in catalog()]
    for name in names:
        named_model(name)
    check_output(out, force=force)
    console = Console(stderr=True)
    with Interrupts(), console.status("reading") as status:
        excerpt = open_excerpt(song, start_s=start, length_s=length, reference=reference)

        def show(name: str, n_done: int, n_all: int) -> None:
            status.update(f"{n_done + 1}/{n_all} {name}", spinner="dots")

        columns = run(excerpt, names, n_threads=threads, progress=show)
        if not any(column.stems for column in columns if column.name != TRUE):
            raise ModelError("; ".join(f"{c.name}: {c.error}" for c in columns if c.error))
        status.update("writing")
        page, gain_db = write_comparison(excerpt, columns, out, matched=match)
    failed = [column for column in columns if column.error]
    for column in columns:
        if column.name != TRUE:
            told = column.error or f"{', '.join(column.stems)}; weights {column.licence}"
            typer.echo(f"{column.name}: {told}", err=bool(column.error))
    for note in excerpt.notes:
        typer.echo(f"note: {note}")
    if gain_db:
        typer.echo(f"all files turned down by {-gain_db:.2f} dB, or they would have clipped")
    typer.echo(f"{page} ({page.stat().st_size / 1e6:.1f} MB)")
    return 1 if failed else 0
