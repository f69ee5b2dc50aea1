"""The player in a terminal: its keys, a live line, and a plain line for all that happens."""

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.cells import set_cell_size
from rich.console import Console
from rich.live import Live
from rich.text import Text

from unbraid.cli.keys import HANGUP, Keys
from unbraid.cli.progress import clock_time
from unbraid.errors import UnbraidError, UsageError
from unbraid.player.engine import ORIGINAL, Player, Snapshot
from unbraid.player.export import MIX, ExportJob, ExportRequest
from unbraid.player.mixer import MAX_GAIN_DB, Meter
from unbraid.player.transport import KEY_RANGE, TEMPO_RANGE, Motion
from unbraid.stems import COLOURS, STEMS

LOOK_S = 0.1
"""Between two looks at the keys and at the player."""

STEP_S, SMALL_STEP_S = 5.0, 1.0
VOLUME_STEP_DB = 1.0
TEMPO_STEP = 0.05
QUIETEST_DB = -60.0
"""Arrows turn down no further."""

FLOOR_DB = -48.0
"""Where a level's bar begins."""

WIDE = 104
"""Columns from which stems' names are written out."""

SOLO_KEYS = ("!", '@"', "#\N{SECTION SIGN}\N{POUND SIGN}", "$")
"""Shift+1 to Shift+4 on American, British and German keyboards; Alt+digit does it on any."""

_BLOCKS = " ▏▎▍▌▋▊▉█"
_SIGNS = {Motion.PLAYING: "▶", Motion.PAUSED: "‖", Motion.STOPPED: "■", Motion.ENDED: "■"}
_PLAIN_SIGNS = {Motion.PLAYING: ">", Motion.PAUSED: "=", Motion.STOPPED: ".", Motion.ENDED: "."}


