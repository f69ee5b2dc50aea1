"""Our own net: bands there and back, masks that sum to one, attention that knows distances only."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from tests.training.nets.checks import mask_errors, worst_graph_error_db  # noqa: E402
from unbraid.errors import TrainingError  # noqa: E402
from unbraid.spec import Spec  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training.export import cost  # noqa: E402
from unbraid.training.nets.bands import Bands  # noqa: E402
from unbraid.training.nets.strands import REACH, StrandsConfig  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]

SPEC = Spec(n_fft=256, hop=64, n_bins=129, n_frames=32, context=4)
SMALL = StrandsConfig(
    band_bins=(2, 4, 8),
    n_bands=(4, 4, 5),
    top_bins=8,
    top_bands=2,
    filters=(8, 12, 16),
    token_size=24,
    n_heads=2,
    n_pictures=2,
    pictures_of=(1, 3),
    advances_of=2,
    delays_of=2,
    hidden=8,
    line=6,
)


@pytest.fixture
def small_net():
    torch.manual_seed(0)
    net = SMALL.build(SPEC, STEMS).eval()
    with torch.no_grad():  # An untrained net hardly depends on anything.
        for parameter in net.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return net


@pytest.mark.slow
def test_the_graph_agrees_with_torch_to_80_db(tmp_path):
    assert worst_graph_error_db(load_recipe("strands"), tmp_path) < -80
    assert (tmp_path / "model.onnx").stat().st_size < 2 * 10e6  # shipped in 16 bits a number


def test_its_price_is_a_third_of_what_the_default_may_cost():
    recipe = load_recipe("strands")
    assert cost(recipe.build(), recipe.spec)["gmac_per_s"] < 3 / 3


def test_masks_lie_between_0_and_1_and_sum_to_one(small_net):
    masks = small_net(10 * torch.randn(2, 4, 129, 32))
    assert masks.shape == (2, 4, 2, 129, 32)
    assert masks.min() >= 0
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 2, 129, 32))


def test_an_untrained_net_gives_everyone_nearly_a_quarter():
    torch.manual_seed(0)
    masks = SMALL.build(SPEC, STEMS).eval()(10 * torch.randn(2, 4, 129, 32))
    assert (masks - 0.25).square().mean().sqrt() < 0.1


def test_rows_go_back_to_the_bins_they_came_from():
    bands = Bands(SPEC, SMALL)
    image = torch.randn(1, 4, 129, 3)
    rows = bands.gather(image)
    assert rows.shape == (1, 4, 72, 3)
    back = bands.spread(rows)
    torch.testing.assert_close(back[:, :, :64], image[:, :, :64])
    torch.testing.assert_close(bands.gather(back), rows)
    assert torch.equal(back[:, :, 128], back[:, :, 127])


def test_only_the_steps_of_both_channels_phase_are_seen(small_net):
    left, right = torch.randn(2, 129, 32, dtype=torch.complex64)

    def masks(left, right):
        return small_net(torch.stack([left.real, left.imag, right.real, right.imag])[None])

    turn = torch.polar(torch.ones(1, 1), torch.randn(1, 1)).expand(129, 32).clone()
    turn[24:] = torch.polar(torch.ones(105, 32), torch.randn(105, 32))  # where no step is seen
    turned = masks(turn * left, turn * right)
    torch.testing.assert_close(masks(left, right), turned, atol=1e-3, rtol=0)
    apart = masks(left, turn * right)
    assert not torch.allclose(masks(left, right), apart, atol=1e-2)
    stepping = torch.polar(torch.ones(129, 32), torch.randn(129, 32))
    stepped = masks(stepping * left, stepping * right)
    assert not torch.allclose(masks(left, right), stepped, atol=1e-2)


def test_a_steady_tone_advances_by_what_it_lies_beside_a_bin():
    """0.3 of a bin above bin 5: 0.3 of what a bin more means, in all bins that hear the tone."""
    advances = SMALL.build(SPEC, STEMS).advances
    of_a_bin = 2 * torch.pi * SPEC.hop / SPEC.n_fft
    tone = torch.polar(torch.tensor(40.0), 5.3 * of_a_bin * torch.arange(32))
    spectrum = torch.zeros(129, 32, dtype=torch.complex64)
    spectrum[4:8] = torch.tensor([-0.3, 1.0, -1.0, 0.3])[:, None] * tone  # as Hann's main lobe
    points = advances.points(torch.stack([spectrum.real, spectrum.imag] * 2)[None])[0]
    x, y = points[:, 4:8, 1:]
    angle = of_a_bin * torch.tensor([1.3, 0.3, -0.7, -1.7])[:, None].expand(4, 31)
    torch.testing.assert_close(torch.atan2(y, x), angle, atol=1e-4, rtol=0)
    # As far out as magnitudes are compressed to, of left and right together.
    torch.testing.assert_close(torch.hypot(x, y)[1], torch.full((31,), 80.0**0.3))
    assert not points[:, :, 0].any()
    assert not points[:, 8:].any()


def test_an_attack_says_when_in_its_frame_it_comes():
    """A click an eighth of the frame after its middle: an eighth of a turn less from bin to bin."""
    delays = SMALL.build(SPEC, STEMS).delays
    at = SPEC.n_fft * 5 // 8
    click = torch.polar(torch.tensor(10.0), -2 * torch.pi * at / SPEC.n_fft * torch.arange(129))
    spectrum = click[:, None].expand(129, 32)
    x, y = delays.points(torch.stack([spectrum.real, spectrum.imag] * 2)[None])[0]
    assert x.shape == (24, 32)
    angle = torch.full((23, 32), -2 * torch.pi / 8)
    torch.testing.assert_close(torch.atan2(y, x)[1:], angle, atol=1e-4, rtol=0)
    assert not x[0].any()


def test_what_was_added_changes_nothing_until_it_has_learnt():
    """So a net trained without can go on with it."""
    grown = SMALL.build(SPEC, STEMS).eval()
    parts = dict.fromkeys(["hidden", "line", "advances_of", "delays_of"], 0)
    plain = replace(SMALL, **parts).build(SPEC, STEMS).eval()
    left, unknown = grown.load_state_dict(plain.state_dict(), strict=False)
    assert left
    assert all(name.startswith(grown.silent) for name in left)
    assert not unknown
    spectrum = 10 * torch.randn(1, 4, 129, 32)
    torch.testing.assert_close(grown(spectrum), plain(spectrum))


@pytest.mark.parametrize("change", [{"pictures_of": (0, 9)}, {"n_pictures": 0}, {"line": 0}])
def test_parts_can_be_left_out(change):
    masks = replace(SMALL, **change).build(SPEC, STEMS).eval()(10 * torch.randn(1, 4, 129, 32))
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(1, 2, 129, 32))


def test_attention_ends_at_its_reach():
    spec = replace(SPEC, n_frames=4 * 3 * REACH)
    attention = SMALL.build(spec, STEMS).eval().body.tokens.layers[0]
    tokens = torch.randn(1, 3 * REACH, 24, requires_grad=True)
    attention(tokens)[0, REACH].sum().backward()
    seen = tokens.grad[0].abs().sum(dim=1)
    assert seen[: 2 * REACH + 1].min() > 0
    assert not seen[2 * REACH + 1 :].any()


def test_gradients_are_finite_where_the_mixture_is_silent():
    net = SMALL.build(SPEC, STEMS)
    net(torch.zeros(1, 4, 129, 32))[:, 0].sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


def test_what_it_cannot_be_is_refused():
    with pytest.raises(TrainingError, match="together"):
        SMALL.build(SPEC, ("vocals",))
    with pytest.raises(TrainingError, match="fill"):
        SMALL.build(replace(SPEC, n_bins=128), STEMS)
    with pytest.raises(TrainingError, match="multiple of heads"):
        replace(SMALL, n_heads=5).build(SPEC, STEMS)


@pytest.mark.usefixtures("one_thread")
def test_one_example_is_learnt_by_heart():
    torch.manual_seed(0)
    before, after = mask_errors(SMALL.build(SPEC, STEMS), SPEC, n_steps=60)
    assert after < before / 3
