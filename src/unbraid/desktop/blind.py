"""The blind test's panel: letters, choices, and what they come to."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Property, QObject, Signal, Slot

from unbraid.desktop.messages import Messages


class BlindTest(QObject):
    """A blind test as the window sees it; the player keeps it.

    Args:
        player: plays what is behind the letters.
        messages: where is told why a test cannot begin.
    """

    changed = Signal()

    def __init__(self, player: Any, messages: Messages, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._player, self._messages = player, messages
        self._verdict: dict[str, Any] = {}

    isRunning = Property(
        bool, lambda self: self._test is not None and not self._test.is_revealed, notify=changed
    )
    isRevealed = Property(bool, lambda self: bool(self._verdict), notify=changed)
    verdict = Property(dict, lambda self: self._verdict, notify=changed)
    nTrials = Property(
        int, lambda self: self._test.n_trials if self._test is not None else 0, notify=changed
    )
    letters = Property(
        list,
        lambda self: list(self._test.letters) if self._test is not None else [],
        notify=changed,
    )

    @property
    def _test(self) -> Any:
        return self._player.blind

    @Slot("QVariantList")
    def start(self, names: Sequence[str]) -> None:
        """Hide the names of some models."""
        self._verdict = {}
        self._messages.attempt(lambda: self._player.start_blind(list(names)))
        self.changed.emit()

    @Slot(str)
    def hear(self, letter: str) -> None:
        """Play what is behind a letter, at the same sample."""
        self._messages.attempt(lambda: self._player.set_model(letter))

    @Slot(str)
    def choose(self, letter: str) -> None:
        """Prefer a letter; they are dealt anew."""
        self._messages.attempt(lambda: self._player.choose(letter))
        self.changed.emit()

    @Slot()
    def reveal(self) -> None:
        """Tell the names, counts and the p-value."""
        test = self._test
        if test is not None and self._messages.attempt(lambda: self._keep(test.reveal())):
            self.changed.emit()

    def _keep(self, verdict: Any) -> None:
        self._verdict = {
            "counts": [
                {"name": name, "count": count, "share": count / max(1, verdict.n_trials)}
                for name, count in verdict.counts.items()
            ],
            "n": verdict.n_trials,
            "favourite": verdict.favourite or "",
            "p": verdict.p_value,
        }

    @Slot()
    def stop(self) -> None:
        """Close the test."""
        self._verdict = {}
        self._messages.attempt(self._player.stop_blind)
        self.changed.emit()
