"""What the player promises, measured in one run: one table.

    python benchmarks/player.py [--opens 7] [--parts engine,program,qt,hour] [--model NAME]

Times are taken from the samples that the device is given, not from what the player says of itself:
all four faders stand at -20 dB, so the mixture that covers for a stem is heard ten times as loud as
the stems are. Linux; the rows with a window need pulseaudio, xvfb and xdotool, and skip without.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from song import BEAT, RATE, made_up_bars

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.sound_server import SoundServer, aligned, missing

from unbraid.audio.encoder import Encoder, OutputFormat
from unbraid.audio.track import Track
from unbraid.player.engine import Player
from unbraid.player.output import MiniaudioOutput
from unbraid.stems import STEMS

SONG_S = 240.0
HOUR_S = 3600.0
FADER_DB = -20.0
WINDOW = 256
"""Samples over which a gain is measured: 6 ms."""

N_COLD = 3
CPU_S = 20.0
PATIENCE_S = 60.0
SCREEN = ":78"


@dataclass
class Row:
    """A line of the table."""

    what: str
    unit: str
    limit: float
    is_least: bool = False  # the limit is the least that is good, not the most
    values: list[float] = field(default_factory=list)
    note: str = ""

    def text(self) -> str:
        if not self.values:
            return f"{'-':8}{self.what}: not measured: {self.note}"
        value = statistics.median(self.values)
        is_kept = value >= self.limit if self.is_least else value <= self.limit
        bound = "at least" if self.is_least else "at most"
        spread = f", {min(self.values):.3g} to {max(self.values):.3g}" * (len(self.values) > 1)
        note = f"; {self.note}" if self.note else ""
        return (
            f"{'kept' if is_kept else 'BROKEN':8}{self.what}: {value:.3g} {self.unit} "
            f"({bound} {self.limit:g}; n = {len(self.values)}{spread}){note}"
        )


class Tap:
    """An output that keeps what it was given, and when that is heard."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.blocks: list[tuple[float, np.ndarray]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def open(self, rate: int, fill: Callable[[np.ndarray], int], device: str | None = None) -> None:
        def keep(frames: np.ndarray) -> int:
            n_filled = fill(frames)
            self.blocks.append((time.monotonic() + self._inner.latency_s, frames.copy()))
            return n_filled

        self._inner.open(rate, keep, device)

    def since(self, start_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Samples (2, n) from a time on, and when each was heard."""
        blocks = [block for block in self.blocks if block[0] >= start_s]
        times = [at + np.arange(len(frames)) / RATE for at, frames in blocks]
        return np.concatenate([frames for _, frames in blocks]).T, np.concatenate(times)


def main() -> None:
    options = arguments()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=options.work_dir, prefix="unbraid-play-") as folder:
        here = Path(folder)
        songs = [write_mp3(here / f"{n}.mp3", n) for n in range(options.opens + 2)]
        if "engine" in options.parts:
            rows += shown(engine_rows(songs, here / "store", options.model))
        if "program" in options.parts:
            rows += shown(program_rows(songs[0], here, options.model))
        if "hour" in options.parts:
            rows += shown([hour_row(here, options.model)])
    if "qt" in options.parts:
        rows += shown([refcount_row()])
    python = platform.python_version()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} at the end, Python {python}")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def shown(rows: list[Row]) -> list[Row]:
    for row in rows:
        print(row.text(), flush=True)
    return rows


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opens", type=int, default=7, help="songs opened and sought in (7)")
    parser.add_argument(
        "--parts",
        default="engine,program,qt",
        help="comma-separated: engine, program, qt (default), and hour, which takes long",
    )
    parser.add_argument("--model", help="a set's name or path; else the default")
    parser.add_argument("--work-dir", type=Path, help="for hour 6 GB must be free there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    return parser.parse_args()


def write_mp3(path: Path, number: int, length_s: float = SONG_S) -> Path:
    """A song unlike the others: made-up bars from another beat on."""
    bars = np.roll(made_up_bars(), number * BEAT + number, axis=1)
    encoder = Encoder(path, OutputFormat("mp3", None), RATE)
    for _ in range(round(length_s * RATE / bars.shape[1])):
        encoder.write(bars)
    encoder.close()
    return path


def engine_rows(songs: list[Path], store: Path, model: str | None) -> list[Row]:
    """Opening, seeking and separating, in one warm process without a window."""
    opened = Row("open a 4-minute mp3, warm process, to its stems", "s", 1.0)
    sounds = Row("  to its first sound", "s", 1.0)
    far = Row("seek into unseparated ground, to its stems", "s", 0.5)
    near = Row("seek into separated ground, to its stems", "s", 0.1)
    whole = Row("a whole song separated while it plays", "x real time", 4.0, is_least=True)
    tap = Tap(MiniaudioOutput(["NULL"]))
    with Player(output=tap, store=store, model=model) as player:
        for stem in STEMS:
            player.mixer.set_gain_db(stem, FADER_DB)
        for index, song in enumerate(songs):
            with Track(song) as track:
                mixture = track.read(0, track.n_samples)
            player.playlist.add([song])  # not before, or it would be opened and separated ahead
            before = player.snapshot().song
            asked_s = time.monotonic()
            player.open(index)
            until(lambda before=before: player.snapshot().song != before, PATIENCE_S)
            if index == len(songs) - 1:
                until(lambda: player.snapshot().done_fraction == 1, 10 * PATIENCE_S)
                whole.values.append(SONG_S / (time.monotonic() - asked_s))
                break
            sound_s, stems_s = heard_from(player, tap, mixture, 0, asked_s)
            if index:  # the first loads the model
                sounds.values.append(sound_s)
                opened.values.append(stems_s)
            for target_s in (75.0, 150.0, 225.0):
                far.values.append(seek(player, tap, mixture, round(target_s * RATE)))
            for target_s in (75.5, 150.5, 225.5):
                near.values.append(seek(player, tap, mixture, round(target_s * RATE)))
        now = player.snapshot()
        whole.note = (
            f"{now.n_late} late tiles, {now.n_waited} more within a second of a seek, "
            f"{now.n_underruns} underruns in all of the above, {1000 * tap.latency_s:.0f} ms buffer"
        )
    return [opened, sounds, far, near, whole]


def seek(player: Player, tap: Tap, mixture: np.ndarray, sample: int) -> float:
    asked_s = time.monotonic()
    player.seek(sample)
    return heard_from(player, tap, mixture, sample, asked_s)[1]


def heard_from(
    player: Player, tap: Tap, mixture: np.ndarray, sample: int, asked_s: float
) -> tuple[float, float]:
    """Seconds from `asked_s` until the song sounded from `sample` on, and until its stems did."""
    until(lambda: 0 < player.snapshot().position - sample - RATE < 20 * RATE, PATIENCE_S)
    until(lambda: not player.snapshot().is_mixture, PATIENCE_S)
    time.sleep(0.3)
    samples, times = tap.since(asked_s)
    tap.blocks.clear()
    at = aligned(samples, mixture[:, sample : sample + RATE])
    wanted = mixture[:, max(0, sample - at) :][:, : samples.shape[1]]
    samples, times = samples[:, max(0, at - sample) :], times[max(0, at - sample) :]
    n_windows = min(wanted.shape[1], samples.shape[1]) // WINDOW
    given, wanted = (
        part[:, : n_windows * WINDOW].reshape(2, n_windows, WINDOW) for part in (samples, wanted)
    )
    energies = (wanted**2).sum(axis=(0, 2)) + 1e-9
    gains = (given * wanted).sum(axis=(0, 2)) / energies
    rests = ((given - gains[:, None] * wanted) ** 2).sum(axis=(0, 2)) / energies
    is_song = (rests < 1e-3 * gains**2) & (gains > 0.01)
    is_stems = is_song & (gains < 2 * 10 ** (FADER_DB / 20))
    first = [int(found.argmax()) * WINDOW for found in (is_song, is_stems)]
    if not is_stems.any():
        raise SystemExit("the stems were never heard: the measurement is wrong")
    return times[first[0]] - asked_s, times[first[1]] - asked_s


def until(condition: Callable[[], bool], patience_s: float) -> None:
    end_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end_s:
            raise SystemExit("the player does not get there")
        time.sleep(0.005)


def program_rows(song: Path, here: Path, model: str | None) -> list[Row]:
    """The program as it is started by its user, on a null sink and a virtual screen."""
    cold = Row("cold process to window with sound", "s", 4.0)
    shown = Row("  to the window", "s", 4.0)
    cpu = Row("interface while playing, beyond the engine", "% of a core", 8.0)
    gone = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if gone or missing():
        for row in (cold, shown, cpu):
            row.note = missing() or f"{', '.join(gone)}: not installed"
        return [cold, shown, cpu]
    command = [sys.executable, "-m", "unbraid", "play", str(song)]
    command += ["--model", model] if model else []
    environment = os.environ | {"UNBRAID_CACHE": str(here / "cache")}
    environment |= {"XDG_CONFIG_HOME": str(here / "settings")}
    with SoundServer(here / "sound") as server, screen() as display:
        environment |= {name: os.environ[name] for name in ("XDG_RUNTIME_DIR", "HOME")}
        environment |= {"PULSE_SERVER": os.environ["PULSE_SERVER"]}
        for _ in range(N_COLD):
            window_s, sound_s = cold_start(command, environment | display, server)
            shown.values.append(window_s)
            cold.values.append(max(window_s, sound_s))
        # The whole song is in the store now or soon: nothing but playing is left to measure.
        with running([*command, "--headless"], environment) as process:
            time.sleep(SONG_S / 4)
            engine = cpu_share(process.pid)
        with running(command, environment | display) as process:
            time.sleep(10)
            window = cpu_share(process.pid)
        cpu.values.append(100 * (window - engine))
        cpu.note = f"{100 * engine:.1f} % without the window, software rendering included"
    return [cold, shown, cpu]


@contextmanager
def screen() -> Iterator[dict[str, str]]:
    """A virtual screen; gives what programs need to know to draw on it."""
    process = subprocess.Popen(
        ["Xvfb", SCREEN, "-screen", "0", "1400x900x24", "-nolisten", "tcp"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(1)
        yield {"DISPLAY": SCREEN, "QT_QPA_PLATFORM": "xcb", "LIBGL_ALWAYS_SOFTWARE": "1"}
    finally:
        process.kill()
        process.wait()


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.terminate()
        _, told = process.communicate(timeout=PATIENCE_S)
        if b"Traceback" in told:
            print(told.decode(), file=sys.stderr)


def cold_start(
    command: list[str], environment: dict[str, str], server: SoundServer
) -> tuple[float, float]:
    """Seconds from the start to the window, and to the first sound."""
    finding = ["xdotool", "search", "--onlyvisible", "--class", "unbraid"]
    with server.record() as recording:
        started_s = time.monotonic()
        with running(command, environment) as process:
            window_s = 0.0
            while not window_s or not np.any(recording.heard):
                if process.poll() is not None or time.monotonic() - started_s > PATIENCE_S:
                    raise SystemExit("the program does not start: try it by hand")
                found = subprocess.run(finding, env=environment, capture_output=True, check=False)
                if found.stdout.strip() and not window_s:
                    window_s = time.monotonic() - started_s
                time.sleep(0.02)
            heard = recording.heard
    first = int(np.any(heard != 0, axis=0).argmax())
    return window_s, recording.start_s + first / RATE - started_s


def cpu_share(pid: int) -> float:
    """Cores that a process keeps busy."""

    def spent_s() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before_s, started_s = spent_s(), time.monotonic()
    time.sleep(CPU_S)
    return (spent_s() - before_s) / (time.monotonic() - started_s)


def hour_row(here: Path, model: str | None) -> Row:
    """The most memory that an hour's song takes until all of it is separated."""
    row = Row("memory, 60-minute song", "MB", 600.0)
    song = write_mp3(here / "hour.mp3", 0, HOUR_S)
    task = json.dumps({"song": str(song), "store": str(here / "hour"), "model": model})
    done = subprocess.run(
        [sys.executable, "-c", HOUR, task],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    if done.returncode:
        row.note = (done.stderr.strip().splitlines() or ["killed"])[-1]
        return row
    facts = json.loads(done.stdout.splitlines()[-1])
    row.values.append(facts["peak_mb"])
    row.note = (
        f"{facts['own_mb']:.0f} MB without the store's pages; store {facts['store_gb']:.1f} GB"
    )
    return row


HOUR = """
import json, sys, time
from pathlib import Path
from unbraid.player.engine import Player
from unbraid.player.output import MiniaudioOutput

task = json.loads(sys.argv[1])

def kilobytes(field):
    return int(Path("/proc/self/status").read_text().split(field + ":")[1].split()[0])

own, output = 0, MiniaudioOutput(["NULL"])
with Player(output=output, store=Path(task["store"]), model=task["model"]) as player:
    player.playlist.add([task["song"]])
    player.open(0)
    now = player.snapshot()
    while now.done_fraction < 1:
        time.sleep(1)
        now = player.snapshot()
        own = max(own, kilobytes("RssAnon"))
print(json.dumps({"peak_mb": kilobytes("VmHWM") * 1024 / 1e6, "own_mb": own * 1024 / 1e6,
                  "store_gb": now.store_bytes / 1e9}))
"""


def refcount_row() -> Row:
    """As tests/desktop/test_qt_refcount.py."""
    from tests.desktop.test_qt_refcount import COUNT, N_CALLS

    row = Row(f"references to None lost in {3 * N_CALLS} void calls of Qt", "references", 100)
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        capture_output=True,
        text=True,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )
    if done.returncode:
        row.note = (done.stderr.strip().splitlines() or ["aborted"])[0]
    else:
        row.values.append(sum(abs(int(line.split()[1])) for line in done.stdout.splitlines()))
    return row


if __name__ == "__main__":
    main()
