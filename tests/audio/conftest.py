"""Files that many tests read: made once a session."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audio.recordings import FORMATS, music, record, recorded_length


@pytest.fixture(scope="session")
def sound_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the path of a file for a name in `FORMATS`, `recorded_length` long; only read it."""
    folder = tmp_path_factory.mktemp("sounds")

    def path_of(name: str) -> Path:
        recipe = FORMATS[name]
        path = folder / f"{name}.{recipe.extension}"
        if not path.exists():
            record(path, music(recorded_length(name), recipe.rate), recipe)
        return path

    return path_of
