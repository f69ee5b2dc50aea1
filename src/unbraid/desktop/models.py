"""The models that can be chosen, each with its card."""

import threading
from typing import Any

from PySide6.QtCore import Property, QObject, Signal, Slot

from unbraid.desktop.messages import Messages
from unbraid.errors import UnbraidError
from unbraid.player.engine import ORIGINAL
from unbraid.stems import COLOURS, STEMS


class Models(QObject):
    """Names, cards, and the two that the keys A and B compare.

    Cards are read on a thread when they are first asked for: they lie in the models' files.

    Args:
        player: plays with one of them.
        messages: where is told what cannot be opened.
        compared: what B is at first.
    """

    changed = Signal()
    _read = Signal(list)

    def __init__(
        self, player: Any, messages: Messages, compared: str, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._player, self._messages = player, messages
        self._cards: list[dict[str, Any]] = []
        self._is_reading = False
        self._chosen, self.compared_name = player.snapshot().model, compared or ORIGINAL
        self._read.connect(self._keep)

    cards = Property(list, lambda self: self._cards, notify=changed)
    compared = Property(str, lambda self: self.compared_name, notify=changed)
    original = Property(str, lambda self: ORIGINAL, constant=True)

    @property
    def chosen(self) -> str:
        """The model that A means."""
        return str(self._chosen)

    @Slot()
    def read(self) -> None:
        """Find out what there is; `cards` follow."""
        if not self._is_reading:
            self._is_reading = True
            threading.Thread(target=self._look_up, name="model cards", daemon=True).start()

    def _look_up(self) -> None:
        names = self._player.models()
        shot = self._player.snapshot()
        for name in (shot.model, shot.model_wanted):
            # One that was given by its path is not among them; a blind test's letter is none.
            if name and name not in names and self._player.blind is None:
                names.insert(0, name)
        self._read.emit([card_of(name) for name in names])

    @Slot(list)
    def _keep(self, cards: list[dict[str, Any]]) -> None:
        self._is_reading = False
        if cards != self._cards:  # or lists would be built anew under the mouse
            self._cards = cards
            self.changed.emit()

    @Slot(str)
    def choose(self, name: str) -> None:
        """Play with another model."""
        if self._messages.attempt(lambda: self._player.set_model(name)) and name != ORIGINAL:
            self._chosen = name
            self.changed.emit()

    @Slot(str)
    def compare(self, name: str) -> None:
        """What the key B plays."""
        self.compared_name = name
        self.changed.emit()

    @Slot()
    def chooseA(self) -> None:
        """The key A: back to the model that was chosen."""
        shot = self._player.snapshot()
        heard = shot.model_wanted or shot.model
        if heard not in (ORIGINAL, self.compared_name):
            self._chosen = heard
        self.choose(self._chosen or heard)

    @Slot()
    def chooseB(self) -> None:
        """The key B: what it is compared with, at the same sample."""
        shot = self._player.snapshot()
        heard = shot.model_wanted or shot.model
        if heard not in (ORIGINAL, self.compared_name):
            self._chosen = heard
        compared = self.compared_name if self.compared_name != self._chosen else ORIGINAL
        self._messages.attempt(lambda: self._player.set_model(compared))

    @Slot()
    def chooseNext(self) -> None:
        """The key M: the next one of the list."""
        # Reading the models' files takes a moment, and most often has been done.
        names = [card["name"] for card in self._cards] or self._player.models()
        shot = self._player.snapshot()
        heard = shot.model_wanted or shot.model
        place = names.index(heard) + 1 if heard in names else 0
        if len(names) > 1:
            self.choose(names[place % len(names)])


def card_of(name: str) -> dict[str, Any]:
    """What a model says of itself, as plain values for the window."""
    card: dict[str, Any] = {
        "name": name,
        "about": "",
        "licence": "",
        "figures": [],
        "panel": "",
        "facts": [],
    }
    if name == ORIGINAL:
        card["about"] = "The song as it was released, without taking it apart."
        return card
    try:
        card |= _set_card(name)
    except UnbraidError:
        card |= _peer_card(name)
    return card


def _set_card(name: str) -> dict[str, Any]:
    from unbraid.models.catalog import find_model

    entry = find_model(name)
    first = entry.cards[0]
    metrics = first.metrics
    usdr = metrics.get("usdr_db", {})
    figures = [
        {"stem": stem, "colour": COLOURS[stem], "text": f"{usdr[stem]:.1f}"}
        for stem in STEMS
        if isinstance(usdr.get(stem), int | float)
    ]
    facts = [f"{entry.n_bytes / 1e6:.1f} MB"]
    cost = metrics.get("cpu_s_per_audio_s")
    if isinstance(cost, int | float) and cost > 0:
        facts.append(f"{1 / cost:.0f}× real time on one core")
    if isinstance(metrics.get("gmac_per_s"), int | float):
        facts.append(f"{metrics['gmac_per_s']:.1f} GMAC/s")
    return {
        "about": first.description or first.architecture,
        "architecture": first.architecture,
        "licence": ", ".join(dict.fromkeys(card.licence for card in entry.cards)),
        "figures": figures,
        "panel": str(metrics.get("panel", "")),
        "facts": facts,
    }


def _peer_card(name: str) -> dict[str, Any]:
    from unbraid.peers.shipped import SHIPPED, UNKNOWN

    facts = SHIPPED.get(name.partition(":")[0])
    return {
        "about": "Another project's model; the whole song is separated before it is heard.",
        "licence": facts.licence if facts else UNKNOWN,
    }
