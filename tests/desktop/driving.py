"""Clicks and keys for a Qt Quick window, and what stands in it."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QMimeData,
    QObject,
    QPoint,
    QPointF,
    QRectF,
    Qt,
    QUrl,
)
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QImage, QWheelEvent
from PySide6.QtQml import QQmlEngine, QQmlExpression, QQmlProperty
from PySide6.QtQuick import QQuickItem, QQuickWindow
from PySide6.QtTest import QTest


def settle(ms: int = 60) -> None:
    """Let the window work for a while."""
    end = time.monotonic() + ms / 1000
    while time.monotonic() < end:
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        time.sleep(0.002)


def wait_for(condition: Callable[[], bool], *, timeout_s: float = 20.0) -> None:
    """Let the window work until something is so."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it never became so"
        settle(10)


def items(root: QQuickItem) -> Iterator[QQuickItem]:
    """An item and all below it, whoever made them."""
    yield root
    for child in root.childItems():
        yield from items(child)


class Hand:
    """A mouse and a keyboard at a window."""

    def __init__(self, window: QQuickWindow) -> None:
        self.window = window

    def find(self, name: str) -> QQuickItem | None:
        """The item in view with an object name."""
        named = [item for item in items(self.window.contentItem()) if item.objectName() == name]
        return next((item for item in named if item.isVisible()), named[0] if named else None)

    def item(self, name: str) -> QQuickItem:
        """The same, where it must be there and in view."""
        found = self.find(name)
        assert found is not None, f"nothing is called {name!r}"
        assert found.isVisible(), f"{name!r} is not in view"
        return found

    def shows(self, name: str) -> bool:
        """Whether it is in view."""
        found = self.find(name)
        return found is not None and found.isVisible()

    def text(self, name: str) -> str:
        """What is written on it."""
        return str(self.item(name).property("text"))

    def value(self, name: str, what: str) -> object:
        """A property of it, attached ones too."""
        return QQmlProperty.read(self.item(name), what)

    def evaluate(self, name: str, expression: str) -> Any:
        """What an expression of QML comes to at an item."""
        found = self.item(name)
        context = QQmlEngine.contextForObject(found)
        assert context is not None
        return QQmlExpression(context, found, expression).evaluate()[0]

    def at(self, name: str, across: float = 0.5, down: float = 0.5) -> QPoint:
        """A point of an item, in the window."""
        found = self.item(name)
        above: QQuickItem | None = found
        while above is not None:  # a list that was just built has all its rows in one place
            above.ensurePolished()
            above = above.parentItem()
        return found.mapToScene(QPointF(found.width() * across, found.height() * down)).toPoint()

    def click(self, name: str, across: float = 0.5, down: float = 0.5) -> None:
        """Press and let go."""
        button, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QTest.mouseClick(self.window, button, none, self.at(name, across, down))
        settle()

    def double_click(self, name: str, across: float = 0.5, down: float = 0.5) -> None:
        """Twice, as fast as people do."""
        button, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        point = self.at(name, across, down)
        QTest.mouseClick(self.window, button, none, point)
        QTest.mouseDClick(self.window, button, none, point)
        settle()

    def picture(self, name: str) -> QImage:
        """An item as it is seen, with what lies over it."""
        found = self.item(name)
        area = found.mapRectToScene(QRectF(0, 0, found.width(), found.height())).toRect()
        return self.window.grabWindow().copy(area)

    def drag(self, start: QPoint, end: QPoint, n_steps: int = 8) -> None:
        """Press at one point, let go at another."""
        button, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QTest.mousePress(self.window, button, none, start)
        for step in range(1, n_steps + 1):
            QTest.mouseMove(self.window, start + (end - start) * step / n_steps)
            settle(5)
        QTest.mouseRelease(self.window, button, none, end)
        settle()

    def press(self, *keys: str, shift: bool = False, alt: bool = False, ms: int = 60) -> None:
        """Press keys by Qt's names of them, one after the other; then wait."""
        held = Qt.KeyboardModifier.NoModifier
        if shift:
            held |= Qt.KeyboardModifier.ShiftModifier
        if alt:
            held |= Qt.KeyboardModifier.AltModifier
        for key in keys:
            QTest.keyClick(self.window, Qt.Key[f"Key_{key}"], held)
            settle(ms)

    def type(self, name: str, text: str) -> None:
        """Write over what stands in a field."""
        self.click(name)
        QTest.keyClick(self.window, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        for letter in text:
            QTest.keyClick(self.window, letter)
        settle()

    def hover(self, name: str, across: float = 0.5, down: float = 0.5) -> None:
        """Point at something."""
        QTest.mouseMove(self.window, self.at(name, across, down))
        settle()

    def wheel(self, name: str, turns: int, *, shift: bool = False) -> None:
        """Turn the wheel over something: away from the hand is positive."""
        point = QPointF(self.at(name))
        held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        turned = QWheelEvent(
            point,
            point,
            QPoint(),
            QPoint(0, 120 * turns),
            Qt.MouseButton.NoButton,
            held,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QCoreApplication.sendEvent(self.window, turned)
        settle()

    def drop(self, paths: Sequence[Path], point: QPoint | None = None) -> None:
        """Drag files over the window and let go of them."""
        files = QMimeData()
        files.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        copy, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
        none, point = Qt.KeyboardModifier.NoModifier, point or QPoint(300, 300)
        for event in (
            QDragEnterEvent(point, copy, files, button, none),
            QDragMoveEvent(point, copy, files, button, none),
            QDropEvent(QPointF(point), copy, files, button, none),
        ):
            QCoreApplication.sendEvent(self.window, event)
            settle(20)

    def settle(self, ms: int = 60) -> None:
        """Let the window work for a while."""
        settle(ms)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Let it work until something is so."""
        wait_for(condition)

    def dialog(self) -> QObject | None:
        """The system's dialog for files or folders that is open."""
        found = self.window.findChildren(QObject)
        return next((it for it in found if it.inherits("QQuickFileDialog")), None)
