"""The job log: killed at any step, it ends as if it had not been."""

import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from unbraid.errors import OutputError
from unbraid.library.jobs import PRIVATE, JobLog, JobLogError
from unbraid.library.rows import LoggedFile
from unbraid.library.source import Source, file_digest

SONG = Path("/music/song.mp3")


class Killed(BaseException):
    """What a test dies of."""


def stage(log: JobLog, n_files: int = 3, text: str = "stem") -> list[LoggedFile]:
    """Files as a worker leaves them."""
    folder = log.staging / "0"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(n_files):
        path = folder / f"{number}.wav"
        path.write_text(f"{text} {number}")
        status = path.stat()
        files.append(
            LoggedFile(
                Path("song") / path.name,
                SONG,
                str(number),
                "content " + text,
                "work",
                status.st_size,
                status.st_mtime_ns,
                file_digest(path),
                path.relative_to(log.folder),
            )
        )
    return files


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and PRIVATE not in path.parts
    }


def kill(log: JobLog) -> None:
    """As the system does: the lock goes, what was committed stays."""
    log._db.close()


WHOLE = {f"song/{number}.wav": f"stem {number}" for number in range(3)}


@pytest.mark.parametrize("step", range(4))
def test_killed_between_two_renames_it_finishes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    n_renamed = 0
    real = Path.replace

    def rename(path: Path, target: Path) -> Path:
        nonlocal n_renamed
        if n_renamed == step:
            raise Killed
        n_renamed += 1
        return real(path, target)

    log = JobLog(tmp_path)
    files = stage(log)
    monkeypatch.setattr(Path, "replace", rename)
    if step < 3:
        with pytest.raises(Killed):
            log.publish(files)
    else:
        log.publish(files)
    monkeypatch.undo()
    kill(log)
    assert tree(tmp_path).items() <= WHOLE.items()
    with JobLog(tmp_path) as log:
        assert tree(tmp_path) == WHOLE
        made = log.made_from("content stem", "work")
        assert [log.is_there(file) for file in made] == [True] * 3
        assert all(file.staged is None for file in made)
        assert not log.staging.exists()


def test_killed_before_its_files_are_logged_it_sweeps_them(tmp_path: Path) -> None:
    log = JobLog(tmp_path)
    stage(log)
    kill(log)
    with JobLog(tmp_path) as log:
        assert tree(tmp_path) == {}
        assert not log.staging.exists()
        assert not log.made_from("content stem", "work")


@pytest.mark.parametrize("step", range(3))
def test_killed_while_stems_are_moved_along_they_are_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    log = JobLog(tmp_path)
    log.publish(stage(log))
    n_renamed = 0
    real = Path.replace

    def rename(path: Path, target: Path) -> Path:
        nonlocal n_renamed
        if n_renamed == step:
            raise Killed
        n_renamed += 1
        return real(path, target)

    monkeypatch.setattr(Path, "replace", rename)
    moved = [
        replace(file, target=Path("new") / file.target.name, staged=file.target)
        for file in log.made_from("content stem", "work")
    ]
    with pytest.raises(Killed):
        log.publish(moved)
    monkeypatch.undo()
    kill(log)
    with JobLog(tmp_path) as log:
        assert tree(tmp_path) == {f"new/{number}.wav": f"stem {number}" for number in range(3)}
        assert len(log.made_from("content stem", "work")) == 3
    assert not (tmp_path / "song").exists()


def test_a_second_batch_waits_its_turn(tmp_path: Path) -> None:
    with JobLog(tmp_path), pytest.raises(JobLogError, match="another batch is writing there"):
        JobLog(tmp_path)
    JobLog(tmp_path).close()


def test_what_no_batch_wrote_is_not_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "song" / "1.wav"
    mine.parent.mkdir()
    mine.write_text("mine")
    with JobLog(tmp_path) as log:
        with pytest.raises(OutputError, match=r"1\.wav: exists already"):
            log.publish(stage(log))
        assert tree(tmp_path) == {"song/1.wav": "mine"}
        log.publish(stage(log), force=True)
    assert tree(tmp_path) == WHOLE


def test_what_somebody_changed_is_set_aside(tmp_path: Path) -> None:
    with JobLog(tmp_path) as log:
        log.publish(stage(log))
        for version in ("louder", "louder still"):
            (tmp_path / "song" / "1.wav").write_text(version)
            assert len(log.publish(stage(log))) == 1
    assert tree(tmp_path) == WHOLE
    kept = sorted(p.read_text() for p in (tmp_path / PRIVATE / "replaced").rglob("*.wav"))
    assert kept == ["louder", "louder still"]


def test_a_file_is_there_if_its_bytes_are(tmp_path: Path) -> None:
    with JobLog(tmp_path) as log:
        log.publish(stage(log, 1))
        (file,) = log.made_from("content stem", "work")
        path = tmp_path / file.target
        os.utime(path, ns=(0, 0))  # copied to another disk, or a clock that jumped
        assert log.is_there(file)
    with JobLog(tmp_path) as log:
        (file,) = log.made_from("content stem", "work")
        assert file.mtime_ns == 0
        path.write_text("mets 0")
        os.utime(path, ns=(0, 0))
        assert log.is_there(file)
        assert not log.is_there(file, thoroughly=True)
        path.unlink()
        assert not log.is_there(file)


def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    path = Path(os.fsdecode(b"/music/caf\xe9.mp3"))
    with JobLog(tmp_path) as log:
        log.remember(path, Source("1 2 3 4", "abc", "{}"))
    with JobLog(tmp_path) as log:
        assert log.source(path) == Source("1 2 3 4", "abc", "{}")


@pytest.mark.parametrize("target", [b"../../evil", b"/etc/passwd", b"", 7, b"a\0b"])
def test_a_log_that_leads_out_of_its_folder_is_refused(tmp_path: Path, target: object) -> None:
    with JobLog(tmp_path) as log:
        log.publish(stage(log))
    database = sqlite3.connect(tmp_path / PRIVATE / "jobs.sqlite")
    with database:
        change = "UPDATE file SET target = ?, staged = x'61' WHERE output = '1'"
        database.execute(change, (target,))
    database.close()
    with pytest.raises(JobLogError, match="damaged"):
        JobLog(tmp_path)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(84)])
def test_a_damaged_log_is_told_of_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PRIVATE).mkdir()
    (tmp_path / PRIVATE / "jobs.sqlite").write_bytes(content)
    with pytest.raises(JobLogError, match=r"jobs\.sqlite"):
        JobLog(tmp_path)


def test_a_log_of_another_program_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / PRIVATE).mkdir()
    database = sqlite3.connect(tmp_path / PRIVATE / "jobs.sqlite")
    with database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    with pytest.raises(JobLogError, match="no job log"):
        JobLog(tmp_path)


def test_a_folder_that_vanishes_is_told_of(tmp_path: Path) -> None:
    log = JobLog(tmp_path / "out")
    files = stage(log)
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(OutputError, match="out"):
        log.publish(files)
    kill(log)
