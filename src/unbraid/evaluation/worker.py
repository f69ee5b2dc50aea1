"""One model on one song, in a process of its own: `run.py` starts it.

A fresh process, so that the peak of its memory is the model's, and that a model which crashes takes
nothing with it.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unbraid.errors import UnbraidError
from unbraid.evaluation.estimates import KNOWING
from unbraid.evaluation.scoring import RATE, score, sum_error_dbfs
from unbraid.separation.model import Model, named_model
from unbraid.stems import STEMS


def main() -> None:
    """Read a task, separate, score, and write what was found beside it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        result = _run(task)
    except UnbraidError as error:
        result = {"error": str(error)}
    except Exception as error:  # whatever a peer may raise belongs into its row
        reason = " ".join(str(error).split())[:300]
        result = {"error": f"{type(error).__name__}: {reason}"}
    Path(task["result"]).write_text(json.dumps(result), encoding="utf-8")


def _run(task: dict[str, Any]) -> dict[str, Any]:
    mixture = np.array(np.load(task["mixture"], mmap_mode="r"))
    knowing = KNOWING.get(task["model"])
    model: Model
    if knowing is not None:
        model = knowing.knowing(np.load(task["stems"], mmap_mode="r"))
    else:
        model = named_model(task["model"]).open(task["threads"])
    samples = _resampled(mixture, RATE, model.sample_rate)
    wall_s, cpu_s = time.monotonic(), _cpu_s()
    given = model.separate(samples)
    cpu_s, wall_s = _cpu_s() - cpu_s, time.monotonic() - wall_s
    peak = _peak_bytes()
    if given.shape != (len(model.stems), *samples.shape):
        return {"error": f"gave an array of {given.shape}, expected 4 or fewer stems of the song"}
    n_bad = int(np.count_nonzero(~np.isfinite(given)))
    if n_bad:
        stem = model.stems[int(np.flatnonzero(~np.isfinite(given).all(axis=(1, 2)))[0])]
        return {"error": f"gave NaN or infinity in {n_bad} samples, first in {stem}"}
    audio_s = mixture.shape[-1] / RATE
    # What the protocol itself makes a model hold, a song's samples in and out, is not its price.
    own = mixture.nbytes + given.nbytes + (samples.nbytes if samples is not mixture else 0)
    names, licence, rate = model.stems, model.licence, model.sample_rate
    del model, samples  # scoring needs the room
    estimates = _in_order(given, names, rate, mixture.shape[-1])
    del given
    sum_error = sum_error_dbfs(estimates, mixture) if set(names) == set(STEMS) else None
    del mixture
    stems = np.load(task["stems"], mmap_mode="r")
    figures = score(stems, estimates, task["present"], names, task["groups"])
    return {
        "licence": licence,
        "stems": figures,
        "sum_error_dbfs": sum_error,
        "cost": None
        if knowing
        else {
            "cpu_s_per_audio_s": cpu_s / audio_s if audio_s else None,
            "wall_s_per_audio_s": wall_s / audio_s if audio_s else None,
            "peak_mb": max(0, peak - own) / 1e6 if peak else None,
            "peak_with_song_mb": peak / 1e6 if peak else None,
            "n_threads": task["threads"],
        },
    }


def _in_order(given: Any, names: Sequence[str], rate: int, n_samples: int) -> Any:
    """Estimates of all four stems at 44.1 kHz; silence where the model gives none."""
    if tuple(names) == STEMS and rate == RATE and given.dtype == np.float32:
        return given  # a song of four minutes is 340 MB: no copy
    estimates = np.zeros((len(STEMS), given.shape[1], n_samples), np.float32)
    for stem, part in zip(names, given, strict=True):
        back = _resampled(part, rate, RATE)[:, :n_samples]
        estimates[STEMS.index(stem), :, : back.shape[-1]] = back
    return estimates


def _resampled(samples: Any, source: int, target: int) -> Any:
    from unbraid.audio.resample import resample

    return samples if source == target else resample(samples, source, target)


def _cpu_s() -> float:
    """Of this process and of the programs it has run."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_bytes() -> int:
    """The most memory this process has held, 0 if unknown; Linux's ru_maxrss is its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return 0  # not told
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _end_with_parent() -> None:
    """`run.py` holds the other end of stdin: it closes when that program ends, however it does."""
    os.read(0, 1)  # sys.stdin would keep a lock that the interpreter wants when it ends
    os._exit(1)


if __name__ == "__main__":
    main()
