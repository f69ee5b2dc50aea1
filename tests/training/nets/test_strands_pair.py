"""Two nets side by side: what each says of the lows is weighed, above only one is heard."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from tests.training.nets.checks import mask_errors, worst_graph_error_db  # noqa: E402
from tests.training.nets.test_strands import SMALL, SPEC  # noqa: E402
from unbraid.errors import TrainingError  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training.export import cost  # noqa: E402
from unbraid.training.nets.strands_pair import StrandsPairConfig  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]

LOWS = replace(SMALL, n_bands=(4, 2, 2), masks_of=2, hidden=0)  # of 32 bins 16 with masks
PAIR = StrandsPairConfig(whole=SMALL, lows=LOWS)


@pytest.fixture
def pair():
    torch.manual_seed(0)
    net = PAIR.build(SPEC, STEMS).eval()
    with torch.no_grad():  # An untrained net hardly depends on anything.
        for parameter in [*net.whole.parameters(), *net.lows.parameters()]:
            parameter += 0.2 * torch.randn_like(parameter)
    return net


@pytest.mark.slow
def test_the_graph_agrees_with_torch_to_80_db(tmp_path):
    assert worst_graph_error_db(load_recipe("strands-pair"), tmp_path) < -80
    assert (tmp_path / "model.onnx").stat().st_size < 2 * 10e6  # shipped in 16 bits a number


def test_its_price_is_less_than_half_of_what_the_default_may_cost():
    recipe = load_recipe("strands-pair")
    assert cost(recipe.build(), recipe.spec)["gmac_per_s"] < 3 / 2


def test_the_lows_are_those_of_their_own_recipe():
    """So their weights, trained at a quarter of the rate, fit."""
    pair, lows = load_recipe("strands-pair"), load_recipe("strands-lows")
    pair.build().lows.load_state_dict(lows.build().state_dict())
    assert pair.net.lows == lows.net
    assert pair.net.whole == load_recipe("strands").net
    assert pair.net.rate == lows.spec.n_fft / pair.spec.n_fft


def test_masks_lie_between_0_and_1_and_sum_to_one(pair):
    masks = pair(10 * torch.randn(2, 4, 129, 32))
    assert masks.shape == (2, 4, 2, 129, 32)
    assert masks.min() >= 0
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 2, 129, 32))


def test_who_is_not_trusted_is_not_heard(pair):
    spectrum = 10 * torch.randn(1, 4, 129, 32)
    alone, lows = pair.whole(spectrum), pair.lows(spectrum[:, :, :32] * 0.25)
    assert not torch.allclose(pair(spectrum)[..., :16, :], alone[..., :16, :], atol=0.05)
    torch.testing.assert_close(pair(spectrum)[..., 16:, :], alone[..., 16:, :])
    torch.nn.init.ones_(pair.trust_whole)
    torch.nn.init.zeros_(pair.trust_lows)
    torch.testing.assert_close(pair(spectrum), alone)
    torch.nn.init.zeros_(pair.trust_whole)
    torch.nn.init.ones_(pair.trust_lows)
    torch.testing.assert_close(pair(spectrum)[..., :16, :], lows[..., :16, :])


def test_both_are_standardised(pair):
    mean, deviation = torch.rand(129), torch.rand(129)
    pair.standardise(mean, deviation)
    torch.testing.assert_close(pair.lows.shift, pair.whole.shift[:, :32] * 0.25**0.3)
    loud = pair.whole.scale[:, :32] < 10
    assert loud.any()
    assert (pair.lows.scale[loud] > pair.whole.scale[:, :32][loud]).all()


def test_a_pair_of_fewer_stems_is_refused():
    with pytest.raises(TrainingError, match="together"):
        PAIR.build(SPEC, ("vocals",))


@pytest.mark.usefixtures("one_thread")
def test_one_example_is_learnt_by_heart():
    torch.manual_seed(0)
    before, after = mask_errors(PAIR.build(SPEC, STEMS), SPEC, n_steps=60)
    assert after < before / 3
