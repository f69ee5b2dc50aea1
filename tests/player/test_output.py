"""Outputs: devices that come, run dry and go."""

import sys
import threading
import time

import numpy as np
import pytest

from unbraid.errors import DeviceError
from unbraid.player import output as output_module
from unbraid.player.output import (
    LATENCIES_S,
    PRIMING,
    MiniaudioOutput,
    SoundDeviceOutput,
)
from unbraid.player.ring import Ring
from unbraid.player.virtual import VirtualOutput


def _ones(frames: np.ndarray) -> int:
    frames[:] = 1
    return len(frames)


def test_a_virtual_device_asks_block_by_block_and_counts_what_is_missing() -> None:
    virtual = VirtualOutput(n_block=64)
    ring = Ring(1_000)
    ring.write(np.ones((2, 100), np.float32))
    virtual.open(44_100, ring.read_into)
    first = virtual.run(1)
    assert first.shape == (2, 64)
    assert virtual.n_underruns == 0
    second = virtual.run(1)
    assert virtual.n_underruns == 1
    assert second[0].tolist() == [1.0] * 36 + [0.0] * 28
    assert np.array_equal(virtual.heard, np.concatenate([first, second], axis=1))


def test_a_virtual_device_is_unplugged_and_comes_back() -> None:
    virtual = VirtualOutput(n_block=64)
    virtual.open(44_100, _ones)
    assert not virtual.is_lost
    virtual.is_plugged = False
    assert virtual.is_lost
    assert virtual.devices() == []
    assert virtual.run(3).shape == (2, 0)
    virtual.close()
    with pytest.raises(DeviceError, match="connect one"):
        virtual.open(44_100, _ones)
    virtual.is_plugged = True
    virtual.open(44_100, _ones)
    assert virtual.run(1).all()


class _Stream:
    """A PortAudio stream that plays only when a test says so."""

    device = 1
    n_buffer = 1_200

    def __init__(self, module: "_PortAudio", **options) -> None:
        self.options = options
        self.latency = options["latency"]
        self.module = module
        self.underflow = False
        self.written = np.zeros((0, 2), np.float32)
        self._n_played = self._n_looks = 0
        module.streams.append(self)

    def start(self) -> None:
        if self.module.refuses:
            raise self.module.PortAudioError("Invalid sample rate [PaErrorCode -9997]")

    def close(self, ignore_errors: bool) -> None:
        self.module.streams.remove(self)
        self.options["finished_callback"]()

    @property
    def write_available(self) -> int:
        self._n_looks += 1
        return self.n_buffer - (len(self.written) - self._n_played)

    def write(self, frames: np.ndarray) -> bool:
        assert 0 < len(frames) <= self.write_available, "it would have to wait"
        self.written = np.concatenate([self.written, frames])
        was_dry, self.underflow = self.underflow, False
        return was_dry

    def play(self, n_frames: int) -> np.ndarray:
        """Play so many, and what was written in their place once no more comes."""
        n_before = self.settled()
        self._n_played += n_frames
        n_after = self.settled()
        return self.written[n_before:n_after]

    def settled(self) -> int:
        """Frames written when the writer has nothing more to write."""
        while True:
            n_looks, n_written = self._n_looks, len(self.written)
            until = time.monotonic() + 60
            while self._n_looks < n_looks + 3 and time.monotonic() < until:
                time.sleep(0.001)
            if len(self.written) == n_written:
                return n_written


class _PortAudio:
    """What of sounddevice the output uses."""

    class PortAudioError(Exception):
        pass

    class default:  # noqa: N801
        hostapi = 0

    def __init__(self) -> None:
        self.streams: list[_Stream] = []
        self.names = ["microphone", "Loudspeakers", "Headphones (USB)", "USB dock"]
        self.n_starts = 0
        self.refuses = False

    def query_hostapis(self, index: int) -> dict:
        default = 1 if len(self.names) > 1 else -1
        return {"devices": list(range(len(self.names))), "default_output_device": default}

    def query_devices(self, index: int | None = None):
        found = [
            {"name": name, "max_output_channels": 2 * bool(i)} for i, name in enumerate(self.names)
        ]
        return found if index is None else found[index]

    def OutputStream(self, **options) -> _Stream:  # noqa: N802
        return _Stream(self, **options)

    def _terminate(self) -> None:
        assert not self.streams, "PortAudio was restarted under a stream"

    def _initialize(self) -> None:
        self.n_starts += 1


class _Clock:
    now_s = 100.0
    sleep = staticmethod(time.sleep)

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> _PortAudio:
    module = _PortAudio()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(output_module, "time", clock)
    return clock


def test_devices_that_play_are_listed_and_found_by_part_of_a_name(portaudio) -> None:
    output = SoundDeviceOutput()
    assert [(d.name, d.is_default) for d in output.devices()] == [
        ("Loudspeakers", True),
        ("Headphones (USB)", False),
        ("USB dock", False),
    ]
    output.open(44_100, _ones, "headph")
    assert portaudio.streams[0].options["device"] == 2
    output.close()
    for name, fault in (
        ("usb", "not one device"),
        ("HDMI", "not here"),
        ("microphone", "not here"),
    ):
        with pytest.raises(DeviceError, match=rf"{fault}; there are: Loudspeakers, Headphones"):
            output.open(44_100, _ones, name)
    assert portaudio.streams == []


