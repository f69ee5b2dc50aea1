"""What a separation costs, ours beside the peers': one run, one table.

    python benchmarks/separate.py [--song FILE] [--model NAME] [--peers LIST] [--json FILE]

Every measurement runs in a process of its own, on as many cores as threads; repeats go round-robin
through all rows, so that a busy machine burdens all alike. README.md beside this file says how to
install the peers and how to read the table.
"""

import argparse
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PEERS = {  # name: modules it needs, how to get them
    "openunmix": (("torch", "openunmix", "tqdm"), "torch; pip install --no-deps openunmix tqdm"),
    "spleeter": (("torch", "onnx", "onnxscript"), "torch onnx onnxscript"),
    "htdemucs": (
        ("torch", "demucs", "einops", "julius", "tqdm"),
        "torch; pip install --no-deps demucs einops julius tqdm",
    ),
}
SHORT_S, SONG_S, LONG_S, THREE_MINUTES_S = 30.0, 240.0, 3600.0, 180.0
PROMISED_CPU, PROMISED_RSS_MB, PROMISED_RSS_GROWTH = 0.15, 400.0, 0.10


@dataclass
class Row:
    """One line of the table: what is measured, and each repeat's figures."""

    name: str
    what: str  # as measure.py calls it
    scope: str
    runtime: str
    threads: int
    seconds: float
    cpu: list[float] = field(default_factory=list)  # CPU seconds per second of audio
    wall: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    error: str = ""
    parameters_m: float | None = None
    gmac_per_s: float | None = None
    ratio: float | None = None  # CPU of this to ours end to end, 30 s, same threads


