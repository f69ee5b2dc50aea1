"""A PulseAudio of our own with a null sink, and what was heard on it: for tests and benchmarks."""

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

RATE = 44_100
SINK = "test_sink"
_PROGRAMS = ("pulseaudio", "pactl", "parec")
_START_S = 20.0
_BYTES_A_FRAME = 8
_VARIABLES = ("XDG_RUNTIME_DIR", "HOME", "PULSE_SERVER")


def missing() -> str:
    """What is not installed here; empty if all is."""
    gone = [program for program in _PROGRAMS if shutil.which(program) is None]
    return f"{', '.join(gone)}: install pulseaudio and pulseaudio-utils" if gone else ""


class SoundServer:
    """While entered, this process and its children play on it; it ends with the block.

    Args:
        folder: of its own, with a short path: a socket lies in it.
        sink: the null sink's name.
    """

    def __init__(self, folder: Path, sink: str = SINK) -> None:
        self._folder = folder
        self._sink = sink
        self._process: subprocess.Popen[bytes] | None = None
        self._before: dict[str, str | None] = {}

    def __enter__(self) -> Self:
        runtime, home = self._folder / "run", self._folder / "home"
        for folder in (runtime, runtime / "pulse", home):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket = runtime / "pulse" / "native"
        values = (runtime, home, f"unix:{socket}")
        self._before = {name: os.environ.get(name) for name in _VARIABLES}
        os.environ.update({n: str(v) for n, v in zip(_VARIABLES, values, strict=True)})
        options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        options += ["--log-target=stderr", "--disable-shm=yes", "--realtime=yes"]
        options += ["--high-priority=yes"]
        options += ["-L", f"module-native-protocol-unix auth-anonymous=1 socket={socket}"]
        with (self._folder / "pulseaudio.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["pulseaudio", *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._wait()
            self.plug(self._sink)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def plug(self, sink: str) -> None:
        """Add a null sink, as a device that is plugged in."""
        self._control(
            "load-module",
            "module-null-sink",
            f"sink_name={sink}",
            f"rate={RATE}",
            "channels=2",
            "format=float32le",
        )

    def unplug(self, sink: str) -> None:
        """Take a sink away while it plays."""
        for line in self._control("list", "short", "modules").splitlines():
            number, *rest = line.split("\t")
            if f"sink_name={sink} " in " ".join(rest) + " ":
                self._control("unload-module", number)

    def record(self, sink: str | None = None) -> "Recording":
        """Begin to write down what is heard on a sink."""
        return Recording(sink or self._sink)

    def _wait(self) -> None:
        assert self._process is not None
        until_s = time.monotonic() + _START_S
        while subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError((self._folder / "pulseaudio.log").read_text()[-500:])
            time.sleep(0.05)

    def _control(self, *arguments: str) -> str:
        done = subprocess.run(["pactl", *arguments], capture_output=True, text=True, check=True)
        return done.stdout


class Recording:
    """A sink's monitor, and at which time each sample of it was heard; a context manager.

    Args:
        sink: whose.
    """

    def __init__(self, sink: str) -> None:
        options = ["--format=float32le", f"--rate={RATE}", "--channels=2", "--latency-msec=10"]
        self._process = subprocess.Popen(
            ["parec", "-d", f"{sink}.monitor", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self._content = bytearray()
        self._start_s = float("inf")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        until_s = time.monotonic() + _START_S
        while not self._content and time.monotonic() < until_s:
            time.sleep(0.01)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def heard(self) -> NDArray[np.float32]:
        """All so far, (2, n)."""
        content = bytes(self._content[: len(self._content) // _BYTES_A_FRAME * _BYTES_A_FRAME])
        return np.frombuffer(content, np.float32).reshape(-1, 2).T

    @property
    def start_s(self) -> float:
        """When the first sample was heard, by `time.monotonic`, or up to a few ms later: no
        sample can be read before it was played, and some are read at once."""
        return self._start_s

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while chunk := os.read(stream.fileno(), 65_536):
            self._content += chunk
            n_frames = len(self._content) // _BYTES_A_FRAME
            self._start_s = min(self._start_s, time.monotonic() - n_frames / RATE)


def aligned(heard: NDArray[np.float32], wanted: NDArray[np.float32]) -> int:
    """Where in `heard` the first sample of `wanted` lies, by cross-correlation of phases alone
    (Knapp & Carter 1976), for what is heard may have changed its level on the way.

    Args:
        heard: float32, (2, n_heard).
        wanted: float32, (2, n_wanted); may be longer than what was heard of it.
    """
    n_fft = 1 << (heard.shape[1] + wanted.shape[1]).bit_length()
    spectra = (np.fft.rfft(heard, n_fft) * np.fft.rfft(wanted, n_fft).conj()).sum(axis=0)
    products = np.fft.irfft(spectra / (np.abs(spectra) + 1e-9), n_fft)
    at = int(products.argmax())
    return at if at < n_fft // 2 else at - n_fft
