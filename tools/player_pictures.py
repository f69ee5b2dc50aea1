"""Take the README's pictures of the player: real songs, the default model, a clock for a device.

python -m tools.player_pictures docs/images Francium.flac Rubidium.flac Hydrogen.flac

The first song plays. Needs unbraid[player,docs] and no screen; written in Inter where that is.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_SCALE_FACTOR", "1.5")

from PIL import Image
from PySide6.QtGui import QFont
from tests.desktop.driving import Hand, settle

from unbraid.desktop.application import Desktop, make_application
from unbraid.player import Player, VirtualOutput

RATE = 44_100
WIDTH, HEIGHT = 1280, 800


def clock(output: VirtualOutput, is_over: threading.Event) -> None:
    """Ask for sound as fast as time goes."""
    due_s = time.monotonic()
    while not is_over.is_set():
        output.run()
        due_s += output.n_block / RATE
        time.sleep(max(0.0, due_s - time.monotonic()))


def wait(condition: Callable[[], bool]) -> None:
    """Let the window work until something is so."""
    while not condition():
        settle(20)


def shoot(desktop: Desktop, path: Path) -> None:
    """Save what the window shows."""
    desktop.playback_now()
    settle(400)
    with tempfile.TemporaryDirectory() as folder:
        png = f"{folder}/window.png"
        desktop.window.grabWindow().save(png)
        Image.open(png).convert("RGB").save(path, quality=82, method=6)


def scenes(desktop: Desktop, player: Player, out: Path) -> None:
    """Half taken apart, in the dark; wholly, slower and lower, in the light."""
    desktop.setPlaylist(True)
    desktop.setLook("dark")
    player.open(0, start_s=52.0, loop_s=(58.0, 88.0))
    wait(lambda: player.snapshot().done_fraction > 0.5)
    shoot(desktop, out / "player-dark.webp")

    desktop.setLook("light")
    player.clear_loop()
    player.set_tempo(0.85)
    player.set_key(-2)
    player.seek(130 * RATE)
    for stem in ("vocals", "drums"):
        Hand(desktop.window).click(f"spectrum-{stem}")
    wait(lambda: player.snapshot().done_fraction == 1)
    settle(2500)
    shoot(desktop, out / "player-light.webp")


def main() -> None:
    out, songs = Path(sys.argv[1]), sys.argv[2:]
    app = make_application()
    app.setFont(QFont("Inter"))
    output, is_over = VirtualOutput(), threading.Event()
    with (
        tempfile.TemporaryDirectory() as folder,
        Player(output=output, store=Path(folder) / "store") as player,
    ):
        player.mixer.set_gain_db("vocals", -4.5)
        player.playlist.add(songs)
        device = threading.Thread(target=clock, args=(output, is_over))
        device.start()
        desktop = Desktop(player, Path(folder) / "settings")
        desktop.window.resize(WIDTH, HEIGHT)
        scenes(desktop, player, out)
        is_over.set()
        device.join()
        desktop.close()
    del app  # only now: the window needs it


if __name__ == "__main__":
    main()
