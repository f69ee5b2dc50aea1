"""What a batch costs beside the separation: two workers against one, a thousand clips, five hours.

    python benchmarks/batch.py [--only throughput|clips|hours] [--clips 1000] [--hours 5] [--bare]

throughput: the same songs with one worker and with two, one thread each, by turns.
clips:      many 10-s clips; what a song costs beyond what its separation alone does, which is
            timed in one process on every 20th clip, with the same files written.
hours:      a wav of so many hours, float stems out: valid RF64, and memory that does not grow.

--bare separates by a model that gives each stem a quarter of the song: what is left is the batch,
decoding and writing, which on a busy machine can be told from the separation only so.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

CLIP_S = 10.0
PROMISED_RATIO, PROMISED_OVERHEAD_MS, PROMISED_GROWTH = 1.7, 50.0, 1.1
SECTIONS = ("throughput", "clips", "hours")


def main() -> None:
    options = arguments()
    wanted = [options.only] if options.only else list(SECTIONS)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start", flush=True)
    kept = []
    with tempfile.TemporaryDirectory(dir=options.work_dir, prefix="unbraid-batch-") as folder:
        here = Path(folder)
        if options.bare:
            options.model = bare_model(here / "models")
        if "throughput" in wanted:
            kept.append(throughput(here / "throughput", options))
        if "clips" in wanted:
            kept.append(clips(here / "clips", options))
        if "hours" in wanted:
            kept.append(hours(here / "hours", options))
    sys.exit(not all(kept))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=SECTIONS)
    parser.add_argument("--model", help="a set's name or path; else the default")
    parser.add_argument("--bare", action="store_true", help="a model that costs next to nothing")
    parser.add_argument("--songs", type=int, default=8, help="for throughput (default 8)")
    parser.add_argument("--repeats", type=int, default=3, help="for throughput (default 3)")
    parser.add_argument("--clips", type=int, default=1_000, help="default 1000")
    parser.add_argument("--hours", type=float, default=5.0, help="default 5")
    parser.add_argument("--work-dir", type=Path, help="for songs and stems: 32 GB for five hours")
    return parser.parse_args()


def bare_model(folder: Path) -> str:
    """The path of a set that gives each stem a quarter of the mixture's waveform."""
    from dataclasses import replace

    from tests.models_made import CARD, write_set

    card = replace(CARD, name="bare", input="waveform", output="waveform")
    return str(write_set(folder / "bare", card=card))


def throughput(here: Path, options: argparse.Namespace) -> bool:
    """Two workers against one, on a thread each."""
    write_clips(here / "in", options.songs, 30.0)
    walls: dict[int, list[float]] = {1: [], 2: []}
    for repeat in range(options.repeats):
        for n_jobs in walls:
            out = here / f"out-{n_jobs}-{repeat}"
            walls[n_jobs].append(batch(here / "in", out, options, n_jobs)["wall_s"])
    audio_s = 30.0 * options.songs
    print(f"\n{options.songs} songs of 30 s, one thread a worker, median of {options.repeats}")
    print(f"{'workers':>8} {'wall s':>8} {'x real time':>12}")
    medians = {n_jobs: statistics.median(each) for n_jobs, each in walls.items()}
    for n_jobs, wall_s in medians.items():
        print(f"{n_jobs:8} {wall_s:8.1f} {audio_s / wall_s:12.1f}")
    ratio = medians[1] / medians[2]
    return judge(f"2 workers are {ratio:.2f}x one (>= {PROMISED_RATIO})", ratio >= PROMISED_RATIO)


def clips(here: Path, options: argparse.Namespace) -> bool:
    """Many short songs: what is not separation."""
    write_clips(here / "in", options.clips, CLIP_S)
    alone_ms = 1_000 * alone(sorted((here / "in").iterdir())[::20], here / "alone", options)
    done = batch(here / "in", here / "out", options, 1)
    again = batch(here / "in", here / "out", options, 1)
    each_ms = 1_000 * done["wall_s"] / options.clips
    print(f"\n{options.clips} clips of {CLIP_S:.0f} s, one worker, one thread; ms a song")
    print(f"{'separation alone':>18} {'in a batch':>12} {'overhead':>10} {'skipped':>9}")
    skipped_ms = 1_000 * again["wall_s"] / options.clips
    print(f"{alone_ms:18.0f} {each_ms:12.0f} {each_ms - alone_ms:10.0f} {skipped_ms:9.2f}")
    overhead_ms = each_ms - alone_ms
    return judge(
        f"{overhead_ms:.0f} ms a song beyond separation (<= {PROMISED_OVERHEAD_MS:.0f})",
        overhead_ms <= PROMISED_OVERHEAD_MS,
    )


