"""Where the samples go: a sound device through PortAudio or miniaudio."""

import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import DeviceError

Samples = NDArray[np.float32]

Fill = Callable[[Samples], int]
"""Fills (n, 2) frames as far as it can and says how many it had; such as `Ring.read_into`."""

LATENCIES_S = (0.025, 0.05, 0.1, 0.2)
"""Asked of a device; the next after underruns. The first lets a mute be heard within 50 ms."""

SILENT_S = 2.0
"""A device that asked for nothing for so long is gone: not all systems say so."""

SWITCH_INTERVAL_S = 0.0005
"""Python's threads take turns this often while a device is open, or short buffers underrun."""

PIECE = 128
"""Samples written to a device at once."""

POLL_S = 0.002
"""Between looks at how much room a device has."""

NEARLY_DRY_S = 0.004
"""So long before a device runs dry it gets silence rather than wait for what should be heard."""

GROW_S = 2.0
"""Underruns within so long after a start say nothing about the latency."""

PRIMING = 1.5
"""Times its latency that a device takes at once when it starts, more than waits for it: it gets
silence, or the first sound would be torn."""


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device that plays."""

    name: str
    is_default: bool


class Output(Protocol):
    """Something that asks for samples at a steady pace."""

    name: str
    """The device in use, for people to read; empty while closed."""
    latency_s: float
    """From `fill` to the ear, as far as the device tells."""
    n_underruns: int
    """Times since construction that the device ran dry, or `fill` had too little."""

    @property
    def is_lost(self) -> bool:
        """Whether an open device went away."""

    def open(self, rate: int, fill: Fill, device: str | None = None) -> None:
        """Start asking `fill`, from a thread of the device's.

        Args:
            rate: Hz.
            fill: must never wait. Frames that it leaves are silent and count as an underrun, once
                the device cannot wait for them any longer.
            device: part of a name is enough; None for the system's choice.

        Raises:
            DeviceError: there is no such device, or it does not open.
        """

    def close(self) -> None:
        """Stop asking; may be opened again."""

    def tend(self) -> None:
        """Reopen with more latency if it ran dry. Call it some times a second."""

    def devices(self) -> list[Device]:
        """What could be opened."""


class _DeviceOutput:
    """What the two libraries' outputs share: one stream, its counts and its latency."""

    def __init__(self) -> None:
        self.name = ""
        self.latency_s = 0.0
        self.n_underruns = 0
        self._rate = 44_100
        self._fill: Fill = lambda frames: 0
        self._device: str | None = None
        self._level = 0  # in LATENCIES_S
        self._n_seen = 0  # underruns when last tended
        self._is_open = self._has_ended = self._is_flowing = False
        self._n_priming = 0  # samples of silence that are still to be given
        self._asked_at = self._opened_at = 0.0
        self._switch_interval_s: float | None = None

    @property
    def is_lost(self) -> bool:
        return self._is_open and (self._has_ended or time.monotonic() - self._asked_at > SILENT_S)

    def open(self, rate: int, fill: Fill, device: str | None = None) -> None:
        self.close()
        self._rate, self._fill, self._device = rate, fill, device
        self._start()

    def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._close_stream()
        self.name = ""
        if self._switch_interval_s is not None:
            sys.setswitchinterval(self._switch_interval_s)
            self._switch_interval_s = None

    def tend(self) -> None:
        n_new = self.n_underruns - self._n_seen
        self._n_seen = self.n_underruns
        is_settled = time.monotonic() - self._opened_at > GROW_S
        can_grow = self._level + 1 < len(LATENCIES_S)
        if n_new and is_settled and can_grow and self._is_open and not self.is_lost:
            self._level += 1
            self.open(self._rate, self._fill, self._device)

    def devices(self) -> list[Device]:
        raise NotImplementedError

    def _start(self) -> None:
        self._has_ended = self._is_flowing = False
        self._asked_at = self._opened_at = time.monotonic()
        self._switch_interval_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._is_open = True
        self._n_priming = round(PRIMING * LATENCIES_S[self._level] * self._rate)
        try:
            self._open_stream(LATENCIES_S[self._level])
        except BaseException:
            self.close()
            raise

    def _give(self, frames: Samples, n_least: int) -> int:
        """Fill frames, and say how many: at least so many, with silence for those that lack.

        Nothing here waits, and nothing grows.
        """
        self._asked_at = time.monotonic()
        if self._n_priming > 0:
            self._n_priming -= len(frames)
            frames[:] = 0
            return len(frames)
        n_samples = self._fill(frames)
        if n_samples < n_least:
            frames[n_samples:n_least] = 0
            self.n_underruns += self._is_flowing
        self._is_flowing |= n_samples > 0  # what came before was the start
        return max(n_samples, n_least)

    def _on_end(self) -> None:
        self._has_ended = True

    def _open_stream(self, latency_s: float) -> None:
        raise NotImplementedError

    def _close_stream(self) -> None:
        raise NotImplementedError


