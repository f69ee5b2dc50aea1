"""Batches on the tiny model: what they do, what they need not do, and what they survive."""

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.cli.conftest import write_song
from tests.library.conftest import UNBRAID, Batch, command
from unbraid.library import batch as batches
from unbraid.library.batch import run_batch
from unbraid.library.events import BatchProgress, SongEvent
from unbraid.library.inputs import find_inputs
from unbraid.library.jobs import PRIVATE
from unbraid.library.pool import Pool
from unbraid.library.song import SongOptions
from unbraid.library.work import Work
from unbraid.library.worker import Limits, Setup
from unbraid.models.catalog import find_model
from unbraid.separation.outputs import stem_outputs

ALL = ("a.wav", "b.flac", "disc/a.wav")


def test_a_batch_mirrors_the_folder_and_does_nothing_twice(batch: Batch, music: Path) -> None:
    assert batch().states == dict.fromkeys(["done"], 3)
    assert list(batch.tree()) == ["a/bass.wav", "b/bass.wav", "disc/a/bass.wav"]
    before = batch.tree()
    batch()
    assert batch.states == dict.fromkeys(ALL, "skipped")
    assert batch.tree() == before


def test_a_song_that_changed_is_done_again(batch: Batch, music: Path) -> None:
    batch()
    before = batch.tree()
    write_song(str(music / "a.wav"), seconds=0.7)
    assert batch().states == {"done": 1, "skipped": 2}
    after = batch.tree()
    assert [name for name in after if after[name] != before[name]] == ["a/bass.wav"]


def test_other_options_are_other_work(batch: Batch, music: Path) -> None:
    batch()
    assert batch(depth="24").states == {"done": 3}
    assert batch(depth="24").states == {"skipped": 3}
    assert batch(stems="bass,drums", depth="24").states == {"done": 3}


def test_renamed_and_moved_songs_take_their_stems_along(batch: Batch, music: Path) -> None:
    batch()
    before = batch.tree()
    (music / "a.wav").rename(music / "disc" / "new.wav")
    assert batch().states == {"moved": 1, "skipped": 2}
    after = batch.tree()
    assert list(after) == ["b/bass.wav", "disc/a/bass.wav", "disc/new/bass.wav"]
    assert after["disc/new/bass.wav"] == before["a/bass.wav"]
    assert not (batch.folder / "out" / "a").exists()


def test_a_library_on_another_mount_point_is_the_same_library(batch: Batch, music: Path) -> None:
    batch()
    before = batch.tree()
    music.rename(music.with_name("was"))
    music.with_name("was").rename(music)  # the same path again, other times
    elsewhere = music.with_name("elsewhere")
    music.rename(elsewhere)
    music.symlink_to(elsewhere)
    assert batch().states == {"skipped": 3}
    music.unlink()
    found = find_inputs([str(elsewhere)])
    work = Work("tiny", find_model(batch.model).sha256,
                SongOptions(stem_outputs("bass"), batch.folder / "out"))  # fmt: skip
    summary = run_batch(found, work, Setup(str(batch.model), 1, Limits()), n_jobs=1)
    assert summary.states == {"moved": 3}
    assert batch.tree() == before


def test_another_song_of_a_vanished_one_s_name_leaves_its_stems_alone(
    batch: Batch, music: Path
) -> None:
    batch()
    before = batch.tree()
    other = music.with_name("other")
    music.rename(music.with_name("unplugged"))
    other.mkdir()
    write_song(str(other / "a.wav"), seconds=0.7)
    work = Work("tiny", find_model(batch.model).sha256,
                SongOptions(stem_outputs("bass"), batch.folder / "out"))  # fmt: skip
    run_batch(find_inputs([str(other)]), work, Setup(str(batch.model), 1, Limits()), n_jobs=1)
    after = batch.tree()
    assert after.items() > before.items()
    assert set(after) - set(before) == {"a (wav)/bass.wav"}


def test_a_copy_of_a_song_costs_no_separation(batch: Batch, music: Path) -> None:
    batch()
    (music / "copy.wav").write_bytes((music / "a.wav").read_bytes())
    assert batch().states == {"copied": 1, "skipped": 3}
    assert batch.tree()["copy/bass.wav"] == batch.tree()["a/bass.wav"]


