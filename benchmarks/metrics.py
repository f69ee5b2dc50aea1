"""The price of `unbraid evaluate`'s figures on one core, and BSSEval's beside museval's.

python benchmarks/metrics.py                  # museval on 10 s: half a minute
python benchmarks/metrics.py --museval 30
"""

import argparse
import importlib.util
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

for name in ("OMP", "OPENBLAS", "MKL"):  # before numpy is imported
    os.environ[f"{name}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402

from unbraid.evaluation.bsseval import bsseval  # noqa: E402
from unbraid.evaluation.scoring import RATE, score  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402

SONG_S, PROMISED_S = 240, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--museval", type=float, default=10, metavar="S", help="0 leaves it out")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    stems, estimates = song(SONG_S)
    print(f"{SONG_S} s of four stems, one core, CPU seconds")
    total = 0.0
    for group in ("levels", "hearing"):
        price, _ = cpu_s(lambda group=group: score(stems, estimates, STEMS, groups=[group]))
        total += price
        print(f"  {group:24}{price:8.1f}")
    kept = total <= PROMISED_S
    verdict = "kept" if kept else "BROKEN"
    print(f"  {'all but BSSEval':24}{total:8.1f}  promised {PROMISED_S}: {verdict}")
    price, _ = cpu_s(lambda: bsseval(stems, estimates))
    print(f"  {'BSSEval':24}{price:8.1f}")
    if arguments.museval:
        beside_museval(stems, estimates, int(arguments.museval * RATE))
    sys.exit(not kept)


def song(seconds: int) -> tuple[np.ndarray, np.ndarray]:
    """Coloured noises that rest now and then, and faulty estimates of them."""
    rng = np.random.default_rng(0)
    stems = 0.1 * rng.standard_normal((4, 2, seconds * RATE), dtype=np.float32)
    stems[2, :, 1:] += stems[2, :, :-1]
    stems[0, :, : seconds * RATE // 4] *= 1e-5  # a singer's rest, yet not nothing to museval
    estimates = 0.8 * stems + 0.05 * stems.sum(axis=0)
    estimates += 0.01 * rng.standard_normal(stems.shape, dtype=np.float32)
    return stems, estimates


def cpu_s(run: Callable[[], object]) -> tuple[float, object]:
    """Of one run, user and system, and what it gave."""
    before = time.process_time()
    found = run()
    return time.process_time() - before, found


def beside_museval(stems: np.ndarray, estimates: np.ndarray, n_samples: int) -> None:
    """Price and agreement on the song's middle."""
    museval = metrics_of_museval()
    if museval is None:
        print("museval is not installed: pip install --no-deps museval scipy")
        return
    middle = slice(stems.shape[-1] // 2, stems.shape[-1] // 2 + n_samples)
    stems, estimates = stems[..., middle], estimates[..., middle]
    ours_s, ours = cpu_s(lambda: bsseval(stems, estimates))
    arrays = [signals.transpose(0, 2, 1).astype(np.float64) for signals in (stems, estimates)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs_s, theirs = cpu_s(lambda: museval.bss_eval(*arrays, window=RATE, hop=RATE))
    found = zip((ours.sdr, ours.isr, ours.sir, ours.sar), theirs, strict=False)
    apart = max(float(np.abs(a - b).max()) for a, b in found)
    print(f"BSSEval on {n_samples / RATE:g} s")
    print(f"  {'ours':24}{ours_s:8.1f}")
    print(f"  {'museval 0.4':24}{theirs_s:8.1f}  {theirs_s / ours_s:.1f} times ours")
    print(f"  greatest difference {apart:.1e} dB")


def metrics_of_museval() -> ModuleType | None:
    """Its metrics alone: the package itself wants an ffmpeg program."""
    found = importlib.util.find_spec("museval")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).with_name("metrics.py")
    spec = importlib.util.spec_from_file_location("museval_metrics", path)
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
