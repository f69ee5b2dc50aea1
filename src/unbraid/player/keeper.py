"""Keeps a sound device open: tends it, and finds another when it is gone."""

import threading
import time
from collections.abc import Callable

from unbraid.errors import DeviceError
from unbraid.player.output import Device, Fill, Output, system_output
from unbraid.player.snapshot import NoticeKind

TEND_S = 0.2
RETRY_S = 1.0


class Keeper:
    """The output, used by one thread at a time; opened when it is first wanted.

    Args:
        output: None for the system's, found when first needed.
        device: part of a device's name; None for the system's choice.
        rate: Hz.
        fill: gives samples; see `Output.open`.
        on_lost: called when the device went away.
        on_found: called when another was opened in its place.
        tell: takes notices: a line, and its kind.
        is_driven: start no thread; whoever drives calls `tend`.
    """

    def __init__(
        self,
        output: Output | None,
        device: str | None,
        rate: int,
        fill: Fill,
        *,
        on_lost: Callable[[], None],
        on_found: Callable[[], None],
        tell: Callable[[str, NoticeKind], None],
        is_driven: bool,
    ) -> None:
        self.is_lost = False
        """No device plays though one is wanted."""
        self._output, self._device = output, device
        self._rate, self._fill = rate, fill
        self._on_lost, self._on_found, self._tell = on_lost, on_found, tell
        self._is_driven = is_driven
        self._is_wanted = self._is_stale = False
        self._retry_at = 0.0
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="device", daemon=True)
        if not is_driven:
            self._thread.start()

    @property
    def is_wanted(self) -> bool:
        """Whether a device is open, or is to be."""
        return self._is_wanted

    @property
    def name(self) -> str:
        """Of the device in use; empty if none is."""
        return self._output.name if self._output is not None else ""

    @property
    def latency_s(self) -> float:
        """From `fill` to the ear."""
        return self._output.latency_s if self._output is not None else 0.0

    @property
    def n_underruns(self) -> int:
        return self._output.n_underruns if self._output is not None else 0

    def want(self) -> None:
        """Something is to be heard: have a device open soon."""
        if not self._is_wanted:
            self._is_wanted = self._is_stale = True
            self._woken.set()

    def use(self, device: str | None) -> None:
        """Play on another device, now if anything plays."""
        self._device, self._is_stale = device, True
        self._woken.set()

    def devices(self) -> list[Device]:
        """What could be opened.

        Raises:
            DeviceError: no library is there to play with.
        """
        with self._lock:
            return self._made().devices()

    def tend(self) -> None:
        """One look at the device: open it, let it grow its buffers, or find another."""
        with self._lock:
            if not self._is_wanted or self._closed:
                return
            if self._is_stale:
                self._is_stale = False
                self._open_wanted()
            elif self.is_lost:
                if self._is_driven or time.monotonic() >= self._retry_at:
                    self._find_another()
            elif self._made().is_lost:
                self._lose(f"the sound device {self.name} is gone; paused until another is found")
            else:
                try:
                    self._made().tend()
                except DeviceError as error:
                    self._lose(str(error))

    def close(self) -> None:
        """Close the device and end the thread."""
        self._closed = True
        self._woken.set()
        if not self._is_driven:
            self._thread.join()
        if self._output is not None:
            self._output.close()

    def _run(self) -> None:
        while not self._closed:
            self.tend()
            self._woken.wait(TEND_S if self._is_wanted else None)
            self._woken.clear()

    def _made(self) -> Output:
        if self._output is None:
            self._output = system_output()
        return self._output

    def _open_wanted(self) -> None:
        was_named = self.name
        try:
            self._made().open(self._rate, self._fill, self._device)
        except DeviceError as error:
            self._tell(str(error), "error")
            self._device = None
            if was_named:
                # What played before the wrong name was given goes on.
                try:
                    self._made().open(self._rate, self._fill, was_named)
                    return
                except DeviceError:
                    pass
            if not self.is_lost:
                self.is_lost = True
                self._on_lost()
            self._retry_at = time.monotonic() + RETRY_S
            return
        if self.is_lost:
            self._found()

    def _lose(self, why: str) -> None:
        if self._output is not None:
            self._output.close()
        self._device, self.is_lost = None, True
        self._tell(why, "warning")
        self._on_lost()

    def _find_another(self) -> None:
        try:
            self._made().open(self._rate, self._fill, self._device)
        except DeviceError:
            self._retry_at = time.monotonic() + RETRY_S
            return
        self._found()

    def _found(self) -> None:
        self.is_lost = False
        self._tell(f"plays on {self.name} now", "info")
        self._on_found()