def test_two_copies_in_one_batch_are_separated_once(batch: Batch, music: Path) -> None:
    (music / "copy.wav").write_bytes((music / "a.wav").read_bytes())
    assert batch().states == {"done": 3, "copied": 1}


def test_a_renamed_song_and_a_new_one_of_its_name_get_their_own(batch: Batch, music: Path) -> None:
    batch()
    before = batch.tree()
    (music / "a.wav").rename(music / "was a.wav")
    write_song(str(music / "a.wav"), seconds=0.7)
    assert batch().states == {"moved": 1, "done": 1, "skipped": 2}
    assert batch.tree()["was a/bass.wav"] == before["a/bass.wav"]
    assert batch.tree()["a/bass.wav"] != before["a/bass.wav"]


@pytest.mark.parametrize("harm", ["delete", "cut", "empty"])
def test_a_lost_or_damaged_stem_is_made_again(batch: Batch, music: Path, harm: str) -> None:
    batch()
    before = batch.tree()
    stem = batch.folder / "out" / "a" / "bass.wav"
    if harm == "delete":
        stem.unlink()
    else:
        os.truncate(stem, 1_000 if harm == "cut" else 0)
    assert batch().states == {"done": 1, "skipped": 2}
    assert batch.tree() == before


def test_verify_finds_a_flipped_bit_that_no_size_or_time_shows(batch: Batch, music: Path) -> None:
    batch()
    before = batch.tree()
    stem = batch.folder / "out" / "a" / "bass.wav"
    status = stem.stat()
    flipped = bytearray(stem.read_bytes())
    flipped[-1] ^= 1
    stem.write_bytes(flipped)
    os.utime(stem, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert batch().states == {"skipped": 3}
    assert batch(verify=True).states == {"done": 1, "skipped": 2}
    assert batch.tree() == before


def test_another_template_moves_stems_and_makes_none(batch: Batch, music: Path) -> None:
    batch()
    assert batch(template="{stem}/{track}.{ext}").states == {"moved": 3}
    assert list(batch.tree()) == ["bass/a.wav", "bass/b.wav", "disc/bass/a.wav"]


def test_a_template_of_tags_waits_for_all_tags(batch: Batch, music: Path) -> None:
    summary = batch(template="{artist} - {title} {stem}")
    assert summary.states == {"done": 3}
    assert list(batch.tree()) == [
        "disc/unknown - unknown bass.wav",
        "unknown - unknown (flac) bass.wav",
        "unknown - unknown bass.wav",
    ]
    assert batch(template="{artist} - {title} {stem}").states == {"skipped": 3}


def test_what_fails_is_told_in_a_line_and_stops_nothing(batch: Batch, music: Path) -> None:
    (music / "a0 empty.mp3").touch()
    (music / "a1 text.mp3").write_text("no song")
    (music / "a2 gone.wav").symlink_to(music / "nowhere")
    mine = batch.folder / "out" / "b" / "bass.wav"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    summary = batch()
    assert summary.states == {"failed": 4, "done": 2}
    assert mine.read_text() == "mine"
    for error, words in zip(
        sorted(summary.failures.values()),
        ("a0 empty", "a1 text", "a2 gone", "use --force"),
        strict=True,
    ):
        assert words in error
        assert "\n" not in error
    assert batch(force=True).states == {"failed": 3, "done": 1, "skipped": 2}


def test_a_song_that_changes_while_it_is_read_is_not_done(
    batch: Batch, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unbraid.library import song as songs

    real = songs.separate_song

    def growing(path: Path, *arguments: object, **more: object) -> object:
        result = real(path, *arguments, **more)
        if path.name == "b.flac":
            with path.open("ab") as file:
                file.write(b"more")
        return result

    monkeypatch.setattr(songs, "separate_song", growing)
    summary = batch()
    assert summary.states == {"failed": 1, "done": 2}
    assert "changed while it was read" in summary.failures[music / "b.flac"]
    assert "b/bass.wav" not in batch.tree()
    monkeypatch.undo()


def test_a_folder_that_vanishes_ends_the_batch_in_one_line(
    batch: Batch, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = batches._Batch._name_all

    def unplug(self: object) -> None:
        real(self)
        music.rename(music.with_name("unplugged"))

    monkeypatch.setattr(batches._Batch, "_name_all", unplug)
    summary = batch()
    assert (summary.n_untried, summary.states.total()) == (3, 0)
    assert "connect its disk" in (summary.halted or "")


def test_asked_to_stop_it_begins_no_song_and_goes_on_later(batch: Batch, music: Path) -> None:
    stop = threading.Event()
    stop.set()
    summary = batch(stop=stop)
    assert (summary.n_untried, summary.states.total()) == (3, 0)
    assert batch().states == {"done": 3}


# With processes


@pytest.mark.slow
def test_a_batch_by_command_tells_programs_what_it_does(
    tmp_path: Path, music: Path, tiny_model: Path
) -> None:
    (music / "text.mp3").write_text("no song")
    out = tmp_path / "out"
    done = command(music, "-o", out, "--model", tiny_model, "--jobs", "2", "--json")
    assert done.returncode == 1
    (complaint, total) = done.stderr.splitlines()
    assert complaint.startswith(f"unbraid: {music / 'text.mp3'}: not a sound or video file")
    assert total == "unbraid: 1 of 4 songs failed, listed above"
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-1]) == ("start", "end")
    assert sorted(k for k in kinds[1:-1] if k != "progress") == ["done", "done", "done", "failed"]
    assert {"done": 3, "failed": 1}.items() <= events[-1].items()
    song = next(event for event in events if event["event"] == "done")
    assert sorted(song["paths"]) == ["bass", "drums", "other", "vocals"]
    assert all(Path(path).is_file() for path in song["paths"].values())


@pytest.mark.slow
def test_a_list_on_stdin_is_a_batch(tmp_path: Path, music: Path, tiny_model: Path) -> None:
    done = command(
        *("-", "-o", "out", "--model", tiny_model, "--stems", "bass"),
        input="in/disc/a.wav\0in/b.flac\0",
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    stems = [p.relative_to(tmp_path).as_posix() for p in (tmp_path / "out").rglob("*.wav")]
    assert sorted(stems) == ["out/in/b/bass.wav", "out/in/disc/a/bass.wav"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("n_signals", [1, 2])
def test_ctrl_c_once_finishes_songs_and_twice_gives_them_up(
    tmp_path: Path, tiny_model: Path, n_signals: int
) -> None:
    for number in range(6):
        write_song(str(tmp_path / f"{number}.wav"), seconds=60 + number)
    arguments = [tmp_path / "*.wav", "-o", tmp_path / "out", "--model", tiny_model, "--json"]
    run = subprocess.Popen(
        [*UNBRAID, "batch", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while not list((tmp_path / "out").rglob("*.partial")):
        assert run.poll() is None, run.communicate()
        time.sleep(0.02)
    for _ in range(n_signals):
        os.killpg(run.pid, signal.SIGINT)  # the terminal signals all of them
        time.sleep(0.3)
    out, _ = run.communicate(timeout=120)
    assert run.returncode == 130
    stems = list((tmp_path / "out").rglob("*.wav"))
    n_done = sum(json.loads(line)["event"] == "done" for line in out.splitlines())
    assert len(stems) == 4 * n_done
    assert (n_done >= 1) if n_signals == 1 else (n_done <= 1)
    assert [p.name for p in (tmp_path / "out" / PRIVATE).iterdir()] == ["jobs.sqlite"]
    again = command(*arguments)
    assert again.returncode == 0
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 24


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_worker_that_is_killed_is_replaced_and_its_song_done(
    tmp_path: Path, tiny_model: Path
) -> None:
    for number in range(3):
        write_song(str(tmp_path / f"{number}.wav"), seconds=40 + number)
    found = find_inputs([str(tmp_path)])
    options = SongOptions(stem_outputs("bass"), tmp_path / "out")
    work = Work("tiny", find_model(tiny_model).sha256, options)
    killed: list[int] = []

    def kill_one(event: SongEvent | BatchProgress) -> None:
        if isinstance(event, BatchProgress) and event.fraction > 0.1 and not killed:
            killed.append(pools[0].pids[0])
            os.kill(killed[0], signal.SIGKILL)

    pools: list[Pool] = []
    real = Pool.__init__

    def keep(self: Pool, *arguments: object) -> None:
        real(self, *arguments)
        pools.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pool, "__init__", keep)
        summary = run_batch(
            found, work, Setup(str(tiny_model), 1, Limits()), n_jobs=2, tell=kill_one
        )
    assert killed
    assert summary.states == {"done": 3}
