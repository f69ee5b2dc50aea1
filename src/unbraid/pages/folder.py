"""Writing a page into a folder: nothing foreign is replaced, nothing half-written is found."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from unbraid.errors import OutputError


def check_folder(
    page: Path, others: Iterable[Path], generator: str, what: str, *, force: bool
) -> None:
    """Make sure that nothing foreign would be replaced.

    Args:
        page: to be written; if an earlier run of the same verb wrote it, the folder is its own.
        others: files that will be written beside it.
        generator: what the page's <meta name="generator"> starts with.
        what: "an earlier demo's", for the message.
        force: look at nothing.

    Raises:
        OutputError: one of the files exists, and the page is not our own.
    """
    if force or _is_own(page, generator):
        return
    for path in (*others, page):
        if path.exists() or path.is_symlink():
            raise OutputError(
                f"{path}: exists already and is not {what}; "
                "choose another folder with -o, or --force to replace it"
            )


def write_page(target: Path, page: str) -> None:
    """Write a page whole or not at all.

    Raises:
        OutputError: the folder cannot be written to.
    """
    partial = target.with_name(f".{target.name}.unbraid-{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written ({error.strerror}); choose another folder with -o"
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def _is_own(page: Path, generator: str) -> bool:
    try:
        with page.open(encoding="utf-8", errors="replace") as file:
            head = file.read(2_000)
    except OSError:
        return False
    return re.search(rf'<meta name="generator" content="{generator}\b', head) is not None
