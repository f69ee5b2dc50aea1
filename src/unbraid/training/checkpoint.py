"""Checkpoints: all that a killed run needs to go on as if nothing had happened.

They are written in a thread, so often that a kill loses some seconds, and so seldom that they cost
a hundredth of the time.
"""

import os
import threading
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unbraid.errors import OutputError, TrainingError

CHECKPOINT = "checkpoint.pt"
SHARE = 0.01
"""Of the time, at most, for checkpoints."""
LEAST_S = 10.0
"""Between two checkpoints: a disk has other things to do, and wears."""


def read_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The checkpoint of a run's folder, on the CPU; None if there is none.

    Raises:
        TrainingError: it is damaged.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        missing = {"recipe", "net", "average", "optimiser", "step", "elapsed_s"} - set(state)
    except Exception as error:  # of many kinds, from zip's to pickle's
        reason = str(error).partition("\n")[0][:100]
        raise TrainingError(f"{path}: damaged ({reason}); use a new --out folder") from None
    if missing:
        raise TrainingError(f"{path}: no checkpoint of ours; use a new --out folder")
    return state


class CheckpointWriter:
    """Writes a run's checkpoints, one at a time; a kill at any moment leaves the last one whole.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / CHECKPOINT
        self._thread: threading.Thread | None = None
        self._error: OSError | RuntimeError | None = None
        self._saved_at = time.monotonic()
        self._cost_s = 0.0

    @property
    def interval_s(self) -> float:
        """Seconds between two checkpoints; the processor time of the last one decides."""
        return max(LEAST_S, self._cost_s / SHARE)

    def is_due(self, most_s: float) -> bool:
        """Whether it is time for the next one.

        Args:
            most_s: seconds after which it is, whatever one costs.
        """
        waited_s = time.monotonic() - self._saved_at
        is_busy = self._thread is not None and self._thread.is_alive()
        return not is_busy and waited_s >= min(self.interval_s, most_s)

    def save(self, state: dict[str, Any], *, wait: bool = False) -> None:
        """Write a state as it is now, in the background unless told to wait.

        Raises:
            OutputError: this one, or the one before, could not be written.
        """
        started_s = time.thread_time()
        frozen = _copied(state)
        copying_s = time.thread_time() - started_s
        self.finish()
        self._saved_at = time.monotonic()
        self._thread = threading.Thread(
            target=self._write, args=(frozen, copying_s), name="checkpoint"
        )
        self._thread.start()
        if wait:
            self.finish()

    def finish(self) -> None:
        """Wait for the one being written.

        Raises:
            OutputError: it could not be.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            reason = getattr(self._error, "strerror", None) or str(self._error).partition("\n")[0]
            raise OutputError(f"{self.path}: cannot be written: {reason}") from None

    def _write(self, state: dict[str, Any], copying_s: float) -> None:
        started_s = time.thread_time()
        partial = self.path.with_name(f".{CHECKPOINT}.partial")
        try:
            with partial.open("wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path)
        except (OSError, RuntimeError) as error:  # torch's, when the disk is full
            self._error = error
        self._cost_s = copying_s + time.thread_time() - started_s


def _copied(value: Any) -> Any:
    """The same with tensors that later steps do not change, on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_copied(inner) for inner in value)
    return value
