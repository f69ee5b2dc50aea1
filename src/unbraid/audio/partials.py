"""Partial files: hidden beside their targets while written, swept once their writer is dead."""

import itertools
import os
import platform
import re
import sys
import zlib
from contextlib import suppress
from pathlib import Path

_serial = itertools.count()
_NAME = re.compile(r"\..*\.unbraid-(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-\d+(\.spool)?\.partial")


def partial_path(target: Path, label: str) -> Path:
    """A name beside a target that no other writer has, on any machine that shares the folder."""
    safe = "".join(c if c.isalnum() else "-" for c in label)[:40]
    return target.with_name(f".{safe}.unbraid-{_machine()}-{os.getpid()}-{next(_serial)}.partial")


def sweep(folder: Path) -> None:
    """Remove the partial files in a folder whose writers were killed.

    Only this machine's: whether a process elsewhere lives cannot be told from here.
    """
    with suppress(OSError):  # a folder that cannot be read is told of by who writes to it
        for path in folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match and match["machine"] == _machine() and not _is_alive(int(match["pid"])):
                with suppress(OSError):
                    path.unlink()


def _machine() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # where open files cannot be removed, and a signal would kill
        return pid == os.getpid()
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True