def test_a_device_that_refuses_is_told_in_one_line(portaudio) -> None:
    output = SoundDeviceOutput()
    portaudio.refuses = True
    with pytest.raises(DeviceError, match=r"Invalid sample rate.*choose another"):
        output.open(44_100, _ones)
    assert portaudio.streams == []
    assert not output.is_lost


def test_what_the_ring_lacks_is_silent_and_counted_but_not_before_the_start(portaudio) -> None:
    output = SoundDeviceOutput()
    ring = Ring(1_000)
    output.open(44_100, ring.read_into)
    stream = portaudio.streams[0]
    stream.play(1_190)
    assert not stream.play(1_000).any()
    assert output.n_underruns == 0
    ring.write(np.ones((2, 15), np.float32))
    stream.settled()
    assert stream.written[-15:].all()
    assert output.n_underruns == 0
    late = stream.play(1_190)
    assert len(late)
    assert not late.any()
    assert output.n_underruns >= 1
    output.close()


def test_the_ring_is_waited_for_while_the_device_has_enough(portaudio) -> None:
    output = SoundDeviceOutput()
    ring = Ring(1_000)
    output.open(44_100, ring.read_into)
    stream = portaudio.streams[0]
    stream.play(1_000)  # all the silence of the start is written
    ring.write(np.ones((2, 1_000), np.float32))
    stream.play(900)
    assert len(stream.play(200)) < 200
    ring.write(np.ones((2, 400), np.float32))
    stream.settled()
    ones = stream.written[:, 0]
    start = int(ones.argmax())
    assert ones[start:].tolist() == [1.0] * 1_400
    assert output.n_underruns == 0
    output.close()


def test_what_a_device_takes_at_once_when_it_starts_is_silence(portaudio) -> None:
    output = SoundDeviceOutput()
    ring = Ring(1_000)
    ring.write(np.ones((2, 880), np.float32))
    output.open(44_100, ring.read_into)
    stream = portaudio.streams[0]
    stream.settled()
    assert not stream.written.any()
    stream.play(1_000)
    assert int(stream.written[:, 0].argmax()) > PRIMING * LATENCIES_S[0] * 44_100
    stream.play(600)
    assert stream.written[:, 0].sum() == 880
    assert output.n_underruns == 0
    output.close()


def test_underruns_make_the_latency_grow(portaudio, clock) -> None:
    output = SoundDeviceOutput()
    output.open(44_100, _ones)
    latencies = []
    for _ in range(6):
        clock.now_s += 3
        stream = portaudio.streams[0]
        latencies.append(stream.latency)
        while not stream.play(1_000).all():
            pass
        output.tend()
        assert portaudio.streams == [stream]
        stream.underflow = True
        stream.play(10)
        output.tend()
    assert latencies == [*LATENCIES_S, LATENCIES_S[-1], LATENCIES_S[-1]]
    assert output.n_underruns == 6
    output.close()


def test_a_device_that_ends_or_falls_silent_is_lost(portaudio, clock) -> None:
    output = SoundDeviceOutput()
    output.open(44_100, _ones)
    portaudio.streams[0].settled()
    clock.now_s += 1.9
    portaudio.streams[0].play(10)
    clock.now_s += 1.9
    assert not output.is_lost
    clock.now_s += 0.2
    assert output.is_lost
    portaudio.names = ["microphone", "USB dock"]
    output.open(44_100, _ones)
    assert not output.is_lost
    portaudio.streams[0].options["finished_callback"]()
    assert output.is_lost
    output.close()
    assert not output.is_lost


def test_a_device_that_fails_under_the_writer_is_lost(portaudio, monkeypatch) -> None:
    output = SoundDeviceOutput()
    output.open(44_100, _ones)

    def fail(frames: np.ndarray) -> bool:
        raise portaudio.PortAudioError("Unanticipated host error [PaErrorCode -9999]")

    stream = portaudio.streams[0]
    stream.settled()
    monkeypatch.setattr(stream, "write", fail)
    stream._n_played += 100
    until = time.monotonic() + 60
    while not output.is_lost and time.monotonic() < until:
        time.sleep(0.001)
    assert output.is_lost
    output.close()


def test_devices_are_looked_for_anew_only_while_nothing_plays(portaudio) -> None:
    output = SoundDeviceOutput()
    portaudio.names.append("Bluetooth")
    assert output.devices()[-1].name == "Bluetooth"
    output.open(44_100, _ones)
    n_starts = portaudio.n_starts
    assert len(output.devices()) == 4
    assert portaudio.n_starts == n_starts
    output.close()


def test_threads_take_turns_often_only_while_a_device_is_open(portaudio) -> None:
    before = sys.getswitchinterval()
    output = SoundDeviceOutput()
    output.open(44_100, _ones)
    assert sys.getswitchinterval() < before
    output.open(44_100, _ones)
    output.close()
    output.close()
    assert sys.getswitchinterval() == before


def test_miniaudio_plays_where_portaudio_is_missing() -> None:
    pytest.importorskip("miniaudio")
    asked = threading.Event()
    sizes: list[int] = []

    def fill(frames: np.ndarray) -> int:
        sizes.append(len(frames))
        if len(sizes) > 5:
            asked.set()
        return _ones(frames)

    output = MiniaudioOutput(["NULL"])
    assert output.devices()
    output.open(44_100, fill)
    try:
        assert asked.wait(timeout=120)
        assert "Null" in output.name
        assert output.n_underruns == 0
    finally:
        output.close()
    assert max(sizes) <= 44_100
