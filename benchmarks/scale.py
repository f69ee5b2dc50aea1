"""A million songs, worked out from measured per-song figures: the tables of docs/scale.md.

    python benchmarks/scale.py [--songs FOLDER] [--plan 100000] [--n-songs 1000000] [--minutes 4]

Measured: CPU seconds and memory of a batch's worker, and bytes of each format, on a minute of each
song of a folder (or of one that is made up); how long the driver of a cluster takes to plan, and
what its ledger holds (needs the cluster extra). All else is arithmetic on these.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path, PurePath

from batch import Memory

EXCERPT_S = 60.0
FORMATS = {
    "wav, 16 bits": ("--format", "wav", "--depth", "16"),
    "flac, 16 bits": ("--format", "flac", "--depth", "16"),
    "m4a, 256 kbit/s": ("--format", "m4a"),
    "opus, 192 kbit/s": ("--format", "opus"),
    "stem.mp4, AAC": ("--stem-mp4",),
}
LEDGER_ROWS = 200  # that a driver which is killed may lose: library/ledger.py


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="unbraid-scale-") as folder:
        here = Path(folder)
        audio_s = write_excerpts(here / "in", options.songs)
        cpu_s, mb, n_bytes = measure(here, audio_s)
    length_s = 60 * options.minutes
    n, each_s = options.n_songs, cpu_s * length_s
    core_h = n * each_s / 3600
    print(f"\n{n:,} songs of {options.minutes:g} minutes")
    print(f"{each_s:.1f} CPU s each, {core_h:,.0f} core-hours in all")
    print(f"{'cores':>8} {'days':>8}   at one thread a worker, {mb:.0f} MB each")
    for n_cores in (16, 64, 256, 1024):
        days, gb = core_h / n_cores / 24, n_cores * mb / 1e3
        print(f"{n_cores:8} {days:8.1f}   {gb:.0f} GB of memory in all")
    print(f"\n{'stems as':18} {'MB a song':>10} {'TB in all':>10}")
    for name, rate in n_bytes.items():
        print(f"{name:18} {rate * length_s / 1e6:10.0f} {rate * length_s * n / 1e12:10.0f}")
    failures(n, each_s, core_h, options.start_s)
    with tempfile.TemporaryDirectory(prefix="unbraid-scale-") as folder:
        plan = planned(Path(folder), options.plan)
    if plan:
        seconds, megabytes, ledger = plan
        print(f"\nthe driver, measured on {options.plan:,} songs, for {n:,}:")
        print(f"planning {seconds * n:.0f} CPU s, memory {megabytes * n / 1e3:.1f} GB, "
              f"ledger {ledger * n / 1e6:.0f} MB")  # fmt: skip
    else:
        print("\nthe driver: not measured, as the cluster extra is not installed")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=Path, help="a folder of songs; else one is made up")
    parser.add_argument("--plan", type=int, default=100_000, help="songs to plan (default 100000)")
    parser.add_argument("--n-songs", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=4.0, help="length of a song (default 4)")
    parser.add_argument("--start-s", type=float, default=3.0, help="CPU s of a worker's start")
    return parser.parse_args()


def write_excerpts(folder: Path, songs: Path | None) -> float:
    """A minute of each song as FLAC; how many seconds in all."""
    from song import write_song

    folder.mkdir()
    sources: list[Path | None] = (
        sorted(p for p in songs.iterdir() if p.is_file()) if songs else [None]
    )
    for number, source in enumerate(sources):
        write_song(folder / f"{number}.flac", EXCERPT_S, source)
    return EXCERPT_S * len(sources)


def measure(here: Path, audio_s: float) -> tuple[float, float, dict[str, float]]:
    """CPU s per second of audio, a worker's most megabytes, and bytes per second by format."""
    n_bytes, cpu_s, mb = {}, 0.0, 0.0
    n_in = sum(path.stat().st_size for path in (here / "in").iterdir())
    kbit_s = n_in / audio_s * 8 / 1e3
    print(f"measured on {audio_s:.0f} s of audio, {kbit_s:.0f} kbit/s as FLAC, one thread")
    for name, words in FORMATS.items():
        out = here / name.replace(" ", "")
        command = [sys.executable, "-m", "unbraid", "batch", str(here / "in"), "-o", str(out)]
        command += ["--json", "--jobs", "1", "--threads", "1", *words]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        watch = Memory()
        watch.start(run.pid)
        assert run.stdout is not None
        events = [json.loads(line) for line in run.stdout]
        if run.wait():
            sys.exit(f"the batch failed: {events[-1]}")
        done = [event for event in events if event["event"] == "done"]
        paths = [Path(path) for event in done for path in event["paths"].values()]
        n_bytes[name] = sum(path.stat().st_size for path in paths) / audio_s
        spent_s = sum(event["cpu_s"] for event in done) / audio_s
        cpu_s, mb = max(cpu_s, spent_s), max(mb, watch.most())
        print(f"{name:18} {spent_s:7.4f} CPU s per s, {n_bytes[name] / 1e6 * 60:6.1f} MB a minute")
    return cpu_s, mb, n_bytes


def failures(n: int, each_s: float, core_h: float, start_s: float) -> None:
    """What deaths cost: half a song and a worker's start; and songs that meet two of them."""
    print(f"\n{'a worker dies each':20} {'deaths':>9} {'redone':>8} {'songs that meet two':>20}")
    for name, mean_h in (("hour", 1), ("day", 24), ("30 days", 720)):
        deaths = core_h / mean_h
        share = deaths * (each_s / 2 + start_s) / (n * each_s)
        twice = n * (each_s / 3600 / mean_h) ** 2
        print(f"{name:20} {deaths:9,.0f} {share:8.3%} {twice:20.1f}")
    lost_s = LEDGER_ROWS * each_s
    again = f"{lost_s / 60:.0f} CPU minutes again"
    print(f"a killed driver forgets {LEDGER_ROWS} songs at most: {again}")


def planned(here: Path, n_songs: int) -> tuple[float, float, float] | None:
    """A driver's CPU seconds, megabytes and bytes of ledger for a song."""
    try:
        from unbraid.library.cluster import _rows
        from unbraid.library.ledger import Entry, Ledger
        from unbraid.library.remote import RemoteSong
    except ModuleNotFoundError:
        return None
    from unbraid.library.song import SongOptions
    from unbraid.library.work import Work
    from unbraid.separation.outputs import stem_outputs

    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work = Work("unet-0.1", "0" * 64, SongOptions(stem_outputs(), here))
    out, started_s = str(here / "ledger"), time.process_time()
    songs = [
        RemoteSong(f"s3://archive/in/{n % 1000}/{n} song.flac", PurePath(str(n % 1000)), f"{n} 1")
        for n in range(n_songs)
    ]
    with Ledger(out) as ledger:
        for song, row in _rows(songs, ledger, work):
            assert isinstance(row, dict)
            files = {
                output: {"target": target, "n_bytes": 42_000_000, "sha256": f"{hash(target):064x}"}
                for output, target in row["targets"].items()
            }
            ledger.add(Entry(song.url, song.stamp, work.key, "done", None, "0" * 64, files, 240.0))
    with Ledger(out) as ledger:  # as a run that goes on reads it
        assert ledger.entry(songs[0].url) is not None
    seconds = time.process_time() - started_s
    n_bytes = sum(path.stat().st_size for path in Path(out).rglob("*.parquet"))
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    return seconds / n_songs, peak_kb * 1024 / 1e6 / n_songs, n_bytes / n_songs


if __name__ == "__main__":
    main()
