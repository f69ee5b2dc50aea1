import json
from dataclasses import replace

import numpy as np
import pytest

from tests.models_made import CARD, write_graph, write_set
from unbraid.errors import ModelError
from unbraid.models import catalog
from unbraid.models.manifest import Card
from unbraid.models.session import Graph, read_card
from unbraid.spec import Spec


@pytest.fixture
def shelves(tmp_path, monkeypatch):
    """An empty catalogue: (shipped, user)."""
    shipped, user = tmp_path / "shipped", tmp_path / "user"
    shipped.mkdir()
    user.mkdir()
    monkeypatch.setattr(catalog, "SHIPPED", shipped)
    monkeypatch.setenv("UNBRAID_MODELS", str(user))
    return shipped, user


def test_a_card_survives_its_file(tmp_path):
    path = write_graph(tmp_path / "m.onnx", CARD)
    assert read_card(path) == CARD


def test_a_card_survives_json():
    assert Card.from_json(CARD.to_json()) == CARD


def test_every_cut_of_a_model_file_is_one_clear_error(tmp_path):
    whole = write_graph(tmp_path / "m.onnx", CARD).read_bytes()
    cut = tmp_path / "cut.onnx"
    for size in (0, 1, 10, 1000, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"cut\.onnx"):
            catalog.find_model(cut)


def test_noise_is_not_a_model(tmp_path):
    path = tmp_path / "noise.onnx"
    for seed in range(50):
        path.write_bytes(np.random.default_rng(seed).bytes(5000))
        with pytest.raises(ModelError, match=r"noise\.onnx"):
            catalog.find_model(path)


def test_a_model_without_a_card_is_refused(tmp_path):
    path = write_graph(tmp_path / "m.onnx", CARD)
    path.write_bytes(path.read_bytes().replace(b"unbraid.card", b"unbraid.kard"))
    with pytest.raises(ModelError, match="no unbraid card"):
        catalog.find_model(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"n_fft": 4096', b'"n_fft": 4095'),
        (b'"n_frames": 192', b'"n_frames": 999'),
        (b'"licence": "CC0-1.0"', b'"license": "CC0-1.0"'),
        (b'"vocals"', b'"voices"'),
    ],
)
def test_a_card_that_does_not_hold_is_refused(tmp_path, old, new):
    path = write_graph(tmp_path / "m.onnx", CARD)
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(ModelError, match=r"m\.onnx"):
        Graph(path, read_card(path))


def test_a_tile_too_large_to_allocate_is_refused_before_it_is(tmp_path):
    path = write_graph(tmp_path / "m.onnx", CARD)
    vast = replace(CARD, spec=Spec(n_fft=65_536, hop=1024, n_bins=32_769, n_frames=16_384))
    with pytest.raises(ModelError, match="too large"):
        Graph(path, vast)


def test_a_set_that_lacks_a_stem_is_refused(tmp_path):
    folder = write_set(tmp_path / "set", one_file_a_stem=True)
    (folder / "bass.onnx").unlink()
    with pytest.raises(ModelError, match="no graph gives bass"):
        catalog.find_model(folder)


def test_other_may_be_left_to_the_residual_rule(tmp_path):
    folder = write_set(tmp_path / "set", one_file_a_stem=True)
    (folder / "other.onnx").unlink()
    assert len(catalog.find_model(folder).cards) == 3


def test_files_of_two_sets_in_one_folder_are_refused(tmp_path):
    folder = write_set(tmp_path / "set", one_file_a_stem=True)
    write_graph(folder / "bass.onnx", replace(CARD, stems=("bass",), name="another"))
    with pytest.raises(ModelError, match="another set"):
        catalog.find_model(folder)


def test_a_shipped_file_that_was_changed_is_refused(shelves):
    folder = write_set(shelves[0] / "tiny")
    assert catalog.find_model("tiny").origin == "shipped"
    file = folder / "all.onnx"
    file.write_bytes(file.read_bytes() + b"\x08\x09")
    with pytest.raises(ModelError, match="SHA-256"):
        catalog.find_model("tiny")


def test_the_users_own_models_are_found_and_win(shelves):
    write_set(shelves[0] / "tiny")
    write_set(shelves[1] / "tiny")
    write_set(shelves[1] / "mine", card=replace(CARD, name="mine"))
    assert {(e.name, e.origin) for e in catalog.catalog()} == {("tiny", "user"), ("mine", "user")}
    assert catalog.find_model("tiny").origin == "user"


def test_an_unknown_model_lists_the_known_ones(shelves):
    write_set(shelves[0] / "tiny")
    with pytest.raises(ModelError, match=r"nosuch: no such model; known: tiny"):
        catalog.find_model("nosuch")


def test_shipped_models_say_what_they_are():
    shipped = [e for e in catalog.catalog() if e.origin == "shipped"]
    assert catalog.DEFAULT_MODEL in {e.name for e in shipped}
    for entry in shipped:
        assert entry.n_bytes <= 10 * 1024**2
        for card in entry.cards:
            assert card.licence
            assert card.training_data
            assert all(entry["source"] and entry["licence"] for entry in card.training_data)
            assert {"usdr_db", "gmac_per_s"} <= card.metrics.keys()
            json.dumps(card.to_dict())
