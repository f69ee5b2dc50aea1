"""`unbraid doctor`: what is installed, whether it works, and what to do where it does not."""

import json
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from unbraid.errors import UnbraidError

REQUIRED = ("unbraid", "numpy", "onnxruntime", "av", "soxr", "typer", "rich")
OPTIONAL = {
    "pyfftw": ("faster spectra", 'pip install "unbraid[fft]"'),
    "torch": ("training", 'pip install "unbraid[train]"'),
    "sounddevice": ("the player's sound", 'pip install "unbraid[player]"'),
    "miniaudio": ("the player's sound without PortAudio", 'pip install "unbraid[player]"'),
    # By the extra, not by its own name: a later release than we allow aborts.
    "PySide6-Essentials": ("the player's window", 'pip install "unbraid[player]"'),
    "scipy": ("a faster evaluate", 'pip install "unbraid[eval]"'),
}
# ONNX Runtime is one module under several names in the package registry.
_ONNX_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
SELF_TEST_S = 0.5


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Check the installation; exit with 1 if something that is needed is broken."""
    checks = [_versions, _optional, _cores, _model, _self_test, _folders]
    facts: dict[str, Any] = {}
    broken: list[str] = []
    for check in checks:
        try:
            facts |= check()
        except UnbraidError as error:
            broken.append(str(error))
        except Exception as error:  # a broken binary wheel raises anything
            broken.append(f"{type(error).__name__}: {error}; pip install --force-reinstall unbraid")
    missing = [name for name, found in facts.get("versions", {}).items() if found is None]
    broken += [f"{name} is missing: pip install {name}" for name in missing]
    facts["problems"] = broken = list(dict.fromkeys(broken))  # one cause may fail two checks
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        _print(facts)
    return 1 if broken else 0


def _found(package: str) -> str | None:
    for name in _ONNX_RUNTIMES if package == "onnxruntime" else (package,):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None


def _versions() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "versions": {package: _found(package) for package in REQUIRED},
    }


def _optional() -> dict[str, Any]:
    return {
        "optional": {
            package: {"version": _found(package), "for": purpose, "install": remedy}
            for package, (purpose, remedy) in OPTIONAL.items()
        }
    }


def _cores() -> dict[str, Any]:
    import onnxruntime

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": {"of the machine": os.cpu_count(), "for this process": allowed},
        "available_providers": onnxruntime.get_available_providers(),
    }


def _model() -> dict[str, Any]:
    from unbraid.models.catalog import DEFAULT_MODEL, find_model

    entry = find_model(None)  # checks a shipped set's SHA-256
    return {
        "model": {"name": DEFAULT_MODEL, "path": str(entry.path), "sha256": entry.sha256},
    }


def _self_test() -> dict[str, Any]:
    import numpy as np

    from unbraid.separation.separator import Separator

    separator = Separator(n_threads=1)
    grid, rate = separator.grid, separator.spec.sample_rate
    noise = np.random.default_rng(0).standard_normal((2, grid.n_input), np.float32)
    noise *= np.float32(0.1)
    stems = separator.separate_tile(noise)
    start = grid.margin - grid.fade // 2
    error = np.abs(stems.sum(axis=0) - noise[:, start : start + grid.n_output]).max()
    if not error < 3e-5:
        raise UnbraidError(
            f"the stems of noise do not sum to it (error {error}); reinstall unbraid"
        )
    started, n_tiles = time.monotonic(), 0
    while time.monotonic() - started < SELF_TEST_S:
        separator.separate_tile(noise)
        n_tiles += 1
    speed = n_tiles * grid.step / rate / (time.monotonic() - started)
    return {
        "providers": separator.providers,
        "threads": Separator(separator.entry).n_threads,
        "times_real_time_one_thread": round(speed, 1),
    }


def _folders() -> dict[str, Any]:
    from unbraid.models.catalog import user_models

    folder = user_models()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return {"folders": {"your models": str(folder), "writable": os.access(there, os.W_OK)}}


def _print(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None)
    table.add_column(style="bold", vertical="top", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("python", f"{facts.get('python')} on {facts.get('system')}")
    for name, found in facts.get("versions", {}).items():
        table.add_row(name, found or "[red]missing[/red]")
    for name, about in facts.get("optional", {}).items():
        remedy = about["install"].replace("[", r"\[")
        table.add_row(name, about["version"] or f"not installed ({about['for']}): {remedy}")
    if "cores" in facts:
        cores = facts["cores"]
        table.add_row("cores", f"{cores['for this process']} of {cores['of the machine']}")
        table.add_row("providers", ", ".join(facts["available_providers"]))
    if "model" in facts:
        model = facts["model"]
        table.add_row("model", f"{model['name']}, SHA-256 {model['sha256'][:12]} as shipped")
    if "threads" in facts:
        table.add_row("in use", f"{', '.join(facts['providers'])}, {facts['threads']} threads")
        speed = facts["times_real_time_one_thread"]
        table.add_row("self test", f"stems sum to the mixture; {speed}x real time on one thread")
    if "folders" in facts:
        folders = facts["folders"]
        state = "writable" if folders["writable"] else "not writable; set UNBRAID_MODELS"
        table.add_row("your models", f"{folders['your models']} ({state})")
    Console(highlight=False).print(table)
    for problem in facts["problems"]:
        typer.echo(f"unbraid: {problem}", err=True)
    if not facts["problems"]:
        print("all that is needed works")
