"""The transformer alone: linear around it, silent about what it was not taught."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from tests.training.nets.checks import error_after, made_example, worst_graph_error_db  # noqa: E402
from unbraid.errors import TrainingError  # noqa: E402
from unbraid.spec import Spec  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training.nets.tokens import Reverse, Tokens  # noqa: E402
from unbraid.training.nets.transformer import TransformerConfig  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402
from unbraid.training.requirements import memory_bytes  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]

SPEC = Spec(n_bins=64, n_frames=32, context=2)
SMALL = TransformerConfig(token_size=32, n_layers=2, n_heads=4, n_hidden=32)


@pytest.mark.slow
def test_a_graph_agrees_with_torch_to_80_db(tmp_path):
    recipe = replace(load_recipe("transformer"), stems=("vocals",))
    assert worst_graph_error_db(recipe, tmp_path) < -80


def test_a_net_a_stem_has_3_4_million_parameters():
    recipe = load_recipe("transformer")
    net = replace(recipe, stems=("vocals",)).build()
    assert sum(p.numel() for p in net.parameters()) == 3_431_040
    assert recipe.stems == STEMS


def test_a_batch_of_its_recipe_is_as_much_audio_as_version_0_1s():
    recipes = [load_recipe(name) for name in ("transformer", "unet-0.1")]
    assert len({r.batch_size * r.crop_frames for r in recipes}) == 1


def test_an_untrained_net_claims_a_half_of_everything():
    mixture = torch.rand(2, 2, 64, 32) * 10
    stems = SMALL.build(SPEC, STEMS).eval()(mixture)
    assert stems.shape == (2, 4, 2, 64, 32)
    torch.testing.assert_close(stems, mixture[:, None].expand_as(stems) / 2, atol=0.1, rtol=0.02)


def test_nothing_but_the_transformer_is_not_linear():
    tokens, reverse = Tokens(128, 32, 16), Reverse(16, 2, 64)
    one, other, none = (
        torch.randn(1, 2, 64, 32),
        torch.randn(1, 2, 64, 32),
        torch.zeros(1, 2, 64, 32),
    )
    torch.testing.assert_close(tokens(one + other), tokens(one) + tokens(other) - tokens(none))
    reverse.norm = torch.nn.Identity()  # the transformer's last
    one, other = torch.randn(1, 32, 16), torch.randn(1, 32, 16)
    torch.testing.assert_close(reverse(one + other), reverse(one) + reverse(other))


def test_a_frame_far_away_is_heard_by_all_others():
    net = SMALL.build(SPEC, ("vocals",)).eval()
    mixture = torch.rand(1, 2, 64, 32, requires_grad=True)
    net(mixture)[..., 0].sum().backward()
    assert (mixture.grad.abs().sum(dim=(0, 1, 2)) > 0).all()


def test_a_crop_shorter_than_a_tile_is_taken_and_a_longer_one_is_not():
    net = SMALL.build(SPEC, ("vocals",)).eval()
    assert net(torch.rand(1, 2, 64, 20)).shape == (1, 1, 2, 64, 20)
    with pytest.raises(RuntimeError):
        net(torch.rand(1, 2, 64, 33))


def test_a_short_crop_is_learnt_at_every_place_of_a_tile_and_used_at_its_head():
    tokens, image = Tokens(128, 32, 16), torch.rand(1, 2, 64, 8)
    torch.manual_seed(0)
    found = torch.stack(
        [tokens(image)[0] - tokens.reduce(image.flatten(1, 2).mT)[0] for _ in range(200)]
    )
    starts = {int((tokens.position - first).abs().sum(dim=1).argmin()) for first in found[:, 0]}
    assert starts == set(range(32 - 8 + 1))
    assert torch.equal(tokens.eval()(image), tokens(image))


@pytest.mark.parametrize("name", ["transformer", "0.1b"])
def test_the_memory_of_a_run_is_told_before_it_begins(name):
    recipe = load_recipe(name)
    assert 1e8 < memory_bytes(recipe, recipe.batch_size) < 8e9


def test_heads_that_do_not_divide_a_token_are_refused():
    with pytest.raises(TrainingError, match="multiple"):
        replace(SMALL, n_heads=5).build(SPEC, ("vocals",))


@pytest.mark.usefixtures("one_thread")
def test_one_example_is_learnt_by_heart():
    torch.manual_seed(0)
    mixture, shares = made_example(SPEC, 32)
    before, after = error_after(SMALL.build(SPEC, STEMS), mixture, shares, n_steps=60)
    assert after < before / 4