def main() -> None:
    options = arguments()
    chosen = [] if options.peers == "none" else options.peers.split(",")
    if unknown := set(chosen) - set(PEERS):
        sys.exit(f"unknown peers {', '.join(unknown)}; choose from {', '.join(PEERS)} or none")
    missing = {p for p in chosen if not all(map(importlib.util.find_spec, PEERS[p][0]))}
    with tempfile.TemporaryDirectory(dir=options.work_dir, prefix="unbraid-bench-") as folder:
        rows = plan(options, [p for p in chosen if p not in missing])
        songs = write_songs(Path(folder), {row.seconds for row in rows}, options.song)
        graphs = Path(folder, "spleeter")
        graphs.mkdir()
        base = {"model": options.model, "graphs": str(graphs)}
        counts = count_all(rows, songs, base)
        for repeat in range(options.repeats):
            for row in rows:
                # An hour is its own average.
                if not row.error and (repeat == 0 or row.seconds < LONG_S):
                    measure(row, songs, base, repeat)
    finish(rows, counts)
    lines = [*heading(options), *table(rows)]
    lines += [f"{p}: not installed: pip install {PEERS[p][1]}" for p in sorted(missing)]
    lines += promises(rows)
    print("\n".join(lines))
    if options.json:
        result = {"machine": heading(options)[0], "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--song", type=Path, help="looped to each length; else one is made up")
    parser.add_argument("--model", help="a set's name or path; else the default")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated, or none")
    parser.add_argument("--threads", default="1,2", help="comma-separated (default 1,2)")
    parser.add_argument(
        "--lengths", default="30,240,3600", help="seconds, for ours (default 30,240,3600)"
    )
    parser.add_argument("--repeats", type=int, default=3, help="median of so many (default 3)")
    parser.add_argument(
        "--work-dir", type=Path, help="for songs and stems: 6 GB free if an hour is measured"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    return parser.parse_args()


def plan(options: argparse.Namespace, peers: list[str]) -> list[Row]:
    """Ours and the peers' by turns, so that both see the machine in the same state."""
    rows = []
    lengths = [float(length) for length in options.lengths.split(",")]
    for threads in map(int, options.threads.split(",")):
        ours = [Row("unbraid", "ours", "end to end", "onnxruntime", threads, s) for s in lengths]
        nets = [Row("unbraid", "ours", "networks", "onnxruntime", threads, SHORT_S)]
        if LONG_S in lengths and threads == 1:
            three = Row("unbraid", "ours", "end to end", "onnxruntime", threads, THREE_MINUTES_S)
            ours.insert(-1, three)
        rows += ours[:1] + nets
        if "spleeter" in peers:
            spleeter = ("Spleeter 4 stems", "spleeter-onnx", "networks", "onnxruntime")
            rows.append(Row(*spleeter, threads, SHORT_S))
            rows.append(Row(spleeter[0], "spleeter", "networks", "torch", threads, SHORT_S))
        if "openunmix" in peers:
            for scope in ("networks", "whole"):
                rows.append(Row("Open-Unmix", "openunmix", scope, "torch", threads, SHORT_S))
        if "htdemucs" in peers:
            rows.append(Row("HTDemucs", "htdemucs", "whole", "torch", threads, SHORT_S))
        rows += ours[1:]
    return rows


def write_songs(folder: Path, lengths: set[float], source: Path | None) -> dict[float, Path]:
    """A FLAC of each length, and the shortest also as an array, for the peers."""
    import numpy as np
    from song import write_song

    from unbraid.audio.track import Track

    songs = {s: write_song(folder / f"{s:.0f}.flac", s, source) for s in lengths | {SHORT_S}}
    with Track(songs[SHORT_S]) as track:
        np.save(songs[SHORT_S].with_suffix(".npy"), track.read(0, track.n_samples))
    return songs


def measure(row: Row, songs: dict[float, Path], base: dict, repeat: int) -> None:
    song = songs[row.seconds]
    if row.what != "ours":
        song = song.with_suffix(".npy")
    print(f"repeat {repeat + 1}: {row.name} {row.scope} {row.runtime}, {row.threads} threads, "
          f"{row.seconds:.0f} s", file=sys.stderr, flush=True)  # fmt: skip
    task = base | {"what": row.what, "scope": row.scope, "threads": row.threads}
    result = child(task | {"song": str(song), "seconds": row.seconds}, row.threads)
    row.error = result.get("error", "")
    for figure in ("cpu", "wall", "rss_mb"):
        if not row.error:
            getattr(row, figure).append(result[figure])


def count_all(rows: list[Row], songs: dict[float, Path], base: dict) -> dict[str, dict]:
    """Each one's parameters and multiply-adds; on the way Spleeter's graphs are exported."""
    song = str(songs[SHORT_S].with_suffix(".npy"))
    task = base | {"what": "count", "threads": 1, "song": song}
    names = {row.what.removesuffix("-onnx") for row in rows}
    return {name: child(task | {"peer": name}, 1) for name in sorted(names)}


def child(task: dict, n_threads: int) -> dict:
    """Run measure.py; its figures, or why there are none."""
    pools = ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM")
    threads = {f"{pool}_NUM_THREADS": str(n_threads) for pool in pools}
    command = [sys.executable, str(HERE / "measure.py"), json.dumps(task)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | threads)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["killed"])[-1][:160]}
    return json.loads(done.stdout.splitlines()[-1])


def finish(rows: list[Row], counts: dict[str, dict]) -> None:
    """Add the counts, and each row's ratio to ours on as many threads."""
    for row in rows:
        counted = counts[row.what.removesuffix("-onnx")]
        row.parameters_m = counted.get("parameters_m")
        row.gmac_per_s = counted.get("gmac_per_s")
        ours = find(rows, "ours", "end to end", row.threads, SHORT_S)
        if row.cpu and ours and ours.cpu:
            row.ratio = statistics.median(row.cpu) / statistics.median(ours.cpu)


def find(rows: list[Row], what: str, scope: str, threads: int, seconds: float) -> Row | None:
    wanted = (what, scope, threads, seconds)
    found = (r for r in rows if (r.what, r.scope, r.threads, r.seconds) == wanted)
    return next(found, None)


def heading(options: argparse.Namespace) -> list[str]:
    model = "unknown processor"
    if (info := Path("/proc/cpuinfo")).exists():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].split(":")[1].strip() if named else model
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    machine = f"{model}, {os.cpu_count()} cores{load}, Python {platform.python_version()}"
    return [
        machine,
        f"song: {options.song or 'made up'}; median of {options.repeats}; CPU and wall are seconds "
        "per second of audio; ratio is CPU to unbraid's end to end over 30 s",
        "",
    ]


