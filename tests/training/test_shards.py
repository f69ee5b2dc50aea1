"""Pools packed into shards, and what comes out of them."""

import io
import json
import os
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from unbraid.errors import OutputError, TrainingError
from unbraid.training.data import shards as shards_module
from unbraid.training.data.manifest import MANIFEST, append_entries, read_manifest
from unbraid.training.data.pool import RATE, write_song
from unbraid.training.data.shards import CHECKSUMS, UNPACKED, unpacked

pytest.importorskip("soundfile", reason="needs the train extra")

from unbraid.training.data.pack import pack

KIB = 2**10
SECONDS = 16
LATE_S = 10


@pytest.fixture(autouse=True)
def short_excerpts(monkeypatch):
    monkeypatch.setattr("unbraid.training.data.pack.EXCERPT_S", 5.0)


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    """Two songs of two sources, four voices, and a voice that is held out."""
    folder = tmp_path_factory.mktemp("pools")
    rng = np.random.default_rng(0)

    def tone(frequency_hz):
        times = np.arange(SECONDS * RATE) / RATE
        sound = 0.1 * np.sin(2 * np.pi * frequency_hz * times) * (times % 1)
        return (sound + 0.00003 * rng.standard_normal((2, len(times)))).astype(np.float32)

    for source, base in (("band", 200), ("album", 300)):
        stems = {kind: tone(base * k) for k, kind in enumerate(("drums", "bass", "other"), 1)}
        stems["bass"][:, : LATE_S * RATE] = 0
        append_entries(folder, write_song(folder, stems, source=source, song="x", licence="MIT"))
    for n in range(5):
        split = "holdout" if n == 4 else "train"
        entries = write_song(
            folder,
            {"vocals": tone(150 + n)},
            source="voices",
            song=f"v{n}",
            licence="CC0-1.0",
            split=split,
        )
        append_entries(folder, entries)
    return folder


@pytest.fixture(scope="module")
def packed(pools, tmp_path_factory):
    """The pools, whole and lossless, in shards of 800 KiB."""
    out = tmp_path_factory.mktemp("shards")
    pack(pools, out, limit=800 * KIB, codec="flac", jobs=1)
    return out


@pytest.fixture
def shards(packed, tmp_path):
    """A copy of them to damage."""
    for path in packed.glob("*"):
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def training_entries(folder):
    return [e for e in read_manifest(folder) if e.split == "train"]


def test_lossless_shards_give_the_pools_back_without_what_is_held_out(pools, packed):
    folder = unpacked(packed)
    found = {e.file.partition("/")[2]: e for e in read_manifest(folder)}
    expected = {e.file: e for e in training_entries(pools)}
    whole = {file: e for file, e in found.items() if "@" not in file}
    assert whole
    assert not any("v4" in file for file in found)
    for file, entry in whole.items():
        assert replace(entry, file=file) == expected[file]
        assert np.array_equal(np.load(folder / entry.file), np.load(pools / file))
    total_s = sum(e.seconds for e in found.values())
    # The songs were too large for a shard: cut in two, the first half of the bass is silent.
    silent_s = 2 * SECONDS / 2
    assert total_s == pytest.approx(sum(e.seconds for e in expected.values()) - silent_s, abs=0.1)


def test_no_shard_is_larger_than_its_limit_and_each_is_usable_alone(packed, tmp_path):
    paths = sorted(packed.glob("shard-*.zip"))
    assert len(paths) > 2
    for path in paths:
        assert path.stat().st_size <= 800 * KIB
        with zipfile.ZipFile(path) as archive:
            assert "SOURCES.md" in archive.namelist()  # licences travel
    alone = tmp_path / paths[1].name
    alone.write_bytes(paths[1].read_bytes())
    assert read_manifest(unpacked(tmp_path))


def test_stems_of_a_song_stay_together_and_aligned(pools, tmp_path):
    pack(pools, tmp_path, limit=800 * KIB, hours=0.015, jobs=1)
    folder = unpacked(tmp_path)
    songs = {}
    for entry in read_manifest(folder):
        if entry.song:
            songs.setdefault(entry.song, []).append(entry)
    assert songs
    for name, entries in songs.items():
        assert len({e.file.split("/")[0] for e in entries}) == 1, name
        assert len({e.seconds for e in entries}) == 1
        start = int(name.partition("@")[2]) * RATE
        for entry in entries:
            samples = np.load(folder / entry.file).astype(float)
            source, _, file = entry.file.partition("/")[2].partition("/")
            original = np.load(pools / source / f"{file.partition('@')[0]}.npy")
            original = original[start : start + len(samples)].astype(float)
            error = np.square(samples - original).sum() / np.square(original).sum()
            assert 10 * np.log10(error) < -10


