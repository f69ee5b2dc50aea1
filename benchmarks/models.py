"""What each shipped model set costs at the player's overlap, beside the peers' networks: one table.

    python benchmarks/models.py [--models NAME...] [--peers LIST] [--json FILE]

A set's row is every tile of a song, from samples to stems: transforms, networks, masks. Fresh
processes, round-robin, as in `separate.py`; README.md says how to install the peers.
"""

import argparse
import importlib.util
import json
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path

from separate import PEERS, SHORT_S, Row, child, heading, measure, table, write_songs

from unbraid.models.catalog import catalog

PROMISED_CPU = 0.15


def main() -> None:
    shipped = [entry.name for entry in catalog() if entry.origin == "shipped"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=shipped, help="names or paths of sets")
    parser.add_argument("--song", type=Path, help="looped to 30 s; else one is made up")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated, or none")
    parser.add_argument("--repeats", type=int, default=3, help="median of so many (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    chosen = [] if options.peers == "none" else options.peers.split(",")
    present = [p for p in chosen if all(map(importlib.util.find_spec, PEERS[p][0]))]
    rows = [
        Row(Path(name).name, what, scope, runtime, threads, SHORT_S)
        for threads in (1, 2)
        for name, what, scope, runtime in [
            *((model, "ours", "tiles", "onnxruntime") for model in options.models),
            *(peer for name in present for peer in peer_rows(name)),
        ]
    ]
    models = {Path(name).name: name for name in options.models}
    with tempfile.TemporaryDirectory(prefix="unbraid-bench-") as folder:
        songs = write_songs(Path(folder), {SHORT_S}, options.song)
        arrays = {SHORT_S: songs[SHORT_S].with_suffix(".npy")}
        graphs = Path(folder, "spleeter")
        graphs.mkdir()
        base = {"graphs": str(graphs)}
        counted = {}
        for row in rows:
            if row.name not in counted:
                task = base | {"what": "count", "threads": 1, "song": str(arrays[SHORT_S])}
                task |= {"peer": row.what.removesuffix("-onnx"), "model": models.get(row.name)}
                counted[row.name] = child(task, 1)
        for repeat in range(options.repeats):
            for row in rows:
                if not row.error:
                    measure(row, arrays, base | {"model": models.get(row.name)}, repeat)
    baselines = {row.threads: row for row in reversed(rows) if row.what == "ours"}
    for row in rows:
        row.parameters_m = counted[row.name].get("parameters_m")
        row.gmac_per_s = counted[row.name].get("gmac_per_s")
        if row.cpu and baselines[row.threads].cpu:
            row.ratio = statistics.median(row.cpu) / statistics.median(baselines[row.threads].cpu)
    lines = [
        *heading(options)[:1],
        f"ratio is CPU to {rows[0].name}'s tiles on as many threads",
        "",
    ]
    lines += [*table(rows), "", *promises(rows)]
    lines += [f"{p}: not installed: pip install {PEERS[p][1]}" for p in chosen if p not in present]
    print("\n".join(lines))
    if options.json:
        result = {"machine": heading(options)[0], "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def peer_rows(peer: str) -> list[tuple[str, str, str, str]]:
    """Name, what, scope and runtime of a peer's rows."""
    return {
        "spleeter": [("Spleeter 4 stems", "spleeter-onnx", "networks", "onnxruntime")],
        "openunmix": [("Open-Unmix", "openunmix", "networks", "torch")],
        "htdemucs": [("HTDemucs", "htdemucs", "whole", "torch")],
    }[peer]


def promises(rows: list[Row]) -> list[str]:
    """Whether every set keeps to its price on one thread."""
    lines = []
    for row in rows:
        if row.what == "ours" and row.threads == 1 and row.cpu:
            cpu = statistics.median(row.cpu)
            kept = "kept  " if cpu <= PROMISED_CPU else "BROKEN"
            lines.append(
                f"{kept} {row.name}: {cpu:.3f} CPU s per s, 1 thread (at most {PROMISED_CPU})"
            )
    return lines


if __name__ == "__main__":
    main()
