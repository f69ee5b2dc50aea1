"""What users fear for their files: odd names, odd files, songs and clocks that change meanwhile."""

import os
import re
import unicodedata
from pathlib import Path

import pytest

from tests.cli.conftest import write_song
from tests.library.conftest import Batch
from unbraid.library import song as songs
from unbraid.library import worker as workers
from unbraid.library.naming import MAX_BYTES

NAMES = [
    "🎸 日本語 Ænima.wav",
    "x" * 251 + ".wav",
    "é" * 125 + ".wav",
    "🎸" * 62 + "x.wav",
    "🎸" * 62 + "y.wav",
    "dots.....wav",
    " spaces .wav",
    "-rf.wav",
    "{track} %s {0}.wav",
    "$(touch evil) `touch evil`.wav",
    'a:b?c*d"e<f>|g\\h.wav',
    "two\nlines\ttab.wav",
    "con.wav",
    "AUX.wav",
    "Lpt9.tar.wav",
    "com¹.wav",
    "Case.wav",
    "case.wav",
    "CASE.flac",
    "e\u0301.wav",
    "\u00e9.wav",
    "\u202ereversed\u202c.wav",
    b"caf\xe9.wav",
    b"\xff\xfe.wav",
    "trailing dots.../trailing dots.../a.wav",
    "NUL/prn./a.wav",
    "deep/" * 40 + "a.wav",
]


@pytest.mark.skipif(os.name == "nt", reason="its disks take few of these names")
def test_songs_of_any_name_get_stems_whose_names_any_system_takes(
    tmp_path: Path, batch: Batch
) -> None:
    for number, name in enumerate(NAMES):
        path = tmp_path / "in" / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_song(str(tmp_path / "song.wav"), seconds=0.05 + number / 1_000)
        (tmp_path / "song.wav").rename(path)
    assert batch().states == {"done": len(NAMES)}
    stems = list(batch.tree())
    assert len(stems) == len(NAMES)
    folded = {unicodedata.normalize("NFC", name.casefold()) for name in stems}
    assert len(folded) == len(NAMES)
    for stem in stems:
        for part in Path(stem).parts:
            assert len(os.fsencode(part)) <= MAX_BYTES
            assert not re.search(r'[<>:"\\|?*\x00-\x1f]|[. ]$|^ ', part)
            assert not re.match(r"(?i)(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\.|$)", part)
    assert not list(tmp_path.rglob("evil"))
    assert batch().states == {"skipped": len(NAMES)}


@pytest.mark.skipif(os.name == "nt", reason="links and pipes")
def test_what_is_no_file_is_told_of_and_not_waited_for(batch: Batch, music: Path) -> None:
    os.mkfifo(music / "pipe.mp3")
    (music / "round.wav").symlink_to(music / "round again.wav")
    (music / "round again.wav").symlink_to(music / "round.wav")
    (music / "folder.wav").mkdir()
    (music / "zero.wav").symlink_to("/dev/zero")
    (music / "linked.wav").symlink_to(music / "a.wav")
    summary = batch()
    assert summary.states == {"done": 3, "copied": 1, "failed": 4}
    told = {path.name: error for path, error in summary.failures.items()}
    assert "not a regular file" in told["pipe.mp3"]
    assert "not a regular file" in told["zero.wav"]
    assert "symbolic links" in told["round.wav"]
    assert all("\n" not in error for error in told.values())


@pytest.mark.parametrize("harm", ["grows", "shrinks", "goes", "is another", "is touched"])
def test_a_song_that_changes_while_it_is_read(
    batch: Batch, music: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    real = songs.separate_song

    def disturbed(path: Path, *arguments: object, **more: object) -> object:
        result = real(path, *arguments, **more)
        if path.name == "b.flac":
            content = path.read_bytes()
            if harm == "goes":
                path.unlink()
            elif harm == "is touched":
                os.utime(path, ns=(0, 0))
            else:
                new = {"grows": content * 2, "shrinks": content[:-100], "is another": b"new"}
                path.write_bytes(new[harm])
        return result

    monkeypatch.setattr(songs, "separate_song", disturbed)
    summary = batch()
    if harm == "is touched":  # the same bytes: its stems are true
        assert summary.states == {"done": 3}
        return
    assert summary.states == {"done": 2, "failed": 1}
    (told,) = summary.failures.values()
    assert ("changed while it was read" in told) or (harm == "goes" and "No such file" in told)
    assert "b/bass.wav" not in batch.tree()


def test_a_song_that_is_still_being_copied_waits_for_the_next_run(
    batch: Batch, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (music / "b.flac").read_bytes()
    (music / "b.flac").write_bytes(whole[:1_000])
    real = workers.stamp_of

    def growing(path: Path) -> str:
        stamp = real(path)
        if path.name == "b.flac":
            with path.open("ab") as file:
                file.write(whole[path.stat().st_size :][:50])
        return stamp

    monkeypatch.setattr(workers, "stamp_of", growing)
    summary = batch()
    assert summary.states == {"done": 2, "failed": 1}
    assert "still being written" in summary.failures[music / "b.flac"]
    monkeypatch.undo()


@pytest.mark.parametrize("year_s", [0, 4_102_444_800], ids=["1970", "2100"])
def test_clocks_that_jump_cost_no_separation(batch: Batch, music: Path, year_s: int) -> None:
    batch()
    before = batch.tree()
    for path in (*music.rglob("*"), *(batch.folder / "out").rglob("*.wav")):
        os.utime(path, (year_s, year_s))
    assert batch().states == {"skipped": 3}
    (music / "a.wav").write_bytes((music / "b.flac").read_bytes())
    os.utime(music / "a.wav", (year_s, year_s))  # changed, though its time is the same
    assert batch().states == {"copied": 1, "skipped": 2}
    assert batch.tree()["a/bass.wav"] == before["b/bass.wav"]


def test_a_clock_that_runs_backwards_does_not_stall_a_batch(
    batch: Batch, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = iter(range(10**6, 0, -1))
    monkeypatch.setattr("time.time", lambda: 3_600.0 * next(hours))
    monkeypatch.setattr("time.time_ns", lambda: 3_600 * 10**9 * next(hours))
    assert batch().states == {"done": 3}
    assert batch().states == {"skipped": 3}