def test_what_fits_is_balanced_over_classes_and_obeys_weights(pools, tmp_path):
    packed = pack(pools, tmp_path / "all", limit=800 * KIB, hours=0.02, jobs=1)
    by_class = sorted(packed.seconds.values())
    assert by_class[-1] < 1.6 * by_class[0]
    assert {"band", "album", "voices"} == set(packed.source_seconds)
    packed = pack(
        pools, tmp_path / "some", limit=800 * KIB, hours=0.01, source_weights={"album": 0}, jobs=1
    )
    assert "album" not in packed.source_seconds


def test_all_shards_together_keep_to_what_must_fit(pools, tmp_path):
    packed = pack(pools, tmp_path, limit=200 * KIB, fit=350 * KIB, jobs=1)
    sizes = [path.stat().st_size for path in tmp_path.glob("shard-*")]
    assert packed.n_bytes == sum(sizes) <= 350 * KIB
    assert max(sizes) <= 200 * KIB
    assert len(sizes) == 2


def test_the_number_of_threads_does_not_change_what_is_packed(pools, tmp_path):
    manifests = []
    for jobs in (1, 3):
        pack(pools, tmp_path / str(jobs), limit=200 * KIB, fit=200 * KIB, jobs=jobs)
        with zipfile.ZipFile(tmp_path / str(jobs) / "shard-001.zip") as archive:
            manifests.append(archive.read(MANIFEST))
    assert manifests[0] == manifests[1]


def test_coding_loss_is_told(pools, tmp_path):
    lossy = pack(pools, tmp_path / "v", limit=800 * KIB, hours=0.004, quality=0.8, jobs=1)
    lossless = pack(pools, tmp_path / "f", limit=800 * KIB, hours=0.004, codec="flac", jobs=1)
    assert 10 < min(lossy.sdr_db) < max(lossy.sdr_db) < 60
    assert set(lossless.sdr_db) == {np.inf}
    assert lossy.mb_per_hour < lossless.mb_per_hour


def test_pools_are_returned_as_they_are(pools):
    assert unpacked(pools) == pools
    assert not (pools / UNPACKED).exists()


def test_a_second_start_decodes_nothing(shards, monkeypatch):
    first = unpacked(shards)
    monkeypatch.setattr(shards_module, "_decode", None)
    assert unpacked(shards) == first


def test_shards_that_come_later_are_added(shards):
    (shards / CHECKSUMS).unlink()
    last = sorted(shards.glob("shard-*"))[-1]
    last.rename(shards / "later")
    few = len(read_manifest(unpacked(shards)))
    times = {p: p.stat().st_mtime_ns for p in (shards / UNPACKED).rglob("*.npy")}
    (shards / "later").rename(last)
    assert len(read_manifest(unpacked(shards))) > few
    assert all(path.stat().st_mtime_ns == at for path, at in times.items())


