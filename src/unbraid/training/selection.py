"""Which weights of a run are its best: when they are validated, and what that costs."""

import math
import time
from pathlib import Path
from typing import Any, Protocol

from unbraid.training import records
from unbraid.training.nets.net import Net
from unbraid.training.progress import Progress
from unbraid.training.weights import save_weights

BEST = "best.safetensors"

Scores = dict[str, dict[str, float]]
"""uSDR in dB by panel and stem."""


class Validation(Protocol):
    """What tells how good a net is."""

    def __call__(self, net: Net) -> Scores:
        """Score a net."""

    def estimate_s(self, net: Net) -> float:
        """Seconds that a call will take, rather too many than too few."""


class Selection:
    """Validates a run's averaged nets and keeps the best of them.

    Args:
        validate: what scores them; None for a run without validation.
        out: the run's folder.
        every_s: seconds between two validations.
    """

    def __init__(self, validate: Validation | None, out: Path, every_s: float) -> None:
        self._validate, self._out, self._every_s = validate, out, every_s
        self.best_db = -math.inf
        self._at_s = 0.0  # of the run's time, the last one
        self._at_step = 0
        self._cost_s = 0.0  # of the last one, or an estimate; 0 if nothing is known

    def plan(self, net: Net, left_s: float) -> None:
        """Find out what the last validation will take, to leave that much of a time budget.

        One that would take more than half of the budget is not made: who wants a run of so few
        minutes wants its weights, and can measure them later.
        """
        if self._validate is None:
            return
        self._cost_s = self._cost_s or self._validate.estimate_s(net)
        if self._cost_s > left_s / 2:
            self._validate = None

    @property
    def reserve_s(self) -> float:
        """Time to keep free at the end, for the last validation."""
        return 1.1 * self._cost_s if self._validate is not None else 0.0

    def is_due(self, elapsed_s: float, budget_s: float) -> bool:
        """Whether it is time to validate.

        Args:
            elapsed_s: time the run has lasted.
            budget_s: time it may last; near its end the last validation does as well.
        """
        if self._validate is None or elapsed_s - self._at_s < self._every_s:
            return False
        return elapsed_s + 2 * self._cost_s + self._every_s / 4 < budget_s

    def judge(self, net: Net, progress: Progress) -> None:
        """Validate a net, unless it has been; write down the scores, and the best weights.

        Args:
            net: the averaged net.
            progress: where the run is.
        """
        if self._validate is None or progress.step == self._at_step:
            return
        started_s = time.monotonic()
        scores = self._validate(net)
        means_db = []
        for panel, usdr_db in scores.items():
            means_db.append(sum(usdr_db.values()) / len(usdr_db))
            row = progress.now() | {"panel": panel, "mean": f"{means_db[-1]:.2f}"}
            row |= {stem: f"{value:.2f}" for stem, value in usdr_db.items()}
            records.append(self._out / records.VALIDATION, records.VALIDATION_COLUMNS, row)
        score_db = sum(means_db) / len(means_db)
        if score_db > self.best_db:
            self.best_db = score_db
            save_weights(net.state_dict(), self._out / BEST)
        self._cost_s = time.monotonic() - started_s
        self._at_s, self._at_step = progress.elapsed_s, progress.step

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {
            "best": self.best_db,
            "validated_s": self._at_s,
            "validated_step": self._at_step,
            "validation_s": self._cost_s,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's state."""
        self.best_db = state.get("best", -math.inf)
        self._at_s = state.get("validated_s", state["elapsed_s"])
        self._at_step = state.get("validated_step", 0)
        self._cost_s = state.get("validation_s", 0.0)
