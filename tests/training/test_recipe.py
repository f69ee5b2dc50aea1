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
