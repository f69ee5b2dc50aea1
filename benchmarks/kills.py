"""Kill a batch at random instants, run it again, compare: every end must be the same to the byte.

    python benchmarks/kills.py [--kills 200] [--songs 12] [--seed 1] [--format wav]

Each trial starts in an empty output folder. kill -9 hits the whole process group (as when a machine
dies) or the parent alone (as when somebody kills it), by turns. What is found under final names
right after must be whole; then the same command runs to its end. The batch's own folder,
`.unbraid`, is not compared: the job log in it holds times. Nothing else may be left in it.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PRIVATE = ".unbraid"
LENGTH_S = 3.0


def main() -> None:
    options = arguments()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory(dir=options.work_dir, prefix="unbraid-kills-") as folder:
        here = Path(folder)
        write_songs(here / "in", options.songs)
        command = [sys.executable, "-m", "unbraid", "batch", str(here / "in"), "--quiet"]
        command += ["--format", options.format, "-o"]
        started_s = time.monotonic()
        run([*command, str(here / "whole")])
        whole_s = time.monotonic() - started_s
        expected = tree(here / "whole")
        print(
            f"{options.songs} songs of {LENGTH_S:.0f} s, {len(expected)} files, {whole_s:.1f} s in "
            f"one go; {options.kills} kills, seed {options.seed}",
            flush=True,
        )
        trials = [
            trial([*command, str(here / "out")], here / "out", expected, whole_s, number)
            for number in range(options.kills)
        ]
    table(trials, len(expected))
    sys.exit(any(t["differing"] or t["partial"] or t["left over"] for t in trials))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="default 200")
    parser.add_argument("--songs", type=int, default=12, help="default 12")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", default="wav")
    parser.add_argument("--work-dir", type=Path, help="where to work; a temporary folder if not")
    return parser.parse_args()


def write_songs(folder: Path, n_songs: int) -> None:
    """Excerpts of the demo's clip, in folders, no two alike."""
    from unbraid.audio.encoder import Encoder, OutputFormat
    from unbraid.demo.clip import load_clip

    clip = load_clip()
    n_samples = round(LENGTH_S * clip.sample_rate)
    step = (clip.mixture.shape[1] - n_samples) // n_songs
    for number in range(n_songs):
        path = folder / f"disc {number % 3}" / f"{number:02} song.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        encoder = Encoder(path, OutputFormat("flac", "16"), clip.sample_rate)
        encoder.write(clip.mixture[:, number * step : number * step + n_samples])
        encoder.close()


def trial(
    command: list[str], out: Path, expected: dict[str, str], whole_s: float, number: int
) -> dict:
    """One kill: what stood under final names then, and what stands there in the end."""
    shutil.rmtree(out, ignore_errors=True)
    moment_s = random.uniform(0, 1.05 * whole_s)
    batch = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        batch.wait(moment_s)
    except subprocess.TimeoutExpired:
        if number % 2:
            os.kill(batch.pid, signal.SIGKILL)
        else:
            os.killpg(batch.pid, signal.SIGKILL)
        batch.wait()
    found = tree(out)
    partial = sum(expected.get(name) != digest for name, digest in found.items())
    run(command)
    ended = tree(out)
    left = [path for path in (out / PRIVATE).rglob("*") if path.name != "jobs.sqlite"]
    result = {
        "moment": moment_s / whole_s,
        "found": len(found),
        "partial": partial,
        "differing": len(ended.items() ^ expected.items()),
        "left over": len(left),
    }
    if result["partial"] or result["differing"] or left:
        print(f"kill {number} at {moment_s:.2f} s: {result} {left}", flush=True)
    return result


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the batch failed: {done.stderr.strip()}")


def tree(folder: Path) -> dict[str, str]:
    """Every file outside the batch's own folder, with its checksum."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and PRIVATE not in path.relative_to(folder).parts
    }


def table(trials: list[dict], n_files: int) -> None:
    print(f"{'killed at':12} {'kills':>6} {'files there':>12} {'partial':>8} {'other ends':>11}")
    for first in range(4):
        part = [t for t in trials if first / 4 <= min(t["moment"], 0.999) < (first + 1) / 4]
        if part:
            found = sum(t["found"] for t in part) / len(part)
            print(
                f"{25 * first:3}-{25 * first + 25:3} %   {len(part):6} "
                f"{found:6.1f} of {n_files:2} {sum(t['partial'] for t in part):8} "
                f"{sum(t['differing'] > 0 for t in part):11}"
            )
    same = sum(not t["differing"] for t in trials)
    n_partial = sum(t["partial"] for t in trials)
    kept = "kept  " if same == len(trials) and not n_partial else "BROKEN"
    print(f"{kept} {same} of {len(trials)} ends byte-identical, {n_partial} partial files")


if __name__ == "__main__":
    main()
