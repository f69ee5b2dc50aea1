"""Demucs, Hybrid Demucs, HTDemucs: code from PyPI, weights from a file that the user names.

A. Défossez, "Hybrid Spectrogram and Waveform Source Separation", 2021; S. Rouard, F. Massa,
A. Défossez, "Hybrid Transformers for Music Source Separation", ICASSP 2023.

The package's own loaders run what a file tells them to: a `.th` is a pickle, and a `.safetensors`
names any function in its metadata to be called. Here both may name demucs' three classes and
fractions, and nothing else.
"""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from unbraid.errors import ModelError
from unbraid.peers.htdemucs_onnx import HTDemucsOnnx
from unbraid.peers.peer import Argument, Peer, Samples, of_our_stems
from unbraid.peers.shipped import RESEARCH_ONLY
from unbraid.stems import STEMS

REMEDY = (
    "download a model's .safetensors (huggingface.co/adefossez) or .th and name it: demucs:FILE; "
    "a .yaml beside its models is a bag of them"
)


class Demucs(Peer):
    """A model, or a bag of them, in torch; segments as its authors cut them, no random shifts.

    Args:
        argument: a .safetensors, .th or .yaml; option licence=.

    Raises:
        ModelError: the file holds something else, or more than we let it.
    """

    def __init__(self, argument: Argument) -> None:
        path = argument.path
        if path.suffix == ".yaml":
            self._model, files = _bag(path)
        else:
            self._model, files = _one(path), [path]
        self._names = tuple(self._model.sources)
        stems = tuple(name for name in self._names if name in STEMS)
        if not stems or self._model.audio_channels != 2:
            raise ModelError(f"demucs: {path}: gives {', '.join(self._names)}, no stem in stereo")
        super().__init__(
            f"demucs:{path.stem}",
            argument.options.get("licence", RESEARCH_ONLY),
            stems,
            argument.sha256(*files),
            int(self._model.samplerate),
        )

    def separate(self, samples: Samples) -> Samples:
        """See `unbraid.separation.model.Model`."""
        import torch
        from demucs.apply import apply_model

        # As demucs' own program: the mono mixture has mean 0 and deviation 1.
        mono = samples.mean(axis=0)
        mean, deviation = float(mono.mean()), float(mono.std()) + 1e-8
        with torch.inference_mode():
            given = torch.from_numpy((samples - mean) / deviation)[None]
            found = apply_model(self._model, given, shifts=0, split=True, overlap=0.25)[0]
        parts: Samples = (found * deviation + mean).numpy()
        return of_our_stems(self._names, parts)[1]


def _classes() -> dict[str, Any]:
    """All that a file may name, by name."""
    from demucs.demucs import Demucs as Waveform
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs

    return {
        f"{kind.__module__}.{kind.__qualname__}": kind for kind in (Waveform, HDemucs, HTDemucs)
    }


def _one(path: Path) -> Any:
    """A model with its weights, ready."""
    from demucs.states import load_model

    try:
        package = _from_safetensors(path) if path.suffix == ".safetensors" else _from_pickle(path)
        if package["klass"] not in _classes().values():
            raise ValueError("it names another class than demucs'")
        if "__quantized" in package["state"]:
            raise ValueError("it is quantised; take the full one")
        return load_model(package).eval()
    except ImportError:
        raise
    except Exception as error:  # pickle, torch, safetensors and demucs each raise their own
        reason = " ".join(str(error).split())[:160]
        raise ModelError(f"demucs: {path}: cannot be loaded ({reason})") from None


def _from_pickle(path: Path) -> dict[str, Any]:
    import torch

    with torch.serialization.safe_globals([*_classes().values(), Fraction]):
        package = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(package, dict) or not {"klass", "args", "kwargs", "state"} <= package.keys():
        raise ValueError("it holds no model of demucs'")
    return package


def _from_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        about = file.metadata() or {}
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    if "klass" not in about or "structure" in about:
        raise ValueError("it holds no model of demucs', or a quantised one")
    return {
        "klass": _classes().get(about["klass"]),
        "args": _numbers(json.loads(about["args"])),
        "kwargs": _numbers(json.loads(about["kwargs"])),
        "state": state,
    }


def _numbers(value: Any) -> Any:
    """JSON with demucs' way of writing fractions."""
    if isinstance(value, dict):
        if value.get("_type") == "fraction":
            return Fraction(value["numerator"], value["denominator"])
        return {key: _numbers(item) for key, item in value.items()}
    return [_numbers(item) for item in value] if isinstance(value, list) else value


def _bag(path: Path) -> tuple[Any, list[Path]]:
    import yaml
    from demucs.apply import BagOfModels

    try:
        bag = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = [str(name) for name in bag["models"]]
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        raise ModelError(f"demucs: {path}: is no bag of models") from None
    files = []
    for name in names:
        found = sorted(
            file
            for file in path.parent.glob(f"{name}*")
            if file.suffix in (".safetensors", ".th") and file.stem.split("-")[0] == name
        )
        if not found:
            raise ModelError(f"demucs: {path}: its model {name} is not beside it; {REMEDY}")
        files.append(found[0])
    models = [_one(file) for file in files]
    return BagOfModels(models, bag.get("weights"), bag.get("segment")), [path, *files]


def open_model(argument: str | None) -> Demucs | HTDemucsOnnx:
    """See `unbraid.separation.model`."""
    given = Argument.read("demucs", argument, known=("licence",), remedy=REMEDY)
    if given.path.suffix == ".onnx":
        return HTDemucsOnnx(given)
    try:
        return Demucs(given)
    except ImportError as error:
        raise ModelError(
            f'demucs: needs {error.name}: pip install "unbraid[peers-demucs]"'
        ) from None
