"""What plays, where and how: the player's snapshot as properties, its commands as slots."""

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Property, QElapsedTimer, QObject, QTimer, Signal, Slot

from unbraid.desktop.messages import Messages
from unbraid.errors import UnbraidError
from unbraid.player.mixer import MAX_GAIN_DB, Meter
from unbraid.player.transport import KEY_RANGE, TEMPO_RANGE, Motion

FAST_MS, SLOW_MS = 33, 200
"""Between looks at the player: while it plays in view, and otherwise."""

FLOOR_DB, TOP_DB = -60.0, 6.0
"""What a meter spans."""

HOLD_S = 1.5
HOLD_FALL = 0.6  # of a meter's height in a second
_STEPS = 240  # a meter moves by no less: more than a lane has pixels
_QUIETEST_DB = -60.0  # the volume's last step before silence


class Playback(QObject):
    """The transport and what it says.

    Args:
        player: `unbraid.player.engine.Player`, or one with its surface.
        messages: where what goes wrong is told.
    """

    songChanged = Signal()
    stateChanged = Signal()
    countersChanged = Signal()
    levelsChanged = Signal()
    ticked = Signal()
    slowTicked = Signal()
    volumeChanged = Signal()
    devicesChanged = Signal()

    def __init__(self, player: Any, messages: Messages, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._player, self._messages = player, messages
        self._shot = player.snapshot()
        self._meter = Meter(player.mixer)
        self._clock = QElapsedTimer()
        self._clock.start()
        self._levels = [0.0] * 15  # of the stems and the master: peak, RMS, held peak
        self._held_until = [0.0] * 5
        self._was_s = 0.0
        self._told = max((notice.serial for notice in self._shot.notices), default=0)
        self._loop_before: tuple[int, int] | None = None
        self._loop_start: int | None = None
        self.is_in_view: Callable[[], bool] = lambda: True
        self._devices: list[str] = []
        self._counters: tuple[Any, ...] = ()
        self._since_slow_s = 0.0
        self._timer = QTimer(self, interval=SLOW_MS)
        self._timer.timeout.connect(self.tick)
        self._timer.start()

    # What is heard

    song = Property(int, lambda self: self._shot.song, notify=songChanged)
    hasSong = Property(bool, lambda self: self._shot.path is not None, notify=songChanged)
    title = Property(str, lambda self: self._shot.title or "", notify=songChanged)
    artist = Property(str, lambda self: self._shot.artist or "", notify=songChanged)
    album = Property(str, lambda self: self._shot.album or "", notify=songChanged)
    path = Property(str, lambda self: str(self._shot.path or ""), notify=songChanged)
    hasCover = Property(bool, lambda self: self._shot.cover is not None, notify=songChanged)
    duration = Property(float, lambda self: self._shot.duration_s or 0.0, notify=songChanged)
    rate = Property(int, lambda self: self._shot.sample_rate, notify=songChanged)

    isPlaying = Property(
        bool, lambda self: self._shot.motion is Motion.PLAYING, notify=stateChanged
    )
    tempo = Property(float, lambda self: self._shot.tempo, notify=stateChanged)
    key = Property(int, lambda self: self._shot.key, notify=stateChanged)
    model = Property(str, lambda self: self._shot.model or "", notify=stateChanged)
    modelWanted = Property(str, lambda self: self._shot.model_wanted or "", notify=stateChanged)
    hasLoop = Property(bool, lambda self: self._shot.loop is not None, notify=stateChanged)
    device = Property(str, lambda self: self._shot.device or "", notify=stateChanged)
    deviceLost = Property(bool, lambda self: self._shot.device_lost, notify=stateChanged)
    isMixture = Property(bool, lambda self: self._shot.is_mixture, notify=stateChanged)
    limiterActs = Property(bool, lambda self: self._shot.limiter_acts, notify=stateChanged)
    songIndex = Property(
        int, lambda self: -1 if self._shot.index is None else self._shot.index, notify=stateChanged
    )
    isOpening = Property(bool, lambda self: self._shot.is_opening, notify=stateChanged)
    position = Property(float, lambda self: self._seconds(self._shot.position), notify=ticked)
    levels = Property(list, lambda self: self._levels, notify=levelsChanged)

    doneFraction = Property(float, lambda self: self._shot.done_fraction, notify=countersChanged)
    timesRealTime = Property(float, lambda self: self._shot.times_real_time, notify=countersChanged)
    ahead = Property(float, lambda self: self._shot.ahead_s, notify=countersChanged)
    late = Property(int, lambda self: self._shot.n_late, notify=countersChanged)
    underruns = Property(int, lambda self: self._shot.n_underruns, notify=countersChanged)

    @Property(float, notify=stateChanged)
    def loopStart(self) -> float:
        return self._seconds(self._shot.loop[0]) if self._shot.loop else -1.0

    @Property(float, notify=stateChanged)
    def loopEnd(self) -> float:
        return self._seconds(self._shot.loop[1]) if self._shot.loop else -1.0

    @Property(float, notify=stateChanged)
    def loopMark(self) -> float:
        """Where a loop is to begin whose end is not set yet; -1 if nowhere."""
        return self._seconds(self._loop_start) if self._loop_start is not None else -1.0

    def _seconds(self, sample: int) -> float:
        return float(sample / (self._shot.sample_rate or 44_100))

    def _sample(self, seconds: float) -> int:
        return round(seconds * (self._shot.sample_rate or 44_100))

    @property
    def shot(self) -> Any:
        """The latest snapshot."""
        return self._shot

    # Looks at the player

    @Slot()
    def tick(self) -> None:
        """Look, and tell what changed."""
        now_s = self._clock.nsecsElapsed() / 1e9
        passed_s, self._was_s = now_s - self._was_s, now_s
        old, shot = self._shot, self._player.snapshot()
        self._shot = shot
        if _song(old) != _song(shot):
            self._loop_before = self._loop_start = None
            self.songChanged.emit()
            self.stateChanged.emit()
        elif _state(old) != _state(shot):
            self.stateChanged.emit()
        # What each look costs beyond this is paid for only if there is somebody to see it.
        is_in_view = self.is_in_view()
        moves = is_in_view and self._measure(now_s, passed_s)
        if old.position != shot.position or old.song != shot.song:
            self.ticked.emit()
        self._since_slow_s += passed_s
        if self._since_slow_s >= SLOW_MS / 1000 * 0.9:
            self._since_slow_s = 0.0
            self._tell(shot)
        is_fast = is_in_view and (shot.motion is Motion.PLAYING or moves)
        interval = FAST_MS if is_fast else SLOW_MS
        if self._timer.interval() != interval:
            self._timer.setInterval(interval)

    def _tell(self, shot: Any) -> None:
        counters = (
            round(shot.done_fraction, 3),
            round(shot.times_real_time, 1),
            round(shot.ahead_s),
            shot.n_late,
            shot.n_underruns,
        )
        if counters != self._counters:
            self._counters = counters
            self.countersChanged.emit()
        for notice in shot.notices:
            if notice.serial > self._told:
                self._told = notice.serial
                self._messages.show(notice.text, is_error=notice.kind == "error")
        self.slowTicked.emit()

    def _measure(self, now_s: float, passed_s: float) -> bool:
        """Read the meters; whether any of them is above its floor."""
        levels = self._meter.read(now_s)
        new = [0.0] * 15
        for lane, (peak_db, rms_db) in enumerate(zip(levels.peak_db, levels.rms_db, strict=True)):
            peak, held = _height(peak_db), self._levels[3 * lane + 2]
            if peak >= held:
                held, self._held_until[lane] = peak, now_s + HOLD_S
            elif now_s > self._held_until[lane]:
                held = max(peak, held - round(HOLD_FALL * passed_s * _STEPS) / _STEPS)
            new[3 * lane : 3 * lane + 3] = peak, _height(rms_db), held
        if new != self._levels:
            self._levels = new
            self.levelsChanged.emit()
        return any(new)

    def rest(self) -> None:
        """Look no more: the window closes."""
        self._timer.stop()

    def _do(self, act: Any) -> bool:
        done = self._messages.attempt(act)
        self.tick()
        # What was asked is done by another thread, soon.
        self._timer.setInterval(FAST_MS)
        return done

    # Commands

    @Slot()
    def toggle(self) -> None:
        self._do(self._player.toggle)

    @Slot()
    def stop(self) -> None:
        self._do(self._player.stop)

    @Slot()
    def next(self) -> None:
        self._do(self._player.next)

    @Slot()
    def previous(self) -> None:
        self._do(self._player.previous)

    @Slot(float)
    def seek(self, seconds: float) -> None:
        self._do(lambda: self._player.seek(self._sample(seconds)))

    @Slot(float)
    def prepare(self, seconds: float) -> None:
        """A seek is likely to follow there."""
        self._messages.attempt(lambda: self._player.prepare(self._sample(seconds)))

    @Slot(float)
    def seekBy(self, seconds: float) -> None:
        self._do(lambda: self._player.seek_by(seconds))

    @Slot(float)
    def setTempo(self, tempo: float) -> None:
        low, high = TEMPO_RANGE
        self._do(lambda: self._player.set_tempo(min(high, max(low, tempo))))

    @Slot(int)
    def setKey(self, semitones: int) -> None:
        low, high = KEY_RANGE
        self._do(lambda: self._player.set_key(min(high, max(low, semitones))))

    @Slot(float, float)
    def setLoop(self, start_s: float, end_s: float) -> None:
        self._loop_start = None
        self._do(lambda: self._player.set_loop(self._sample(start_s), self._sample(end_s)))

    @Slot()
    def clearLoop(self) -> None:
        self._loop_before, self._loop_start = self._shot.loop or self._loop_before, None
        self._do(self._player.clear_loop)

    @Slot()
    def startLoopHere(self) -> None:
        """The key [: a loop begins here; one that ends later keeps its end."""
        here = self._shot.position
        if self._shot.loop is not None and here < self._shot.loop[1]:
            end = self._shot.loop[1]
            self._do(lambda: self._player.set_loop(here, end))
            return
        self._loop_start = here
        self.stateChanged.emit()

    @Slot()
    def endLoopHere(self) -> None:
        """The key ]: a loop ends here; it begins where [ was, or the loop did, or the song."""
        here = self._shot.position
        start = self._loop_start
        if start is None:
            start = self._shot.loop[0] if self._shot.loop is not None else 0
        if self._do(lambda: self._player.set_loop(start, here)):
            self._loop_start = None
            self.stateChanged.emit()

    @Slot()
    def toggleLoop(self) -> None:
        """The key L: the loop off, or the last one on again."""
        if self._shot.loop is not None:
            self.clearLoop()
        elif self._loop_before is not None:
            start, end = self._loop_before
            self._do(lambda: self._player.set_loop(start, end))
        elif self._shot.path is not None:
            self._messages.show("No loop yet: press [ and ] where it begins and ends, or drag")

    # Volume and device

    devices = Property(list, lambda self: self._devices, notify=devicesChanged)
    volume = Property(float, lambda self: self._player.mixer.volume_db, notify=volumeChanged)
    limiter = Property(bool, lambda self: self._player.mixer.limiter.on, notify=volumeChanged)

    @Slot(float)
    def setVolume(self, volume_db: float) -> None:
        volume_db = min(MAX_GAIN_DB, volume_db)
        self._player.mixer.set_volume_db(volume_db if volume_db > _QUIETEST_DB else float("-inf"))
        self.volumeChanged.emit()

    @Slot(float)
    def nudgeVolume(self, by_db: float) -> None:
        self.setVolume(max(self._player.mixer.volume_db, _QUIETEST_DB) + by_db)

    @Slot(bool)
    def setLimiter(self, on: bool) -> None:
        self._player.mixer.set_limiter(on)
        self.volumeChanged.emit()

    @Slot(str)
    def setDevice(self, name: str) -> None:
        """Another sound device; "" is the system's choice."""
        self._do(lambda: self._player.set_device(name or None))

    @Slot()
    def findDevices(self) -> None:
        """Look for the devices that could play, on a thread; `devices` follow."""
        threading.Thread(target=self._find_devices, name="devices", daemon=True).start()

    def _find_devices(self) -> None:
        try:
            self._devices = [device.name for device in self._player.devices()]
        except UnbraidError:
            self._devices = []
        self.devicesChanged.emit()


def _song(shot: Any) -> tuple[Any, ...]:
    return (shot.song, shot.path, shot.title, shot.artist, shot.album, shot.duration_s)


def _state(shot: Any) -> tuple[Any, ...]:
    return (
        shot.motion,
        shot.loop,
        shot.tempo,
        shot.key,
        shot.model,
        shot.model_wanted,
        shot.device,
        shot.device_lost,
        shot.is_mixture,
        shot.limiter_acts,
        shot.index,
        shot.is_opening,
    )


def _height(level_db: float) -> float:
    """Of a meter's bar, 0 to 1, in steps."""
    height = (level_db - FLOOR_DB) / (TOP_DB - FLOOR_DB)
    return round(min(1.0, max(0.0, height)) * _STEPS) / _STEPS