class Headless:
    """Keys to the player, and what it does to the terminal.

    Args:
        player: with songs in its playlist; this does not close it.
        out: the folder that E exports to.
        console: None for stderr.
    """

    def __init__(self, player: Player, out: Path, console: Console | None = None) -> None:
        self.player = player
        self.has_played = False
        """Whether any song could be opened."""
        self._out = out
        self._console = console or Console(stderr=True, highlight=False)
        self._meter = Meter(player.mixer)
        self._song = player.snapshot().song
        self._n_told = 0
        self._model = ""  # what A goes back to
        self._loop_from: int | None = None
        self._loop: tuple[int, int] | None = None
        self._export: ExportJob | None = None
        self._has_quit = False
        self._commands = self._bound()

    def run(self, keys: Keys, stop: threading.Event) -> None:
        """Play until the last song ends, Q is pressed or `stop` is set."""
        with (
            keys,
            Live(console=self._console, auto_refresh=False, transient=True) as live,
        ):
            while not (stop.is_set() or self._has_quit):
                now = self.player.snapshot()
                self._tell(now)
                if self._is_over(now):
                    break
                if self._console.is_terminal:
                    live.update(self.line(now), refresh=True)
                for key in keys.read(LOOK_S):
                    self.press(key)
            self._tell(self.player.snapshot())
            if self._export is not None and not self._export.is_done:
                self._export.cancel()
                self._export.wait()
                self._tell_export()

    def press(self, key: str) -> None:
        """Do what a key says; one that says nothing is ignored."""
        command = self._commands.get(key) or self._commands.get(key.lower())
        if command is None:
            return
        try:
            command()
        except UnbraidError as error:
            self._say(str(error))

    def line(self, now: Snapshot) -> Text:
        """The live line: position, tempo and key, levels, and how separation is doing."""
        width = self._console.width
        is_plain = self._console.options.ascii_only
        signs = _PLAIN_SIGNS if is_plain else _SIGNS
        at = clock_time(now.position // max(1, now.sample_rate))
        text = Text(f"{signs[now.motion]} {at}/{clock_time(now.duration_s)}", no_wrap=True)
        if now.loop is not None:
            text.append(" loop")
        if now.tempo != 1:
            text.append(f" {now.tempo:.0%}")
        if now.key:
            text.append(f" {now.key:+d}")
        levels = self._meter.read(time.monotonic())
        for i in range(len(STEMS)):
            text.append(" ")
            self._append_lane(text, i, levels.peak_db[i], is_wide=width >= WIDE, is_plain=is_plain)
        if self.player.mixer.volume_db:
            text.append(f" {self.player.mixer.volume_db:+.0f} dB")
        text.append("".join(f" {word}" for word in self._state(now)))
        text.append(
            f" +{now.ahead_s:.0f} s {now.times_real_time:.1f}x "
            f"{now.n_late} late {now.n_underruns} underruns"
        )
        text.truncate(max(1, width - 1))
        return text

    def _append_lane(
        self, text: Text, i: int, peak_db: float, *, is_wide: bool, is_plain: bool
    ) -> None:
        strips = self.player.mixer.strips
        strip = strips[i]
        is_heard = not strip.mute and (strip.solo or not any(other.solo for other in strips))
        style = COLOURS[STEMS[i]] if is_heard else "dim strike"
        text.append(STEMS[i] if is_wide else STEMS[i][0], style)
        if strip.gain_db:
            text.append(f"{strip.gain_db:+.0f}", style)
        text.append(" ")
        bar = level_bar(peak_db, 5 if is_wide else 3, is_plain=is_plain)
        text.append(bar, COLOURS[STEMS[i]] if is_heard else "dim")

    def _state(self, now: Snapshot) -> list[str]:
        words = []
        if now.model_wanted is not None:
            words.append(f"{now.model_wanted} ...")
        elif now.model == ORIGINAL:
            words.append("original")
        if now.is_mixture:
            words.append("mixture")
        if now.limiter_acts:
            words.append("limiter")
        if self._export is not None:
            words.append(f"export {self._export.fraction:.0%}")
        return words

    def _is_over(self, now: Snapshot) -> bool:
        """The last song has ended, or none could be opened; an export is waited for."""
        none_opens = all(item.problem is not None for item in self.player.playlist.items)
        has_ended = now.motion is Motion.ENDED and not now.is_opening
        return (has_ended or none_opens) and self._export is None

    def _tell(self, now: Snapshot) -> None:
        """Say what is new: a song, the engine's notices, the end of an export."""
        if now.song != self._song and now.path is not None:
            self._song = now.song
            self.has_played = True
            title = f"{now.title}, {now.artist}" if now.artist else now.title or now.path.name
            self._say(f"{title} ({clock_time(now.duration_s)}), {now.model}", is_plain=True)
        for notice in now.notices:
            if notice.serial >= self._n_told:
                self._n_told = notice.serial + 1
                self._say(notice.text)
        self._tell_export()

    def _tell_export(self) -> None:
        job = self._export
        if job is None or not job.is_done:
            return
        self._export = None
        if job.result is not None:
            self._say(f"exported to {job.result.paths[MIX]}", is_plain=True)
        else:
            self._say(str(job.error))

    def _say(self, text: str, *, is_plain: bool = False) -> None:
        self._console.print(Text(text if is_plain else f"unbraid: {text}"), soft_wrap=True)

    def _bound(self) -> dict[str, Callable[[], None]]:
        player = self.player
        commands: dict[str, Callable[[], None]] = {
            "space": player.toggle,
            "left": partial(player.seek_by, -STEP_S),
            "right": partial(player.seek_by, STEP_S),
            "shift+left": partial(player.seek_by, -SMALL_STEP_S),
            "shift+right": partial(player.seek_by, SMALL_STEP_S),
            "up": partial(self._turn, VOLUME_STEP_DB),
            "down": partial(self._turn, -VOLUME_STEP_DB),
            "[": self._begin_loop,
            "]": self._end_loop,
            "l": self._toggle_loop,
            ",": partial(self._change_tempo, -TEMPO_STEP),
            ".": partial(self._change_tempo, TEMPO_STEP),
            "<": partial(self._change_key, -1),  # as in the window: Shift with the tempo's keys
            ">": partial(self._change_key, 1),
            "-": partial(self._change_key, -1),
            "+": partial(self._change_key, 1),
            "=": partial(self._change_key, 1),  # + without Shift
            "m": self._next_model,
            "a": self._with_model,
            "b": partial(self._set_model, ORIGINAL),
            "n": player.next,
            "N": player.previous,
            "p": player.previous,
            "0": player.stop,
            "e": self._export_mix,
            "q": self._quit,
            HANGUP: self._quit,
        }
        for i, stem in enumerate(STEMS):
            commands[str(i + 1)] = partial(self._toggle_mute, stem)
            for key in (*SOLO_KEYS[i], f"alt+{i + 1}"):
                commands[key] = partial(self._toggle_solo, stem)
        return commands

    def _turn(self, step_db: float) -> None:
        volume_db = self.player.mixer.volume_db + step_db
        self.player.mixer.set_volume_db(min(MAX_GAIN_DB, max(QUIETEST_DB, volume_db)))

    def _toggle_mute(self, stem: str) -> None:
        mixer = self.player.mixer
        mixer.set_mute(stem, not mixer.strips[STEMS.index(stem)].mute)

    def _toggle_solo(self, stem: str) -> None:
        mixer = self.player.mixer
        mixer.set_solo(stem, not mixer.strips[STEMS.index(stem)].solo)

    def _begin_loop(self) -> None:
        now = self.player.snapshot()
        self._loop_from = now.position
        if now.loop is not None and now.position < now.loop[1]:
            self.player.set_loop(now.position, now.loop[1])

    def _end_loop(self) -> None:
        now = self.player.snapshot()
        start = self._loop_from
        if start is None:
            start = now.loop[0] if now.loop is not None else 0
        self.player.set_loop(start, now.position)
        self._loop_from = None

    def _toggle_loop(self) -> None:
        now = self.player.snapshot()
        if now.loop is not None:
            self._loop = now.loop
            self.player.clear_loop()
        elif self._loop is not None:
            self.player.set_loop(*self._loop)
        else:
            raise UsageError("there is no loop; set its ends with [ and ]")

    def _change_tempo(self, step: float) -> None:
        low, high = TEMPO_RANGE
        tempo = round(self.player.snapshot().tempo + step, 2)
        self.player.set_tempo(min(high, max(low, tempo)))

    def _change_key(self, step: int) -> None:
        low, high = KEY_RANGE
        self.player.set_key(min(high, max(low, self.player.snapshot().key + step)))

    def _next_model(self) -> None:
        names = self.player.models()
        wanted = self._wanted()
        after = names.index(wanted) + 1 if wanted in names else 0
        self._set_model(names[after % len(names)])

    def _with_model(self) -> None:
        named = [name for name in self.player.models() if name != ORIGINAL]
        self._set_model(self._model or named[0])

    def _set_model(self, name: str) -> None:
        for known in (self._wanted(), name):
            if known != ORIGINAL:
                self._model = known
        self.player.set_model(name)

    def _wanted(self) -> str:
        now = self.player.snapshot()
        return now.model_wanted or now.model

    def _export_mix(self) -> None:
        if self._export is not None:
            raise UsageError("an export is under way; wait until it is done")
        request = ExportRequest(self._out, stems=(), mix=True, stretched=True)
        self._export = self.player.export(request)

    def _quit(self) -> None:
        self._has_quit = True


def level_bar(level_db: float, n_cells: int, *, is_plain: bool = False) -> str:
    """A level as a bar of characters, full at 0 dB.

    Example:
        >>> level_bar(-24.0, 4, is_plain=True)
        '##  '
    """
    share = min(1.0, max(0.0, 1 - level_db / FLOOR_DB))
    if is_plain:
        return ("#" * round(share * n_cells)).ljust(n_cells)
    n_full, eighths = divmod(round(share * n_cells * 8), 8)
    return set_cell_size("█" * n_full + (_BLOCKS[eighths] if eighths else ""), n_cells)
