"""The job log: what a batch has written, so that nothing is done twice and nothing is lost.

One SQLite file in the output folder. A song's files are made in a staging folder beside it; their
names, sizes and checksums are logged as staged, then they are renamed into place, then logged as
there. Whatever instant a batch is killed at, the next one finishes the renames that were logged,
sweeps what was not, and goes on.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from unbraid.audio.writer import cannot_write, sync_folder
from unbraid.errors import OutputError
from unbraid.library.naming import fold
from unbraid.library.rows import APPLICATION, SCHEMA, VERSION, LoggedFile, logged, raw
from unbraid.library.source import Source, device_of, file_digest

PRIVATE: Final = ".unbraid"
"""The batch's own folder in the output folder: job log, staging, and files that were set aside."""

_MOST_LATER = 1_000


class JobLogError(OutputError):
    """The log cannot be read or written: no song of the batch can go on."""


class JobLog:
    """The log of one output folder, held by one batch at a time.

    Opening it finishes what a killed batch had logged and sweeps what it had not. A context
    manager; not thread-safe.

    Args:
        folder: the output folder; made if missing.

    Raises:
        OutputError: the folder cannot be written to, another batch holds it, or the log is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.staging = self.folder / PRIVATE / "staging"
        self._path = self.folder / PRIVATE / "jobs.sqlite"
        self._later: list[tuple[str, tuple[Any, ...]]] = []  # changes that may be lost in a kill
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from error
        self._disk = device_of(self.folder)
        with self._told():
            self._db = sqlite3.connect(self._path, timeout=1.0, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self._db.close()
                raise

    def _open(self) -> None:
        # Held until it is closed or its process dies; and no shared memory, which network file
        # systems lack.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("BEGIN EXCLUSIVE")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables == 0:
            for statement in SCHEMA.split(";\n"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {VERSION}")
            self._db.execute(f"PRAGMA application_id = {APPLICATION}")
        elif (application, version) != (APPLICATION, VERSION):
            self._db.execute("ROLLBACK")
            raise JobLogError(
                f"{self._path}: is no job log of this version of unbraid; use another -o"
            )
        self._db.execute("COMMIT")
        self._recover()

    def close(self) -> None:
        """Log what is in place, sweep, and let go of the folder."""
        try:
            with self._told():
                self._recover()
        finally:
            with suppress(sqlite3.Error):
                self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except JobLogError:
            if error is None:  # else the first failure is the one to tell
                raise

    def source(self, path: Path) -> Source | None:
        """What is known of a song's file."""
        with self._told():
            row = self._db.execute(
                "SELECT stamp, content, tags FROM source WHERE path = ?", (raw(path),)
            ).fetchone()
        return Source(*map(str, row)) if row else None

    def remember(self, path: Path, source: Source) -> None:
        """Keep what was found out about a song's file; on the disk with what is published next."""
        self._soon(
            "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?)",
            *(raw(path), source.stamp, source.content, source.tags),
        )

    def owner(self, folded: bytes) -> LoggedFile | None:
        """The file that has a name, whatever its case."""
        return next(iter(self._files("fold = ?", folded)), None)

    def file(self, target: Path) -> LoggedFile | None:
        """The file of a name, spelled as it is."""
        return next(iter(self._files("target = ?", raw(target))), None)

    def made_from(self, content: str, work: str) -> list[LoggedFile]:
        """All files that were made from a content by a model with options."""
        return list(self._files("content = ? AND work = ?", content, work))

    def is_there(self, file: LoggedFile, *, thoroughly: bool = False) -> bool:
        """Whether a file is in place as it was written.

        Told by size and time; by its checksum if the time is another, or if asked for.
        """
        path = self.folder / file.target
        try:
            status = os.lstat(path)
            if not path.is_file() or path.is_symlink() or status.st_size != file.n_bytes:
                return False
            if status.st_mtime_ns == file.mtime_ns and not thoroughly:
                return True
            if file_digest(path) != file.sha256:
                return False
        except OSError:
            return False
        if status.st_mtime_ns != file.mtime_ns:
            self._soon(
                "UPDATE file SET mtime_ns = ? WHERE target = ?",
                *(status.st_mtime_ns, raw(file.target)),
            )
        return True

    def publish(self, files: list[LoggedFile], *, force: bool = False) -> list[Path]:
        """Put staged files of one song in place.

        A file of ours that somebody changed is not lost: it is moved below `.unbraid/replaced`.

        Args:
            files: with `staged` set; on the disk, complete.
            force: replace files that no batch wrote.

        Returns:
            Files that were set aside, where they are now.

        Raises:
            OutputError: a target exists that no batch wrote, or cannot be written.
            JobLogError: the folder is gone.
        """
        if device_of(self.folder) != self._disk:
            raise JobLogError(f"{self.folder}: is gone; connect its disk and run the batch again")
        aside = []
        for file in files:
            owner = self.owner(fold(file.target))
            target = self.folder / file.target
            if not os.path.lexists(target):
                continue
            if target.is_dir():
                raise OutputError(f"{target}: is a folder; remove it or use --name")
            if owner is None and not force:
                raise OutputError(
                    f"{target}: exists already and no batch wrote it; use --force to replace, or -o"
                )
            if owner is not None and not self.is_there(owner):
                aside.append(self._set_aside(target))
        with self._told():
            self._db.execute("BEGIN")
            self._flush()
            for file in files:
                if file.staged is not None:
                    self._db.execute("DELETE FROM file WHERE target = ?", (raw(file.staged),))
                self._db.execute(
                    "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        raw(file.target),
                        fold(file.target),
                        raw(file.source),
                        file.output,
                        file.content,
                        file.work,
                        file.n_bytes,
                        file.mtime_ns,
                        file.sha256,
                        raw(file.staged) if file.staged is not None else None,
                    ),
                )
            self._db.execute("COMMIT")
        self._place(files)
        return aside

    def adopt(self, files: Iterable[LoggedFile], source: Path) -> None:
        """Let files in place be those of a song that was renamed or moved."""
        for file in files:
            self._soon("UPDATE file SET source = ? WHERE target = ?", raw(source), raw(file.target))

    def note(self, source: Path, work: str, state: str, facts: Mapping[str, Any]) -> None:
        """Write down how a song went."""
        figures = [facts.get(name) for name in ("error", "audio_s", "wall_s", "cpu_s")]
        self._soon(
            "INSERT OR REPLACE INTO song (source, work, state, error, audio_s, wall_s, cpu_s) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(raw(source), work, state, *figures),
        )

    def _files(self, condition: str, *values: Any) -> Iterator[LoggedFile]:
        with self._told():
            rows = self._db.execute(
                "SELECT target, source, output, content, work, n_bytes, mtime_ns, sha256, staged "
                f"FROM file WHERE {condition} ORDER BY target",
                values,
            ).fetchall()
            for row in rows:
                try:
                    yield logged(*row)
                except (TypeError, ValueError) as error:
                    raise sqlite3.DatabaseError(f"a row makes no sense: {error}") from error

    def _place(self, files: Iterable[LoggedFile]) -> None:
        """Rename staged files to their names; done again after a kill, it does what is left."""
        folders: set[Path] = set()
        emptied: set[Path] = set()
        try:
            for file in files:
                assert file.staged is not None
                target, staged = self.folder / file.target, self.folder / file.staged
                for folder in reversed(target.parents):
                    if not folder.exists():
                        folder.mkdir(exist_ok=True)
                        folders.add(folder.parent)
                staged.replace(target)
                folders.add(target.parent)
                emptied.add(staged.parent)
                self._soon("UPDATE file SET staged = NULL WHERE target = ?", raw(file.target))
        except OSError as error:
            raise OutputError(
                f"{error.filename2 or error.filename or self.folder}: cannot write there "
                f"({error.strerror}); see to that folder and run the batch again"
            ) from error
        for folder in folders:
            sync_folder(folder)
        for folder in emptied:
            self._remove_empty(folder)

    def _recover(self) -> None:
        """Finish the renames that were logged; forget files that are lost; sweep the staging."""
        waiting = list(self._files("staged IS NOT NULL"))
        for file in waiting:
            if file.staged and os.path.lexists(self.folder / file.staged):
                with suppress(OutputError):  # that song is made again, and tells
                    self._place([file])
            elif self.is_there(file):
                self._soon("UPDATE file SET staged = NULL WHERE target = ?", raw(file.target))
        self._db.execute("BEGIN")
        self._flush()
        self._db.execute("DELETE FROM file WHERE staged IS NOT NULL")
        self._db.execute("COMMIT")
        shutil.rmtree(self.staging, ignore_errors=True)

    def _soon(self, statement: str, *values: Any) -> None:
        """Change the log with the next transaction, so that a song costs one flush of the disk."""
        self._later.append((statement, values))
        if len(self._later) >= _MOST_LATER:
            with self._told():
                self._db.execute("BEGIN")
                self._flush()
                self._db.execute("COMMIT")

    def _flush(self) -> None:
        for statement, values in self._later:
            self._db.execute(statement, values)
        self._later.clear()

    def _set_aside(self, path: Path) -> Path:
        try:
            return self._moved_aside(path)
        except OSError as error:
            raise OutputError(
                f"{path}: was changed by somebody and cannot be set aside ({error.strerror}); "
                "move it away and run the batch again"
            ) from error

    def _moved_aside(self, path: Path) -> Path:
        kept = self.folder / PRIVATE / "replaced" / path.relative_to(self.folder)
        kept.parent.mkdir(parents=True, exist_ok=True)
        n = 1
        while os.path.lexists(kept):
            n += 1
            kept = kept.with_name(f"{path.stem} {n}{path.suffix}")
        path.replace(kept)
        return kept

    def _remove_empty(self, folder: Path) -> None:
        while folder not in (self.folder, self.staging) and folder.is_relative_to(self.folder):
            try:
                folder.rmdir()
            except OSError:  # something else is in it
                return
            folder = folder.parent

    @contextmanager
    def _told(self) -> Iterator[None]:
        """SQLite's failures in the user's words."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter of a message's own text
            reason = " ".join(str(error).split())[:200]
            if "locked" in reason:
                told = f"{self.folder}: another batch is writing there; wait for it, or use -o"
            elif "full" in reason:
                told = f"{self.folder}: the disk is full; free some space and run the batch again"
            elif "readonly" in reason or "unable to open" in reason or "I/O" in reason:
                told = f"{self._path}: cannot be written ({reason}); see to that folder, or use -o"
            else:
                told = (
                    f"{self._path}: is damaged ({reason}); move it away and run the batch with "
                    "--force, which makes all files again"
                )
            raise JobLogError(told) from error
