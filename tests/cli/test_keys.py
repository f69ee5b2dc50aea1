"""Keys of a terminal, and times as people type them."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from unbraid.cli.clock import loop_seconds, seconds
from unbraid.cli.keys import HANGUP, NoKeys, PosixKeys, split_keys, terminal_keys
from unbraid.errors import UsageError

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A pseudo-terminal: the end where one types, and the program's end."""
    import pty

    ends = pty.openpty()
    yield ends
    for end in ends:
        with suppress(OSError):  # a test hung up
            os.close(end)


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("q", ["q"]),
        (" m", ["space", "m"]),
        ("\x1b[A\x1b[B\x1b[C\x1b[D", ["up", "down", "right", "left"]),
        ("\x1bOA\x1bOD", ["up", "left"]),
        ("\x1b[1;2C\x1b[1;2D", ["shift+right", "shift+left"]),
        ("\x1b[d", ["shift+left"]),
        ("\x1b1\x1b4", ["alt+1", "alt+4"]),
        ("\x1b[15~x", ["x"]),  # F5 says nothing
        ("\x1b[1;5D[", ["["]),
        ("§", ["§"]),
    ],
)
def test_what_a_terminal_sends_becomes_keys(sent: str, keys: list[str]) -> None:
    assert split_keys(sent) == (keys, "")


def test_a_key_that_is_cut_in_two_is_waited_for() -> None:
    assert split_keys("a\x1b[1;") == (["a"], "\x1b[1;")


@posix
def test_keys_are_read_without_enter_and_without_echo(terminal: tuple[int, int]) -> None:
    typed, shown = terminal
    with PosixKeys(shown) as keys:
        assert keys.read(0.0) == []
        os.write(typed, b"m\x1b[C \x1b")
        assert keys.read(5.0) == ["m", "right", "space"]  # and a lone Esc that nothing follows
        os.write(typed, b"q")
        assert keys.read(5.0) == ["q"]
    os.set_blocking(typed, False)
    with pytest.raises(BlockingIOError):
        os.read(typed, 100)


@posix
@pytest.mark.parametrize("error", [None, KeyboardInterrupt, RuntimeError])
def test_the_terminal_is_as_before_afterwards(
    terminal: tuple[int, int], error: type[BaseException] | None
) -> None:
    import termios

    before = termios.tcgetattr(terminal[1])
    with suppress(KeyboardInterrupt, RuntimeError), PosixKeys(terminal[1]) as keys:
        keys.read(0.0)
        assert termios.tcgetattr(terminal[1]) != before
        if error is not None:
            raise error
    assert termios.tcgetattr(terminal[1]) == before


@posix
def test_a_terminal_that_goes_away_is_told(terminal: tuple[int, int]) -> None:
    with PosixKeys(terminal[1]) as keys:
        assert keys.read(0.0) == []
        os.close(terminal[0])
        assert keys.read(5.0) == [HANGUP]


def test_where_stdin_is_no_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with terminal_keys() as keys:
        assert type(keys) is NoKeys
        assert keys.read(0.0) == []


@pytest.mark.parametrize(
    ("text", "time_s"),
    [("83.5", 83.5), ("1:23.5", 83.5), ("0:05", 5), ("1:02:03", 3723), (".5", 0.5), ("100", 100)],
)
def test_times_are_read_as_people_write_them(text: str, time_s: float) -> None:
    assert seconds(text) == time_s


@pytest.mark.parametrize("text", ["", "-1", "1:", ":5", "1:60", "1:60:00", "a", "1:2:3:4", "nan"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"no time|59"):
        seconds(text)


@pytest.mark.parametrize("text", ["1:10-1:25", "70–85", "85 - 70", "1:25-1:10.0"])
def test_a_loop_is_two_times_in_any_order(text: str) -> None:
    assert loop_seconds(text) == (70, 85)


@pytest.mark.parametrize("text", ["1:10", "70-70", "-", "10-", "1-2-3"])
def test_what_is_no_loop_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"no loop|no time|empty"):
        loop_seconds(text)
