"""How long a run lasts, and the learning rate fitted to it."""

import math
from dataclasses import dataclass

from unbraid.training.recipe import OptimiserConfig

WARM_UP_SHARE = 0.1
"""Of the budget, at most, for warming up."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Minutes, steps, or both: then what is spent first ends the run. Earlier sessions count."""

    minutes: float | None = None
    steps: int | None = None

    def spent(self, step: int, elapsed_s: float, reserve_s: float = 0.0) -> float:
        """The fraction that is spent; at 1 the training ends.

        Args:
            step: steps done.
            elapsed_s: time the run has lasted.
            reserve_s: time to keep free for what comes after the last step.
        """
        fractions = [0.0]
        if self.steps is not None:
            fractions.append(step / self.steps)
        if self.minutes is not None:
            # With no time left for a step, one is done all the same and the run is over.
            fractions.append(elapsed_s / max(self.minutes * 60 - reserve_s, 1e-3))
        return max(fractions)


def learning_rate(config: OptimiserConfig, step: int, spent: float) -> float:
    """Linear warm-up, a plateau, then a cosine to zero over the last part of the budget.

    Args:
        config: the rate, the steps of warm-up and the fraction to anneal over. The warm-up ends
            after a tenth of the budget at the latest.
        step: the step to take, from 0.
        spent: fraction of the budget that is spent.
    """
    warm_up = min(1.0, max((step + 1) / config.warm_up_steps, spent / WARM_UP_SHARE))
    done = (spent - (1 - config.anneal_fraction)) / max(config.anneal_fraction, 1e-6)
    anneal = max(0.0, min(1.0, done))
    return config.learning_rate * warm_up * (0.5 + 0.5 * math.cos(math.pi * anneal))
