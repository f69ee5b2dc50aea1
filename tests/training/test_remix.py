import numpy as np
import pytest
from scipy import signal

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import TrainingError  # noqa: E402
from unbraid.training.data.augmentation import (  # noqa: E402
    AugmentationConfig,
    augment_samples,
    equaliser,
)
from unbraid.training.data.pools import Pools  # noqa: E402
from unbraid.training.data.remix import RemixConfig, Remixer  # noqa: E402

pytestmark = pytest.mark.training


def remixer(folder, seed=0, **config):
    return Remixer(Pools(folder), RemixConfig(**config), 30_000, 6, seed)


def test_same_seed_and_step_same_batch(small_pools):
    one, two = remixer(small_pools).batch(7), remixer(small_pools).batch(7)
    np.testing.assert_array_equal(one.stems, two.stems)
    assert (remixer(small_pools).batch(8).stems != one.stems).any()
    assert (remixer(small_pools, seed=1).batch(7).stems != one.stems).any()


def test_absent_stems_are_silent_as_often_as_asked(small_pools):
    batches = [remixer(small_pools, absent=0.5, absent_vocals=0.5).batch(s) for s in range(20)]
    silent = np.mean([~b.stems.numpy().any(axis=(2, 3)) for b in batches])
    assert 0.4 < silent < 0.6


def test_coherent_examples_come_from_one_song_at_one_position(small_pools):
    batch = remixer(
        small_pools, coherent=1, absent=0, absent_vocals=0, resampled=0, stretched=0
    ).batch(0)
    pools = Pools(small_pools)
    for example in batch.stems:
        matched = 0
        for song in pools.songs:
            positions = set()
            for index, stem in enumerate(("vocals", "bass", "other")):
                wanted = example[(0, 2, 3)[index], 0, :2000].numpy()
                samples = np.asarray(song[stem].samples[:, 0], np.float32)
                lags = signal.fftconvolve(samples, wanted[::-1], "valid")
                energy = signal.fftconvolve(samples**2, np.ones(len(wanted)), "valid") ** 0.5
                score = lags / (energy * np.linalg.norm(wanted))
                positions.add(score.max() > 0.999)
            matched += positions == {True}
        assert matched == 1


def test_a_pool_without_a_stem_is_refused(small_pools, tmp_path):
    lines = (small_pools / "manifest.jsonl").read_text().splitlines()
    (tmp_path / "manifest.jsonl").write_text(
        "\n".join(
            line.replace('"file": "', f'"file": "{small_pools}/')
            for line in lines
            if '"bass"' not in line
        )
        + "\n"
    )
    with pytest.raises(TrainingError, match="no training material for bass"):
        Pools(tmp_path)


def test_a_folder_that_is_no_pool_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="unbraid data build"):
        Pools(tmp_path)


def test_augmentation_is_repeatable_and_keeps_silence_silent(small_pools):
    stems = remixer(small_pools).batch(0).stems
    stems[:, 2] = 0
    results = [
        augment_samples(stems, AugmentationConfig(), torch.Generator().manual_seed(3))
        for _ in range(2)
    ]
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)
    assert results[0].shape == stems.shape
    assert not results[0][:, 2].any()
    assert torch.isfinite(results[0]).all()


def test_bus_compression_keeps_stems_in_proportion(small_pools):
    stems = remixer(small_pools, absent=0, absent_vocals=0).batch(0).stems
    only_bus = AugmentationConfig(
        swap_channels=0,
        flip_polarity=0,
        balance_db=0,
        narrow=0,
        widen=0,
        saturate=0,
        compress=0,
        reverb=(0.0, 0.0, 0.0, 0.0),
        bus_compress=1,
        limit=1,
    )
    after = augment_samples(stems, only_bus, torch.Generator().manual_seed(0))
    audible = stems.abs().amin(dim=1, keepdim=True) > 1e-3
    gain = torch.where(audible, after / stems, torch.nan)
    spread = (gain - gain[:, :1]).abs().nan_to_num(0)
    assert spread.max() < 1e-3


def test_equaliser_curves_are_smooth_and_bounded():
    shape = (5, 4)
    curves = equaliser(
        shape, 2049, AugmentationConfig(), torch.Generator().manual_seed(0), torch.device("cpu")
    )
    assert curves.shape == (5, 4, 1, 2049, 1)
    curve_db = 20 * curves.log10()
    assert curve_db.abs().max() <= 15.01
    assert curve_db.diff(dim=3)[..., 100:, :].abs().max() < 0.5