COLUMNS: tuple[tuple[str, int, Callable[[Row], str]], ...] = (
    ("program", 17, lambda r: r.name),
    ("scope", 11, lambda r: r.scope),
    ("runtime", 12, lambda r: r.runtime),
    ("threads", 8, lambda r: str(r.threads)),
    ("audio s", 8, lambda r: f"{r.seconds:.0f}"),
    ("CPU", 8, lambda r: f"{statistics.median(r.cpu):.4f}"),
    ("wall", 8, lambda r: f"{statistics.median(r.wall):.4f}"),
    ("x real time", 12, lambda r: f"{1 / statistics.median(r.wall):.1f}"),
    ("RSS MB", 7, lambda r: f"{max(r.rss_mb):.0f}"),
    ("ratio", 7, lambda r: f"{r.ratio:.2f}" if r.ratio else "-"),
    ("params M", 9, lambda r: f"{r.parameters_m:.2f}" if r.parameters_m else "-"),
    ("GMAC/s", 7, lambda r: f"{r.gmac_per_s:.3f}" if r.gmac_per_s else "-"),
)


def table(rows: list[Row]) -> list[str]:
    n_text = 3  # columns that are words, aligned to the left
    lines = ["".join(_cell(head, n, i < n_text) for i, (head, n, _) in enumerate(COLUMNS))]
    for row in rows:
        cells = [
            f"{row.error}" if row.error and i >= 5 else fill(row)
            for i, (_, _, fill) in enumerate(COLUMNS[: 6 if row.error else None])
        ]
        sizes = [n for _, n, _ in COLUMNS]
        pairs = zip(cells, sizes, strict=False)
        lines.append("".join(_cell(cell, n, i < n_text) for i, (cell, n) in enumerate(pairs)))
    return lines


def _cell(text: str, size: int, is_word: bool) -> str:
    return f"{text:<{size}} " if is_word else f"{text:>{size}} "


def promises(rows: list[Row]) -> list[str]:
    """What unbraid promises, and whether this run bears it out."""
    lines = [""]

    def judge(what: str, is_kept: bool) -> None:
        lines.append(f"{'kept  ' if is_kept else 'BROKEN'} {what}")

    # A song's length if it was measured: of 30 s a tenth is the last tile's padding.
    lengths = (SONG_S, SHORT_S)
    measured = (find(rows, "ours", "end to end", 1, length) for length in lengths)
    ours = next((row for row in measured if row and row.cpu), None)
    if ours:
        cpu = statistics.median(ours.cpu)
        judge(f"CPU per second of audio, 1 thread: {cpu:.3f} (at most {PROMISED_CPU})",
              cpu <= PROMISED_CPU)  # fmt: skip
        for what in ("spleeter-onnx", "spleeter"):
            peer = find(rows, what, "networks", 1, SHORT_S)
            if peer and peer.cpu:
                theirs = statistics.median(peer.cpu)
                judge(f"below Spleeter's networks alone in {peer.runtime}: {theirs:.3f}",
                      cpu < theirs)  # fmt: skip
    short = find(rows, "ours", "end to end", 1, THREE_MINUTES_S)
    long = find(rows, "ours", "end to end", 1, LONG_S)
    if short and long and short.rss_mb and long.rss_mb:
        before, after = statistics.median(short.rss_mb), max(long.rss_mb)
        growth = after / before - 1
        judge(f"peak RSS, 3 min and 60 min: {before:.0f} and {after:.0f} MB, {growth:+.1%} "
              f"(within {PROMISED_RSS_GROWTH:.0%})",
              abs(growth) <= PROMISED_RSS_GROWTH)  # fmt: skip
    peaks = [max(r.rss_mb) for r in rows if r.what == "ours" and r.rss_mb]
    if peaks:
        judge(f"peak RSS of any of ours: {max(peaks):.0f} MB (at most {PROMISED_RSS_MB:.0f})",
              max(peaks) <= PROMISED_RSS_MB)  # fmt: skip
    return lines


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    if shutil.disk_usage(tempfile.gettempdir()).free < 6e9:
        print("less than 6 GB free for temporary files; see --work-dir", file=sys.stderr)
    main()
