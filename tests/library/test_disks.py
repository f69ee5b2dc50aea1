"""Disks that are full, may not be written to, or go: real file systems in a file and in memory."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import write_song
from tests.library.conftest import UNBRAID, Batch, command
from unbraid.errors import OutputError
from unbraid.library.batch import _Batch
from unbraid.library.events import SongEvent
from unbraid.library.jobs import PRIVATE

pytestmark = pytest.mark.slow

Mount = Callable[..., Path]


def system(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Mount]:
    """Gives the mount point of a new ext4 disk of so many megabytes, kept in a file."""
    if os.name == "nt" or os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("only root may mount a disk, and mkfs.ext4 makes it")
    mounted: list[Path] = []

    def mount(place: Path, n_mb: int) -> Path:
        image = tmp_path / f"{place.name}.img"
        with image.open("wb") as file:
            file.truncate(n_mb * 2**20)
        place.mkdir(parents=True, exist_ok=True)
        system("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", image)
        try:
            system("mount", "-o", "loop", image, place)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no loopback mounts here: {error.stderr.decode().strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


def after_one_song(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Does something as soon as the first song of a batch has ended."""
    real = _Batch._end

    def end(batch: _Batch, event: SongEvent) -> None:
        real(batch, event)
        act()
        monkeypatch.setattr(_Batch, "_end", real)

    monkeypatch.setattr(_Batch, "_end", end)


def whole(batch: Batch) -> dict[str, bytes]:
    """What a batch that nothing happens to writes."""
    batch()
    tree = batch.tree()
    shutil.rmtree(batch.folder / "out")
    return tree


def test_a_full_disk_ends_the_batch_in_one_line_and_it_goes_on_when_there_is_room(
    tmp_path: Path, batch: Batch, music: Path, disk: Mount
) -> None:
    for name in ("c", "d", "e", "f"):
        write_song(str(music / f"{name}.wav"), seconds=8 + ord(name) / 100)
    expected = whole(batch)
    n_mb = sum(map(len, expected.values())) // 2**20
    out = disk(tmp_path / "out", 3 + n_mb * 6 // 10)
    summary = batch()
    assert summary.halted is not None
    assert "free some space" in summary.halted
    assert "\n" not in summary.halted
    assert 0 < summary.states["done"] < 7
    assert summary.n_untried > 0
    assert batch.tree().items() < expected.items()
    assert [path.name for path in (out / PRIVATE).iterdir() if path.is_dir()] == []
    assert batch().halted is not None  # still full: no song more, and none lost
    assert batch.tree().items() < expected.items()
    system("umount", out)
    system("truncate", "-s", f"+{n_mb}M", tmp_path / "out.img")
    subprocess.run(["e2fsck", "-fp", str(tmp_path / "out.img")], check=False, capture_output=True)
    system("resize2fs", tmp_path / "out.img")
    system("mount", "-o", "loop", tmp_path / "out.img", out)
    assert batch().halted is None
    assert batch.tree() == expected


def test_a_disk_so_full_that_not_even_the_log_fits_is_told_of(
    tmp_path: Path, batch: Batch, music: Path, disk: Mount
) -> None:
    out = disk(tmp_path / "out", 3)
    with suppress(OSError), (out / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(512)):
            pass
    with pytest.raises(OutputError, match=r"out: .*free some space") as caught:
        batch()
    assert "\n" not in str(caught.value)
    (out / "filler").unlink()
    assert batch().states == {"done": 3}


def test_a_disk_that_may_not_be_written_to_is_told_of_at_once(
    tmp_path: Path, batch: Batch, music: Path, disk: Mount
) -> None:
    out = disk(tmp_path / "out", 8)
    system("mount", "-o", "remount,ro", out)
    with pytest.raises(OutputError, match="-o") as caught:
        batch()
    assert "\n" not in str(caught.value)
    system("mount", "-o", "remount,rw", out)
    batch()
    before = batch.tree()
    system("mount", "-o", "remount,ro", out)
    with pytest.raises(OutputError, match="-o"):
        batch()
    assert batch.tree() == before


def test_a_disk_that_fails_and_turns_read_only_ends_the_batch_and_it_goes_on_later(
    tmp_path: Path, batch: Batch, music: Path, disk: Mount, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole(batch)
    out = disk(tmp_path / "out", 8)
    after_one_song(monkeypatch, lambda: system("mount", "-o", "remount,abort", out))
    summary = batch()
    assert summary.states["done"] == 1
    assert summary.halted is not None
    assert summary.n_untried + summary.states.total() == 3
    system("umount", "-l", out)
    subprocess.run(["e2fsck", "-fy", str(tmp_path / "out.img")], check=False, capture_output=True)
    system("mount", "-o", "loop", tmp_path / "out.img", out)
    assert batch().halted is None
    assert batch.tree() == expected


@pytest.mark.parametrize("gone", ["in", "out"])
def test_a_network_folder_that_vanishes_ends_the_batch_and_it_goes_on_when_it_is_back(
    tmp_path: Path,
    batch: Batch,
    music: Path,
    disk: Mount,
    monkeypatch: pytest.MonkeyPatch,
    gone: str,
) -> None:
    expected = whole(batch)
    songs = music.rename(tmp_path / "songs")
    place = disk(tmp_path / gone, 8)
    if gone == "in":
        shutil.copytree(songs, place, dirs_exist_ok=True)
    else:
        songs.rename(tmp_path / "in")
    after_one_song(monkeypatch, lambda: system("umount", "-l", place))
    summary = batch()
    assert summary.states == {"done": 1}
    assert summary.n_untried == 2
    assert "connect its disk" in (summary.halted or "")
    assert not [path for path in place.rglob("*") if path.is_file()]  # nothing below the mount
    system("mount", "-o", "loop", tmp_path / f"{gone}.img", place)
    assert batch().states == {"skipped": 1, "done": 2}
    assert batch.tree() == expected


def test_what_may_not_be_read_or_written_is_told_by_name(
    tmp_path: Path, music: Path, tiny_model: Path
) -> None:
    if os.name == "nt":
        pytest.skip("permissions are another matter there")
    prefix = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may read and write everything, and setpriv is not here to say no")
        prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    write_song(str(music / "closed.wav"), seconds=0.5)
    write_song(str(music / "disc" / "stuck.wav"), seconds=0.6)
    (music / "closed.wav").chmod(0)
    shut = music / "shut"
    shut.mkdir()
    out = tmp_path / "out"
    (out / "disc" / "stuck").mkdir(parents=True)
    try:
        shut.chmod(0)
        (out / "disc" / "stuck").chmod(0o555)
        words = [*prefix, *UNBRAID, "batch", music, "-o", out, "--model", tiny_model]
        done = subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, check=False, timeout=300
        )
    finally:
        shut.chmod(0o755)
        (music / "closed.wav").chmod(0o644)
        (out / "disc" / "stuck").chmod(0o755)
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert len(told) == 4, told
    assert told[-1] == "unbraid: 3 of 6 songs failed, listed above"
    for name in ("closed.wav", "shut", "stuck"):
        assert any(name in line and "ermission" in line for line in told), told
    assert len(list(out.rglob("*.wav"))) == 12
    assert command(music, "-o", out, "--model", tiny_model, "-q").returncode == 0
    assert len(list(out.rglob("*.wav"))) == 20
