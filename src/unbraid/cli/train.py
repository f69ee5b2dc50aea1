"""`unbraid train` and `unbraid export`: from pools to weights, and from weights to a model set."""

import os
from pathlib import Path
from typing import Annotated

import typer

from unbraid.errors import Cancelled, TrainingError

_NEEDS = 'pip install "unbraid[train]"'
DEFAULT_MINUTES = 60.0


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or a TOML file.")],
    pools: Annotated[
        Path,
        typer.Option("--data", help="Pools of `unbraid data build`, or shards of `data pack`."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Length of the run, validation, saving and earlier sessions counted in; "
            f"{DEFAULT_MINUTES:.0f} if neither this nor --steps is given.",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="The same in steps, earlier sessions counted in.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the run's checkpoint.")] = True,
    init: Annotated[
        Path | None, typer.Option(help="Start from these weights (safetensors).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    validate: Annotated[
        list[Path] | None,
        typer.Option(metavar="PANEL", help="Songs to choose the best weights by; repeatable."),
    ] = None,
) -> None:
    """Train a recipe; a killed run goes on where it was saved.

    On several cores or GPUs: torchrun --nproc-per-node N -m unbraid train ...
    """
    from unbraid.cli.interrupts import Interrupts
    from unbraid.cli.training_line import TrainingLine

    is_first = os.environ.get("RANK", "0") == "0"
    try:
        from unbraid.training.checkpoint import CHECKPOINT
        from unbraid.training.curves import draw_curves
        from unbraid.training.recipe import load_recipe
        from unbraid.training.requirements import check_device
        from unbraid.training.selection import BEST
        from unbraid.training.trainer import Trainer, prepare_process

        check_device(device)
        settings = load_recipe(recipe)
        if not pools.is_dir():
            raise TrainingError(f"{pools}: no such folder; run `unbraid data build --out {pools}`")
        if not resume and (out / CHECKPOINT).exists():
            raise TrainingError(f"{out}: holds a run; use --resume, or another --out")
        judge = None
        if validate and is_first:
            from unbraid.training.validation import PanelValidation

            judge = PanelValidation(settings, validate)
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is not installed: {_NEEDS}") from None
    if minutes is None and steps is None:
        minutes = DEFAULT_MINUTES
    prepare_process()
    with Interrupts() as interrupts:
        trainer = Trainer(settings, pools, out, device=device, validate=judge)
        if resume and trainer.resume():
            if is_first:
                lasted = f"{trainer.elapsed_s / 60:.1f} min"
                typer.echo(f"going on from step {trainer.step}, {lasted}", err=True)
        elif init:
            trainer.start_from(init)
        interrupts.is_watched = True
        if is_first:
            with TrainingLine() as line:
                done = trainer.run(
                    minutes, max_steps=steps, progress=line.show, cancel=interrupts.cancel
                )
        else:
            done = trainer.run(minutes, max_steps=steps, cancel=interrupts.cancel)
    if not is_first:
        return
    if judge and done and not (out / BEST).exists():
        typer.echo("not validated: that takes more than half of so short a run", err=True)
    if draw_curves(out) is None:
        typer.echo("no curves drawn: matplotlib is not installed; the CSV files are", err=True)
    if not done:
        raise Cancelled(
            f"stopped and saved at step {trainer.step}; give the command again to go on"
        )
    typer.echo(f"{trainer.step} steps; weights in {out}; export with `unbraid export {out}`")


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN_OR_WEIGHTS", help="A run's folder, or safetensors.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model set.")],
    recipe: Annotated[
        str | None,
        typer.Option(help="What it was trained with: a name or a TOML file; a run knows its own."),
    ] = None,
    pools: Annotated[
        Path | None, typer.Option("--data", help="Pools it was trained on, named in the card.")
    ] = None,
    panels: Annotated[
        list[Path] | None,
        typer.Option("--panel", help="Songs with stems to measure it on; the first is its score."),
    ] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Weights of 16 bits: files of half the size.")
    ] = False,
) -> None:
    """Turn trained weights into a model set: ONNX files with their cards."""
    try:
        from unbraid.training.checkpoint import read_checkpoint
        from unbraid.training.data.manifest import licences, read_manifest
        from unbraid.training.export import add_figures, export_set
        from unbraid.training.recipe import load_recipe, recipe_from_dict
        from unbraid.training.validation import measure
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is not installed: {_NEEDS}") from None
    weights = run
    if run.is_dir():
        kept = [run / name for name in ("best.safetensors", "last.safetensors")]
        weights = next((path for path in kept if path.is_file()), kept[-1])
    if not weights.is_file():
        raise TrainingError(
            f"{weights}: no such weights; name a run's folder or a safetensors file"
        )
    checkpoint = None if recipe else read_checkpoint(weights.parent)
    if recipe:
        settings = load_recipe(recipe)
    elif checkpoint:
        settings = recipe_from_dict(checkpoint["recipe"], str(weights.parent))
    else:
        raise TrainingError(f"{weights}: no checkpoint beside it that names its recipe; --recipe")
    entries = read_manifest(pools) if pools else []
    if pools and not entries:
        raise TrainingError(f"{pools}: no manifest there; name the folder of the pools")
    left_out = {name for name, weight in settings.source_weights.items() if weight <= 0}
    used = [entry for entry in entries if entry.source not in left_out]
    files = export_set(weights, settings, out, training_data=licences(used), half=half)
    if panels:
        add_figures(files, measure(out, panels))
    n_bytes = sum(file.stat().st_size for file in files)
    typer.echo(f"{len(files)} graphs, {n_bytes / 1e6:.1f} MB, in {out} (from {weights.name})")
