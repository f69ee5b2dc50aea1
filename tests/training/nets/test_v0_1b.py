"""Version 0.1b: one graph, four stems, each part where the post has it."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from tests.training.nets.checks import error_after, made_example, worst_graph_error_db  # noqa: E402
from unbraid.errors import TrainingError  # noqa: E402
from unbraid.spec import Spec  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training.nets.v0_1b import V01bConfig  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]

VOCALS, DRUMS, BASS, OTHER = range(4)
SPEC = Spec(n_bins=64, n_frames=32, context=2)
SMALL = V01bConfig(
    token_size=32,
    n_heads=4,
    n_hidden=32,
    parallel_filters=(4, 8),
    bass_bins=8,
    bass_token_size=16,
    other_filters=(8, 16),
)


@pytest.fixture
def small_net():
    torch.manual_seed(0)
    net = SMALL.build(SPEC, STEMS).eval()
    with torch.no_grad():  # An untrained net hardly depends on anything.
        for parameter in net.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return net


def gradient(net, stem):
    """Of a stem's sum, by its parts' parameters."""
    net.zero_grad()
    net(torch.rand(1, 2, 64, 32) * 10)[:, stem].sum().backward()
    return {
        name: parameter.grad is not None and bool(parameter.grad.any())
        for name, parameter in net.named_parameters()
    }


@pytest.mark.slow
def test_the_graph_agrees_with_torch_to_80_db(tmp_path):
    assert worst_graph_error_db(load_recipe("0.1b"), tmp_path) < -80
    (file,) = tmp_path.glob("*.onnx")
    assert file.stat().st_size < 10e6


@pytest.mark.parametrize(
    ("name", "n_parameters"),
    [("0.1b", 2_209_446), ("0.1b-no-cross", 2_209_446), ("0.1b-no-unet", 2_109_090)],
)
def test_its_parameters_are_counted(name, n_parameters):
    assert sum(p.numel() for p in load_recipe(name).build().parameters()) == n_parameters


def test_an_untrained_net_claims_a_half_of_everything_but_no_bass_above_its_band():
    mixture = torch.rand(2, 2, 64, 32) * 10
    stems = SMALL.build(SPEC, STEMS).eval()(mixture)
    assert stems.shape == (2, 4, 2, 64, 32)
    half = mixture / 2
    torch.testing.assert_close(stems[:, VOCALS], half, atol=0.1, rtol=0.1)
    torch.testing.assert_close(stems[:, DRUMS], half, atol=0.1, rtol=0.1)
    torch.testing.assert_close(stems[:, BASS, :, :8], half[:, :, :8], atol=0.1, rtol=0.1)
    assert not stems[:, BASS, :, 8:].any()


@pytest.mark.parametrize(("stem", "path", "others"), [(VOCALS, 0, 1), (DRUMS, 1, 0)])
def test_vocals_and_drums_look_at_each_other_in_one_layer(stem, path, others, small_net):
    seen = gradient(small_net, stem)
    name = "transformers.layers.{}.{}.query.weight"
    # The other path is heard through what it has made by the layer before, and no further.
    assert [seen[name.format(path, i)] for i in range(3)] == [True, True, True]
    assert [seen[name.format(others, i)] for i in range(3)] == [True, False, False]
    apart = replace(SMALL, cross_layer=-1).build(SPEC, STEMS)
    apart.load_state_dict(small_net.state_dict())
    seen = gradient(apart, stem)
    assert [seen[name.format(others, i)] for i in range(3)] == [False, False, False]


def test_bass_is_found_in_the_lows_alone(small_net):
    mixture = torch.rand(1, 2, 64, 32) * 10
    louder = mixture.clone()
    louder[:, :, 8:] *= 3
    before, after = small_net(mixture), small_net(louder)
    assert torch.equal(before[:, BASS], after[:, BASS])
    assert not torch.equal(before[:, VOCALS, :, :8], after[:, VOCALS, :, :8])


def test_other_is_shown_the_stems_and_does_not_answer_for_them(small_net):
    seen = gradient(small_net, OTHER)
    assert {name for name, is_seen in seen.items() if is_seen} == {
        name for name in seen if name.startswith(("other.", "entrance."))
    }
    mixture = torch.rand(1, 2, 64, 32) * 10
    before = small_net(mixture)
    with torch.no_grad():
        small_net.bass.reverse.expand.bias += 3
    after = small_net(mixture)
    assert torch.equal(before[:, :BASS], after[:, :BASS])
    assert not torch.equal(before[:, OTHER], after[:, OTHER])


def test_gradients_are_finite_where_the_mixture_is_silent():
    net = SMALL.build(SPEC, STEMS)
    net(torch.zeros(1, 2, 64, 32)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)


def test_what_it_cannot_be_is_refused():
    with pytest.raises(TrainingError, match="together"):
        SMALL.build(SPEC, ("vocals",))
    with pytest.raises(TrainingError, match="cross_layer"):
        replace(SMALL, cross_layer=3).build(SPEC, STEMS)


@pytest.mark.usefixtures("one_thread")
def test_one_example_is_learnt_by_heart():
    torch.manual_seed(0)
    mixture, shares = made_example(SPEC, 32)
    before, after = error_after(SMALL.build(SPEC, STEMS), mixture, shares, n_steps=60)
    assert after < before / 4