def hours(here: Path, options: argparse.Namespace) -> bool:
    """A very long wav through a worker, its memory watched."""
    import numpy as np
    import soundfile
    from song import made_up_bars

    from unbraid.audio.encoder import Encoder, OutputFormat
    from unbraid.audio.track import Track

    (here / "in").mkdir(parents=True)
    encoder = Encoder(here / "in" / "long.wav", OutputFormat("wav", "16"), 44_100)
    bars = made_up_bars()
    n_bars = round(options.hours * 3600 * 44_100 / bars.shape[1])
    for _ in range(n_bars):
        encoder.write(bars)
    encoder.close()
    watch = Memory()
    batch(here / "in", here / "out", options, 1, "--depth", "32f", watch=watch)
    print(f"\n{options.hours:g} hours in, float stems out")
    print(f"{'stem':8} {'GB':>7} {'form':>6} {'samples':>12}")
    n_samples = n_bars * bars.shape[1]
    is_whole, total = True, np.zeros((44_100, 2), np.float32)
    for path in sorted((here / "out").rglob("*.wav")):
        n_bytes = path.stat().st_size
        with soundfile.SoundFile(path) as file:  # libsndfile reads it, FFmpeg wrote it
            form, n_found = file.format, file.frames
            file.seek(n_found - 44_100)
            total += file.read(dtype="float32")
        expected = "RF64" if n_bytes >= 2**32 else "WAV"
        is_whole &= (form, n_found) == (expected, n_samples) and n_bytes > 8 * n_samples
        print(f"{path.stem:8} {n_bytes / 1e9:7.2f} {form:>6} {n_found:12}")
    with Track(here / "in" / "long.wav") as track:
        error = np.abs(total.T - track.read(n_samples - 44_100, 44_100)).max()
    print(f"the last second's stems sum to the song within {error:.1e}")
    early, late = watch.halves()
    print(f"worker's memory: {early:.0f} MB in the first half, {late:.0f} MB in the second")
    is_whole &= error < 10 ** (-90 / 20)
    return judge("every stem whole, RF64 past 4 GiB", is_whole) & judge(
        f"memory of the second half {late / early:.2f}x the first's (<= {PROMISED_GROWTH})",
        late <= PROMISED_GROWTH * early,
    )


def judge(what: str, is_kept: bool) -> bool:
    print(f"{'kept  ' if is_kept else 'BROKEN'} {what}", flush=True)
    return is_kept


def write_clips(folder: Path, n_clips: int, length_s: float) -> None:
    """FLACs that differ, from made-up bars."""
    import numpy as np
    from song import made_up_bars

    from unbraid.audio.encoder import Encoder, OutputFormat

    folder.mkdir(parents=True)
    n_samples = round(length_s * 44_100)
    bars = made_up_bars()
    bars = np.tile(bars, (1, 2 + n_samples // bars.shape[1]))
    for number in range(n_clips):
        start = number * 441 % (bars.shape[1] - n_samples)
        gain = np.float32(0.5 + 0.5 * number / n_clips)
        encoder = Encoder(folder / f"{number:04}.flac", OutputFormat("flac", "16"), 44_100)
        encoder.write(gain * bars[:, start : start + n_samples])
        encoder.close()


def alone(songs: list[Path], out: Path, options: argparse.Namespace) -> float:
    """Seconds a song in one process that does nothing else, the model loaded."""
    from unbraid.library.song import SongOptions, separate_song
    from unbraid.separation.outputs import stem_outputs
    from unbraid.separation.separator import Separator

    separator = Separator(options.model, n_threads=1)
    separator.warm_up()
    wanted = SongOptions(stem_outputs(), out)
    started_s = time.monotonic()
    for song in songs:
        separate_song(song, separator, wanted)
    return (time.monotonic() - started_s) / len(songs)


def batch(
    songs: Path, out: Path, options: argparse.Namespace, n_jobs: int, *more: str,
    watch: "Memory | None" = None,
) -> dict:  # fmt: skip
    """Run a batch by command; what it says at its end."""
    command = [sys.executable, "-m", "unbraid", "batch", str(songs), "-o", str(out), "--json"]
    command += ["--jobs", str(n_jobs), "--threads", "1", *more]
    command += ["--model", options.model] if options.model else []
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if watch is not None:
        watch.start(run.pid)
    assert run.stdout is not None
    last = {}
    for line in run.stdout:
        last = json.loads(line)
    if run.wait() or last.get("event") != "end":
        sys.exit(f"the batch failed: {last}")
    return last


class Memory(threading.Thread):
    """Watches the largest child of a process: its resident megabytes, each second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._seen: list[float] = []

    def start(self, parent: int | None = None) -> None:
        self._parent = parent
        super().start()

    def run(self) -> None:
        while Path(f"/proc/{self._parent}").exists():
            children = Path(f"/proc/{self._parent}/task/{self._parent}/children")
            try:
                pids = children.read_text().split()
                self._seen.append(max((resident_mb(pid) for pid in pids), default=0.0))
            except OSError:
                pass
            time.sleep(1.0)

    def most(self) -> float:
        """The most at any time."""
        return max(self._seen, default=0.0)

    def halves(self) -> tuple[float, float]:
        """The most in each half of the time, without the start."""
        seen = [mb for mb in self._seen if mb > 0][5:] or [1.0]
        middle = len(seen) // 2
        return max(seen[:middle] or seen), max(seen[middle:])


def resident_mb(pid: str) -> float:
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
