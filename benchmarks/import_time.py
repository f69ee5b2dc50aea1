"""What it costs to have unbraid: the time of `import unbraid`, and the size of an install.

    python benchmarks/import_time.py [--install]

With --install a fresh environment is made in a temporary folder, unbraid is installed into it from
this checkout with wheels only (so that no compiler can be needed), and its size is printed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PROMISED_S = 0.3
PROMISED_MB = 300
HEAVY = ("onnxruntime", "av", "torch", "scipy", "PySide6")
ROOT = Path(__file__).parents[1]
PROBE = f"""
import json, sys, time
started = time.perf_counter()
import unbraid
spent_s = time.perf_counter() - started
print(json.dumps([spent_s, [name for name in {HEAVY} if name in sys.modules], len(sys.modules)]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="also install, and measure the size")
    parser.add_argument("--repeats", type=int, default=7, help="median of so many (default 7)")
    options = parser.parse_args()
    import_time(Path(sys.executable), options.repeats)
    if options.install:
        install(options.repeats)


def import_time(python: Path, n_repeats: int) -> None:
    """Print the median time of an import in fresh processes, the files being in the disk cache."""
    runs = []
    for _ in range(n_repeats + 1):
        done = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout))
    spent_s = statistics.median(run[0] for run in runs[1:])
    loaded = runs[0][1]
    judge(f"import unbraid: {spent_s:.3f} s (at most {PROMISED_S})", spent_s <= PROMISED_S)
    judge(f"it loads {', '.join(loaded) or 'none'} of {', '.join(HEAVY)}", not loaded)


def install(n_repeats: int) -> None:
    """Make an environment, install the base into it, print its size, import it there."""
    with tempfile.TemporaryDirectory(prefix="unbraid-install-") as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts" if os.name == "nt" else "bin", "python")
        empty, empty_on_disk = size_mb(Path(folder)), size_mb(Path(folder), on_disk=True)
        # Wheels only for all but unbraid itself, which is pure Python.
        command = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", ROOT]
        subprocess.run(command, check=True, env=os.environ | {"CC": "false", "CXX": "false"})
        total = size_mb(Path(folder))
        added = total - empty
        on_disk = size_mb(Path(folder), on_disk=True)
        print(f"       environment: {total:.0f} MB, {empty:.0f} of them when empty")
        judge(f"base install: {added:.0f} MB (at most {PROMISED_MB})", added <= PROMISED_MB)
        print(
            f"       in this disk's blocks: {on_disk - empty_on_disk:.0f} MB, {on_disk:.0f} in all"
        )
        caches = (path for path in Path(folder).rglob("__pycache__") if path.is_dir())
        print(f"       compiled Python among them: {sum(map(size_mb, caches)):.0f} MB")
        packages = next(Path(folder).glob("[Ll]ib*/**/site-packages"))
        sizes = {path.name: size_mb(path) for path in packages.iterdir() if path.is_dir()}
        for name in sorted(sizes, key=sizes.__getitem__, reverse=True)[:14]:
            print(f"       {name:24} {sizes[name]:6.1f} MB")
        import_time(python, n_repeats)


def size_mb(folder: Path, *, on_disk: bool = False) -> float:
    """What lies in a folder, in megabytes (10^6 bytes): the files' lengths, or the disk's blocks.

    A disk rounds each of some thousand files up, by how much is its own affair.
    """
    files = [path.lstat() for path in folder.rglob("*") if on_disk or path.is_file()]
    if on_disk:
        return sum(getattr(f, "st_blocks", f.st_size / 512) * 512 for f in files) / 1e6
    return sum(f.st_size for f in files) / 1e6


def judge(what: str, is_kept: bool) -> None:
    print(f"{'kept  ' if is_kept else 'BROKEN'} {what}")


if __name__ == "__main__":
    main()
