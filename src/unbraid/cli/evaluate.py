"""`unbraid evaluate`: models on songs whose true stems are known."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from unbraid.evaluation.summary import Tables

MANY = ("--models", "--peers", "--metrics")


class ManyValues(TyperCommand):
    """Lets `--models A B C` stand for `--models A --models B --models C`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click."""
        words: list[str] = []
        option = ""
        fresh = False  # the option has no value yet
        for word in args:
            if word.startswith("-"):
                option, fresh = (word if word in MANY else ""), True
            elif option and not fresh:
                words.append(option)
            else:
                fresh = False
            words.append(word)
        return super().parse_args(ctx, words)


def evaluate(
    panel: Annotated[
        str,
        typer.Argument(
            help="Folder of <song>/<stem>.<wav, ogg, flac ...>, MUSDB18, MUSDB18-HQ, MoisesDB, "
            "Slakh2100, or the built-in panel cc0-validation."
        ),
    ],
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            "--model",
            help="Model sets by name or path; oracle:ratio, oracle:power, oracle:phase, "
            "oracle:complex, or oracles for all four. All shipped models if not given.",
        ),
    ] = None,
    peers: Annotated[
        list[str] | None, typer.Option("--peers", help="Installed peers, by name.")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metrics", help="levels, hearing, bsseval (museval's), or all."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Models run at once.")] = 1,
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of each model; its cost is that of so many.")
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for report.html, results.csv and .json; goes on where it was."),
    ] = None,
    pack: Annotated[
        Path | None, typer.Option(help="The data pack; UNBRAID_DATA if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score models on songs whose true stems are known: how well, how surely, at what price.

    Beside every model stand estimates that need no model: the mixture, a quarter of it, and the
    mixture at the best constant gain.
    """
    from rich.console import Console

    from unbraid.cli.interrupts import Interrupts
    from unbraid.evaluation.panel import open_panel
    from unbraid.evaluation.report import write_report
    from unbraid.evaluation.run import candidates_named, evaluate_panel
    from unbraid.evaluation.scoring import groups_of
    from unbraid.evaluation.summary import Tables
    from unbraid.models.catalog import catalog

    groups = groups_of(metrics or ())
    if not models and not peers:
        models = [entry.name for entry in catalog() if entry.origin == "shipped"]
    candidates = candidates_named(models or [], peers or [])
    songs = open_panel(panel, pack)
    console = Console(stderr=True)

    def show(row: dict[str, Any], n_done: int, n_all: int) -> None:
        how = f": {row['error']}" if row["error"] else ""
        if console.is_terminal or row["error"]:
            line = f"{n_done}/{n_all} {row['song']}, {row['estimate']}{how}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    with Interrupts():
        results = evaluate_panel(
            songs,
            candidates,
            groups=groups,
            n_jobs=jobs,
            n_threads=threads,
            out=out,
            progress=show,
        )
    tables = Tables(results)
    written = write_report(tables, out) if out else []
    if as_json:
        print(tables.to_json(), end="")
    else:
        _print(tables)
        for path in written:
            print(path)
    if tables.failures():
        raise typer.Exit(1)


def _print(tables: "Tables") -> None:
    """The first metric's table with its price, and what was left out."""
    from rich.console import Console
    from rich.table import Table

    metric = tables.metrics()[0]
    console = Console(highlight=False)
    title = f"{metric.label} ({metric.unit}): {tables.results.panel}, {len(tables.songs)} songs"
    table = Table("", *tables.columns, "CPU s/s", "MB", box=None, title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    summaries = tables.summaries(metric.name)
    for name in tables.names:
        means = summaries[name]
        cost = tables.cost(name)
        cells = [f"{means[c].mean:.2f}" if c in means else "–" for c in tables.columns]
        cpu, peak = cost.get("cpu_s_per_audio_s"), cost.get("peak_mb")
        cells += [f"{cpu:.3f}" if cpu is not None else "", f"{peak:.0f}" if peak else ""]
        table.add_row(name, *cells)
    console.print(table)
    for line in (*tables.failures(), *tables.results.notes):
        console.print(line, markup=False, soft_wrap=True)
