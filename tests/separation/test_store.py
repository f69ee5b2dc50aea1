"""The store: the numbers of the file path, whole or not at all, and no more room than allowed."""

import multiprocessing
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from unbraid.audio.track import Track
from unbraid.errors import OutputError
from unbraid.separation.offline import separate
from unbraid.separation.separator import Separator
from unbraid.separation.store import PLAIN, SongStems, Store
from unbraid.separation.tile_file import TileFile

SHAPE = (2, 20_000)


def _array(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)


@pytest.fixture(scope="module")
def separator(tiny_model: Path) -> Separator:
    return Separator(tiny_model, n_threads=1)


@pytest.mark.parametrize("n_samples", [1_000, 163_840, 400_000])
def test_stems_are_those_of_the_file_path_to_the_bit(tmp_path, separator, noise, n_samples) -> None:
    mixture = noise[:, :n_samples]
    pieces: list[np.ndarray] = []
    with Track.from_array(mixture, 44_100) as track:
        separate(track, separator, pieces.append)
    expected = np.concatenate(pieces, axis=-1)
    grid = separator.grid
    stems = Store(tmp_path, 2**30).stems("song", "model", grid)
    padded = np.pad(mixture, ((0, 0), (grid.margin, 2 * grid.n_input)))
    for tile in reversed(range(grid.n_tiles(n_samples))):  # in any order
        read = padded[:, tile * grid.step : tile * grid.step + grid.n_input]
        stems.put(tile, separator.separate_tile(read))
    assert np.array_equal(stems.read(0, mixture), expected)
    rng = np.random.default_rng(2)
    for _ in range(20):
        start = int(rng.integers(0, n_samples))
        end = min(n_samples, start + int(rng.integers(1, 30_000)))
        assert np.array_equal(stems.read(start, mixture[:, start:end]), expected[..., start:end])


def test_what_was_kept_is_there_after_a_restart(tmp_path) -> None:
    file = TileFile(tmp_path / "a.tiles", SHAPE)
    for index in (5, 0, 900):
        file.put(index, _array(index))
    file.set_note(n_samples=77)
    del file
    again = TileFile(tmp_path / "a.tiles", SHAPE)
    assert [index for index in range(1_000) if again.has(index)] == [0, 5, 900]
    assert np.array_equal(again.get(900), _array(900))
    assert again.note == {"n_samples": 77}
    with pytest.raises(KeyError):
        again.get(1)


def _fill_forever(path: Path, started) -> None:
    file = TileFile(path, SHAPE)
    index = 0
    while True:
        file.put(index % 60_000, _array(index % 60_000))
        index += 1
        if index == 3:
            started.set()


def test_after_a_kill_every_tile_is_whole_or_absent(tmp_path) -> None:
    path = tmp_path / "killed.tiles"
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=_fill_forever, args=(path, started), daemon=True)
    process.start()
    assert started.wait(60)
    time.sleep(0.05)
    process.kill()
    process.join()
    file = TileFile(path, SHAPE)
    assert file.has(0)
    n_there = 0
    while file.has(n_there):
        assert np.array_equal(file.get(n_there), _array(n_there))
        n_there += 1
    assert not any(file.has(index) for index in range(n_there, n_there + 50))
    file.put(n_there, _array(1))
    assert file.has(n_there)


@pytest.mark.parametrize("damage", ["content", "cut", "head", "entry", "shape", "empty"])
def test_what_is_damaged_is_dropped_and_the_rest_kept(tmp_path, damage) -> None:
    path = tmp_path / "a.tiles"
    file = TileFile(path, SHAPE)
    for index in range(3):
        file.put(index, _array(index))
    stride = file._stride
    del file
    content = bytearray(path.read_bytes())
    kept = [True, True, True]
    if damage == "content":
        content[2**20 + stride + 1_000] ^= 1
        kept[1] = False
    elif damage == "cut":
        del content[2**20 + 2 * stride + 5 :]
        kept[2] = False
    elif damage == "entry":
        content[4096 + 8 + 4] ^= 1
        kept[1] = False
    elif damage == "empty":
        content.clear()
        kept = [False] * 3
    elif damage == "head":
        content[3] ^= 1
        kept = [False] * 3
    else:
        kept = [False] * 3
    path.write_bytes(content)
    again = TileFile(path, SHAPE if damage != "shape" else (2, 10_000))
    assert [again.has(index) for index in range(3)] == kept
    if damage != "shape":
        for index in range(3):
            again.put(index, _array(index))
            assert np.array_equal(again.get(index), _array(index))


