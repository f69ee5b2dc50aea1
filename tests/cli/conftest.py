"""A folder to work in, a quick model by the name of tiny, and songs to separate."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from unbraid.cli.app import run

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the tiny model as the default one."""
    shutil.copytree(tiny_model, tmp_path / "models" / "tiny")
    monkeypatch.setenv("UNBRAID_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("unbraid.models.catalog.DEFAULT_MODEL", "tiny")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def unbraid(here: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command line in this process; gives exit code, stdout and stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        exit_code = run(list(arguments))
        out, err = capsys.readouterr()
        return exit_code, out, err

    return command


def write_song(
    path: str,
    *,
    seconds: float = 5.0,
    rate: int = 44_100,
    channels: int = 2,
    subtype: str = "PCM_16",
) -> Path:
    """Noise, the same for the same arguments."""
    rng = np.random.default_rng(5)
    samples = 0.1 * rng.standard_normal((round(seconds * rate), channels))
    soundfile.write(path, samples, rate, subtype=subtype)
    return Path(path)
