"""An output whose clock is code: for tests, and programs that take the sound themselves."""

import threading
from collections.abc import Callable

import numpy as np

from unbraid.errors import DeviceError
from unbraid.player.output import Device, Fill, Samples, chosen


class VirtualOutput:
    """A device whose clock is the caller: `run` asks for blocks and keeps them.

    Args:
        n_block: samples in a block.
        before_block: called before each, such as a step of what fills the ring.
    """

    latency_s = 0.0

    def __init__(self, n_block: int = 512, before_block: Callable[[], None] | None = None) -> None:
        self.name = ""
        self.n_block = n_block
        self.n_underruns = 0
        self.is_plugged = True
        self.before_block = before_block
        self._fill: Fill | None = None
        self._blocks: list[Samples] = []
        self._lock = threading.Lock()

    @property
    def is_lost(self) -> bool:
        return self._fill is not None and not self.is_plugged

    @property
    def heard(self) -> Samples:
        """All that came so far, (2, n)."""
        with self._lock:
            return np.concatenate([np.zeros((0, 2), np.float32), *self._blocks]).T

    def open(self, rate: int, fill: Fill, device: str | None = None) -> None:
        if not self.is_plugged:
            raise DeviceError("no sound device is there; connect one, or start a sound server")
        if device is not None:
            chosen(device, ["virtual"])
        self._fill = fill
        self.name = "virtual"

    def close(self) -> None:
        self._fill = None
        self.name = ""

    def tend(self) -> None:
        """A virtual device never runs dry by itself."""

    def devices(self) -> list[Device]:
        return [Device("virtual", is_default=True)] if self.is_plugged else []

    def run(self, n_blocks: int = 1) -> Samples:
        """Ask for so many blocks.

        Returns:
            What came, (2, n_blocks * n_block); silence while closed or unplugged is not kept.
        """
        blocks = []
        for _ in range(n_blocks):
            if self.before_block is not None:
                self.before_block()
            if self._fill is None or not self.is_plugged:
                continue
            frames = np.zeros((self.n_block, 2), np.float32)
            self.n_underruns += self._fill(frames) < self.n_block
            blocks.append(frames)
        with self._lock:
            self._blocks += blocks
        return np.concatenate([np.zeros((0, 2), np.float32), *blocks]).T
