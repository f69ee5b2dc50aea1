"""What is exported computes what was trained."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

import onnx  # noqa: E402

from unbraid.demo.clip import load_clip  # noqa: E402
from unbraid.models.session import Graph, read_card  # noqa: E402
from unbraid.spectral.stft import stft  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training.export import export_set  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402
from unbraid.training.weights import load_weights  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

WEIGHTS = Path(__file__).parents[2] / "weights" / "unet-0.1.safetensors"
FOLDED = {"BatchNormalization", "Identity", "Constant", "Shape", "Gather", "Dropout"}
"""Operators of which nothing is left once constants are folded and shapes are known."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    recipe = load_recipe("unet-0.1")
    nets = recipe.build().eval()
    nets.load_state_dict(load_weights(WEIGHTS))
    out = tmp_path_factory.mktemp("set")
    data = [{"source": "made", "licence": "CC0-1.0"}]
    return recipe, nets, export_set(nets, recipe, out, metrics={"usdr_db": 1}, training_data=data)


@pytest.mark.parametrize("what", ["music", "noise"])
def test_graphs_agree_with_torch_to_80_db(exported, what, noise):
    recipe, nets, files = exported
    spec = recipe.spec
    samples = load_clip().mixture if what == "music" else noise
    for start in (0, samples.shape[-1] // 3):
        n_samples = (spec.n_frames - 1) * spec.hop + spec.n_fft
        tile = samples[:, start : start + n_samples]
        magnitude = np.abs(stft(tile, spec)[:, : spec.n_bins]).astype(np.float32)
        with torch.inference_mode():
            expected = nets(torch.from_numpy(magnitude)[None])[0].numpy()
        for file in files:
            found = Graph(file, read_card(file))(magnitude)[0]
            index = STEMS.index(file.stem)
            wanted = expected[index]
            error_db = 10 * np.log10(np.square(found - wanted).sum() / np.square(wanted).sum())
            assert error_db < -80


def test_graphs_have_fixed_shapes_and_no_constants_left_to_fold(exported):
    _, _, files = exported
    for file in files:
        graph = onnx.load(file).graph
        assert not FOLDED & {node.op_type for node in graph.node}
        for value in (*graph.input, *graph.output):
            assert all(axis.dim_value > 0 for axis in value.type.tensor_type.shape.dim)


def test_cards_are_filled(exported):
    recipe, _, files = exported
    for file in files:
        card = read_card(file)
        assert (card.name, card.stems, card.spec) == (recipe.name, (file.stem,), recipe.spec)
        assert card.architecture == recipe.description
        assert card.licence == "CC-BY-4.0"
        assert card.training_data
        assert {"usdr_db", "parameters", "gmac_per_s"} <= set(card.metrics)


def test_weights_of_16_bits_are_half_the_size_and_change_next_to_nothing(exported, tmp_path):
    recipe, nets, files = exported
    halved = export_set(nets, recipe, tmp_path, half=True)
    magnitude = np.abs(stft(load_clip().mixture, recipe.spec)[:, : recipe.spec.n_bins])
    tile = np.ascontiguousarray(magnitude[..., : recipe.spec.n_frames], np.float32)
    for whole, half in zip(files, halved, strict=True):
        assert half.stat().st_size < 0.55 * whole.stat().st_size
        found, wanted = (Graph(file, read_card(file))(tile)[0] for file in (half, whole))
        error_db = 10 * np.log10(np.square(found - wanted).sum() / np.square(wanted).sum())
        assert error_db < -55
