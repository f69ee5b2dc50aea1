"""Rivals of our own net: other bodies between the same ends, at the same price."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from tests.training.nets.checks import mask_errors, worst_graph_error_db  # noqa: E402
from unbraid.errors import TrainingError  # noqa: E402
from unbraid.spec import Spec  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training.export import cost  # noqa: E402
from unbraid.training.nets.band_rnn import BandRNNConfig, Path  # noqa: E402
from unbraid.training.nets.scnet_small import STRIDES, Down, Parts, SCNetSmallConfig, Up  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]

SPEC = Spec(n_fft=256, hop=64, n_bins=129, n_frames=32, context=4)
SMALL = {
    "band-rnn": BandRNNConfig(
        band_bins=(2, 4, 8),
        n_bands=(4, 4, 5),
        top_bins=8,
        top_bands=2,
        size=16,
        hidden=8,
        n_layers=2,
        n_pictures=2,
    ),
    "scnet-small": SCNetSmallConfig(
        shares=(0.25, 0.4), filters=(8, 12, 16), n_convs=(2, 1, 1), hidden=8, n_layers=2
    ),
}


@pytest.fixture(params=SMALL)
def config(request):
    torch.manual_seed(0)
    return SMALL[request.param]


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_the_graph_agrees_with_torch_to_80_db(name, tmp_path):
    assert worst_graph_error_db(load_recipe(name), tmp_path) < -80
    assert (tmp_path / "model.onnx").stat().st_size < 10e6


@pytest.mark.parametrize("name", SMALL)
def test_its_price_is_that_of_our_own_net_before_it_had_recurrent_layers(name):
    recipes = map(load_recipe, (name, "strands-no-paths"))
    found, wanted = (cost(r.build(), r.spec) for r in recipes)
    assert found["gmac_per_s"] == pytest.approx(wanted["gmac_per_s"], rel=0.1)


def test_masks_lie_between_0_and_1_and_sum_to_one(config):
    net = config.build(SPEC, STEMS).eval()
    with torch.no_grad():  # An untrained net hardly depends on anything.
        for parameter in net.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    masks = net(10 * torch.randn(2, 4, 129, 32))
    assert masks.shape == (2, 4, 2, 129, 32)
    assert masks.min() >= 0
    assert masks.std() > 0.05
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 2, 129, 32))


def test_an_untrained_net_gives_everyone_nearly_a_quarter(config):
    masks = config.build(SPEC, STEMS).eval()(10 * torch.randn(2, 4, 129, 32))
    assert (masks - 0.25).square().mean().sqrt() < 0.1


def test_examples_of_a_batch_do_not_see_each_other(config):
    net = config.build(SPEC, STEMS).eval()
    batch = 10 * torch.randn(3, 4, 129, 32)
    alone = torch.cat([net(example[None]) for example in batch])
    torch.testing.assert_close(net(batch), alone, atol=1e-5, rtol=1e-4)


def test_gradients_are_finite_where_the_mixture_is_silent(config):
    net = config.build(SPEC, STEMS)
    net(torch.zeros(1, 4, 129, 32))[:, 0].sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


def test_a_net_of_fewer_stems_is_refused(config):
    with pytest.raises(TrainingError, match="together"):
        config.build(SPEC, ("vocals",))


@pytest.mark.usefixtures("one_thread")
def test_one_example_is_learnt_by_heart(config):
    before, after = mask_errors(config.build(SPEC, STEMS), SPEC, n_steps=60)
    assert after < before / 3


def test_a_path_goes_both_ways_along_its_own_axis_only():
    x = torch.randn(5, 3, 2, 8, requires_grad=True)
    Path(8, 4)(x)[2, 1, 0].sum().backward()
    seen = x.grad.abs().sum(dim=3) > 0
    assert seen[:, 1, 0].all()
    assert seen.sum() == 5


@pytest.mark.parametrize("n_rows", [129, 616, 2049])
def test_thinned_rows_are_spread_to_as_many_as_there_were(n_rows):
    parts = Parts(n_rows, (0.175, 0.392))
    assert sum(parts.sizes) == n_rows
    assert parts.kept == tuple(-(-n // s) for n, s in zip(parts.sizes, STRIDES, strict=True))
    onwards, skip = Down(parts, 4, 8, (1, 1, 1)).eval()(torch.randn(1, 4, n_rows, 4))
    assert onwards.shape == skip.shape == (1, 8, sum(parts.kept), 4)
    assert Up(parts, 8, 4)(skip).shape == (1, 4, n_rows, 4)


def test_every_row_is_seen_by_what_is_kept():
    parts = Parts(129, (0.175, 0.392))
    image = torch.randn(1, 4, 129, 4, requires_grad=True)
    Down(parts, 4, 8, (0, 0, 0)).eval()(image)[1].square().sum().backward()
    assert image.grad.abs().sum(dim=(0, 1, 3)).min() > 0
