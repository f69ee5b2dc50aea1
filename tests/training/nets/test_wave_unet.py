"""Wave-U-Net: samples in, samples out, none of them moved."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import TrainingError  # noqa: E402
from unbraid.models.session import Graph, read_card  # noqa: E402
from unbraid.separation.separator import Separator  # noqa: E402
from unbraid.spec import Spec  # noqa: E402
from unbraid.training.export import export_set  # noqa: E402
from unbraid.training.nets.wave_unet import WaveUNetConfig, _doubled  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402
from unbraid.training.trainer import Trainer  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]

SPEC = Spec(n_frames=32, context=4)
SMALL = WaveUNetConfig(n_levels=6, n_filters=4)


@pytest.fixture(scope="module")
def small_wave_recipe():
    return replace(load_recipe("wave-unet"), spec=SPEC, net=SMALL, batch_size=2, crop_frames=16)


@pytest.mark.slow
def test_a_graph_of_the_recipe_agrees_with_torch_to_80_db(tmp_path):
    recipe = load_recipe("wave-unet")
    (file,) = export_set(recipe.build(), recipe, tmp_path)  # raises where it does not
    assert read_card(file).output == "waveform"


def test_a_graph_agrees_with_torch_to_80_db(small_wave_recipe, tmp_path):
    torch.manual_seed(0)
    net = small_wave_recipe.build().eval()
    with torch.no_grad():  # Untrained nets give next to nothing but a half.
        for parameter in net.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    samples = 0.1 * torch.randn(1, 2, SPEC.n_samples)
    with torch.inference_mode():
        wanted = net(samples)[0].numpy()
    (file,) = export_set(net, small_wave_recipe, tmp_path)
    error = Graph(file, read_card(file))(samples[0].numpy()) - wanted
    assert 10 * np.log10(np.square(error).sum() / np.square(wanted).sum()) < -80


def test_it_has_0_7_million_parameters_and_gives_vocals():
    recipe = load_recipe("wave-unet")
    assert recipe.stems == ("vocals",)
    assert sum(p.numel() for p in recipe.build().parameters()) == 688_598


@pytest.mark.parametrize("stems", [("vocals",), ("vocals", "drums")])
def test_an_untrained_net_claims_a_half_of_everything(stems):
    samples = 0.1 * torch.randn(2, 2, 64 * 50)
    found = SMALL.build(SPEC, stems).eval()(samples)
    assert found.shape == (2, len(stems), 2, 64 * 50)
    wanted = samples[:, None].expand_as(found) / 2
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)


def test_samples_left_out_come_back_in_their_places():
    ramp = torch.arange(64.0)[None, None]
    torch.testing.assert_close(_doubled(ramp[..., ::2])[..., :-1], ramp[..., :-1])


def test_more_levels_than_a_hop_can_be_halved_are_refused():
    with pytest.raises(TrainingError, match="1024 samples cannot be halved 11 times"):
        replace(SMALL, n_levels=11).build(SPEC, ("vocals",))


@pytest.mark.usefixtures("one_thread")
def test_a_trained_net_separates_songs_into_vocals_and_the_rest(
    small_wave_recipe, small_pools, tmp_path
):
    run = Trainer(small_wave_recipe, small_pools, tmp_path / "run", device="cpu")
    run.run(None, max_steps=3)
    export_set(run.average, small_wave_recipe, tmp_path / "set")
    separator = Separator(tmp_path / "set", n_threads=1)
    mixture = np.random.default_rng(0).standard_normal((2, 100_000)).astype(np.float32) / 10
    stems = separator.separate(mixture, 44_100)
    assert np.isfinite(stems["vocals"]).all()
    np.testing.assert_allclose(stems.samples.sum(axis=0), mixture, atol=1e-4)


@pytest.mark.usefixtures("one_thread")
def test_one_example_is_learnt_by_heart():
    torch.manual_seed(0)
    times = torch.arange(64 * 64) / 44_100
    voice = torch.sin(2 * np.pi * 440 * times + 5 * torch.sin(2 * np.pi * 6 * times))
    rest = torch.randn(1, 1, 2, 64 * 64) * (times % 0.02 < 0.004)
    voice = 0.2 * voice.expand_as(rest)
    mixture = (voice + 0.2 * rest)[:, 0]
    net = SMALL.build(SPEC, ("vocals",))
    optimiser = torch.optim.AdamW(net.parameters(), lr=5e-3, betas=(0.9, 0.99))
    errors = []
    for _ in range(60):
        error = (net(mixture) - voice).square().mean()
        errors.append(error.item())
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    assert errors[-1] < errors[0] / 10
