"""What is known of a file or folder, and whether it is still the same."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from unbraid.errors import AudioError


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of a song's file."""

    stamp: str
    content: str  # SHA-256 of its bytes
    tags: str  # JSON


def stamp_of(path: Path) -> str:
    """What changes when a file does: its size, times and number.

    Raises:
        AudioError: it is gone, or is no regular file (a pipe would be waited for).
    """
    try:
        status = path.stat()
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror}; check its name and permissions") from error
    if not path.is_file():
        raise AudioError(f"{path}: is not a regular file; name a sound file")
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def device_of(folder: Path) -> int | None:
    """Tells the disk that a folder is on; None where there is no such folder any more.

    The folder that a disk was mounted on outlives the disk, empty, on another device. Numbers of
    folders are not compared: some network disks make them up anew.
    """
    try:
        return folder.stat().st_dev if folder.is_dir() else None
    except OSError:
        return None
