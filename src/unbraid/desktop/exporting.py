"""Exports as the window sees them: what is asked for, and how far it is."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Property, QObject, QStandardPaths, QTimer, QUrl, Signal, Slot

from unbraid.audio.encoder import DEPTHS, FORMATS
from unbraid.desktop.messages import Messages
from unbraid.desktop.settings import Settings
from unbraid.errors import Cancelled
from unbraid.library.naming import DEFAULT_TEMPLATE
from unbraid.player.export import ExportJob, ExportRequest
from unbraid.stems import STEMS

LOOK_MS = 150
PATIENCE_S = 5.0
_DEPTHS = {"wav": DEPTHS, "flac": ("16", "24")}  # lossy formats have none


class Exports(QObject):
    """One export at a time, while the song plays.

    Args:
        player: whose song it is.
        messages: where is told how it ended.
        settings: keeps folder and format.
    """

    changed = Signal()
    chosenChanged = Signal()

    def __init__(
        self, player: Any, messages: Messages, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._player, self._messages, self._settings = player, messages, settings
        self._job: ExportJob | None = None
        self._fraction = 0.0
        self._result = ""
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)

    isRunning = Property(bool, lambda self: self._job is not None, notify=changed)
    fraction = Property(float, lambda self: self._fraction, notify=changed)
    result = Property(str, lambda self: self._result, notify=changed)
    formats = Property(list, lambda self: list(FORMATS), constant=True)
    defaultName = Property(str, lambda self: DEFAULT_TEMPLATE, constant=True)
    format = Property(str, lambda self: self._settings.export_format, notify=chosenChanged)
    depth = Property(str, lambda self: self._settings.export_depth, notify=chosenChanged)

    folder = Property(str, lambda self: self._folder, notify=chosenChanged)

    @property
    def _folder(self) -> str:
        music = QStandardPaths.StandardLocation.MusicLocation
        default = Path(QStandardPaths.writableLocation(music) or Path.home()) / "unbraid"
        return self._settings.export_folder or str(default)

    @Property(list, notify=chosenChanged)
    def depths(self) -> list[str]:
        """Those of the format; "" is the source's. A lossy format has none."""
        found = _DEPTHS.get(self._settings.export_format, ())
        return ["", *found] if found else []

    @Slot(str)
    def setFormat(self, name: str) -> None:
        self._settings.export_format = name
        if self._settings.export_depth not in _DEPTHS.get(name, ()):
            self._settings.export_depth = ""
        self.chosenChanged.emit()

    @Slot(str)
    def setDepth(self, depth: str) -> None:
        self._settings.export_depth = depth
        self.chosenChanged.emit()

    @Slot(str)
    def setFolder(self, folder: str) -> None:
        """A folder's path or URL."""
        url = QUrl(folder)
        self._settings.export_folder = url.toLocalFile() if url.isLocalFile() else folder
        self.chosenChanged.emit()

    @Slot("QVariantList", bool, bool, bool, str, bool)
    def start(
        self, stems: list[str], mix: bool, stretched: bool, loop: bool, name: str, force: bool
    ) -> None:
        """Begin; how it ends is told in the bar."""
        request = ExportRequest(
            folder=Path(self._folder).expanduser(),
            stems=tuple(stem for stem in STEMS if stem in stems),
            mix=mix,
            loop_only=loop,
            stretched=stretched,
            template=name or DEFAULT_TEMPLATE,
            format=self._settings.export_format,
            depth=self._settings.export_depth or None,
            force=force,
        )
        if self._job is None and self._messages.attempt(lambda: self._begin(request)):
            self._timer.start()
            self.changed.emit()

    def _begin(self, request: ExportRequest) -> None:
        self._job = self._player.export(request)
        self._fraction, self._result = 0.0, ""

    @Slot()
    def cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def close(self) -> None:
        """The window goes: an export under way is given up, and leaves nothing behind."""
        if self._job is not None:
            self._job.cancel()
            self._job.wait(PATIENCE_S)

    def _look(self) -> None:
        job = self._job
        if job is None:
            return
        self._fraction = job.fraction
        if job.is_done:
            self._timer.stop()
            self._job = None
            self._end(job)
        self.changed.emit()

    def _end(self, job: ExportJob) -> None:
        if isinstance(job.error, Cancelled):
            self._messages.show("Export cancelled; nothing is left behind")
        elif job.error is not None:
            self._messages.show(str(job.error), is_error=True)
        elif job.result is not None:
            n_files = len(job.result.paths)
            folder = next(iter(job.result.paths.values())).parent
            gain_db = min(job.result.gain_db, job.result.mix_gain_db)
            gain = f", {gain_db:.1f} dB so that none clips" if gain_db < -0.05 else ""
            self._result = f"{n_files} file{'s' * (n_files > 1)} in {folder}{gain}"
            self._messages.show(f"Exported {self._result}")
