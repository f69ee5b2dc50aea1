"""`unbraid evaluate`: models on songs whose true stems are known."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    panel: Annotated[Path, typer.Argument(help="Folder of <song>/<stem>.<wav, ogg, flac ...>")],
    models: Annotated[
        list[str] | None, typer.Option("--model", help="Model set; may be given several times")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Tiles separated at once")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Print the uSDR (dB) of models on a folder of songs, by song and stem.

    Beside every model stands the trivial estimate, a quarter of the mixture for each stem.
    """
    from rich.console import Console
    from rich.table import Table

    from unbraid.evaluation.panel import evaluate as run
    from unbraid.evaluation.panel import means
    from unbraid.separation.separator import Separator
    from unbraid.stems import STEMS

    separators = [Separator(name, n_threads=threads) for name in models or (None,)]
    scores = run(panel, separators)
    average = means(scores)
    if as_json:
        print(json.dumps({"scores": [asdict(s) for s in scores], "means": average}, indent=2))
        return
    table = Table("song", "estimate", *STEMS, title=f"uSDR in dB: {panel.name}")

    def row(song: str, estimate: str, usdr_db: dict[str, float]) -> None:
        cells = (f"{usdr_db[stem]:.2f}" if stem in usdr_db else "" for stem in STEMS)
        table.add_row(song, estimate, *cells)

    for score in scores:
        row(score.song, score.estimate, score.usdr_db)
    table.add_section()
    for estimate, usdr_db in average.items():
        row("mean", estimate, usdr_db)
    Console().print(table)
