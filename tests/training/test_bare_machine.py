"""Training with nothing but torch, numpy, soundfile and this package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("soundfile", reason="needs the train extra")

import unbraid
from unbraid.training.data.pack import pack

pytestmark = [pytest.mark.training, pytest.mark.slow]

# What is there, and what it needs itself.
THERE = {
    *("unbraid", "torch", "torchgen", "functorch", "numpy"),
    *("soundfile", "_soundfile", "_soundfile_data", "cffi", "_cffi_backend", "pycparser"),
    *("typing_extensions", "sympy", "mpmath", "networkx", "jinja2", "markupsafe"),
    *("filelock", "fsspec", "packaging", "setuptools"),
}
BARE = f"""
import runpy, socket, sys
from importlib.machinery import PathFinder

class Bare:
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        standard = first in sys.stdlib_module_names or first.startswith("_sysconfigdata")
        if standard or first in {THERE!r}:
            return PathFinder.find_spec(name, path, target)

def no_network(*arguments):
    raise AssertionError("asked for the network")

sys.meta_path[:] = [f for f in sys.meta_path if 'Builtin' in str(f) or 'Frozen' in str(f)]
sys.meta_path.append(Bare())
socket.socket.connect = no_network
socket.getaddrinfo = no_network
runpy.run_module("unbraid", run_name="__main__", alter_sys=True)
"""
RECIPE = """
name = "small"
description = "a test's"
crop_frames = 32
batch_size = 2
[spec]
n_bins = 128
n_frames = 64
[net]
filters = [4, 4, 6, 6, 8, 8]
"""


@pytest.fixture(scope="module")
def shards(small_pools, tmp_path_factory):
    out = tmp_path_factory.mktemp("shards")
    pack(small_pools, out, limit=2**20, jobs=1)
    return out


def train(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    paths = {"PYTHONPATH": str(Path(unbraid.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", BARE, "train", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **paths}
    )


def test_shards_are_trained_on_with_nothing_but_torch_numpy_and_soundfile(shards, tmp_path):
    (tmp_path / "small.toml").write_text(RECIPE)
    asked = (tmp_path / "small.toml", "--data", shards, "--out", tmp_path / "run")
    first = train(*asked, "--steps", "6", "--device", "cpu")
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "run/last.safetensors").is_file()
    assert "6 steps" in first.stdout
    again = train(*asked, "--steps", "10", "--device", "cpu")
    assert again.returncode == 0, again.stderr
    assert "going on from step 6" in again.stderr


def test_what_cannot_be_trained_on_is_one_line_there_too(tmp_path):
    found = train("unet-0.1", "--data", tmp_path, "--out", tmp_path / "run", "--steps", "1")
    assert found.returncode == 1
    assert found.stderr.startswith(f"unbraid: {tmp_path}: holds neither pools nor shards")
    assert found.stderr.count("\n") == 1
