"""Where the time of a training step goes, and how near it comes to a step without any material.

Prints each part's processor time (of its own thread, so that a busy machine does not lie) and wall
time, the share inside forward and backward, and audio-seconds trained per second; beside them the
same net stepping on one fixed batch of noise, which no training can outrun.
"""

import argparse
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unbraid.training import examples, trainer
from unbraid.training.examples import Examples, Loader
from unbraid.training.losses import Targets
from unbraid.training.progress import Progress
from unbraid.training.recipe import Recipe, load_recipe
from unbraid.training.trainer import Trainer, prepare_process

INSIDE = ("forward", "loss", "backward")


class Clock:
    """Processor and wall time by part, in seconds."""

    def __init__(self) -> None:
        self.cpu_s: defaultdict[str, float] = defaultdict(float)
        self.wall_s: defaultdict[str, float] = defaultdict(float)
        self.is_running = False

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        cpu_s, wall_s = time.thread_time(), time.perf_counter()
        yield
        if self.is_running:
            self.cpu_s[name] += time.thread_time() - cpu_s
            self.wall_s[name] += time.perf_counter() - wall_s

    def watch(self, owner: Any, name: str, part: str) -> None:
        """Time every call of a function or method."""
        original: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            with self.part(part):
                return original(*arguments, **named)

        setattr(owner, name, timed)


def watched(clock: Clock) -> None:
    """Put the clock on what the trainer calls."""
    clock.watch(Examples, "draw", "drawing (in its thread)")
    clock.watch(Loader, "next", "waiting for the loader")
    clock.watch(examples, "augment_samples", "augmentation")
    clock.watch(examples, "equaliser", "augmentation")
    clock.watch(examples, "spectra", "STFT")
    clock.watch(Targets, "of", "targets")
    clock.watch(trainer, "estimate", "forward")
    clock.watch(trainer, "total_loss", "loss")
    clock.watch(Tensor, "backward", "backward")
    clock.watch(nn.utils, "clip_grad_norm_", "clipping")
    clock.watch(torch.optim.AdamW, "step", "optimiser")
    clock.watch(Trainer, "_update_average", "average")


def bound_s(recipe: Recipe, n_steps: int) -> tuple[float, float]:
    """Processor and wall seconds of a step on noise: forward, a trivial loss, backward, AdamW."""
    net = recipe.build()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=True)
    shape = (recipe.batch_size, recipe.spec.n_channels, recipe.spec.n_bins, recipe.crop_frames)
    noise = torch.rand(shape).contiguous(memory_format=torch.channels_last)
    for step in range(n_steps + 2):
        if step == 2:
            cpu_s, wall_s = time.thread_time(), time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        net(noise).mean().backward()
        optimiser.step()
    return (time.thread_time() - cpu_s) / n_steps, (time.perf_counter() - wall_s) / n_steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pools", type=Path)
    parser.add_argument("--recipe", default="unet-0.1")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    recipe = load_recipe(options.recipe)
    prepare_process()
    torch.set_num_threads(options.threads)
    clock, n_warm = Clock(), 5
    times: list[tuple[float, float]] = []

    def count(now: Progress) -> None:
        if now.step >= n_warm:
            clock.is_running = True
            times.append((time.perf_counter(), time.process_time()))

    with tempfile.TemporaryDirectory() as folder:
        run = Trainer(recipe, options.pools, Path(folder), device="cpu")
        watched(clock)
        run.run(None, max_steps=n_warm + options.steps, progress=count)
    n = options.steps
    (start_wall, start_cpu), (end_wall, end_cpu) = times[0], times[-1]
    wall_s, cpu_s = (end_wall - start_wall) / n, (end_cpu - start_cpu) / n
    print(f"{recipe.name}, batch {recipe.batch_size} x {recipe.crop_frames} frames, {n} steps")
    print(f"{options.threads} thread, torch {torch.__version__}, {platform.machine()}\n")
    print("| part of a step | processor ms | share | wall ms |\n|---|---|---|---|")
    for part, seconds in sorted(clock.cpu_s.items(), key=lambda item: -item[1]):
        part_wall_ms = clock.wall_s[part] / n * 1e3
        print(
            f"| {part} | {seconds / n * 1e3:.0f} | {seconds / n / cpu_s:.1%} | {part_wall_ms:.0f} |"
        )
    print(f"| all | {cpu_s * 1e3:.0f} | 100 % | {wall_s * 1e3:.0f} |\n")
    inside_cpu = sum(clock.cpu_s[part] for part in INSIDE) / n
    inside_wall = sum(clock.wall_s[part] for part in INSIDE) / n
    audio_s = recipe.batch_size * recipe.crop_frames * recipe.spec.hop / recipe.spec.sample_rate
    print(f"inside {', '.join(INSIDE)}: {inside_cpu / cpu_s:.1%} of processor time, ", end="")
    print(f"{inside_wall / wall_s:.1%} of wall time (asked: 80 %)")
    print(f"audio trained: {audio_s / cpu_s:.2f} s a processor second, ", end="")
    print(f"{audio_s / wall_s:.2f} s a second")
    bound_cpu_s, bound_wall_s = bound_s(recipe, max(5, n // 2))
    print(
        f"the same net on noise: {bound_cpu_s * 1e3:.0f} processor ms a step, "
        f"{bound_wall_s * 1e3:.0f} wall ms; a training step takes {cpu_s / bound_cpu_s:.2f} "
        "times that"
    )


if __name__ == "__main__":
    main()