def test_the_longest_unused_make_room_and_those_in_use_stay(tmp_path) -> None:
    store = Store(tmp_path, 10**12)
    names = []
    for age in range(4):
        file = store.mixture(f"song{age}")
        file.put(0, np.zeros((2, PLAIN.step), np.float32))
        names.append(file.path)
        os.utime(file.path, (1_000_000 - age, 1_000_000 - age))
    size = names[0].stat().st_size
    held = file  # song3, the oldest
    del file
    limited = Store(tmp_path, 3 * size)
    limited.trim()
    assert [path.exists() for path in names] == [True, True, False, True]
    del held
    limited.trim(0)
    assert not any(path.exists() for path in names)


def test_a_second_program_gets_a_file_of_its_own_that_goes_with_it(tmp_path) -> None:
    one = Store(tmp_path, 2**30).mixture("song")
    assert Store(tmp_path, 2**30).mixture("song") is one
    two = TileFile(one.path, (2, PLAIN.step))  # as another program opens it
    assert one.path != two.path
    one.put(0, np.ones((2, PLAIN.step), np.float32))
    assert not two.has(0)
    two.put(0, np.ones((2, PLAIN.step), np.float32))
    del two
    assert [path.name for path in tmp_path.iterdir()] == ["song.tiles"]


def test_threads_may_read_and_write_at_once(tmp_path) -> None:
    file = TileFile(tmp_path / "a.tiles", SHAPE)
    errors: list[str] = []

    def write(first: int) -> None:
        for index in range(first, 60, 3):
            file.put(index, _array(index))

    def read() -> None:
        errors.extend(
            f"{index} is torn"
            for index in list(range(60)) * 5
            if file.has(index) and not np.array_equal(file.get(index), _array(index))
        )

    threads = [threading.Thread(target=write, args=(i,)) for i in range(3)]
    threads += [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert all(file.has(index) for index in range(60))


def test_a_full_disk_is_told_with_a_remedy_and_loses_nothing(tmp_path, monkeypatch) -> None:
    file = TileFile(tmp_path / "a.tiles", SHAPE)
    file.put(0, _array(0))

    def full(fd: int, content: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match=r"No space left.*UNBRAID_CACHE"):
        file.put(1, _array(1))
    monkeypatch.undo()
    assert not file.has(1)
    file.put(1, _array(1))
    assert np.array_equal(file.get(1), _array(1))
    assert np.array_equal(file.get(0), _array(0))


def test_a_folder_that_cannot_be_made_is_told(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="UNBRAID_CACHE"):
        Store(tmp_path / "file", 2**30).mixture("song")


def test_missing_tiles_read_as_silence_and_plain_pieces_join_without_a_seam(tmp_path) -> None:
    stems = SongStems(TileFile(tmp_path / "a.tiles", (3, 2, PLAIN.n_output)), PLAIN)
    rng = np.random.default_rng(1)
    whole = rng.standard_normal((4, 2, 3 * PLAIN.step)).astype(np.float32)
    mixture = whole.sum(axis=0)
    whole[3] = mixture - whole[:3].sum(axis=0)
    for piece in (0, 1):
        stems.put(piece, whole[..., piece * PLAIN.step : (piece + 1) * PLAIN.step])
    read = stems.read(100, mixture[:, 100:])
    n_there = 2 * PLAIN.step - 100
    assert np.array_equal(read[..., :n_there], whole[..., 100 : 2 * PLAIN.step])
    assert not read[..., n_there:].any()
