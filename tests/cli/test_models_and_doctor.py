"""`unbraid models`, `unbraid doctor`, and the examples of the Python API."""

import doctest
import json
from pathlib import Path

import pytest

import unbraid as package
from tests.cli.conftest import Command
from unbraid.separation import separator


def test_models_says_what_each_model_is(unbraid: Command) -> None:
    _, out, _ = unbraid("models", "--json")
    tiny = next(entry for entry in json.loads(out) if entry["name"] == "tiny")
    assert tiny["licence"] == "CC0-1.0"
    assert tiny["training_data"] == [{"source": "none", "licence": "CC0-1.0"}]
    assert len(tiny["sha256"]) == 64
    _, out, _ = unbraid("models")
    assert tiny["sha256"][:12] in out
    _, out, _ = unbraid("models", "show", "tiny")
    assert "a fixed gain for each bin and stem" in out
    exit_code, out, err = unbraid("models", "show", "none")
    assert (exit_code, out) == (1, "")
    assert "known: tiny" in err


def test_doctor_finds_a_sound_installation_and_a_missing_model(
    unbraid: Command, here: Path
) -> None:
    exit_code, out, _ = unbraid("doctor", "--json")
    facts = json.loads(out)
    assert (exit_code, facts["problems"]) == (0, [])
    assert facts["times_real_time_one_thread"] > 0
    assert facts["providers"] == ["CPUExecutionProvider"]
    assert all(facts["versions"].values())
    assert "all that is needed works" in unbraid("doctor")[1]
    (here / "models" / "tiny" / "all.onnx").unlink()
    exit_code, _, err = unbraid("doctor")
    assert exit_code == 1
    assert "holds no .onnx file" in err


@pytest.mark.training
def test_training_without_material_is_refused_before_any_work(unbraid: Command) -> None:
    pytest.importorskip("torch")
    exit_code, _, err = unbraid("train", "unet-0.1", "--data", "nowhere", "--out", "run")
    assert exit_code == 1
    assert "nowhere: no such folder" in err
    exit_code, _, err = unbraid("train", "unet-9", "--data", ".", "--out", "run")
    assert "unet-9: no such recipe; shipped ones: " in err
    assert not Path("run").exists()


def test_training_without_torch_says_what_to_install(
    unbraid: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "unbraid.training.trainer", None)
    exit_code, _, err = unbraid("train", "unet-0.1", "--data", ".", "--out", "run")
    assert exit_code == 1
    assert 'pip install "unbraid[train]"' in err


@pytest.mark.parametrize("module", [package, separator], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_run(here: Path, module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted > 0
    assert found.failed == 0


def test_the_public_names_are_what_all_says() -> None:
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert "separate" in dir(package)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018
