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
from unbraid.training.estimate import ratio_masks, spectra  # noqa: E402
from unbraid.training.export import export_set  # noqa: E402
from unbraid.training.nets.unet import UNetConfig  # noqa: E402
from unbraid.training.trainer import Trainer  # noqa: E402
from unbraid.training.weights import save_weights  # noqa: E402

pytestmark = [
    pytest.mark.training,
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore"),
]


def test_ten_steps_from_pools_to_a_model_that_separates(small_recipe, small_pools, tmp_path, noise):
    trainer = Trainer(small_recipe, small_pools, tmp_path / "run", device="cpu")
    trainer.run(5, max_steps=10)
    files = export_set(
        tmp_path / "run" / "last.safetensors",
        small_recipe,
        tmp_path / "set",
        training_data=[{"source": "made", "licence": "CC0-1.0"}],
    )
    assert sorted(f.stem for f in files) == ["bass", "drums", "other", "vocals"]
    assert read_card(files[0]).training_data[0]["licence"] == "CC0-1.0"
    stems = Separator(tmp_path / "set").separate(noise, 44_100)
    assert np.abs(stems.mixture - noise).max() < 1e-5


def test_training_lowers_the_loss(small_recipe, small_pools, tmp_path):
    trainer = Trainer(small_recipe, small_pools, tmp_path, device="cpu")
    trainer.run(5, max_steps=150)
    with (tmp_path / "log.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.9 * losses[0]


def test_what_is_not_named_stays_as_it_is(small_recipe, small_pools, tmp_path):
    only = replace(small_recipe.optimiser, only=("nets.bass.", "nets.drums."))
    recipe = replace(small_recipe, optimiser=only)
    trainer = Trainer(recipe, small_pools, tmp_path, device="cpu")
    trainer._standardised = True  # as after `start_from`
    before = {name: value.clone() for name, value in trainer.net.state_dict().items()}
    trainer.run(5, max_steps=2)
    changed = {n for n, v in trainer.net.state_dict().items() if not v.equal(before[n])}
    assert changed
    assert all(name.startswith(only.only) for name in changed)
    recipe = replace(recipe, optimiser=replace(only, only=("nets.kick.",)))
    with pytest.raises(TrainingError, match=r"begins with 'nets\.kick\.'"):
        Trainer(recipe, small_pools, tmp_path, device="cpu")


def test_a_net_can_grow_by_what_is_silent_at_first(small_recipe, small_pools, tmp_path):
    trainer = Trainer(small_recipe, small_pools, tmp_path, device="cpu")
    own = {name: value.clone() for name, value in trainer.net.state_dict().items()}
    name = next(iter(own))
    others = {k: v + 1 for k, v in own.items() if k != name}
    save_weights(others, tmp_path / "small.safetensors")
    with pytest.raises(TrainingError, match="does not fit"):
        trainer.start_from(tmp_path / "small.safetensors")
    trainer.net.silent = (name,)
    trainer.start_from(tmp_path / "small.safetensors")
    for net in (trainer.net, trainer.average):
        assert net.state_dict()[name].equal(own[name])
        assert all(net.state_dict()[k].equal(v) for k, v in others.items())


def test_a_checkpoint_of_another_architecture_is_refused(small_recipe, small_pools, tmp_path):
    Trainer(small_recipe, small_pools, tmp_path, device="cpu").run(5, max_steps=1)
    other = replace(small_recipe, net=UNetConfig(filters=(4, 4, 6, 6, 8, 9)))
    with pytest.raises(TrainingError, match="another architecture"):
        Trainer(other, small_pools, tmp_path, device="cpu").resume()
    with pytest.raises(TrainingError, match="does not fit"):
        Trainer(other, small_pools, tmp_path, device="cpu").start_from(
            tmp_path / "last.safetensors"
        )
    with pytest.raises(TrainingError, match="does not fit recipe"):
        export_set(tmp_path / "last.safetensors", other, tmp_path / "set")


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