def test_processes_that_start_together_unpack_once(shards, monkeypatch):
    calls = []
    decode = shards_module._decode
    monkeypatch.setattr(shards_module, "_decode", lambda *a: (calls.append(a), decode(*a)))
    ranks = [threading.Thread(target=unpacked, args=(shards,)) for _ in range(4)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    assert len(calls) == len(list(shards.glob("shard-*")))


def test_what_a_killed_process_left_is_made_again(shards):
    folder = unpacked(shards)
    made = next(p for p in folder.iterdir() if p.is_dir())
    made.rename(folder / f".{made.name}.partial")
    (folder / f".{made.name}.partial" / MANIFEST).unlink()
    again = unpacked(shards)
    assert all((again / e.file).is_file() for e in read_manifest(again))
    assert not list(again.glob(".*.partial"))


def test_a_damaged_shard_is_named(shards):
    path = sorted(shards.glob("shard-*"))[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"shard-001\.zip: damaged"):
        unpacked(shards)
    (shards / CHECKSUMS).unlink()  # without the list, by the zip's own sums
    with pytest.raises(TrainingError, match=r"shard-001\.zip: damaged"):
        unpacked(shards)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(TrainingError, match=r"shard-001\.zip: damaged"):
        unpacked(shards)


def test_a_missing_shard_is_named(shards):
    (shards / "shard-002.zip").unlink()
    with pytest.raises(TrainingError, match=r"shard-002\.zip is missing, of \d+ shards"):
        unpacked(shards)


def test_a_folder_of_neither_is_named(tmp_path):
    with pytest.raises(TrainingError, match="neither pools nor shards"):
        unpacked(tmp_path)


def test_too_little_disk_is_found_before_any_work(shards, monkeypatch):
    monkeypatch.setattr(shards_module, "FREE_GIB", 1e6)
    with pytest.raises(OutputError, match=r"unbraid data unpack .* --out"):
        unpacked(shards)
    assert not list((shards / UNPACKED).rglob("*.npy"))


@pytest.mark.skipif(os.getuid() == 0 if hasattr(os, "getuid") else True, reason="root may write")
def test_a_folder_that_cannot_be_written_is_named(shards):
    shards.chmod(0o500)
    with pytest.raises(OutputError, match="unbraid data unpack"):
        unpacked(shards)


def test_a_shard_cannot_write_outside_of_its_folder(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(MANIFEST, json.dumps({"file": "../../evil.npy", "seconds": 1}) + "\n")
    (tmp_path / "shard-001.zip").write_bytes(content.getvalue())
    with pytest.raises(TrainingError, match="outside of its folder"):
        unpacked(tmp_path)


def test_packing_refuses_what_cannot_become_a_pack(pools, packed, tmp_path, monkeypatch):
    with pytest.raises(OutputError, match="holds shards"):
        pack(pools, packed, limit=800 * KIB)
    with pytest.raises(TrainingError, match="no training material"):
        pack(tmp_path, tmp_path / "out", limit=800 * KIB)
    with pytest.raises(TrainingError, match="name a larger --limit"):
        pack(pools, tmp_path / "small", limit=20_000, jobs=1)
    assert not list((tmp_path / "small").iterdir())
    monkeypatch.setattr("unbraid.training.data.pack.FREE_GIB", 1e6)
    with pytest.raises(OutputError, match="GiB are needed"):
        pack(pools, tmp_path / "full", limit=800 * KIB)


def test_pools_whose_files_vanished_are_not_packed(pools, tmp_path):
    entries = training_entries(pools)
    append_entries(tmp_path, entries)
    with pytest.raises(TrainingError, match=f"{entries[0].file} and {len(entries) - 1} more"):
        pack(tmp_path, tmp_path / "out", limit=800 * KIB)


@pytest.mark.training
def test_training_starts_from_shards_as_from_pools(pools, packed):
    pytest.importorskip("torch", reason="needs the train extra")
    from unbraid.training.data.pools import Pools

    of_pools, of_shards = Pools(pools).hours(), Pools(packed).hours()
    assert of_shards.keys() == of_pools.keys()
    assert of_shards["vocals"] == pytest.approx(of_pools["vocals"])
    assert Pools(packed, {"album": 0.0}).hours()["bass"] < of_shards["bass"]


@pytest.mark.training
def test_what_training_cannot_start_from_is_one_line(pools, shards, tmp_path):
    pytest.importorskip("torch", reason="needs the train extra")
    from unbraid.training.data.pools import Pools

    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="neither pools nor shards") as caught:
        Pools(tmp_path / "empty")
    assert "\n" not in str(caught.value)
    (shards / "shard-002.zip").unlink()
    with pytest.raises(TrainingError, match=r"shard-002\.zip is missing") as caught:
        Pools(shards)
    assert "\n" not in str(caught.value)
    (tmp_path / "vanished").mkdir()
    append_entries(tmp_path / "vanished", training_entries(pools))
    with pytest.raises(TrainingError, match=r"band.*\.npy|album.*\.npy|voices.*\.npy") as caught:
        Pools(tmp_path / "vanished")
    assert "\n" not in str(caught.value)
    (tmp_path / "judged").mkdir()
    wrong = replace(training_entries(pools)[0], item="musdb/Music Delta - Punk")
    append_entries(tmp_path / "judged", [wrong])
    with pytest.raises(TrainingError, match="Punk is a validation song"):
        Pools(tmp_path / "judged")
    with pytest.raises(TrainingError, match="Punk is a validation song"):
        pack(tmp_path / "judged", tmp_path / "out", limit=800 * KIB)
