"""Does static int8 pay? Speed and uSDR of a quantised model set beside the float one.

    python benchmarks/int8.py --pools POOLS --panel SONGS

Quantises with ONNX Runtime (QDQ, per channel), calibrated on mixes of training material, never on
the songs of the panel. We ship int8 only if it is 1.2 times as fast and loses less than 0.1 dB.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbraid.evaluation.panel import QUARTER, evaluate, means
from unbraid.models.catalog import ModelEntry, find_model
from unbraid.models.session import Graph
from unbraid.separation.separator import Separator
from unbraid.spec import Spec
from unbraid.spectral.stft import n_samples_of, stft
from unbraid.stems import STEMS
from unbraid.training.data.manifest import Entry, read_manifest

WANTED_SPEED, ALLOWED_LOSS_DB = 1.2, 0.1
VARIANTS = {"int8 Conv": ["Conv"], "int8 Conv and ConvTranspose": ["Conv", "ConvTranspose"]}
"""ONNX Runtime has no int8 kernel for ConvTranspose on a CPU: there only the weights shrink."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pools", type=Path, required=True, help="training material")
    parser.add_argument("--panel", type=Path, required=True, help="folder of <song>/<stem>.ogg")
    parser.add_argument("--model", help="a set's name or path; else the default")
    parser.add_argument("--tiles", type=int, default=12, help="for calibration (default 12)")
    parser.add_argument("--repeats", type=int, default=15, help="of timing (default 15)")
    options = parser.parse_args()
    entry = find_model(options.model)
    tiles = list(mixes(options.pools, entry.spec, options.tiles))
    with tempfile.TemporaryDirectory() as folder:
        sets = {"fp32": entry}
        for name, operators in VARIANTS.items():
            out = Path(folder) / name.replace(" ", "-")
            out.mkdir()
            for file in entry.files:
                quantise(file, out / file.name, tiles, operators)
            sets[name] = find_model(str(out))
        seconds = time_sets(sets, tiles, options.repeats)
        usdr_db = {name: score(options.panel, of) for name, of in sets.items()}
    median = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"{'set':29} {'ms a tile':>9} {'ratio':>6} " + " ".join(f"{s:>7}" for s in STEMS)
          + "    mean  uSDR in dB")  # fmt: skip
    for name, by_stem in usdr_db.items():
        mean = statistics.mean(by_stem.values())
        ratio = statistics.median(
            whole / part for whole, part in zip(seconds["fp32"], seconds[name], strict=True)
        )
        print(f"{name:29} {1000 * median[name]:9.1f} {ratio:6.2f} "
              + " ".join(f"{by_stem[s]:7.2f}" for s in STEMS) + f" {mean:7.2f}")  # fmt: skip
        if name != "fp32":
            loss_db = statistics.mean(usdr_db["fp32"].values()) - mean
            pays = ratio >= WANTED_SPEED and loss_db < ALLOWED_LOSS_DB
            print(f"  {'pays' if pays else 'does not pay'}: {ratio:.2f} times as fast (at least "
                  f"{WANTED_SPEED}), {loss_db:.2f} dB lost (below {ALLOWED_LOSS_DB})")  # fmt: skip


def mixes(pools: Path, spec: Spec, n_tiles: int) -> Iterator[NDArray[np.float32]]:
    """Magnitudes (1, 2, n_bins, n_frames) of whole songs of the pools, at random places."""
    songs: dict[str, list[Entry]] = {}
    for entry in read_manifest(pools):
        if entry.song and entry.split == "train" and entry.kind in STEMS:
            songs.setdefault(entry.song, []).append(entry)
    whole = [parts for parts in songs.values() if len({e.kind for e in parts}) >= 3]
    rng = np.random.default_rng(0)
    n_samples = n_samples_of(spec.n_frames, spec)
    for number in rng.permutation(len(whole))[:n_tiles]:
        stems = [np.load(pools / e.file, mmap_mode="r") for e in whole[number]]
        start = int(rng.integers(max(1, min(map(len, stems)) - n_samples)))
        mixture = sum(s[start : start + n_samples].astype(np.float32) / 32_768 for s in stems)
        padded = np.zeros((n_samples, spec.n_channels), np.float32)
        padded[: len(mixture)] = mixture
        yield np.abs(stft(padded.T, spec))[None, :, : spec.n_bins].astype(np.float32)


def quantise(file: Path, out: Path, tiles: list[NDArray[np.float32]], operators: list[str]) -> None:
    """Write the int8 twin of a graph, its card with it."""
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import CalibrationDataReader

    name = onnx.load(file).graph.input[0].name

    class Tiles(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(tiles)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            tile = next(self._left, None)
            return None if tile is None else {name: tile}

    quantize_static(
        file,
        out,
        Tiles(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=operators,
    )
    model = onnx.load(out)
    if not model.metadata_props:
        model.metadata_props.extend(onnx.load(file).metadata_props)
        onnx.save(model, out)


def time_sets(
    sets: dict[str, ModelEntry], tiles: list[NDArray[np.float32]], n_repeats: int
) -> dict[str, list[float]]:
    """CPU seconds for a tile through all graphs of each set, by turns, after a first one."""
    graphs = {
        name: [Graph(f, c) for f, c in zip(entry.files, entry.cards, strict=True)]
        for name, entry in sets.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in sets}
    for repeat in range(n_repeats + 1):
        tile = tiles[repeat % len(tiles)][0]
        for name, of in graphs.items():
            started = time.thread_time()  # a graph runs in its caller's thread
            for graph in of:
                graph(tile)
            if repeat:
                seconds[name].append(time.thread_time() - started)
    return seconds


def score(panel: Path, entry: ModelEntry) -> dict[str, float]:
    """Mean uSDR by stem."""
    found = means(evaluate(panel, [Separator(str(entry.path), n_threads=1)]))
    return next(by_stem for name, by_stem in found.items() if name != QUARTER)


if __name__ == "__main__":
    main()
