"""One process at a time in a folder."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from unbraid.errors import OutputError


@contextlib.contextmanager
def alone(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold a folder that is there. A process that is killed lets go of it.

    On Windows nothing is held.

    Raises:
        OutputError: it cannot be written, or another process holds it and `wait` is false.
    """
    try:
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror})") from None
    with file:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise OutputError(
                    f"{folder}: another unbraid process writes here; wait for its end"
                ) from None
        yield
