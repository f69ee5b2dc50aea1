"""`unbraid train` and `unbraid export`: from pools to weights, and from weights to a model set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unbraid.errors import TrainingError

if TYPE_CHECKING:
    from unbraid.training.trainer import Progress

_NEEDS = 'pip install "unbraid[train]"'


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or a TOML file.")],
    pools: Annotated[
        Path, typer.Option("--data", help="Pools, as `unbraid data build` makes them.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")],
    minutes: Annotated[
        float, typer.Option(min=0.01, help="Length of the run, earlier sessions counted in.")
    ] = 60.0,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after this many steps.")] = None,
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
    try:
        from unbraid.training.recipe import load_recipe
        from unbraid.training.trainer import CHECKPOINT, Trainer, prepare_process
        from unbraid.training.validation import panel_validation
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is not installed: {_NEEDS}") from None
    if device not in ("auto", "cpu", "cuda"):
        raise TrainingError(f"no device {device!r}; choose from auto, cpu, cuda")
    settings = load_recipe(recipe)
    if not pools.is_dir():
        raise TrainingError(f"{pools}: no such folder; run `unbraid data build --out {pools}`")
    if not resume and (out / CHECKPOINT).exists():
        raise TrainingError(f"{out}: holds a run; use --resume, or another --out")
    judge = panel_validation(settings, validate, out / "validation.csv") if validate else None
    prepare_process()
    trainer = Trainer(settings, pools, out, device=device, validate=judge)
    if resume and trainer.resume():
        typer.echo(f"going on from step {trainer.step}, {trainer.elapsed_s / 60:.1f} min", err=True)
    elif init:
        trainer.start_from(init)
    trainer.run(minutes, max_steps=steps, progress=_show if trainer.rank == 0 else None)
    if trainer.rank == 0:
        typer.echo(f"{trainer.step} steps; weights in {out}; export with `unbraid export {out}`")


def _show(progress: "Progress") -> None:
    typer.echo(
        f"step {progress.step}  {progress.minutes:.1f} of {progress.budget_minutes:.0f} min  "
        f"loss {progress.loss:.4f}  SDR {progress.sdr_db:.2f} dB on training mixes  "
        f"{progress.audio_per_s:.1f} s of audio a second",
        err=True,
    )


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN_OR_WEIGHTS", help="A run's folder, or safetensors.")
    ],
    recipe: Annotated[str, typer.Option(help="What it was trained with: a name or a TOML file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model set.")],
    pools: Annotated[
        Path | None, typer.Option("--data", help="Pools it was trained on, named in the card.")
    ] = None,
    panels: Annotated[
        list[Path] | None,
        typer.Option("--panel", help="Songs with stems to measure it on; the first is its score."),
    ] = None,
) -> None:
    """Turn trained weights into a model set: ONNX files with their cards."""
    try:
        from unbraid.training.data.manifest import licences, read_manifest
        from unbraid.training.export import add_figures, export_set
        from unbraid.training.recipe import load_recipe
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
    settings = load_recipe(recipe)
    entries = read_manifest(pools) if pools else []
    if pools and not entries:
        raise TrainingError(f"{pools}: no manifest there; name the folder of the pools")
    left_out = {name for name, weight in settings.source_weights.items() if weight <= 0}
    used = [entry for entry in entries if entry.source not in left_out]
    files = export_set(weights, settings, out, training_data=licences(used))
    if panels:
        add_figures(files, measure(out, panels))
    n_bytes = sum(file.stat().st_size for file in files)
    typer.echo(f"{len(files)} graphs, {n_bytes / 1e6:.1f} MB, in {out} (from {weights.name})")
