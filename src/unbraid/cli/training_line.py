"""The progress of a training run: a bar for who looks at it, plain lines for a log."""

import math
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from unbraid.cli.progress import clock_time

if TYPE_CHECKING:
    from unbraid.training.progress import Progress

LINE_S = 30.0
"""Between two plain lines."""


class TrainingLine:
    """Shows where a run is, on stderr."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Bar(
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.fields[state]}", markup=False),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1.0, state="first step")
        self._shown_s = -LINE_S

    def show(self, now: "Progress") -> None:
        """Move on; what the trainer calls after each step."""
        if self._console.is_terminal:
            self._bar.update(self._task, completed=min(now.spent, 1.0), state=_line(now))
        elif time.monotonic() - self._shown_s >= LINE_S:
            self._shown_s = time.monotonic()
            self._console.print(f"{min(now.spent, 1.0):4.0%}  {_line(now)}", soft_wrap=True)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()


def _line(now: "Progress") -> str:
    sdr = "" if math.isnan(now.sdr_db) else f"SDR {now.sdr_db:.2f} dB  "
    to_go = f", {clock_time(now.eta_s)} to go" if now.eta_s is not None else ""
    return (
        f"step {now.step}  loss {now.loss:.4f}  {sdr}"
        f"{now.audio_per_s:.1f} s of audio a second  {now.n_skipped} skipped{to_go}"
    )
