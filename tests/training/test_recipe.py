import pytest

pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import TrainingError
from unbraid.training.recipe import RECIPES, load_recipe, recipe_from_dict

pytestmark = pytest.mark.training


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_recipes_load_and_survive_a_checkpoint(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe_from_dict(recipe.to_dict()) == recipe
    assert load_recipe(path.stem) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed = 1", "unknown key 'speed'"),
        ("[net]\nfilter = [1]", r"net: unknown key 'filter'; known: compression"),
        ("batch_size = 'many'", "batch_size: must be int"),
        ("batch_size = true", "batch_size: must be int"),
        ("crop_frames = 17", "multiple of 16"),
        ("[mix]\nlevel_db = [0]", "mix: level_db must have 4 numbers, one a stem"),
        ("[augmentation]\nreverb = []", "augmentation: reverb must have 4 numbers, one a stem"),
        ("[spec]\nhop = 1000", "multiple of hop"),
        ("[net", "not valid TOML"),
    ],
)
def test_a_wrong_recipe_is_one_clear_line(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "mine"\ndescription = "d"\n{text}\n')
    with pytest.raises(TrainingError, match=message) as caught:
        load_recipe(path)
    assert "mine.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_lists_the_shipped_ones():
    with pytest.raises(TrainingError, match=r"nosuch: no such recipe; shipped ones: .*unet-0\.1"):
        load_recipe("nosuch")


def test_a_recipe_may_name_only_what_it_changes(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('base = "unet-0.1"\nseed = 1\n[source_weights]\nkumi = 0\n')
    mine, base = load_recipe(path), load_recipe("unet-0.1")
    assert (mine.name, mine.seed, mine.net) == (base.name, 1, base.net)
    assert mine.source_weights == {**base.source_weights, "kumi": 0}
    again = tmp_path / "again.toml"
    again.write_text('base = "mine.toml"\nseed = 2\n')
    assert load_recipe(again).source_weights == mine.source_weights


def test_a_recipe_that_rests_on_itself_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('base = "mine.toml"\n')
    with pytest.raises(TrainingError, match="base must name another recipe"):
        load_recipe(path)