class SoundDeviceOutput(_DeviceOutput):
    """Through PortAudio, written to by a thread of ours rather than asked by its own.

    A callback in Python is late whenever the interpreter is busy elsewhere, and what waits in a
    ring does not help it: only the device's own buffer does. So all that may wait, waits there.

    Raises:
        DeviceError: PortAudio is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            import sounddevice
        except (ImportError, OSError) as error:
            raise DeviceError(
                "PortAudio is missing: install libportaudio2, or pip install 'unbraid[player]'"
            ) from error
        self._sd: Any = sounddevice
        self._stream: Any = None
        self._writer: threading.Thread | None = None

    def devices(self) -> list[Device]:
        """Those of the system's usual sound interface; looked for anew while nothing plays."""
        if self._stream is None:
            # PortAudio lists devices once, when it starts.
            self._sd._terminate()
            self._sd._initialize()
        return [Device(name, is_default) for _, name, is_default in self._found()]

    def _found(self) -> list[tuple[int, str, bool]]:
        host = self._sd.query_hostapis(self._sd.default.hostapi)
        return [
            (index, found["name"], index == host["default_output_device"])
            for index, found in enumerate(self._sd.query_devices())
            if index in host["devices"] and found["max_output_channels"] >= 2
        ]

    def _open_stream(self, latency_s: float) -> None:
        devices = self.devices()
        names = [name for _, name, _ in self._found()]
        if not devices:
            raise DeviceError("no sound device is there; connect one, or start a sound server")
        index = None
        if self._device is not None:
            index = self._found()[chosen(self._device, names)][0]
        try:
            self._stream = self._sd.OutputStream(
                samplerate=self._rate,
                device=index,
                channels=2,
                dtype="float32",
                latency=latency_s,
                finished_callback=self._on_end,
            )
            self.latency_s = float(self._stream.latency)
            self._stream.start()
        except self._sd.PortAudioError as error:
            raise _no_start(self._device, error) from error
        self.name = self._sd.query_devices(self._stream.device)["name"]
        self._writer = threading.Thread(
            target=self._write, args=(self._stream,), name="sound", daemon=True
        )
        self._writer.start()

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        if stream is not None:
            stream.close(ignore_errors=True)

    def _write(self, stream: Any) -> None:
        """Keep the device's buffer full; nothing here waits for the device."""
        frames = np.zeros((PIECE, 2), np.float32)
        n_buffer = 0
        n_reserve = round(NEARLY_DRY_S * self._rate)
        try:
            while self._stream is stream:
                n_room = stream.write_available
                n_buffer = max(n_buffer, n_room)  # the first time it is empty
                n_least = min(PIECE, n_room - (n_buffer - n_reserve))
                n_samples = self._give(frames[:n_room], n_least) if n_room else 0
                if n_samples and stream.write(frames[:n_samples]):
                    self.n_underruns += self._is_flowing
                if n_samples < PIECE:
                    time.sleep(POLL_S)
        except self._sd.PortAudioError:
            self._on_end()


class MiniaudioOutput(_DeviceOutput):
    """Through miniaudio, which needs nothing installed but its wheel.

    Args:
        backends: of miniaudio's, by name, as "NULL" in tests; None for all that play.

    Raises:
        DeviceError: miniaudio is not installed.
    """

    def __init__(self, backends: list[str] | None = None) -> None:
        super().__init__()
        try:
            import miniaudio
        except ImportError as error:
            raise DeviceError("playing needs pip install 'unbraid[player]'") from error
        self._miniaudio: Any = miniaudio
        self._backends = [
            backend
            for backend in miniaudio.Backend
            if (backend.name in backends if backends else backend.name not in ("NULL", "CUSTOM"))
        ]
        self._stream: Any = None

    def devices(self) -> list[Device]:
        return [Device(name, is_default) for name, is_default, _ in self._found()]

    def _found(self) -> list[tuple[str, bool, Any]]:
        try:
            found = self._miniaudio.Devices(self._backends).get_playbacks()
        except self._miniaudio.MiniaudioError:
            return []
        # A default device is among them by its place only.
        return [(device["name"], not i, device["id"]) for i, device in enumerate(found)]

    def _open_stream(self, latency_s: float) -> None:
        device_id = None
        name = "default"
        if self._device is not None:
            found = self._found()
            name, _, device_id = found[chosen(self._device, [name for name, *_ in found])]
        frames = self._frames(np.zeros((self._rate, 2), np.float32))
        next(frames)
        try:
            self._stream = self._miniaudio.PlaybackDevice(
                output_format=self._miniaudio.SampleFormat.FLOAT32,
                nchannels=2,
                sample_rate=self._rate,
                # Three periods, miniaudio's own number, make the latency.
                buffersize_msec=max(5, round(1000 * latency_s / 3)),
                device_id=device_id,
                backends=self._backends,
                app_name="unbraid",
            )
            self._stream.stop_callback = self._on_end
            self._stream.start(frames)
        except self._miniaudio.MiniaudioError as error:
            raise _no_start(self._device, error) from error
        self.latency_s = latency_s
        self.name = f"{name} ({self._stream.backend})"

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _frames(self, buffer: Samples) -> Generator[memoryview, int, None]:
        n_frames = yield memoryview(b"")
        while True:
            frames = buffer[:n_frames]
            self._give(frames, len(frames))
            n_frames = yield frames.data.cast("B")


def system_output() -> Output:
    """The way to this computer's loudspeakers: PortAudio, or miniaudio where it is missing.

    Raises:
        DeviceError: neither is installed.
    """
    try:
        output = SoundDeviceOutput()
        if output.devices():
            return output
    except DeviceError:
        pass
    return MiniaudioOutput()


def chosen(wanted: str, names: list[str]) -> int:
    """The index of the one device that is meant."""
    exact = [i for i, name in enumerate(names) if name == wanted]
    like = [i for i, name in enumerate(names) if wanted.lower() in name.lower()]
    for found in (exact, like):
        if len(found) == 1:
            return found[0]
    fault = "is not one device" if like else "is not here"
    there = ", ".join(names) or "none"
    raise DeviceError(f"the sound device {wanted!r} {fault}; there are: {there}")


def _no_start(device: str | None, error: Exception) -> DeviceError:
    name = repr(device) if device is not None else "of the system"
    reason = " ".join(str(error).split())
    return DeviceError(f"the sound device {name} does not start ({reason}); choose another")
