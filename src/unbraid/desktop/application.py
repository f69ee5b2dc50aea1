"""The window put together: Qt's application, the view models and the QML that shows them."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import shiboken6
from PySide6.QtCore import Property, QObject, QSize, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtQml import QQmlApplicationEngine
from PySide6.QtQuick import QQuickWindow, QSGRendererInterface

from unbraid.desktop.blind import BlindTest
from unbraid.desktop.exporting import Exports
from unbraid.desktop.images import Images, Waves
from unbraid.desktop.lanes import Lanes
from unbraid.desktop.messages import Messages
from unbraid.desktop.models import Models
from unbraid.desktop.playback import Playback
from unbraid.desktop.settings import Settings, settings_folder
from unbraid.desktop.songs import Songs
from unbraid.errors import UnbraidError, UsageError

MAIN = Path(__file__).parent / "qml" / "Main.qml"
ICON = MAIN.with_name("unbraid.svg")

_SCHEMES = {"dark": Qt.ColorScheme.Dark, "light": Qt.ColorScheme.Light}
_SAVE_MS = 800
_IDLE_MS = 3_000  # after the start, when there is time for what is not in view yet
LEAST = QSize(900, 600)


class Desktop(QObject):
    """Everything that QML sees, by name.

    Args:
        player: `unbraid.player.engine.Player`, or one with its surface.
        folder: where settings and playlist are kept; None for the user's.
        is_model_given: keep the player's model instead of the remembered one.
    """

    settingsChanged = Signal()

    def __init__(
        self, player: Any, folder: Path | None = None, *, is_model_given: bool = False
    ) -> None:
        super().__init__()
        folder = folder or settings_folder()
        self._player = player
        self._settings_path, self._playlist_path = folder / "player.json", folder / "playlist.json"
        self._settings = Settings.load(self._settings_path)
        self._saved = ""
        self._restore(is_model_given)
        self._messages = Messages(self)
        self._playback = Playback(player, self._messages, self)
        self._lanes = Lanes(player.mixer, self._messages, self)
        self._songs = Songs(player, self._messages, self._settings, self)
        self._models = Models(player, self._messages, self._settings.compared, self)
        self._exports = Exports(player, self._messages, self._settings, self)
        self._blind = BlindTest(player, self._messages, self)
        self._waves = Waves(player, self)
        self._playback.slowTicked.connect(self._look)
        self._playback.songChanged.connect(self._on_song)
        self._n_changes = player.playlist.changes
        self._save_timer = QTimer(self, singleShot=True, interval=_SAVE_MS)
        self._save_timer.timeout.connect(self.save)
        for changed in (
            self._playback.volumeChanged,
            self._playback.stateChanged,
            self._models.changed,
            self._songs.recentChanged,
            self._songs.listChanged,
            self._exports.chosenChanged,
            self.settingsChanged,
        ):
            changed.connect(self._save_timer.start)
        self._engine = QQmlApplicationEngine(self)
        self.images = Images(player)
        self._engine.addImageProvider("sound", self.images)
        self._engine.setInitialProperties({"app": self})
        self.set_scheme()
        self._engine.load(QUrl.fromLocalFile(str(MAIN)))
        if not self._engine.rootObjects():
            raise UsageError("the window cannot be drawn; Qt says why above. Try --headless")
        window = self._engine.rootObjects()[0]
        assert isinstance(window, QQuickWindow)
        self.window: QQuickWindow = window
        # A window that is covered or minimised is not drawn, so it is looked after rarely.
        self._playback.is_in_view = self.window.isExposed
        self._on_song()
        QTimer.singleShot(_IDLE_MS, self._models.read)

    messages = Property(QObject, lambda self: self._messages, constant=True)
    playback = Property(QObject, lambda self: self._playback, constant=True)
    lanes = Property(QObject, lambda self: self._lanes, constant=True)
    songs = Property(QObject, lambda self: self._songs, constant=True)
    models = Property(QObject, lambda self: self._models, constant=True)
    exports = Property(QObject, lambda self: self._exports, constant=True)
    blind = Property(QObject, lambda self: self._blind, constant=True)
    waves = Property(QObject, lambda self: self._waves, constant=True)
    look = Property(str, lambda self: self._settings.look, notify=settingsChanged)
    hasPlaylist = Property(bool, lambda self: self._settings.has_playlist, notify=settingsChanged)
    follows = Property(bool, lambda self: self._settings.follows, notify=settingsChanged)
    size = Property(QSize, lambda self: self._size(), constant=True)
    least = Property(QSize, lambda self: LEAST, constant=True)

    @Slot(str)
    def setLook(self, look: str) -> None:
        """ "system", "dark" or "light"."""
        self._settings.look = look
        self.set_scheme()
        self.settingsChanged.emit()

    @Slot(bool)
    def setPlaylist(self, on: bool) -> None:
        self._settings.has_playlist = on
        self.settingsChanged.emit()

    @Slot(bool)
    def setFollows(self, on: bool) -> None:
        self._settings.follows = on
        self.settingsChanged.emit()

    def add(self, paths: Sequence[str | Path]) -> None:
        """Add songs and play the first of them."""
        self._songs.add(paths, play=True)

    def playback_now(self) -> None:
        """Look at the player now instead of in some milliseconds."""
        self._playback.tick()
        self._look()

    def set_scheme(self) -> None:
        """Let the system's own parts, as its window frame and dialogs, look like ours."""
        scheme = _SCHEMES.get(self._settings.look, Qt.ColorScheme.Unknown)
        QGuiApplication.styleHints().setColorScheme(scheme)

    @Slot()
    def save(self) -> None:
        """Keep settings and playlist, if they changed."""
        settings, mixer = self._settings, self._player.mixer
        settings.volume_db, settings.limiter = mixer.volume_db, mixer.limiter.on
        settings.model, settings.compared = self._models.chosen, self._models.compared_name
        if self.window.visibility() == QQuickWindow.Visibility.Windowed:
            settings.width, settings.height = self.window.width(), self.window.height()
        text = repr(settings)
        try:
            if text != self._saved:
                settings.save(self._settings_path)
                self._saved = text
            if self._n_changes != self._player.playlist.changes:
                self._n_changes = self._player.playlist.changes
                self._player.playlist.save(self._playlist_path)
        except (OSError, UnbraidError) as error:
            self._messages.show(f"{self._settings_path}: cannot be written ({error})")

    def close(self) -> None:
        """Keep the settings and take the window down; the player plays on. Once is enough."""
        if not shiboken6.isValid(self._engine):
            return
        self.save()
        self._save_timer.stop()
        self._playback.rest()
        self._exports.close()
        self.window.close()
        self._engine.removeImageProvider("sound")
        shiboken6.delete(self._engine)  # before what its QML looks at

    def _size(self) -> QSize:
        """As it was, but no larger than the screen."""
        wanted = QSize(self._settings.width, self._settings.height)
        screen = QGuiApplication.primaryScreen().availableSize()
        return (
            wanted.boundedTo(screen).expandedTo(LEAST) if screen.width() > LEAST.width() else wanted
        )

    def _look(self) -> None:
        self._waves.look()
        self._songs.look()

    def _on_song(self) -> None:
        self._songs.remember(str(self._playback.shot.path or ""))
        self._look()

    def _restore(self, is_model_given: bool) -> None:
        """Settings are kept; what the command line said comes before them."""
        player, settings = self._player, self._settings
        if player.mixer.volume_db == 0.0:
            player.mixer.set_volume_db(min(12.0, settings.volume_db))
        if settings.limiter:
            player.mixer.set_limiter(True)
        player.mixer.settle()
        if settings.model and not is_model_given and settings.model != player.snapshot().model:
            try:
                player.set_model(settings.model)
            except UnbraidError:
                settings.model = ""  # it was removed since; the default plays
        if not len(player.playlist):
            player.playlist.restore(self._playlist_path)


