"""`unbraid train` and `unbraid export`: from pools to weights to a model set."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name, or a TOML file")],
    pools: Annotated[Path, typer.Option("--data", help="Folder that `unbraid data build` made")],
    out: Annotated[Path, typer.Option(help="Folder of the run: weights, log, checkpoint")],
    minutes: Annotated[float, typer.Option(help="Time budget, earlier sessions counted in")] = 60,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after this many steps")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the run's checkpoint if any")] = True,
    init: Annotated[Path | None, typer.Option(help="Start from these weights")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    validate: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of songs with stems that decide which weights are the best"),
    ] = None,
) -> None:
    """Train a model.

    On several cores or GPUs: torchrun --nproc-per-node N -m unbraid train ...
    """
    from unbraid.training.recipe import load_recipe
    from unbraid.training.trainer import Progress, Trainer, prepare_process
    from unbraid.training.validation import panel_validation

    prepare_process()
    loaded = load_recipe(recipe)
    check = panel_validation(loaded, validate, out / "validation.csv") if validate else None
    trainer = Trainer(loaded, pools, out, device=device, validate=check)
    if not (resume and trainer.resume()) and init is not None:
        trainer.start_from(init)

    def tell(now: Progress) -> None:
        print(
            f"step {now.step}  {now.minutes:.1f} of {now.budget_minutes:.0f} min  "
            f"loss {now.loss:.4f}  SDR {now.sdr_db:.2f} dB  {now.audio_per_s:.1f} s of audio a second",
            file=sys.stderr,
            flush=True,
        )

    trainer.run(minutes, max_steps=steps, progress=tell)
    if os.environ.get("RANK", "0") == "0":
        print(out / "last.safetensors")


def export(
    weights: Annotated[Path, typer.Argument(help="best.safetensors or last.safetensors of a run")],
    recipe: Annotated[str, typer.Option(help="What they were trained with")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the model set")],
    pools: Annotated[
        Path | None, typer.Option("--data", help="The pools, for the card's list of sources")
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="JSON file of measured figures for the card")
    ] = None,
) -> None:
    """Turn trained weights into a model set: ONNX files with their cards."""
    from unbraid.errors import UsageError
    from unbraid.training.data.manifest import licences, read_manifest
    from unbraid.training.export import export_set
    from unbraid.training.recipe import load_recipe

    loaded = load_recipe(recipe)
    try:
        figures = json.loads(metrics.read_text(encoding="utf-8")) if metrics else {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{metrics}: is not a JSON file of figures: {error}") from None
    left_out = {name for name, weight in loaded.source_weights.items() if weight <= 0}
    used = [entry for entry in read_manifest(pools) if entry.source not in left_out] if pools else []
    for file in export_set(weights, loaded, out, metrics=figures, training_data=licences(used)):
        print(file)
