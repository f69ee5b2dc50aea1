"""Version 0.1 in bands: each on its own, together as dear as 0.1."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from tests.training.nets.checks import error_after, made_example, worst_graph_error_db  # noqa: E402
from unbraid.errors import TrainingError  # noqa: E402
from unbraid.spec import Spec  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training.export import cost  # noqa: E402
from unbraid.training.nets.band_unet import BandUNetConfig  # noqa: E402
from unbraid.training.recipe import load_recipe, recipe_from_dict  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("ignore")]

SPEC = Spec(n_bins=64, n_frames=32, context=2)
SMALL = BandUNetConfig(
    band_bins=(16, 16, 32), filters=((8, 16, 16), (8, 8, 8), (4, 8, 8)), time_levels=2
)


@pytest.mark.slow
def test_a_graph_agrees_with_torch_to_80_db(tmp_path):
    recipe = replace(load_recipe("unet-0.1-bands"), stems=("vocals",))
    assert worst_graph_error_db(recipe, tmp_path) < -80


def test_a_net_has_1_9_million_parameters_and_costs_what_version_0_1s_does():
    names = ("unet-0.1-bands", "unet-0.1")
    bands, whole = (replace(load_recipe(name), stems=("vocals",)) for name in names)
    found, wanted = cost(bands.build(), bands.spec), cost(whole.build(), whole.spec)
    assert found["parameters"] == 1_927_798
    assert found["gmac_per_s"] == pytest.approx(wanted["gmac_per_s"], rel=0.1)


def test_an_untrained_net_claims_a_half_of_everything():
    mixture = torch.rand(2, 2, 64, 32) * 10
    stems = SMALL.build(SPEC, STEMS).eval()(mixture)
    assert stems.shape == (2, 4, 2, 64, 32)
    torch.testing.assert_close(stems, mixture[:, None].expand_as(stems) / 2, atol=0.1, rtol=0.05)


def test_a_band_neither_sees_nor_changes_another():
    net = SMALL.build(SPEC, ("vocals",)).eval()
    net.standardise(torch.rand(64), torch.rand(64))
    mixture = torch.rand(1, 2, 64, 32)
    changed = mixture.clone()
    changed[:, :, 16:32] *= 2
    with torch.inference_mode():
        same = (net(changed) == net(mixture)).all(dim=(0, 1, 2, 4))[0:64]
    assert same[:16].all()
    assert same[32:].all()
    assert not same[16:32].any()


def test_bands_that_do_not_make_up_the_spectrum_are_refused():
    with pytest.raises(TrainingError, match="must sum to 64"):
        replace(SMALL, band_bins=(16, 16, 16)).build(SPEC, STEMS)
    with pytest.raises(TrainingError, match="12 bins cannot be halved 3 times"):
        replace(SMALL, band_bins=(12, 20, 32)).build(SPEC, STEMS)


def test_a_recipe_reads_rows_of_filters_and_refuses_others():
    recipe = load_recipe("unet-0.1-bands")
    assert recipe_from_dict(recipe.to_dict()) == recipe
    table = {**recipe.to_dict(), "net": {"kind": "band-unet", "filters": [8, 8]}}
    with pytest.raises(TrainingError, match="filters"):
        recipe_from_dict(table)


@pytest.mark.usefixtures("one_thread")
def test_one_example_is_learnt_by_heart():
    torch.manual_seed(0)
    mixture, shares = made_example(SPEC, 32)
    before, after = error_after(SMALL.build(SPEC, STEMS), mixture, shares, n_steps=40)
    assert after < before / 2
