"""`unbraid doctor`: what is installed, what is missing and how to get it."""

import json
import os
import platform
import sys
import time
from importlib import metadata
from importlib.util import find_spec
from typing import Annotated, Any

import typer

_REQUIRED = ("numpy", "onnxruntime", "av", "soxr", "typer", "rich")
_OPTIONAL = {
    "pyfftw": ('pip install "unbraid[fft]"', "transforms three times as fast"),
    "torch": ('pip install "unbraid[train]"', "training"),
    "soundfile": ('pip install "unbraid[train]"', "training"),
    "onnx": ('pip install "unbraid[train]"', "exporting models"),
}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False) -> None:
    """Say what is installed, what is missing and how to get it; fail if unbraid cannot work."""
    found, problems = _examine()
    if as_json:
        print(json.dumps({**found, "problems": problems}, indent=2))
    else:
        for section, values in found.items():
            print(section)
            for name, value in values.items():
                print(f"  {name:<18} {value}")
        for problem in problems:
            print(f"PROBLEM  {problem}")
        print("something required is broken" if problems else "all well")
    if problems:
        raise typer.Exit(1)


def _examine() -> tuple[dict[str, dict[str, Any]], list[str]]:
    problems: list[str] = []
    required: dict[str, Any] = {}
    for name in _REQUIRED:
        required[name] = _version(name)
        if required[name] is None:
            problems.append(f"{name} is missing: pip install --force-reinstall unbraid")
    optional = {
        name: _version(name) or f"not installed; for {use}: {remedy}"
        for name, (remedy, use) in _OPTIONAL.items()
    }
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found: dict[str, dict[str, Any]] = {
        "system": {
            "unbraid": _version("unbraid"),
            "python": f"{platform.python_version()} ({sys.executable})",
            "platform": platform.platform(),
            "cores": n_cores,
        },
        "required": required,
        "optional": optional,
    }
    if not problems:
        found["model"] = _try_model(problems)
    return found, problems


def _try_model(problems: list[str]) -> dict[str, Any]:
    import numpy as np
    import onnxruntime

    from unbraid.errors import UnbraidError
    from unbraid.models.catalog import DEFAULT_MODEL, user_models
    from unbraid.separation.separator import Separator

    report: dict[str, Any] = {
        "default": DEFAULT_MODEL,
        "own models in": str(user_models()),
        "providers": ", ".join(onnxruntime.get_available_providers()),
    }
    try:
        separator = Separator()
        report["sha256"] = separator.entry.sha256
        report["in use"] = ", ".join(separator.providers)
        report["threads"] = separator.n_threads
        separator.warm_up()
        noise = np.random.default_rng(0).standard_normal((2, separator.grid.n_input)) * 0.1
        started = time.perf_counter()
        stems = separator.separate_tile(noise.astype(np.float32))
        elapsed_s = time.perf_counter() - started
        tile_s = separator.grid.step / separator.spec.sample_rate
        report["self test"] = f"{tile_s / elapsed_s:.1f}x real time on one thread"
        if not np.isfinite(stems).all():
            problems.append("the self test gave no finite stems: pip install -U onnxruntime")
    except UnbraidError as error:
        problems.append(str(error))
    return report


def _version(name: str) -> str | None:
    if name != "unbraid" and find_spec(name) is None:
        return None
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown version"
