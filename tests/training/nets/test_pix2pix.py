"""pix2pix: a picture of the stem, painted anew."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from tests.training.nets.checks import made_example, worst_graph_error_db  # noqa: E402
from unbraid.spec import Spec  # noqa: E402
from unbraid.training.nets.pix2pix import Pix2PixConfig  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]

SPEC = Spec(n_bins=64, n_frames=32, context=2)
SMALL = Pix2PixConfig(filters=(8, 16, 32, 32, 32), time_levels=3, dropout_levels=2)


def test_a_graph_agrees_with_torch_to_80_db(tmp_path):
    recipe = replace(load_recipe("pix2pix"), spec=SPEC, net=SMALL)
    assert worst_graph_error_db(recipe, tmp_path) < -80


@pytest.mark.slow
def test_the_recipes_graph_agrees_with_torch_to_80_db(tmp_path):
    assert worst_graph_error_db(load_recipe("pix2pix"), tmp_path) < -80


def test_it_has_10_7_million_parameters_and_paints_vocals():
    recipe = load_recipe("pix2pix")
    assert recipe.stems == ("vocals",)
    assert sum(p.numel() for p in recipe.build().parameters()) == 10_729_826
    assert recipe.loss.adversarial * 100 == recipe.loss.compressed


def test_an_untrained_net_paints_grey_whatever_it_is_shown():
    net = SMALL.build(SPEC, ("vocals",)).eval()
    mean = torch.linspace(0.5, 2, 64)
    net.standardise(mean, torch.full((64,), 0.3))
    stem = net(torch.rand(1, 2, 64, 32) * 10)
    assert stem.shape == (1, 1, 2, 64, 32)
    wanted = mean[:, None].expand_as(stem)
    torch.testing.assert_close(stem.pow(SMALL.compression), wanted, rtol=0.25, atol=0)


def test_it_may_paint_what_is_not_in_the_mixture():
    net = SMALL.build(SPEC, ("vocals",)).eval()
    assert (net(torch.zeros(1, 2, 64, 32)) > 0).all()


def test_chance_rests_when_separating():
    net = SMALL.build(SPEC, ("vocals",))
    mixture = torch.rand(1, 2, 64, 32)
    with torch.inference_mode():
        assert not torch.equal(net(mixture), net(mixture))
        net.eval()
        assert torch.equal(net(mixture), net(mixture))


@pytest.mark.usefixtures("one_thread")
def test_one_example_is_learnt_by_heart():
    torch.manual_seed(0)
    mixture, shares = made_example(SPEC, 32)
    wanted = (shares[:, :1] * mixture[:, None] + 1e-3).pow(0.3)
    net = replace(SMALL, dropout=0.0).build(SPEC, ("vocals",))
    net.standardise(mixture[0].mean(dim=(0, 2)).pow(0.3), torch.full((64,), 0.3))
    optimiser = torch.optim.AdamW(net.parameters(), lr=5e-3, betas=(0.5, 0.99))
    errors = []
    for _ in range(80):
        error = ((net(mixture) + 1e-3).pow(0.3) - wanted).abs().mean()
        errors.append(error.item())
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    assert errors[-1] < errors[0] / 3
