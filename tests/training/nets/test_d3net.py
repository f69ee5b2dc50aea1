"""D3Net and its small one: each connection with its own dilation, and the price of both."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from torch.nn import functional as F  # noqa: E402, N812

from tests.training.nets.checks import error_after, made_example, worst_graph_error_db  # noqa: E402
from unbraid.errors import TrainingError  # noqa: E402
from unbraid.spec import Spec  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training.export import cost  # noqa: E402
from unbraid.training.nets.d3net import D3NetConfig  # noqa: E402
from unbraid.training.nets.d3net_small import D3NetSmallConfig  # noqa: E402
from unbraid.training.nets.dense import D2Block, D3Block  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]

SPEC = Spec(n_bins=64, n_frames=32, context=2)
TINY = D3NetConfig(
    split_bin=16,
    low_stem=8,
    low_growths=(4, 6, 4),
    low_layers=(2, 3, 2),
    high_stem=4,
    high_growths=(2, 2, 2),
    high_layers=(1, 1, 1),
    full_stem=8,
    full_growths=(4, 5, 3),
    full_layers=(2, 2, 2),
    full_blocks=1,
    last_growth=6,
    last_layers=2,
)
SMALL = D3NetSmallConfig(
    split_bin=16,
    low_stem=8,
    low_growths=(8, 8, 8),
    low_layers=(2, 2, 2),
    full_stem=16,
    full_growths=(8, 12, 8),
    full_layers=(3, 3, 3),
)


@pytest.mark.parametrize(("name", "net"), [("d3net", TINY), ("d3net-small", SMALL)])
def test_a_graph_agrees_with_torch_to_80_db(name, net, tmp_path):
    recipe = replace(load_recipe(name), spec=SPEC, net=net)
    assert worst_graph_error_db(recipe, tmp_path) < -80


@pytest.mark.slow
@pytest.mark.parametrize("name", ["d3net", "d3net-small"])
def test_the_recipes_graph_agrees_with_torch_to_80_db(name, tmp_path):
    assert worst_graph_error_db(load_recipe(name), tmp_path) < -80


def test_the_published_net_has_its_parameters_and_the_small_one_its_price():
    recipe = load_recipe("d3net")
    assert recipe.stems == ("vocals",)
    assert sum(p.numel() for p in recipe.build().parameters()) == 2_966_399
    recipe = load_recipe("d3net-small")
    assert recipe.stems == STEMS
    assert cost(recipe.build(), recipe.spec) == {"parameters": 856_116, "gmac_per_s": 1.3}


def test_a_dense_block_is_a_sum_over_all_earlier_layers_each_with_its_dilation():
    # As the paper draws it: layer by layer, everything before it gathered anew.
    torch.manual_seed(0)
    block = D2Block(5, 3, 4).eval()
    x = torch.randn(1, 5, 20, 20)
    chunks = block.first(x).split(3, dim=1)
    given = []
    for n in range(4):
        value = chunks[n]
        for m, layer in enumerate(block.layers[:n]):
            norm, relu, conv = layer
            rows = slice((n - 1 - m) * 3, (n - m) * 3)
            value = value + F.conv2d(
                relu(norm(given[m])),
                conv.weight[rows],
                conv.bias[rows],
                padding=2 ** (m + 1),
                dilation=2 ** (m + 1),
            )
        given.append(value)
    torch.testing.assert_close(block(x), given[-1], atol=1e-5, rtol=1e-4)


def test_blocks_of_a_level_give_as_many_channels_as_it_grows_by():
    x = torch.randn(1, 5, 16, 16)
    assert D3Block(5, 3, 2, 1).eval()(x).shape == D3Block(5, 3, 2, 2).eval()(x).shape
    assert D3Block(5, 3, 2, 2).eval()(x).shape == (1, 3, 16, 16)


def test_an_untrained_small_net_claims_a_half_of_everything():
    mixture = torch.rand(2, 2, 64, 32) * 10
    stems = SMALL.build(SPEC, STEMS).eval()(mixture)
    assert stems.shape == (2, 4, 2, 64, 32)
    torch.testing.assert_close(stems, mixture[:, None].expand_as(stems) / 2, atol=0.1, rtol=0.1)


def test_an_untrained_published_net_claims_half_of_what_bins_have_on_average():
    net = TINY.build(SPEC, ("vocals",)).eval()
    mean = torch.linspace(2, 20, 64)
    net.standardise(mean, torch.full((64,), 2.0))
    stem = net(torch.rand(1, 2, 64, 32) * 10)
    assert stem.shape == (1, 1, 2, 64, 32)
    torch.testing.assert_close(stem, (mean / 2)[:, None].expand_as(stem), atol=0.5, rtol=0.1)


def test_bands_that_cannot_be_halved_are_refused():
    with pytest.raises(TrainingError, match="low band's 18 bins cannot be halved 2 times"):
        replace(TINY, split_bin=18, low_growths=(4, 4, 6, 4, 4), low_layers=(2,) * 5).build(
            SPEC, STEMS
        )
    with pytest.raises(TrainingError, match="split_bin"):
        replace(SMALL, split_bin=18).build(SPEC, STEMS)
    with pytest.raises(TrainingError, match="n_bins"):
        SMALL.build(replace(SPEC, n_bins=60), STEMS)


@pytest.mark.usefixtures("one_thread")
def test_one_example_is_learnt_by_heart_by_the_small_net():
    torch.manual_seed(0)
    mixture, shares = made_example(SPEC, 32)
    before, after = error_after(SMALL.build(SPEC, STEMS), mixture, shares, n_steps=40)
    assert after < before / 2


@pytest.mark.usefixtures("one_thread")
def test_one_example_is_learnt_by_heart_by_the_published_net():
    torch.manual_seed(0)
    mixture, shares = made_example(SPEC, 32)
    net = TINY.build(SPEC, ("vocals",))
    net.standardise(mixture[0].mean(dim=(0, 2)), mixture[0].std(dim=(0, 2)))
    wanted = shares[:, :1] * mixture[:, None]
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-2, betas=(0.9, 0.99))
    errors = []
    for _ in range(60):
        error = (net(mixture) - wanted).square().mean()
        errors.append(error.item())
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    assert errors[-1] < errors[0] / 2
