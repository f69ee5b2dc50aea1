"""Whether a run fits this machine, found out before it starts."""

import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unbraid.errors import TrainingError
from unbraid.stems import STEMS
from unbraid.training.estimate import given_shape
from unbraid.training.recipe import Recipe

SPARE_DISK_BYTES = 64 * 2**20
"""For logs, curves and what others write meanwhile."""
VALUES_AT_ONCE = 28
"""Values kept for each complex one of the stems' spectra, from drawing ahead to the loss: four
drawn batches, waveforms, spectra, targets, and what the loss keeps for its gradient (measured)."""
PROGRAM_BYTES = 200 * 2**20
"""What a step takes of torch itself beyond its import."""


def check_device(device: str) -> str:
    """What "auto" is here: "cpu" or "cuda".

    Raises:
        TrainingError: a GPU is asked for, and torch has none.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise TrainingError(f"no device {device!r}; choose from auto, cpu, cuda")
    if torch.cuda.is_available():
        return "cpu" if device == "cpu" else "cuda"
    if device == "cuda":
        built = "sees no GPU" if torch.version.cuda else "is built for CPUs only"
        raise TrainingError(f"--device cuda: this torch ({torch.__version__}) {built}")
    return "cpu"


def disk_bytes(n_parameters: int) -> int:
    """Room that a run's folder may take: two checkpoints, for the new one is written beside the
    old one, of net, average and two moments; three files of weights."""
    return n_parameters * 4 * (2 * 4 + 3) + SPARE_DISK_BYTES


def memory_bytes(recipe: Recipe, n_examples: int) -> int:
    """Memory that training takes, without the pools.

    Counted, not guessed: what the net keeps for its gradient, on a device without numbers.

    Args:
        recipe: of the net.
        n_examples: of a batch, in one process.
    """
    spec = recipe.spec
    kept = 0
    seen: set[int] = set()

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        storage = tensor.untyped_storage()
        if id(storage) not in seen:
            seen.add(id(storage))
            kept += storage.nbytes()
            alive.append(storage)
        return tensor

    alive: list[Any] = []  # or a later one could get the number of an earlier one
    with torch.device("meta"):
        net = recipe.build()
        given = torch.empty(n_examples, *given_shape(net, spec, recipe.crop_frames))
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            net(given)
    # Net, gradient, average, two moments, and a copy of four of them for the checkpoint.
    weights = 4 * (5 + 4) * sum(p.numel() for p in net.parameters())
    values = n_examples * len(STEMS) * spec.n_channels * spec.n_bins * recipe.crop_frames
    return weights + kept + 8 * VALUES_AT_ONCE * values + PROGRAM_BYTES


def check(recipe: Recipe, out: Path, device: torch.device, n_examples: int, n_local: int) -> None:
    """Find out whether a run has the disk and the memory it takes.

    Args:
        recipe: what is to be trained.
        out: the run's folder.
        device: of this process.
        n_examples: of a batch, in this process.
        n_local: processes that share this machine's memory.

    Raises:
        TrainingError: it has not; the line names both figures and a remedy.
    """
    with torch.device("meta"):
        n_parameters = sum(p.numel() for p in recipe.build().parameters())
    there = next(p for p in (out.absolute(), *out.absolute().parents) if p.exists())
    disk, free = disk_bytes(n_parameters), shutil.disk_usage(there).free
    if free < disk:
        raise TrainingError(
            f"{out}: the run needs {_mb(disk)} of disk, {_mb(free)} are free; make room or "
            "choose another --out"
        )
    memory, available = memory_bytes(recipe, n_examples), _available(device)
    if device.type == "cpu":
        memory *= n_local
    if available is not None and available < memory:
        raise TrainingError(
            f"training {recipe.name} needs about {_mb(memory)} of memory on {device.type}, "
            f"{_mb(available)} are free; lower batch_size or crop_frames in the recipe"
        )


def _available(device: torch.device) -> int | None:
    """Bytes of memory that are free; None where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if sys.platform != "linux":
        return None
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    available = int(fields["MemAvailable"].split()[0]) * 1024
    group = Path("/sys/fs/cgroup")  # a container's own limit
    try:
        limit = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
    except (OSError, ValueError):  # none, or "max"
        return available
    return min(available, limit - used)


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.0f} MB"
