"""`unbraid data pack` and `unbraid data unpack`, as they are typed."""

import numpy as np
import pytest

from unbraid.cli.app import run
from unbraid.cli.data.pack import size
from unbraid.errors import UsageError
from unbraid.training.data.manifest import append_entries, read_manifest
from unbraid.training.data.pool import RATE, write_song

pytest.importorskip("soundfile", reason="needs the train extra")


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("60MiB", 60 * 2**20), ("1.5 GB", 1_500_000_000), ("20kB", 20_000), ("512", 512)],
)
def test_a_size_is_read_with_its_unit(text, n_bytes):
    assert size(text) == n_bytes


@pytest.mark.parametrize("text", ["much", "60 MB/s", "-3MiB", "0", "5TiB", ""])
def test_what_is_no_size_is_said(text):
    with pytest.raises(UsageError, match="no size"):
        size(text)


@pytest.fixture
def pools(tmp_path):
    folder = tmp_path / "pools"
    folder.mkdir()
    tone = np.sin(np.arange(6 * RATE) / 20).astype(np.float32) * 0.1
    for kind in ("vocals", "drums"):
        stems = {kind: np.stack([tone, tone])}
        entries = write_song(folder, stems, source="made", song=kind, licence="MIT")
        append_entries(folder, entries)
    return folder


def test_pools_are_packed_and_unpacked(pools, tmp_path, capsys):
    shards, back = tmp_path / "shards", tmp_path / "back"
    assert run(["data", "pack", str(pools), "--out", str(shards), "--limit", "1MiB"]) == 0
    assert "1 shard, " in capsys.readouterr().out
    assert run(["data", "unpack", str(shards), "--out", str(back)]) == 0
    assert {e.item for e in read_manifest(back)} == {"made/vocals", "made/drums"}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--limit", "much", "much: no size"),
        ("--codec", "mp3", "choose from vorbis, flac"),
        ("--limit", "1kB", "name a larger --limit"),
    ],
)
def test_a_wrong_option_is_one_line(pools, tmp_path, capsys, option, value, said):
    assert run(["data", "pack", str(pools), "--out", str(tmp_path / "s"), option, value]) > 0
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


def test_a_folder_without_pools_is_one_line(tmp_path, capsys):
    assert run(["data", "pack", str(tmp_path), "--out", str(tmp_path / "s")]) == 1
    assert "run `unbraid data build` first" in capsys.readouterr().err
    assert run(["data", "unpack", str(tmp_path), "--out", str(tmp_path / "s")]) == 1
    assert "holds neither pools nor shards" in capsys.readouterr().err
