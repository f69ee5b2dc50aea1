"""Whole songs through the separator that ships: what decides which weights are kept."""

import csv
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from unbraid.evaluation.panel import QUARTER, evaluate, means
from unbraid.separation.separator import Separator
from unbraid.stems import STEMS
from unbraid.training.export import export_set
from unbraid.training.nets.unet import UNetSet
from unbraid.training.recipe import Recipe


def measure(model: Path, panels: list[Path]) -> dict[str, Any]:
    """A model set's figures for its card.

    Args:
        model: the set's folder.
        panels: folders of songs, none of which may be in the training material.

    Returns:
        `panel` and `usdr_db` (mean over songs, dB by stem) of the first panel, `panels` with
        those of all, and beside each what a quarter of the mixture scores.
    """
    separator = Separator(model, n_threads=1)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for panel in panels:
        average = means(evaluate(panel, [separator]))
        found[panel.name] = {
            "usdr_db": _rounded(average[separator.name]),
            "quarter_of_the_mixture_db": _rounded(average[QUARTER]),
        }
    first = panels[0].name
    return {"panel": first, "usdr_db": found[first]["usdr_db"], "panels": found}


def _rounded(usdr_db: dict[str, float]) -> dict[str, float]:
    return {stem: round(value, 2) for stem, value in usdr_db.items()}


def panel_validation(recipe: Recipe, panels: list[Path], log: Path) -> Callable[[UNetSet], float]:
    """What a trainer calls now and then.

    Args:
        recipe: of the net.
        panels: folders of songs, none of which may be in the training material.
        log: a CSV file that gets a line for each panel: its name and uSDR in dB by stem.

    Returns:
        A function from a net to its mean uSDR in dB over panels and stems.
    """

    def validate(net: UNetSet) -> float:
        scores = []
        with tempfile.TemporaryDirectory() as folder:
            export_set(net, recipe, Path(folder))
            separator = Separator(Path(folder), n_threads=1)
            for panel in panels:
                usdr_db = means(evaluate(panel, [separator]))[separator.name]
                scores.append(float(np.mean([*usdr_db.values()])))
                new = not log.exists()
                with log.open("a", newline="", encoding="utf-8") as file:
                    writer = csv.writer(file)
                    if new:
                        writer.writerow(("panel", *STEMS))
                    writer.writerow((panel.name, *(f"{usdr_db.get(s, 0):.2f}" for s in STEMS)))
        return float(np.mean(scores))

    return validate
