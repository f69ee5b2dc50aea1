"""Where a run is: what its progress line and its log say."""

import math
import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is."""

    step: int
    elapsed_s: float
    audio_s: float  # trained so far
    spent: float  # fraction of the budget
    eta_s: float | None  # to the end of the training; None before anybody can tell
    loss: float  # mean since the last row of the log
    sdr_db: float  # the same, over stems and examples, on training mixes
    audio_per_s: float  # seconds of audio trained in a second
    learning_rate: float
    n_skipped: int  # steps without a finite gradient

    def now(self) -> dict[str, object]:
        """The columns that all records begin with."""
        return {
            "step": self.step,
            "minutes": f"{self.elapsed_s / 60:.2f}",
            "audio_s": f"{self.audio_s:.0f}",
        }

    def row(self) -> dict[str, object]:
        """A row of the log."""
        return {
            **self.now(),
            "loss": f"{self.loss:.4f}",
            "sdr_db": f"{self.sdr_db:.2f}",
            "learning_rate": f"{self.learning_rate:.2e}",
            "skipped": self.n_skipped,
        }


@dataclass(slots=True)
class Window:
    """Steps since the last row of the log."""

    losses: list[float] = field(default_factory=list)
    sdrs_db: list[float] = field(default_factory=list)
    started_s: float = field(default_factory=time.monotonic)

    def add(self, loss: float, sdr_db: float) -> None:
        """One more step; NaN where there is no figure."""
        self.losses.append(loss)
        self.sdrs_db.append(sdr_db)

    @property
    def n_steps(self) -> int:
        return len(self.losses)

    @property
    def step_s(self) -> float:
        """Seconds that a step takes."""
        return (time.monotonic() - self.started_s) / max(1, self.n_steps)


def mean(values: list[float]) -> float:
    """Mean of the values that are numbers; NaN if none is."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
