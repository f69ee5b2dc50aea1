"""Keys of a terminal, one at a time and without Enter; afterwards it is as it was before."""

import os
import re
import sys
import time
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Protocol, Self

HANGUP = "hangup"
"""What is read where the terminal is gone."""

_ESCAPE_S = 0.05
"""An Esc that nothing follows within so long was the key itself; an arrow's bytes come at once."""

_KEY = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO.|\x1b[^\x1b[O]|[^\x1b]|(?P<rest>\x1b(\[[0-9;?]*|O)?\Z)",
    re.DOTALL,
)
_NAMES = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "right",
    "\x1b[D": "left",
    "\x1bOA": "up",
    "\x1bOB": "down",
    "\x1bOC": "right",
    "\x1bOD": "left",
    "\x1b[1;2C": "shift+right",
    "\x1b[1;2D": "shift+left",
    "\x1b[c": "shift+right",  # rxvt
    "\x1b[d": "shift+left",
    " ": "space",
}
_WINDOWS = {"H": "up", "P": "down", "M": "right", "K": "left"}
_SHIFT = 0x10  # Windows' virtual key


class Keys(Protocol):
    """A terminal whose keys are read; a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def read(self, timeout_s: float) -> list[str]:
        """The keys pressed within a time, none if it passed: "a", "A", "space", "left",
        "shift+left", "alt+1"; HANGUP if the terminal is gone."""


def terminal_keys() -> Keys:
    """The keys of stdin; where it is no terminal, nobody presses any."""
    if sys.stdin is None or not sys.stdin.isatty():
        return NoKeys()
    return WindowsKeys() if sys.platform == "win32" else PosixKeys(sys.stdin.fileno())


def split_keys(text: str) -> tuple[list[str], str]:
    """What a terminal sent, as keys, and the rest that may be the beginning of one more.

    Example:
        >>> split_keys("q \\x1b[1;2D\\x1b[")
        (['q', 'space', 'shift+left'], '\\x1b[')
    """
    keys: list[str] = []
    for found in _KEY.finditer(text):
        key = found[0]
        if found["rest"] is not None:
            return keys, key
        if key in _NAMES:
            keys.append(_NAMES[key])
        elif len(key) == 1:
            keys.append(key)
        elif len(key) == 2 and key[1].isalnum():
            keys.append(f"alt+{key[1]}")
    return keys, ""


class NoKeys:
    """Nobody is there to press any."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def read(self, timeout_s: float) -> list[str]:
        time.sleep(timeout_s)
        return []


class PosixKeys(NoKeys):
    """Of a POSIX terminal. Ctrl-C and Ctrl-Z stay signals; in the background nothing is read.

    Args:
        descriptor: of the terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before: list[Any] | None = None
        self._is_set = False
        self._rest = ""
        self._on_continue: Any = None

    def __enter__(self) -> Self:
        import signal
        import termios

        self._before = termios.tcgetattr(self._descriptor)
        # A shell that was in between has set the terminal to its own liking.
        self._on_continue = signal.signal(signal.SIGCONT, self._forget)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import signal
        import termios

        signal.signal(signal.SIGCONT, self._on_continue)
        if self._is_ours() and self._before is not None:
            with suppress(termios.error):  # it is gone
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def read(self, timeout_s: float) -> list[str]:
        import select

        if not self._is_ours():  # to read, or to set, would stop us
            return super().read(timeout_s)
        try:
            self._set()
            if not select.select([self._descriptor], [], [], timeout_s)[0]:
                return []
            keys, self._rest = split_keys(self._rest + self._bytes())
            while self._rest:
                if not select.select([self._descriptor], [], [], _ESCAPE_S)[0]:
                    self._rest = ""
                    break
                more, self._rest = split_keys(self._rest + self._bytes())
                keys += more
        except OSError:
            return [HANGUP]
        return keys

    def _bytes(self) -> str:
        content = os.read(self._descriptor, 256)
        if not content:
            raise OSError("end of the terminal")
        return content.decode("utf-8", "ignore")

    def _set(self) -> None:
        import termios
        import tty

        if not self._is_set:
            try:
                tty.setcbreak(self._descriptor, termios.TCSADRAIN)
            except termios.error as error:
                raise OSError(*error.args) from error
            self._is_set = True

    def _forget(self, number: int, frame: FrameType | None) -> None:
        self._is_set = False

    def _is_ours(self) -> bool:
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # no controlling terminal, so no one to stop us
            return True


class WindowsKeys(NoKeys):
    """Of a Windows console."""

    def read(self, timeout_s: float) -> list[str]:
        import msvcrt

        console: Any = msvcrt  # typed for Windows only
        until_s = time.monotonic() + timeout_s
        while not console.kbhit():
            if time.monotonic() >= until_s:
                return []
            time.sleep(0.01)
        keys = []
        while console.kbhit():
            keys.append(_windows_key(console.getwch(), console))
        return [key for key in keys if key]


def _windows_key(key: str, console: Any) -> str:
    if key not in ("\x00", "\xe0"):
        return _NAMES.get(key, key)
    name = _WINDOWS.get(console.getwch(), "")
    if name in ("left", "right") and _is_shift_down():
        return f"shift+{name}"  # which the console does not tell
    return name


def _is_shift_down() -> bool:
    import ctypes

    windows: Any = ctypes
    return bool(windows.windll.user32.GetAsyncKeyState(_SHIFT) & 0x8000)
