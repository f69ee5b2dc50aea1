"""`unbraid data stats`: what pools hold."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from unbraid.errors import UsageError


def stats(pools: Annotated[Path, typer.Argument(help="Folder of the pools.")]) -> None:
    """Hours of training material by class, source and licence."""
    from unbraid.training.data.manifest import MANIFEST, hours, read_manifest

    entries = read_manifest(pools)
    if not entries:
        raise UsageError(f"{pools}: no {MANIFEST} there; run `unbraid data build --out {pools}`")
    by_class = hours(entries, "kind")
    by_source = hours(entries, "source", "kind")
    table = Table("hours", *("music" if k == "accompaniment" else k for (k,) in by_class))
    for source in dict.fromkeys(source for source, _ in by_source):
        cells = [by_source.get((source, kind)) for (kind,) in by_class]
        table.add_row(source, *("" if cell is None else f"{cell:.2f}" for cell in cells))
    table.add_section()
    table.add_row("all", *(f"{total:.2f}" for total in by_class.values()))
    console = Console(highlight=False)
    console.print(table)
    for (licence,), total in hours(entries, "licence").items():
        console.print(f"{total:6.2f} h  {licence}", soft_wrap=True)
