"""The playlist as a list for the window, and the songs that were played lately."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    Property,
    QAbstractListModel,
    QByteArray,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QUrl,
    Signal,
    Slot,
)

from unbraid.desktop.messages import Messages
from unbraid.desktop.settings import Settings
from unbraid.errors import UnbraidError

Index = QModelIndex | QPersistentModelIndex

_ROLES = ("serial", "title", "artist", "duration", "problem", "path")
_FIRST_ROLE = int(Qt.ItemDataRole.UserRole)
_NOWHERE = QModelIndex()


class Songs(QAbstractListModel):
    """The playlist's items.

    Args:
        player: whose playlist it is.
        messages: where is told what could not be added.
        settings: keeps the recent songs.
    """

    listChanged = Signal()
    recentChanged = Signal()
    _added = Signal(list, bool, int)

    def __init__(
        self, player: Any, messages: Messages, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._player, self._messages, self._settings = player, messages, settings
        self._items: tuple[Any, ...] = player.playlist.items
        self._changes = player.playlist.changes
        self._n_adding = 0
        self._added.connect(self._on_added)

    n = Property(int, lambda self: len(self._items), notify=listChanged)
    current = Property(int, lambda self: self._player.playlist.index, notify=listChanged)
    isAdding = Property(bool, lambda self: self._n_adding > 0, notify=listChanged)

    @Property(list, notify=recentChanged)
    def recent(self) -> list[dict[str, str]]:
        """Songs that were played lately, the newest first."""
        paths = [Path(path) for path in self._settings.recent]
        return [
            {"path": str(path), "title": path.stem, "folder": path.parent.name} for path in paths
        ]

    # What Qt asks

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._items)

    def roleNames(self) -> dict[int, QByteArray]:
        return {_FIRST_ROLE + i: QByteArray(role.encode()) for i, role in enumerate(_ROLES)}

    def data(self, index: Index, role: int = _FIRST_ROLE) -> Any:
        if not 0 <= index.row() < len(self._items):
            return None
        item = self._items[index.row()]
        what = _ROLES[role - _FIRST_ROLE] if role >= _FIRST_ROLE else "title"
        if what == "duration":
            return item.duration_s or 0.0
        if what == "path":
            return str(item.path)
        return getattr(item, what) or ("" if what != "serial" else 0)

    # What the listener does

    @Slot(int)
    def open(self, row: int) -> None:
        """Play an item."""
        self._messages.attempt(lambda: self._player.open(row))
        self.look()

    @Slot("QVariantList", int, bool)
    def addUrls(self, urls: Sequence[Any], at: int, play: bool) -> None:
        """Add what was dropped or chosen.

        Args:
            urls: of files and folders.
            at: the row of the first; -1 for the end.
            play: open the first of them.
        """
        paths = [QUrl(url).toLocalFile() for url in urls]
        if not any(paths):
            self._messages.show("Only files and folders of this computer can be added")
            return
        self.add([path for path in paths if path], at=at, play=play)

    @Slot(str)
    def addRecent(self, path: str) -> None:
        """Play a recent song; one that is in the list already is not added again."""
        for row, item in enumerate(self._items):
            if str(item.path) == path:
                self.open(row)
                return
        self.add([path], play=True)

    def add(self, paths: Sequence[str | Path], *, at: int = -1, play: bool = False) -> None:
        """Add files and folders on a thread: a large folder takes a while."""
        self._n_adding += 1
        self.listChanged.emit()

        def search() -> None:
            place = None if at < 0 else at
            n_before = len(self._player.playlist)
            try:
                problems = self._player.playlist.add(paths, place)
            except UnbraidError as error:
                problems = [str(error)]
            n_new = len(self._player.playlist) - n_before
            first = n_before if place is None else min(place, n_before)
            self._added.emit(problems, play and n_new > 0, first if n_new else -1)

        threading.Thread(target=search, name="add songs", daemon=True).start()

    @Slot(list, bool, int)
    def _on_added(self, problems: list[str], play: bool, first: int) -> None:
        self._n_adding -= 1
        self.look()
        self.listChanged.emit()
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self._messages.show(problems[0] + more, is_error=True)
        elif first < 0:
            self._messages.show("No songs there; wav, flac, mp3, m4a, ogg, opus and others play")
        if play:
            self.open(first)

    @Slot(int)
    def remove(self, row: int) -> None:
        self._messages.attempt(lambda: self._player.playlist.remove(row))
        self.look()

    @Slot(int, int)
    def move(self, row: int, to: int) -> None:
        if row != to and 0 <= row < len(self._items) and 0 <= to < len(self._items):
            self._messages.attempt(lambda: self._player.playlist.move(row, to))
            self.look()

    @Slot()
    def clear(self) -> None:
        self._player.playlist.clear()
        self.look()

    @Slot()
    def clearRecent(self) -> None:
        self._settings.recent = []
        self.recentChanged.emit()

    def remember(self, path: str) -> None:
        """A song was opened."""
        if path and (not self._settings.recent or self._settings.recent[0] != path):
            self._settings.remember(path)
            self.recentChanged.emit()

    def look(self) -> None:
        """See whether the list changed, and tell the view how; rows that stay are kept."""
        playlist = self._player.playlist
        if playlist.changes == self._changes:
            return
        self._changes = playlist.changes
        old, new = self._items, playlist.items
        if [item.serial for item in old] == [item.serial for item in new]:
            self._items = new
            if new:
                self.dataChanged.emit(self.index(0), self.index(len(new) - 1))
        elif not self._moved_one(old, new):
            self._replaced(old, new)
        self.listChanged.emit()

    def _moved_one(self, old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
        if len(old) != len(new):
            return False
        differ = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a.serial != b.serial]
        first, last = differ[0], differ[-1]
        for source, target in ((first, last), (last, first)):
            serials = [item.serial for item in old]
            serials.insert(target, serials.pop(source))
            if serials == [item.serial for item in new]:
                below = target + 1 if target > source else target
                self.beginMoveRows(_NOWHERE, source, source, _NOWHERE, below)
                self._items = new
                self.endMoveRows()
                return True
        return False

    def _replaced(self, old: tuple[Any, ...], new: tuple[Any, ...]) -> None:
        """Take out the rows between what is the same before and after, and put in the new ones."""
        serials, wanted = [i.serial for i in old], [i.serial for i in new]
        n_same = min(len(old), len(new))
        head = next((i for i in range(n_same) if serials[i] != wanted[i]), n_same)
        tail = next((i for i in range(n_same - head) if serials[-1 - i] != wanted[-1 - i]), None)
        tail = n_same - head if tail is None else tail
        if head < len(old) - tail:
            self.beginRemoveRows(_NOWHERE, head, len(old) - tail - 1)
            self._items = old[:head] + old[len(old) - tail :]
            self.endRemoveRows()
        if head < len(new) - tail:
            self.beginInsertRows(_NOWHERE, head, len(new) - tail - 1)
            self._items = new
            self.endInsertRows()
        self._items = new
