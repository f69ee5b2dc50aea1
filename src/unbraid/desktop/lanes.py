"""The four lanes: each stem's fader, mute, solo and pan as the mixer has them."""

from typing import Any

from PySide6.QtCore import Property, QObject, Signal, Slot

from unbraid.desktop.messages import Messages
from unbraid.player.mixer import MAX_GAIN_DB
from unbraid.stems import COLOURS, STEMS

QUIETEST_DB = -60.0
"""A fader's last step before silence."""


class Lane(QObject):
    """One stem's controls."""

    changed = Signal()

    def __init__(self, index: int, lanes: "Lanes") -> None:
        super().__init__(lanes)
        self._index, self._stem, self._lanes = index, STEMS[index], lanes

    index = Property(int, lambda self: self._index, constant=True)
    stem = Property(str, lambda self: self._stem, constant=True)
    colour = Property(str, lambda self: COLOURS[self._stem], constant=True)
    gain = Property(float, lambda self: self._strip.gain_db, notify=changed)
    mute = Property(bool, lambda self: self._strip.mute, notify=changed)
    solo = Property(bool, lambda self: self._strip.solo, notify=changed)
    pan = Property(float, lambda self: self._strip.pan, notify=changed)

    @Property(bool, notify=changed)
    def isHeard(self) -> bool:
        """Whether neither its mute nor another's solo silences it."""
        strips = self._lanes.mixer.strips
        return not self._strip.mute and (
            self._strip.solo or not any(strip.solo for strip in strips)
        )

    @property
    def _strip(self) -> Any:
        return self._lanes.mixer.strips[self._index]

    @Slot(float)
    def setGain(self, gain_db: float) -> None:
        gain_db = min(MAX_GAIN_DB, gain_db)
        self._set("gain_db", gain_db if gain_db > QUIETEST_DB else float("-inf"))

    @Slot()
    def toggleMute(self) -> None:
        self._set("mute", not self._strip.mute)

    @Slot()
    def toggleSolo(self) -> None:
        self._set("solo", not self._strip.solo)

    @Slot(float)
    def setPan(self, pan: float) -> None:
        self._set("pan", min(1.0, max(-1.0, pan)))

    def _set(self, control: str, value: float | bool) -> None:
        act = getattr(self._lanes.mixer, f"set_{control}")
        self._lanes.messages.attempt(lambda: act(self._stem, value))
        self._lanes.tell()


class Lanes(QObject):
    """All four, in the order of STEMS."""

    changed = Signal()

    def __init__(self, mixer: Any, messages: Messages, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.mixer, self.messages = mixer, messages
        self._lanes = [Lane(i, self) for i in range(len(STEMS))]

    all = Property(list, lambda self: self._lanes, constant=True)
    isUnity = Property(bool, lambda self: self.mixer.is_unity, notify=changed)

    def tell(self) -> None:
        """A control moved: one lane's solo changes what is heard of the others."""
        for lane in self._lanes:
            lane.changed.emit()
        self.changed.emit()

    @Slot()
    def reset(self) -> None:
        """All faders to 0 dB, all mutes and solos off, all pans to the centre."""
        for stem in STEMS:
            self.mixer.set_gain_db(stem, 0.0)
            self.mixer.set_mute(stem, False)
            self.mixer.set_solo(stem, False)
            self.mixer.set_pan(stem, 0.0)
        self.tell()
