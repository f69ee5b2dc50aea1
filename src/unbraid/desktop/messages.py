"""The quiet bar: one line at a time that names what happened and what to do."""

from collections.abc import Callable

from PySide6.QtCore import Property, QObject, QTimer, Signal, Slot

from unbraid.errors import Cancelled, UnbraidError

SHOWN_MS = 6_000
"""A remark goes by itself; an error stays until it is closed or another comes."""


class Messages(QObject):
    """The bar's line."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._text, self._is_error = "", False
        self._timer = QTimer(self, singleShot=True, interval=SHOWN_MS)
        self._timer.timeout.connect(self.close)

    text = Property(str, lambda self: self._text, notify=changed)
    isError = Property(bool, lambda self: self._is_error, notify=changed)

    def show(self, text: str, *, is_error: bool = False) -> None:
        """Put up a line in place of the one before."""
        self._text, self._is_error = " ".join(text.split()), is_error
        if is_error:
            self._timer.stop()
        else:
            self._timer.start()
        self.changed.emit()

    @Slot(str)
    def say(self, text: str) -> None:
        """A remark from QML."""
        self.show(text)

    @Slot()
    def close(self) -> None:
        """Take the line away."""
        self._timer.stop()
        self._text = ""
        self.changed.emit()

    def attempt(self, act: Callable[[], object]) -> bool:
        """Do something; what cannot be done becomes a line.

        Returns:
            Whether it was done.
        """
        try:
            act()
        except Cancelled:
            return False
        except UnbraidError as error:
            self.show(str(error), is_error=True)
            return False
        return True
