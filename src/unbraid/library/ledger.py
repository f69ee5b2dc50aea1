"""The cluster's job log: parquet files in the output folder, on a disk or in an object store.

A part is added every so often and never changed; of a song's rows the last counts. A driver that is
killed loses a few rows, not the stems: those songs are separated again, to the same bytes.
"""

import json
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow
import pyarrow.parquet

from unbraid.errors import OutputError
from unbraid.library.jobs import PRIVATE
from unbraid.library.layout import is_inside
from unbraid.library.naming import fold
from unbraid.library.remote import opened

_MOST_ROWS = 200
_LONGEST_S = 15.0
_SCHEMA: Final = pyarrow.schema(
    [
        ("source", pyarrow.binary()),  # names need not be text
        ("stamp", pyarrow.string()),
        ("work", pyarrow.string()),
        ("state", pyarrow.string()),
        ("error", pyarrow.string()),
        ("content", pyarrow.string()),  # SHA-256 of the song's bytes
        ("files", pyarrow.string()),  # JSON: output to target, n_bytes, sha256
        ("audio_s", pyarrow.float64()),
        ("wall_s", pyarrow.float64()),
        ("cpu_s", pyarrow.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of a song.

    Attributes:
        url: the song.
        stamp: of the file that was read.
        work: names model and options.
        state: done or failed.
        error: why.
        content: SHA-256 of its bytes.
        files: by output: target (relative to the output folder), n_bytes, sha256.
        audio_s, wall_s, cpu_s: separated, and what it took.
    """

    url: str
    stamp: str
    work: str
    state: str
    error: str | None = None
    content: str | None = None
    files: dict[str, dict[str, Any]] | None = None
    audio_s: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0


class Ledger:
    """Reads what earlier runs did, and adds to it. A context manager: leaving it writes the rest.

    Args:
        out: the output folder, a path or a URL.

    Raises:
        OutputError: it cannot be read, or a part is damaged.
    """

    def __init__(self, out: str) -> None:
        self._system, root = opened(out)
        self._folder = f"{root}/{PRIVATE}/ledger"
        self._root = root
        self._rows: list[dict[str, Any]] = []
        self._written_s = time.monotonic()
        self._last: dict[str, Entry] = {}
        self._owners: dict[bytes, str] = {}
        self._system.invalidate_cache()
        parts = []
        if self._system.exists(self._folder):
            parts = sorted(p for p in self._system.ls(self._folder, detail=False)
                           if p.endswith(".parquet"))  # fmt: skip
        self._n_parts = len(parts)
        for part in parts:
            self._read(part)

    def entry(self, url: str) -> Entry | None:
        """What came of a song last."""
        return self._last.get(url)

    def owner(self, folded: bytes) -> str | None:
        """The song that has a file, folded."""
        return self._owners.get(folded)

    def sizes(self) -> dict[str, int]:
        """Every file in the output folder, relative, with its size."""
        if not self._system.exists(self._root):
            return {}
        found = self._system.find(self._root, detail=True)
        return {
            PurePosixPath(path).relative_to(self._root).as_posix(): facts["size"]
            for path, facts in found.items()
        }

    def add(self, entry: Entry) -> None:
        """Take a song's end; on the disk within seconds."""
        self._keep(entry)
        self._rows.append(
            {
                "source": os.fsencode(entry.url),
                "files": json.dumps(entry.files),
                **{
                    name: getattr(entry, name)
                    for name in _SCHEMA.names
                    if name not in ("source", "files")
                },
            }
        )
        is_due = time.monotonic() - self._written_s > _LONGEST_S
        if len(self._rows) >= _MOST_ROWS or is_due:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are not on the disk yet."""
        self._written_s = time.monotonic()
        if not self._rows:
            return
        # Counted, not timed: clocks jump.
        name = f"{self._folder}/{self._n_parts:08}-{uuid.uuid4().hex[:8]}"
        table = pyarrow.Table.from_pylist(self._rows, schema=_SCHEMA)
        try:
            self._system.makedirs(self._folder, exist_ok=True)
            with self._system.open(f"{name}.partial", "wb") as file:
                pyarrow.parquet.write_table(table, file)
            self._system.mv(f"{name}.partial", f"{name}.parquet")
        except OSError as error:
            raise OutputError(f"{self._folder}: cannot write there ({error})") from error
        self._n_parts += 1
        self._rows.clear()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *error: object) -> None:
        self.flush()

    def _read(self, part: str) -> None:
        try:
            with self._system.open(part, "rb") as file:
                rows = pyarrow.parquet.read_table(file, schema=_SCHEMA).to_pylist()
            for row in rows:
                url = os.fsdecode(row.pop("source"))
                self._keep(Entry(url, **(row | {"files": json.loads(row["files"])})))
        except (OSError, ValueError, TypeError, KeyError, pyarrow.ArrowException) as error:
            raise OutputError(
                f"{part}: is damaged ({error}); move it away, and its songs are done again"
            ) from error

    def _keep(self, entry: Entry) -> None:
        self._last[entry.url] = entry
        for file in (entry.files or {}).values():
            target = PurePosixPath(file["target"])
            if not is_inside(target):
                raise ValueError("a path leads out of the folder")
            self._owners[fold(target)] = entry.url
