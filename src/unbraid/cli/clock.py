"""Times and loops as people type them."""

import math
import re

from unbraid.errors import UsageError

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")


def seconds(text: str) -> float:
    """Seconds of "83.5", "1:23.5" or "1:02:03".

    Raises:
        UsageError: it is none of these.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"no time {text!r}; write 83.5, 1:23.5 or 1:02:03")
    hours, minutes, rest = (float(part or 0) for part in found.groups())
    is_clock = found[2] is not None
    if (is_clock and rest >= 60) or (found[1] is not None and minutes >= 60):
        raise UsageError(f"no time {text!r}; minutes and seconds end at 59")
    return hours * 3600 + minutes * 60 + rest


def loop_seconds(text: str) -> tuple[float, float]:
    """Start and end of "1:10-1:25", in seconds.

    Raises:
        UsageError: it is no two times with a dash between, or they are the same.
    """
    first, dash, last = re.sub("[\N{EN DASH}\N{MINUS SIGN}]", "-", text).partition("-")
    if not dash:
        raise UsageError(f"no loop {text!r}; write 1:10-1:25")
    start_s, end_s = sorted((seconds(first), seconds(last)))
    if math.isclose(start_s, end_s, abs_tol=1e-9):
        raise UsageError(f"the loop {text!r} is empty; move its ends apart")
    return start_s, end_s
