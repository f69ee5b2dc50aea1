"""Ctrl-C and `kill`: work stops within a second and cleans up behind itself."""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_CLEANING_S = 5.0
"""For so long after a first signal others are ignored, so as not to stop the cleaning up."""


class Stops:
    """While entered, a first Ctrl-C sets `stop`; a second one, or `kill`, raises.

    Args:
        tell: called at the first.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self.stop = threading.Event()
        self._tell = tell
        self._has_raised = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and not self.stop.is_set():
            self.stop.set()
            self._tell()
        elif not self._has_raised:  # further ones must not stop the cleaning up
            self._has_raised = True
            self.stop.set()
            raise KeyboardInterrupt


class Interrupts:
    """While entered, SIGINT and SIGTERM set `cancel` and, unless work watches it, raise.

    An exception may be raised anywhere, even where the decoder calls back and would lose it. Work
    that looks at `cancel` often is therefore left to end by itself: set `is_watched` meanwhile.
    """

    def __init__(self) -> None:
        self.cancel = threading.Event()
        self.is_watched = False
        self._signalled_at = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.cancel.is_set() and time.monotonic() - self._signalled_at < _CLEANING_S:
            return
        repeated = self.cancel.is_set()
        self._signalled_at = time.monotonic()
        self.cancel.set()
        if repeated or not self.is_watched:
            raise KeyboardInterrupt
