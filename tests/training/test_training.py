"""From raw sources to a working model."""

import csv
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import TrainingError  # noqa: E402
from unbraid.models.session import read_card  # noqa: E402
from unbraid.separation.separator import Separator  # noqa: E402
from unbraid.spec import Spec  # noqa: E402
from unbraid.spectral import masks as numpy_masks  # noqa: E402
from unbraid.spectral.stft import stft  # noqa: E402
from unbraid.training.export import export_set  # noqa: E402
from unbraid.training.nets.unet import UNetConfig  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402
from unbraid.training.trainer import Trainer, ratio_masks, spectra  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]

RECIPE = replace(
    load_recipe("unet-0.1"),
    spec=Spec(n_bins=128, n_frames=64),
    net=UNetConfig(filters=(4, 4, 6, 6, 8, 8)),
    batch_size=2,
    crop_frames=32,
)


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in one order, so that runs can be compared; and tests that do not fight for cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def weights_of(trainer):
    return {k: v.clone() for k, v in trainer.net.state_dict().items()}


def test_ten_steps_from_pools_to_a_model_that_separates(small_pools, tmp_path, noise):
    trainer = Trainer(RECIPE, small_pools, tmp_path / "run", device="cpu")
    trainer.run(5, max_steps=10)
    files = export_set(
        tmp_path / "run" / "last.safetensors",
        RECIPE,
        tmp_path / "set",
        training_data=[{"source": "made", "licence": "CC0-1.0"}],
    )
    assert sorted(f.stem for f in files) == ["bass", "drums", "other", "vocals"]
    assert read_card(files[0]).training_data[0]["licence"] == "CC0-1.0"
    stems = Separator(tmp_path / "set").separate(noise, 44_100)
    assert np.abs(stems.mixture - noise).max() < 1e-5


def test_training_lowers_the_loss(small_pools, tmp_path):
    trainer = Trainer(RECIPE, small_pools, tmp_path, device="cpu")
    trainer.run(5, max_steps=150)
    with (tmp_path / "log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.9 * losses[0]


def test_resuming_goes_on_where_it_was(small_pools, tmp_path):
    whole = Trainer(RECIPE, small_pools, tmp_path / "whole", device="cpu")
    whole.run(1000, max_steps=6)
    cut = Trainer(RECIPE, small_pools, tmp_path / "cut", device="cpu")
    cut.run(1000, max_steps=3)
    again = Trainer(RECIPE, small_pools, tmp_path / "cut", device="cpu")
    assert again.resume()
    again.run(1000, max_steps=6)
    assert again.step == 6
    expected = weights_of(whole)
    for name, value in weights_of(again).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-5)


def test_a_checkpoint_of_another_architecture_is_refused(small_pools, tmp_path):
    Trainer(RECIPE, small_pools, tmp_path, device="cpu").run(5, max_steps=1)
    other = replace(RECIPE, net=UNetConfig(filters=(4, 4, 6, 6, 8, 9)))
    with pytest.raises(TrainingError, match="another architecture"):
        Trainer(other, small_pools, tmp_path, device="cpu").resume()
    with pytest.raises(TrainingError, match="does not fit"):
        Trainer(other, small_pools, tmp_path, device="cpu").start_from(
            tmp_path / "last.safetensors"
        )
    with pytest.raises(TrainingError, match="does not fit recipe"):
        export_set(tmp_path / "last.safetensors", other, tmp_path / "set")


def test_a_time_budget_is_kept(small_pools, tmp_path):
    import time

    trainer = Trainer(RECIPE, small_pools, tmp_path, device="cpu")
    started = time.monotonic()
    trainer.run(0.05)
    assert time.monotonic() - started < 60
    assert trainer.step > 0


def test_the_trainers_spectra_and_masks_are_the_separators(noise):
    spec = Spec()
    samples = noise[:, : 20 * spec.n_fft]
    ours = stft(samples, spec)[:, : spec.n_bins]
    theirs = spectra(torch.from_numpy(samples), spec).numpy()
    assert np.abs(ours - theirs).max() < 1e-3
    magnitudes = np.random.default_rng(0).uniform(0, 5, (4, 2, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(
        ratio_masks(torch.from_numpy(magnitudes)[None])[0],
        numpy_masks.ratio_masks(magnitudes),
        atol=1e-6,
    )
