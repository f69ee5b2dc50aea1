"""`unbraid demo`: a bundled clip taken apart, and a page to hear and see it with."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the stems and page")
    ] = Path("unbraid-demo"),
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Model set: a name or a path")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Tiles separated at once")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that no earlier demo wrote")
    ] = False,
) -> None:
    """Separate a bundled clip; write its stems and a page to hear and see them.

    The true stems are known, so every figure is measured: see the table it prints.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Table

    from unbraid.demo import run
    from unbraid.demo.clip import CREDIT
    from unbraid.separation.separator import Separator
    from unbraid.stems import COLOURS

    run.check_folder(output, force=force)
    separator = Separator(model, n_threads=threads)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("separating", total=1.0)
        made = run.separate_clip(
            separator, progress=lambda now: bar.update(task, completed=now.fraction)
        )
        bar.update(task, description="writing", total=None)
        page = run.write_demo(made, output, force=force)

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("stem")
    for heading in ("level\ndBFS", "SDR\ndB", "quarter of the\nmixture, dB"):
        table.add_column(heading, justify="right")
    for stem, figures in made.figures.items():
        table.add_row(
            f"[{COLOURS[stem]}]■[/] {stem}",
            f"{figures.level_dbfs:.1f}",
            f"[bold]{figures.usdr_db:.2f}[/]",
            f"{figures.baseline_db:.2f}",
        )
    console.print(table)
    console.print()
    report = made.report
    facts = {
        "sum error": f"{report.sum_error_dbfs:.1f} dBFS",
        "speed": f"{made.times_real_time:.1f} × real time "
        f"({report.audio_s:.1f} s in {report.wall_s:.1f} s)",
        "model": f"{made.model}, weights {made.licence}",
        "clip": CREDIT,
        "page": str(page.resolve()),
    }
    for name, fact in facts.items():
        console.print(f"[dim]{name:9}[/]  {escape(fact)}", soft_wrap=True, highlight=False)
