"""Fixtures for all tests."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from tests.models_made import write_set

# On a machine that does other things an example may take a second; no test is about time.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model set that separates in no time, and badly."""
    return write_set(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def data_pack() -> Path:
    """The project's data pack; tests that need it skip where it is not."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("UNBRAID_DATA", beside))
    if not folder.is_dir():
        pytest.skip("the data pack is not here; set UNBRAID_DATA to its folder")
    return folder


@pytest.fixture
def noise() -> NDArray[np.float32]:
    """Twelve seconds of stereo noise with a different tone on each side, (2, 529 200)."""
    rng = np.random.default_rng(3)
    samples = 0.1 * rng.standard_normal((2, 12 * 44_100))
    times = np.arange(samples.shape[1]) / 44_100
    samples[0] += 0.2 * np.sin(2 * np.pi * 220 * times)
    samples[1] += 0.2 * np.sin(2 * np.pi * 1_760 * times)
    return samples.astype(np.float32)
