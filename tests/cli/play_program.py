"""`unbraid` with a sound device made of code, and at home in the terminal it is started in."""

import sys
import threading
import time

from unbraid.player import keeper
from unbraid.player.output import Fill
from unbraid.player.virtual import VirtualOutput

BLOCK = 512


class PacedOutput(VirtualOutput):
    """Asks for a block whenever one has been heard."""

    def open(self, rate: int, fill: Fill, device: str | None = None) -> None:
        super().open(rate, fill, device)
        threading.Thread(target=self._ask, args=(rate, fill), daemon=True).start()

    def _ask(self, rate: int, fill: Fill) -> None:
        start_s, n_blocks = time.monotonic(), 0
        while self._fill is fill:
            self.run()
            self._blocks.clear()
            n_blocks += 1
            time.sleep(max(0.0, start_s + n_blocks * BLOCK / rate - time.monotonic()))


def play_on_code() -> None:
    """From now on the system's sound is a `PacedOutput`."""
    keeper.system_output = lambda: PacedOutput(BLOCK)


if __name__ == "__main__":
    if sys.stdin.isatty():  # so that Ctrl-C comes from it
        import fcntl
        import termios

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    play_on_code()
    from unbraid.cli.app import main

    main(sys.argv[1:])
