"""`unbraid play`: songs with their stems on faders, in a window or in the terminal."""

import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unbraid.cli import options as options_of
from unbraid.cli.clock import loop_seconds, seconds
from unbraid.errors import OutputError, UsageError

if TYPE_CHECKING:
    from unbraid.player.engine import Player

INTERRUPTED = 130
NO_WINDOW = "the window needs Qt: pip install 'unbraid[player]'"
NO_SCREEN = "no screen is here for a window"


def play(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|FOLDER]...", help="Songs, folders, globs, m3u playlists."),
    ] = None,
    model: options_of.Model = None,
    device: Annotated[
        str | None,
        typer.Option(help="A sound device, by part of its name; a wrong one lists them."),
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="Where the first song begins: 83.5, 1:23.5.")
    ] = None,
    loop: Annotated[
        str | None, typer.Option(metavar="A-B", help="Repeat a part of the first song.")
    ] = None,
    tempo: Annotated[float, typer.Option(help="0.5 to 1.5; the pitch stays.")] = 1.0,
    key: Annotated[int, typer.Option(help="Semitones, -12 to 12; the tempo stays.")] = 0,
    mute: Annotated[
        list[str] | None, typer.Option(metavar="STEMS", help="Of vocals,drums,bass,other.")
    ] = None,
    solo: Annotated[
        list[str] | None, typer.Option(metavar="STEMS", help="Of vocals,drums,bass,other.")
    ] = None,
    volume: Annotated[
        float | None, typer.Option(metavar="DB", help="Of the sum, up to 12.")
    ] = None,
    limiter: Annotated[
        bool, typer.Option("--limiter", help="Keep true peaks below -1 dB.")
    ] = False,
    stats_json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the counters there at the end.")
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Without a window, by keys in the terminal.")
    ] = False,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder that E exports to, with --headless.")
    ] = Path("exported"),
    threads: options_of.Threads = None,
) -> int:
    """Play songs while they are taken apart: mute the singer, loop the hard bars, slow them down.

    Without a song the window opens empty.
    """
    wish = Wish(
        start_s=0.0 if start is None else seconds(start),
        loop_s=None if loop is None else loop_seconds(loop),
        tempo=tempo,
        key=key,
        mute=_stems(mute),
        solo=_stems(solo),
        volume_db=volume,
        limiter=limiter,
    )
    if headless and not paths:
        raise UsageError("nothing to play; name a song, a folder or a playlist")
    if not headless:
        check_window()
    if stats_json is not None:
        _check_writable(stats_json)
    from unbraid.player.engine import Player

    with Player(model=model, device=device, n_threads=threads) as player:
        wish.apply(player)
        problems = player.playlist.add(paths or [])
        for problem in problems:
            typer.echo(f"unbraid: {problem}", err=True)
        if paths and not player.playlist.items:
            if not problems:
                typer.echo(f"unbraid: {paths[0]}: holds no songs; name another folder", err=True)
            return 1
        if paths:
            wish.open(player)
        try:
            if headless:
                return _headless(player, out)
            return _window(player, is_model_given=model is not None)
        finally:
            if stats_json is not None:
                write_counters(player, stats_json)


def window() -> int:
    """The empty window that `unbraid` alone opens.

    Raises:
        UsageError: none can be opened; the message says what else there is.
    """
    try:
        check_window()
    except UsageError as error:
        raise UsageError(f"{error}; see unbraid --help for all commands") from None
    from unbraid.player.engine import Player

    with Player() as player:
        return _window(player, is_model_given=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """How the first song is to be played."""

    start_s: float
    loop_s: tuple[float, float] | None
    tempo: float
    key: int
    mute: Sequence[str]
    solo: Sequence[str]
    volume_db: float | None
    limiter: bool

    def apply(self, player: "Player") -> None:
        """Set what holds for every song.

        Raises:
            UsageError: something is out of range.
        """
        player.set_tempo(self.tempo)
        player.set_key(self.key)
        for stem in self.mute:
            player.mixer.set_mute(stem, True)
        for stem in self.solo:
            player.mixer.set_solo(stem, True)
        if self.volume_db is not None:
            player.mixer.set_volume_db(self.volume_db)
        if self.limiter:
            player.mixer.set_limiter(True)

    def open(self, player: "Player") -> None:
        """Begin with the first song."""
        player.open(0, start_s=self.start_s, loop_s=self.loop_s)


def check_window() -> None:
    """Find what a window needs before a song is opened for it.

    Raises:
        UsageError: Qt is not installed, or there is no screen.
    """
    if importlib.util.find_spec("PySide6") is None:
        raise UsageError(f"{NO_WINDOW}, or play in the terminal with --headless")
    is_unix = sys.platform not in ("win32", "darwin")
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if is_unix and not any(os.environ.get(name) for name in screens):
        raise UsageError(f"{NO_SCREEN}; play in the terminal with --headless")


def counters(player: "Player") -> dict[str, Any]:
    """What --stats-json tells."""
    now = player.snapshot()
    return {
        "song": str(now.path) if now.path is not None else None,
        "model": now.model,
        "device": now.device,
        "position_s": round(now.position / max(1, now.sample_rate), 3),
        "duration_s": round(now.duration_s, 3),
        "separated": round(now.done_fraction, 4),
        "ahead_s": round(now.ahead_s, 2),
        "times_real_time": round(now.times_real_time, 2),
        "late_tiles": now.n_late,
        "late_within_a_second": now.n_waited,
        "underruns": now.n_underruns,
        "tiles_separated": now.n_separated,
        "latency_ms": round(1000 * now.latency_s, 1),
        "store_bytes": now.store_bytes,
    }


def write_counters(player: "Player", path: Path) -> None:
    """Write them, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    from unbraid.audio.partials import partial_path

    part = partial_path(path, "stats")
    try:
        part.write_text(json.dumps(counters(player), indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from None


def _headless(player: "Player", out: Path) -> int:
    from unbraid.cli.headless import Headless
    from unbraid.cli.interrupts import Stops
    from unbraid.cli.keys import terminal_keys

    terminal = Headless(player, out)
    with Stops(lambda: None) as stops:
        terminal.run(terminal_keys(), stops.stop)
    if stops.stop.is_set():
        return INTERRUPTED
    return 0 if terminal.has_played else 1


def _window(player: "Player", *, is_model_given: bool) -> int:
    from unbraid import desktop

    return desktop.run(player=player, is_model_given=is_model_given)


def _stems(given: list[str] | None) -> list[str]:
    """Stems of lists with commas; the mixer knows which there are."""
    names = [name.strip() for text in given or [] for name in text.split(",")]
    return [name for name in names if name]


def _check_writable(path: Path) -> None:
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise OutputError(f"{path}: cannot be written; name a file in a folder of yours")
