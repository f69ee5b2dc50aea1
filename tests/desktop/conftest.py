"""A window on no screen, with a player that does what a test says."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.desktop.fake_player import RATE, FakePlayer

if TYPE_CHECKING:
    from tests.desktop.driving import Hand
    from unbraid.desktop.application import Desktop

SECONDS = 60


class Desk:
    """The window, its player, and the hand at it."""

    def __init__(self, desktop: "Desktop", player: FakePlayer, hand: "Hand", folder: Path) -> None:
        self.desktop, self.player, self.hand, self.folder = desktop, player, hand, folder

    def songs(self, *names: str) -> list[Path]:
        """Files that the fake player takes for songs."""
        made = [self.folder / f"{name}.flac" for name in names]
        for path in made:
            path.write_bytes(b"song")
        return made

    def play(self, *names: str) -> None:
        """Add songs; the first plays."""
        from tests.desktop.driving import wait_for

        self.desktop.add(self.songs(*(names or ("song",))))
        wait_for(lambda: self.player.shot.path is not None)
        self.look()

    def look(self) -> None:
        """Let the window see what the player did meanwhile."""
        from tests.desktop.driving import settle

        self.desktop.playback_now()
        settle()

    @property
    def second(self) -> float:
        """Where the song is."""
        return self.player.transport.position / RATE


@pytest.fixture(scope="session")
def stems() -> Any:
    """Four tones that swell, (4, 2, 60 s)."""
    times = np.arange(SECONDS * RATE) / RATE
    tones = [
        0.2 * np.sin(2 * np.pi * hertz * times) * (0.2 + 0.8 * np.abs(np.sin(times / (2 + i))))
        for i, hertz in enumerate((440, 3000, 80, 1200))
    ]
    return np.stack([np.stack([tone, tone]) for tone in tones]).astype(np.float32)


@pytest.fixture(scope="session")
def qt() -> Any:
    """Qt, if it is installed and runs here."""
    pytest.importorskip(
        "PySide6.QtQuick", reason="needs unbraid[player] and libegl1", exc_type=ImportError
    )
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from unbraid.desktop.application import make_application

    return make_application()


@pytest.fixture
def complaints(qt: Any) -> Iterator[list[str]]:
    """What Qt and QML complained of; nothing, or the test fails."""
    from PySide6.QtCore import QtMsgType, qInstallMessageHandler

    told: list[str] = []

    def keep(kind: QtMsgType, context: Any, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg and "propagateSizeHints" not in text:
            told.append(f"{text} ({context.file}:{context.line})")

    before = qInstallMessageHandler(keep)
    yield told
    qInstallMessageHandler(before)
    assert told == []


@pytest.fixture
def desk(stems: Any, tmp_path: Path, complaints: list[str]) -> Iterator[Desk]:
    """A window of 1280 by 800 that has just been opened for the first time."""
    from tests.desktop.driving import Hand, settle
    from unbraid.desktop.application import Desktop

    player = FakePlayer(stems)
    desktop = Desktop(player, tmp_path / "settings")
    settle()
    yield Desk(desktop, player, Hand(desktop.window), tmp_path)
    desktop.close()
    settle()
