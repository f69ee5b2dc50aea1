import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import TrainingError  # noqa: E402
from unbraid.training.data.coding import CODECS, Coding, add_twins, coded  # noqa: E402
from unbraid.training.data.manifest import read_manifest  # noqa: E402
from unbraid.training.data.pools import Pools  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("one_thread")]


@pytest.mark.parametrize("kbit_rate", [64, 192])
@pytest.mark.parametrize("codec", CODECS)
def test_a_coded_stem_is_aligned_to_the_sample(codec, kbit_rate):
    rng = np.random.default_rng(0)
    times = np.arange(100_003) / 44_100
    hum = np.sin(2 * np.pi * 110 * times) + np.sin(2 * np.pi * 1_234 * times)
    hits = rng.standard_normal((2, len(times))) * np.exp(-30 * (times % 0.4))
    samples = (0.1 * hum + 0.2 * hits).astype(np.float32)
    after = coded(samples, Coding(codec, kbit_rate))
    assert after.shape == samples.shape
    n_fft = 2**18
    product = np.fft.rfft(samples[0], n_fft).conj() * np.fft.rfft(after[0], n_fft)
    assert np.fft.irfft(product).argmax() == 0
    assert (after != samples).any()


def test_a_share_of_the_songs_gets_twins_once(small_pools, tmp_path):
    folder = tmp_path / "pools"
    shutil.copytree(small_pools, folder)
    seed = next(seed for seed in range(50) if n_songs_chosen(folder, seed) == 1)
    report = add_twins(folder, 0.5, seed)
    assert (report.n_made, report.n_kept, sum(report.codings.values())) == (4, 0, 1)
    twins = [entry for entry in read_manifest(folder) if entry.twin]
    assert len(twins) == 4
    assert len({entry.item for entry in twins}) == 1
    for entry in twins:
        original, twin = (np.load(folder / file) for file in (entry.file, entry.twin))
        assert twin.shape == original.shape
        assert (twin != original).any()
    songs = [song for song in Pools(folder).songs if all(item.twin for item in song.values())]
    assert len(songs) == 1
    assert add_twins(folder, 0.5, seed).n_kept == 4


def n_songs_chosen(folder, seed):
    items = {entry.item for entry in read_manifest(folder)}
    return sum(np.random.default_rng([seed, *item.encode()]).random() < 0.5 for item in items)


def test_songs_kept_for_judging_are_left_alone(small_pools, tmp_path):
    lines = (small_pools / "manifest.jsonl").read_text().splitlines()
    held_out = [json.dumps(json.loads(line) | {"split": "holdout"}) + "\n" for line in lines]
    (tmp_path / "manifest.jsonl").write_text("".join(held_out))
    assert add_twins(tmp_path, 1.0).n_made == 0


def test_a_folder_without_pools_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="unbraid data build"):
        add_twins(tmp_path)
