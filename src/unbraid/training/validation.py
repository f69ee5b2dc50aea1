"""Whole songs through the separator that ships: what decides which weights are kept."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from unbraid.evaluation.panel import QUARTER, evaluate, means, songs
from unbraid.separation.separator import Separator
from unbraid.training.export import export_set
from unbraid.training.nets.net import Net
from unbraid.training.recipe import Recipe
from unbraid.training.selection import Scores

TRIAL_S = 20
"""Length of the sound whose separation an estimate of the cost is taken from."""


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


class PanelValidation:
    """Exports a net and separates whole songs with it, on the tiles that users get.

    Args:
        recipe: of the nets.
        panels: folders of songs, none of which may be in the training material.

    Raises:
        AudioError: a panel holds no songs.
    """

    def __init__(self, recipe: Recipe, panels: list[Path]) -> None:
        self._recipe, self._panels = recipe, panels
        for panel in panels:
            next(songs(panel))

    def __call__(self, net: Net) -> Scores:
        """uSDR in dB, mean over songs, by panel and stem."""
        with tempfile.TemporaryDirectory() as folder:
            separator = self._separator(net, folder)
            return {
                str(panel): means(evaluate(panel, [separator]))[separator.name]
                for panel in self._panels
            }

    def estimate_s(self, net: Net) -> float:
        """Seconds that a call takes, told from a piece of sound and the length of all songs."""
        started_s = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            separator = self._separator(net, folder)
            n_samples = sum(s.stems.shape[-1] for panel in self._panels for s in songs(panel))
            fixed_s = time.monotonic() - started_s
            n_trial = TRIAL_S * separator.spec.sample_rate
            started_s = time.monotonic()
            separator.separate(np.zeros((2, n_trial), np.float32), separator.spec.sample_rate)
            trial_s = time.monotonic() - started_s
        return 1.2 * (fixed_s + trial_s * float(n_samples / n_trial))

    def _separator(self, net: Net, folder: str) -> Separator:
        export_set(net, self._recipe, Path(folder))
        # Training waits meanwhile: its cores are free, and the numbers do not depend on threads.
        return Separator(Path(folder))
