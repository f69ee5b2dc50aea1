"""What is remembered, and what becomes of a damaged file. No Qt."""

from pathlib import Path

import pytest

from unbraid.desktop.settings import N_RECENT, Settings, settings_folder


def test_settings_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "player.json"
    settings = Settings(look="light", volume_db=-3.5, recent=["/ü/b.mp3"], width=1000)
    settings.save(path)
    assert Settings.load(path) == settings
    assert [file.name for file in path.parent.iterdir()] == ["player.json"]


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"look": 3, "recent": 7}', "\x00\xff"])
def test_a_damaged_file_is_the_default(tmp_path: Path, text: str) -> None:
    path = tmp_path / "player.json"
    path.write_bytes(text.encode("latin-1"))
    assert Settings.load(path) == Settings()


def test_what_is_unknown_or_of_another_kind_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "player.json"
    path.write_text('{"volume_db": -6, "limiter": "yes", "future": 1, "recent": ["a", 3]}')
    assert Settings.load(path) == Settings(volume_db=-6.0, recent=["a"])


def test_a_song_is_recent_once_and_first() -> None:
    settings = Settings()
    for name in [*map(str, range(20)), "7"]:
        settings.remember(name)
    assert settings.recent[:3] == ["7", "19", "18"]
    assert len(settings.recent) == N_RECENT == len(set(settings.recent))


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNBRAID_SETTINGS", "/somewhere")
    assert settings_folder() == Path("/somewhere")
