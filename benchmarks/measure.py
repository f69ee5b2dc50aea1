"""One measurement, in a process of its own: `separate.py` starts it and reads the JSON it prints.

A fresh process for each, so that the peak of its memory is its own and no runtime finds warm
threads or arenas of another.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

Run = Callable[[], object]


def main() -> None:
    task = json.loads(sys.argv[1])
    n_threads, song = task["threads"], Path(task["song"])
    if hasattr(os, "sched_setaffinity"):  # as many cores as threads: 1 is the price on one core
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n_threads])
    with tempfile.TemporaryDirectory(dir=song.parent) as folder:
        if task["what"] == "count":
            result = count(task, song)
        else:
            result = measure(task, song, n_threads, Path(folder))
    print(json.dumps(result))


def measure(task: dict, song: Path, n_threads: int, folder: Path) -> dict:
    """CPU seconds and wall seconds per second of audio, and the peak of the memory."""
    match task["what"], task["scope"]:
        case "ours", "end to end":
            run, audio_s = ours_end_to_end(task["model"], song, n_threads, folder)
        case "ours", "networks":
            run, audio_s = our_networks(task["model"], task["seconds"], n_threads)
        case "ours", "tiles":
            run, audio_s = our_tiles(task["model"], song, n_threads)
        case "spleeter-onnx", _:
            run, audio_s = spleeter_onnx(Path(task["graphs"]), task["seconds"], n_threads)
        case _:
            run, audio_s = peer(task, song, n_threads)
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    run()
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    return {"cpu": cpu_s / audio_s, "wall": wall_s / audio_s, "rss_mb": peak_rss_mb()}


def count(task: dict, song: Path) -> dict:
    """Parameters and multiply-adds; of ours and of Spleeter by ONNX graph, else by torch."""
    if task["peer"] == "ours":
        from macs import count_graph

        from unbraid.models.catalog import find_model

        entry = find_model(task["model"])
        counts = [count_graph(file) for file in entry.files]
        call_s = entry.spec.stride * entry.spec.hop / entry.spec.sample_rate
        n_parameters, n_macs = (sum(column) for column in zip(*counts, strict=True))
        return {"parameters_m": n_parameters / 1e6, "gmac_per_s": n_macs / call_s / 1e9}
    import peers

    if task["peer"] == "spleeter" and task.get("graphs"):
        peers.export_spleeter(Path(task["graphs"]))
    parameters_m, gmac_per_s = peers.count(task["peer"], "networks", np.load(song))
    return {"parameters_m": parameters_m, "gmac_per_s": gmac_per_s}


def ours_end_to_end(
    model: str | None, song: Path, n_threads: int, folder: Path
) -> tuple[Run, float]:
    """Decode a FLAC, separate, write four float wavs and bring them to the disk."""
    from unbraid.audio.track import Track
    from unbraid.audio.writer import OutputFormat, StemWriter
    from unbraid.separation.offline import separate
    from unbraid.separation.separator import Separator
    from unbraid.stems import STEMS

    separator = Separator(model, n_threads=n_threads)
    rate = separator.spec.sample_rate
    separator.warm_up()
    with Track(song, sample_rate=rate) as track:
        audio_s = track.duration_s

    def run() -> None:
        targets = {stem: folder / f"{stem}.wav" for stem in STEMS}
        output = OutputFormat("wav", "32f")
        with (
            Track(song, sample_rate=rate) as track,
            StemWriter(targets, output_format=output, sample_rate=rate, target_rate=rate) as writer,
        ):
            separate(track, separator, writer.write)
            writer.commit()

    return run, audio_s


def our_networks(model: str | None, seconds: float, n_threads: int) -> tuple[Run, float]:
    """Only the graphs, on ready magnitudes; tiles side by side as the separator runs them."""
    from unbraid.models.catalog import find_model
    from unbraid.models.session import Graph

    entry = find_model(model)
    graphs = [Graph(file, card) for file, card in zip(entry.files, entry.cards, strict=True)]
    tile_s = entry.spec.stride * entry.spec.hop / entry.spec.sample_rate
    n_tiles = -(-seconds // tile_s)
    tiles = [_noise(graph.card.input_shape[1:]) for graph in graphs]

    def one_tile(_: int) -> None:
        for graph, tile in zip(graphs, tiles, strict=True):
            graph(tile)

    one_tile(0)
    pool = ThreadPoolExecutor(n_threads)
    return lambda: list(pool.map(one_tile, range(int(n_tiles)))), n_tiles * tile_s


def our_tiles(model: str, song: Path, n_threads: int) -> tuple[Run, float]:
    """Every tile of a song, from samples to stems, as the player's and the file path's workers."""
    from unbraid.separation.separator import Separator

    separator = Separator(model, n_threads=n_threads)
    separator.warm_up()
    grid, samples = separator.grid, np.load(song)
    padded = np.pad(samples, ((0, 0), (grid.margin, grid.n_input)))
    tiles = [
        padded[:, start : start + grid.n_input] for start in range(0, samples.shape[1], grid.step)
    ]
    # A song's last tile is padded: what is counted is what all tiles hold.
    audio_s = len(tiles) * grid.step / separator.spec.sample_rate
    pool = ThreadPoolExecutor(n_threads)
    return lambda: list(pool.map(separator.separate_tile, tiles)), audio_s


def spleeter_onnx(graphs: Path, seconds: float, n_threads: int) -> tuple[Run, float]:
    """Spleeter's four networks in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    sessions = [
        onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        for file in sorted(graphs.glob("*.onnx"))
    ]
    magnitude = _noise((1, 2, 512, 1024))
    call_s = 512 * 1024 / 44_100
    n_calls = int(-(-seconds // call_s))

    def call() -> None:
        for session in sessions:
            session.run(None, {"mixture": magnitude})

    call()
    return lambda: [call() for _ in range(n_calls)], n_calls * call_s


def peer(task: dict, song: Path, n_threads: int) -> tuple[Run, float]:
    """A peer in torch, warmed up on a third of the song."""
    import torch

    import peers

    torch.set_num_threads(n_threads)
    torch.set_grad_enabled(False)
    samples = np.load(song)
    with torch.inference_mode():
        peers.build(task["what"], task["scope"], samples[:, : samples.shape[1] // 3])[1]()
        _, run, audio_s = peers.build(task["what"], task["scope"], samples)

    def inferring() -> None:
        with torch.inference_mode():
            run()

    return inferring, audio_s


def _noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.abs(np.random.default_rng(0).standard_normal(shape)).astype(np.float32) * 10


def peak_rss_mb() -> float:
    """The most memory that this process had resident, in megabytes (10^6 bytes)."""
    try:  # of this program alone; getrusage also remembers the process it was started from
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    main()