def run_window(paths: Sequence[str | Path], player: Any, *, is_model_given: bool = False) -> int:
    """Run Qt until the window is closed; see `unbraid.desktop.run`."""
    # Ctrl-C in the terminal closes the window, and so does a kill. The handler only notes it:
    # before the loop runs a quit would be lost, and what is raised within a slot Qt swallows.
    asked = threading.Event()
    before = {n: signal.signal(n, lambda *_: asked.set()) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        application = make_application()
        desktop = Desktop(player, is_model_given=is_model_given)
        if paths:
            desktop.add(paths)
        look = QTimer(interval=250)  # Python sees signals only when it runs
        look.timeout.connect(lambda: application.quit() if asked.is_set() else None)
        look.start()
        try:
            return application.exec()
        finally:
            desktop.close()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_application() -> QGuiApplication:
    """Qt's one application; drawn in software where there is no graphics card.

    Raises:
        UsageError: there is no display; Qt itself would abort.
    """
    existing = QGuiApplication.instance()
    if isinstance(existing, QGuiApplication):
        return existing
    is_linux = sys.platform.startswith("linux")
    has_display = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if is_linux and not has_display and not os.environ.get("QT_QPA_PLATFORM"):
        raise UsageError("there is no display here; unbraid play --headless plays without one")
    if is_linux and "QT_QUICK_BACKEND" not in os.environ and not _has_graphics():
        # Redraws only what changed: a tenth of the work of OpenGL without a card.
        QQuickWindow.setGraphicsApi(QSGRendererInterface.GraphicsApi.Software)
    application = QGuiApplication(["unbraid"])
    application.setApplicationName("unbraid")
    application.setApplicationDisplayName("unbraid")
    application.setDesktopFileName("unbraid")
    application.setWindowIcon(QIcon(str(ICON)))
    return application


def _has_graphics() -> bool:
    devices = (*Path("/dev").glob("dri/renderD*"), *Path("/dev").glob("nvidia[0-9]*"))
    return bool(devices) or Path("/dev/dxg").exists()
