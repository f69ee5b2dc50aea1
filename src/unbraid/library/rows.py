"""The job log's tables, and a row of them as an object."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unbraid.library.layout import is_inside

VERSION: Final = 1
APPLICATION: Final = 0x756E6272  # "unbr"
SCHEMA: Final = """
CREATE TABLE source (
    path BLOB PRIMARY KEY,
    stamp TEXT NOT NULL,     -- size and times: another stamp, another look
    content TEXT NOT NULL,   -- SHA-256 of its bytes
    tags TEXT NOT NULL       -- JSON
) WITHOUT ROWID;
CREATE TABLE file (
    target BLOB PRIMARY KEY, -- relative to the output folder
    fold BLOB NOT NULL UNIQUE,
    source BLOB NOT NULL,
    output TEXT NOT NULL,
    content TEXT NOT NULL,   -- of the source when this was made
    work TEXT NOT NULL,      -- model and options
    n_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    staged BLOB              -- where it waits to be renamed, relative; NULL: it is in place
) WITHOUT ROWID;
CREATE INDEX file_content ON file (content, work);
CREATE TABLE song (          -- how it went last; for people, nothing is decided by it
    source BLOB NOT NULL,
    work TEXT NOT NULL,
    state TEXT NOT NULL,
    error TEXT,
    audio_s REAL,
    wall_s REAL,
    cpu_s REAL,
    ended_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (source, work)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class LoggedFile:
    """A file that a batch wrote, or is about to put in place.

    Attributes:
        target: relative to the output folder.
        source: the song it was made from.
        output: its name among the song's outputs.
        content: SHA-256 of the song's bytes.
        work: names model and options.
        n_bytes, mtime_ns, sha256: what it should be.
        staged: where it waits to be renamed, relative to the output folder; None: it is in place.
    """

    target: Path
    source: Path
    output: str
    content: str
    work: str
    n_bytes: int
    mtime_ns: int
    sha256: str
    staged: Path | None = None


def logged(
    target: bytes,
    source: bytes,
    output: str,
    content: str,
    work: str,
    n_bytes: int,
    mtime_ns: int,
    sha256: str,
    staged: bytes | None,
) -> LoggedFile:
    """A row as a file; a log may come from anywhere."""
    paths = [Path(os.fsdecode(raw)) for raw in (target, staged) if raw is not None]
    if not all(map(is_inside, paths)):
        raise ValueError("a path leads out of the folder")
    return LoggedFile(
        paths[0],
        Path(os.fsdecode(source)),
        str(output),
        str(content),
        str(work),
        int(n_bytes),
        int(mtime_ns),
        str(sha256),
        paths[1] if staged is not None else None,
    )


def raw(path: Path) -> bytes:
    """A path as the system spells it; names need not be text."""
    return os.fsencode(path)
