"""Two songs and two models for a player on a virtual clock."""

from pathlib import Path

import numpy as np
import pytest

from tests.player.virtual import N_SAMPLES, RATE, driven, write_model, write_song


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: write_model(folder, name) for name in ("left", "right")}


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, np.ndarray]]:
    folder = tmp_path_factory.mktemp("songs")
    paths = [folder / f"{i}.wav" for i in range(2)]
    return [(path, write_song(path, N_SAMPLES - i * RATE, i)) for i, path in enumerate(paths)]


@pytest.fixture
def clock(tmp_path, songs, models):
    clock = driven(tmp_path, [path for path, _ in songs], models["left"])
    with clock.player:
        yield clock
