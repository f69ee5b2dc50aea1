"""`unbraid play --headless`: what it refuses, its keys, its line, and a real terminal around it."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.conftest import Command, write_song
from unbraid.cli.headless import Headless, level_bar
from unbraid.player.engine import ORIGINAL, Player
from unbraid.player.transport import Motion
from unbraid.player.virtual import VirtualOutput

PROGRAM = [sys.executable, str(Path(__file__).with_name("play_program.py")), "play", "--headless"]
PATIENCE_S = 60.0
CTRL_C = "\x03"

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stems are kept with the test, not with the user."""
    monkeypatch.setenv("UNBRAID_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (["--headless"], 2, "name a song"),
        (["gone.wav", "--headless"], 1, "gone.wav: no such file"),
        (["text.mp3", "--headless"], 1, "text.mp3: not a sound"),
        (["empty", "--headless"], 1, "empty: holds no songs"),
        (["a.wav", "--headless", "--start", "soon"], 2, "1:23.5"),
        (["a.wav", "--headless", "--loop", "1:10"], 2, "1:10-1:25"),
        (["a.wav", "--headless", "--tempo", "2"], 2, "from 0.5 to 1.5"),
        (["a.wav", "--headless", "--key", "13"], 2, "from -12 to 12"),
        (["a.wav", "--headless", "--mute", "guitar"], 2, "choose from vocals, drums, bass"),
        (["a.wav", "--headless", "--solo", "bass,choir"], 2, "choose from vocals, drums, bass"),
        (["a.wav", "--headless", "--volume", "20"], 2, "12"),
        (["a.wav", "--headless", "--model", "huge-9"], 1, "huge-9: no such model; known: tiny"),
        (["a.wav", "--headless", "--stats-json", "empty"], 1, "empty: cannot be written"),
        (["a.wav", "--headless", "--stats-json", "gone/f"], 1, "gone/f: cannot be written"),
        (["a.wav"], 2, "--headless"),
        ([], 2, "--headless"),
    ],
)
def test_what_cannot_be_played_is_told_in_one_line(
    unbraid: Command,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    exit_code: int,
    says: str,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("unbraid.player.keeper.system_output", VirtualOutput)
    write_song("a.wav", seconds=1)
    Path("text.mp3").write_text("this is no music\n" * 50)
    Path("empty").mkdir()
    found, out, err = unbraid("play", *arguments)
    assert (found, out) == (exit_code, "")
    assert says in err
    assert err.startswith("unbraid: ")
    assert err.count("\n") == 1


def test_unbraid_alone_opens_the_window_or_says_what_it_needs(
    unbraid: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    exit_code, out, err = unbraid()
    assert (exit_code, out) == (2, "")
    assert "--headless" in err


@pytest.fixture
def player(here: Path, tmp_path: Path) -> Iterator[Player]:
    """A song of 12 s that plays, nothing of it separated, on a device and threads of code."""
    write_song("song.wav", seconds=12)
    output = VirtualOutput(512)
    with Player(output=output, model="tiny", store=tmp_path / "store", is_driven=True) as player:
        output.before_block = player.step
        player.playlist.add(["song.wav"])
        player.open(0)
        while player.snapshot().path is None:
            player.step()
            player.work()
        output.run(200)
        yield player


def settle(player: Player) -> None:
    """Let every command be done, without a sample being asked for."""
    for _ in range(2):
        player.step()


def pressed(player: Player, *keys: str) -> Headless:
    terminal = Headless(player, Path("exported"), Console(width=100, file=io.StringIO()))
    for key in keys:
        terminal.press(key)
        settle(player)
    return terminal


def test_space_pauses_and_goes_on(player: Player) -> None:
    pressed(player, "space")
    assert player.snapshot().motion is Motion.PAUSED
    pressed(player, "space")
    assert player.snapshot().motion is Motion.PLAYING


@pytest.mark.parametrize(
    ("key", "moved_s"),
    [("left", -5), ("right", 5), ("shift+left", -1), ("shift+right", 1)],
)
def test_arrows_seek(player: Player, key: str, moved_s: float) -> None:
    player.seek(6 * 44_100)
    settle(player)
    pressed(player, key)
    assert player.snapshot().position == (6 + moved_s) * 44_100


def test_digits_mute_and_shifted_ones_solo(player: Player) -> None:
    pressed(player, "1", "4", "4", "#", "alt+3", '"')
    vocals, drums, bass, other = player.mixer.strips
    assert (vocals.mute, drums.solo) == (True, True)
    assert (other.mute, bass.solo, bass.mute) == (False, False, False)


def test_tempo_key_and_volume_stop_at_their_ends(player: Player) -> None:
    pressed(player, ",", "-", "down")
    now = player.snapshot()
    assert (now.tempo, now.key, player.mixer.volume_db) == (0.95, -1, -1)
    pressed(player, *("." * 20), *("+" * 20), *["up"] * 20)
    now = player.snapshot()
    assert (now.tempo, now.key, player.mixer.volume_db) == (1.5, 12, 12)


def test_brackets_set_a_loop_and_l_switches_it(player: Player) -> None:
    terminal = pressed(player)
    for second, key in ((2, "["), (4, "]")):
        player.seek(second * 44_100)
        settle(player)
        terminal.press(key)
        settle(player)
    loop = (2 * 44_100, 4 * 44_100)
    assert player.snapshot().loop == loop
    for wanted in (None, loop):
        terminal.press("L")
        settle(player)
        assert player.snapshot().loop == wanted


def test_b_is_the_original_and_a_the_model_again(player: Player) -> None:
    terminal = pressed(player, "b")
    assert wanted_model(player) == ORIGINAL
    for key, models in (("a", {"tiny"}), ("m", {*player.models()} - {"tiny"})):
        terminal.press(key)
        settle(player)
        assert wanted_model(player) in models


def wanted_model(player: Player) -> str:
    now = player.snapshot()
    return now.model_wanted or now.model


def test_e_exports_what_is_heard(player: Player) -> None:
    from unbraid.audio.track import Track

    terminal = pressed(player, "1", "e")
    job = terminal._export
    assert job is not None
    assert job.wait(PATIENCE_S)
    assert job.error is None
    with Track(Path("exported/song/mix.wav")) as track:
        assert track.n_samples == 12 * 44_100


def test_a_command_that_fails_is_said_and_nothing_ends(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Headless(player, Path("exported"), Console(stderr=True, width=200))
    terminal.press("l")
    assert capsys.readouterr().err == "unbraid: there is no loop; set its ends with [ and ]\n"


def test_the_line_fits_the_terminal(player: Player) -> None:
    player.mixer.set_mute("drums", True)
    player.set_tempo(0.75)
    player.set_key(-2)
    player.set_loop(0, 44_100)
    settle(player)
    for width in (20, 60, 80, 104, 200):
        console = Console(width=width, force_terminal=True)
        line = Headless(player, Path("exported"), console).line(player.snapshot()).plain
        assert len(line) < width
        assert line.startswith("▶ 0:0")
    for part in ("0:12 loop 75% -2 vocals", "drums", "bass", "other", "late", "underruns"):
        assert part in line


def test_a_bar_is_as_long_as_its_level() -> None:
    assert level_bar(0.0, 4) == "████"
    assert level_bar(6.0, 4) == "████"
    assert level_bar(-24.0, 4) == "██  "
    assert level_bar(-24.0, 4, is_plain=True) == "##  "
    assert level_bar(float("-inf"), 4) == "    "


class Terminal:
    """The program in a pseudo-terminal, and one who types."""

    def __init__(self, *arguments: str) -> None:
        import pty
        import termios

        self.typed, self.program_end = pty.openpty()
        self.modes = termios.tcgetattr(self.program_end)
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=self.program_end,
            stdout=self.program_end,
            stderr=self.program_end,
            start_new_session=True,
            env=os.environ | {"COLUMNS": "120", "TERM": "xterm-256color", "LANG": "C.UTF-8"},
        )
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self.typed, text.encode())

    def wait_for(self, pattern: str) -> None:
        """Until something is shown after all that was waited for before."""
        until_s = time.monotonic() + PATIENCE_S
        while (found := re.search(pattern, self.shown)) is None:
            assert time.monotonic() < until_s, self.shown[-2000:]
            assert self.process.poll() is None, self.shown[-2000:]
            self._read()
        self.shown = self.shown[found.end() :]

    def end(self) -> int:
        """Its exit code; it must have left the terminal as it was."""
        import termios

        until_s = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < until_s:
            self._read()
        assert termios.tcgetattr(self.program_end) == self.modes
        return self.process.wait(PATIENCE_S)

    def _read(self) -> None:
        import select

        if select.select([self.typed], [], [], 0.1)[0]:
            self.shown += os.read(self.typed, 65_536).decode(errors="replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.typed)
        os.close(self.program_end)


@pytest.fixture
def songs(here: Path) -> None:
    write_song("a.wav", seconds=30)
    write_song("b.wav", seconds=30)


@posix
def test_keys_in_a_terminal_play_and_its_state_is_restored(songs: None) -> None:
    terminal = Terminal("a.wav", "b.wav", "--model", "tiny", "--stats-json", "counters.json")
    try:
        terminal.wait_for(r"a \(0:30\), tiny")
        terminal.wait_for(r"▶ 0:0\d/0:30 .*vocals")
        terminal.type(" ")
        terminal.wait_for("‖ 0:")
        terminal.type("\x1b[C")
        terminal.wait_for(r"‖ 0:0[5-9]")
        terminal.type("n")
        terminal.wait_for(r"b \(0:30\), tiny")
        terminal.type("l")
        terminal.wait_for("unbraid: there is no loop")
        terminal.type("q")
        assert terminal.end() == 0
    finally:
        terminal.close()
    counters = json.loads(Path("counters.json").read_text())
    assert counters["model"] == "tiny"
    assert counters["song"].endswith("b.wav")
    assert {"late_tiles", "underruns", "times_real_time", "ahead_s"} <= set(counters)


@posix
@pytest.mark.parametrize("ending", ["Ctrl-C", "SIGTERM"])
def test_ctrl_c_and_kill_end_it_clean(songs: None, ending: str) -> None:
    terminal = Terminal("a.wav", "--model", "tiny", "--stats-json", "counters.json")
    try:
        terminal.wait_for("▶ 0:")
        if ending == "Ctrl-C":
            terminal.type(CTRL_C)
        else:
            terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 130
        assert "Traceback" not in terminal.shown
    finally:
        terminal.close()
    assert json.loads(Path("counters.json").read_text())["song"].endswith("a.wav")


def test_without_a_terminal_it_plays_to_the_end_of_the_last_song(here: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write_song(name, seconds=0.7)
    Path("broken.wav").write_text("this is no music\n" * 50)
    done = subprocess.run(
        [*PROGRAM, "a.wav", "broken.wav", "b.wav", "gone.wav", "--model", "tiny"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stdout) == (0, "")
    told = done.stderr.splitlines()
    assert sum(line.startswith(("a (0:01)", "b (0:01)")) for line in told) == 2
    assert any("broken.wav: not a sound" in line for line in told)
    assert any("gone.wav: no such file" in line for line in told)
    assert "\x1b" not in done.stderr
