"""`unbraid data stats`: what pools hold."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from unbraid.errors import TrainingError, UsageError


def stats(
    pools: Annotated[Path, typer.Argument(help="Folder of the pools.")],
    spectrum: Annotated[
        bool,
        typer.Option(
            help="Instead: share of energy by band, median and the range of the middle 80 % of "
            "items. Also reads a folder of <song>/<stem>.<extension>, to compare with records."
        ),
    ] = False,
) -> None:
    """Hours of training material by class, source and licence."""
    console = Console(highlight=False)
    if spectrum:
        _print_spectra(pools, console)
        return
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
    console.print(table)
    for (licence,), total in hours(entries, "licence").items():
        console.print(f"{total:6.2f} h  {licence}", soft_wrap=True)


def _print_spectra(folder: Path, console: Console) -> None:
    try:
        import numpy as np

        from unbraid.training.data.spectrum import EDGES_HZ, spectra
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is missing: pip install 'unbraid[train]'") from None
    bands = [f"{low}-{high} Hz" for low, high in pairwise(EDGES_HZ)]
    table = Table("class", "source", "items", *bands, title="% of energy")
    found = spectra(folder)
    for kind in dict.fromkeys(sorted(kind for _, kind in found)):
        rows = {source: shares for (source, k), shares in found.items() if k == kind}
        for source, shares in (*rows.items(), ("all", np.concatenate(list(rows.values())))):
            low, middle, high = np.percentile(100 * shares, (10, 50, 90), axis=0)
            cells = [
                f"{m:.0f} ({a:.0f}-{b:.0f})" for a, m, b in zip(low, middle, high, strict=True)
            ]
            table.add_row(kind, source, str(len(shares)), *cells)
        table.add_section()
    console.print(table)
