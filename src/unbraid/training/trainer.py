"""The training loop: plain torch, a budget of time or steps, resumable at any moment."""

import contextlib
import ctypes
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from unbraid.errors import TrainingError
from unbraid.training import records, requirements
from unbraid.training.adversary import Adversary
from unbraid.training.alone import alone
from unbraid.training.checkpoint import CheckpointWriter, read_checkpoint
from unbraid.training.data.remix import Batch
from unbraid.training.estimate import estimate
from unbraid.training.examples import Examples, Loader
from unbraid.training.losses import audible_sdr_db, total_loss
from unbraid.training.optimiser import make_optimiser
from unbraid.training.progress import Progress, Window, mean
from unbraid.training.recipe import Recipe, same_architecture
from unbraid.training.schedule import Budget, learning_rate
from unbraid.training.selection import Selection, Validation
from unbraid.training.weights import load_weights, save_weights

LAST = "last.safetensors"
SAVING_S = 2.0
"""Of a time budget, kept free for writing the last checkpoint and weights."""
LOG_STEPS = 50
SDR_STEPS = 10
"""The SDR on training mixes is taken every so many steps."""
MOST_SKIPPED = 50
"""Steps in a row without a finite gradient after which a run is given up."""


def _freeze_all_but(net: nn.Module, parts: tuple[str, ...]) -> None:
    """Keep the rest of a net as it is, its running means too.

    Raises:
        TrainingError: the net has no such part.
    """
    names = [name for name, _ in net.named_parameters()]
    for part in parts:
        if not any(name.startswith(part) for name in names):
            raise TrainingError(f"only: the net has no parameter whose name begins with {part!r}")
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.startswith(parts))
    for module in net.modules():
        if not any(parameter.requires_grad for parameter in module.parameters()):
            module.eval()


def prepare_process() -> None:
    """Settings of the whole process that make training on a CPU a third faster or more."""
    torch.set_flush_denormal(True)
    torch.backends.cudnn.benchmark = True  # All batches have one shape.
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        torch.set_num_threads(1)
    if sys.platform == "linux":
        # Keep freed tensors instead of asking the kernel for new, zeroed pages in every step.
        with contextlib.suppress(OSError, AttributeError):
            glibc = ctypes.CDLL("libc.so.6")
            for option, value in ((-3, 2**25), (-1, 2**31 - 1), (-2, 2**28)):
                glibc.mallopt(option, value)  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD


class Trainer:
    """Trains one recipe in one folder; its clock runs from here on.

    Args:
        recipe: what to do.
        pools: the folder of training material.
        out: the run's folder; see docs/training.md for what is written there.
        device: "cpu", "cuda", "auto".
        validate: called now and then with the averaged net; the mean of its scores chooses
            `best.safetensors`.

    Raises:
        TrainingError: the device, disk or memory that it takes is not there.
    """

    def __init__(
        self,
        recipe: Recipe,
        pools: Path,
        out: Path,
        *,
        device: str = "auto",
        validate: Validation | None = None,
    ) -> None:
        self._began_s = time.monotonic()
        self.recipe, self.out, self.pools_folder = recipe, out, pools
        self.rank = int(os.environ.get("RANK", "0"))
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        kind = requirements.check_device(device)
        local_rank = os.environ.get("LOCAL_RANK", "0")
        self.device = torch.device(f"cuda:{local_rank}" if kind == "cuda" else "cpu")
        n_local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        n_examples = -(-recipe.batch_size // self.world)
        requirements.check(recipe, out, self.device, n_examples, n_local)
        if self.world > 1 and recipe.loss.adversarial:
            raise TrainingError(f"{recipe.name}: adversarial training runs in one process")
        if self.world > 1 and not distributed.is_initialized():
            # The others wait while the first validates.
            backend = "nccl" if kind == "cuda" else "gloo"
            distributed.init_process_group(backend, timeout=timedelta(hours=2))
        torch.manual_seed(recipe.seed)
        self.net = recipe.build().to(self.device)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if recipe.optimiser.only:
            _freeze_all_but(self.net, recipe.optimiser.only)
        self.average = recipe.build().to(self.device).eval()
        self.average.load_state_dict(self.net.state_dict())
        self.optimiser = make_optimiser(self.net, recipe.optimiser)
        self._adversary = None
        if recipe.loss.adversarial:
            self._adversary = Adversary(len(recipe.stems), recipe.spec.n_channels, self.device)
        self._averaged, self._averages = [
            [v for v in net.state_dict().values() if v.is_floating_point()]
            for net in (self.net, self.average)
        ]
        self._buffers = [*self.net.buffers()]
        self._buffers_before = [buffer.clone() for buffer in self._buffers]
        self._precision_is_bf16 = recipe.precision == "bf16" or (
            recipe.precision == "auto" and kind == "cuda"
        )
        self._standardised = False
        self.step = 0
        self.elapsed_s = self._earlier_s = 0.0
        self.n_skipped = self._n_skipped_in_a_row = 0
        first = validate if self.rank == 0 else None
        self._selection = Selection(first, out, recipe.validate_minutes * 60)

    # -- starting points --------------------------------------------------------------------

    def resume(self) -> bool:
        """Go on from the run's checkpoint; False if there is none.

        Raises:
            TrainingError: it is damaged, or of another architecture.
        """
        state = read_checkpoint(self.out)
        if state is None:
            return False
        if not same_architecture(self.recipe, state["recipe"]):
            raise TrainingError(f"{self.out}: is of another architecture; use a new --out folder")
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        if self.recipe.optimiser.kind == state["recipe"]["optimiser"].get("kind", "adamw"):
            # Its numbers only: how to step is the recipe's and this version's to say.
            groups = self.optimiser.state_dict()["param_groups"]
            self.optimiser.load_state_dict({**state["optimiser"], "param_groups": groups})
        self.step = state["step"]
        self.elapsed_s = self._earlier_s = state["elapsed_s"]
        self.n_skipped = state.get("n_skipped", 0)
        self._selection.load(state)
        if self._adversary and state.get("adversary"):
            self._adversary.load(state["adversary"])
        self._standardised = True
        return True

    def start_from(self, weights: Path) -> None:
        """Take the weights of a safetensors file, nothing else; parts of the net that are `silent`
        at first may be missing there.

        Raises:
            TrainingError: it cannot be read, or is of another architecture.
        """
        state = load_weights(weights)
        silent = {k: v for k, v in self.net.state_dict().items() if k.startswith(self.net.silent)}
        state = silent | state
        try:
            self.net.load_state_dict(state)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise TrainingError(f"{weights}: does not fit this recipe: {reason}") from None
        self.average.load_state_dict(state)
        self._standardised = True

    # -- the loop ---------------------------------------------------------------------------

    def run(
        self,
        minutes: float | None,
        *,
        max_steps: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> bool:
        """Train until the run has lasted `minutes` or `max_steps` in all, earlier sessions
        counted in, validation and saving too.

        Args:
            minutes: the time budget, or None.
            max_steps: the same in steps, or None.
            progress: called after each step.
            cancel: if set, the run is saved and left at once.

        Returns:
            False if it was left before its end.

        Raises:
            TrainingError: no usable material, or no finite gradient any more.
            OutputError: the disk is full, or another process trains in this folder.
        """
        examples = Examples(
            self.recipe,
            self.pools_folder,
            self.device,
            self.rank,
            self.world,
            on_samples=self.net.input_kind == "waveform",
        )
        if self.rank != 0:
            return self._run(examples, minutes, max_steps, progress, cancel)
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.out}: cannot be made: {error.strerror}") from None
        with alone(self.out, wait=False):
            for name in (records.LOG, records.VALIDATION):
                records.forget_after(self.out / name, self.step)
            return self._run(examples, minutes, max_steps, progress, cancel)

    def _run(
        self,
        examples: Examples,
        minutes: float | None,
        max_steps: int | None,
        progress: Callable[[Progress], None] | None,
        cancel: threading.Event | None,
    ) -> bool:
        recipe, selection = self.recipe, self._selection
        budget = Budget(minutes, max_steps)
        budget_s = math.inf if minutes is None else minutes * 60
        self._standardise_input(examples)
        net = DistributedDataParallel(self.net) if self.world > 1 else self.net
        if minutes is not None:
            selection.plan(self.average, budget_s - self._clock_s())
        writer, window = CheckpointWriter(self.out), Window()
        with Loader(examples, self.step) as loader:
            while True:
                self.elapsed_s = self._clock_s()
                # Free at the end: the last validation, the step that may just begin, saving.
                reserve_s = selection.reserve_s + window.step_s + SAVING_S
                spent, stop = self._agree(
                    budget.spent(self.step, self.elapsed_s, min(reserve_s, budget_s / 2)),
                    cancel is not None and cancel.is_set(),
                )
                if stop or spent >= 1:
                    break
                rate = learning_rate(recipe.optimiser, self.step, spent)
                window.add(*self._train_step(net, examples, loader.next(), rate))
                if self.rank != 0:
                    continue
                now = self._progress(window, spent, rate)
                if progress:
                    progress(now)
                if self.step % LOG_STEPS == 0:
                    records.append(self.out / records.LOG, records.LOG_COLUMNS, now.row())
                    window = Window()
                if selection.is_due(self.elapsed_s, budget_s):
                    selection.judge(self.average, now)
                if writer.is_due(recipe.save_minutes * 60):
                    writer.save(self._state())
        if self.rank == 0:
            writer.save(self._state())
            save_weights(self.average.state_dict(), self.out / LAST)
            if window.n_steps:
                records.append(self.out / records.LOG, records.LOG_COLUMNS, now.row())
            if not stop:
                selection.judge(self.average, self._progress(window, spent, 0.0))
            writer.save(self._state(), wait=True)
        return not stop

    def _train_step(
        self, net: nn.Module, examples: Examples, batch: Batch, rate: float
    ) -> tuple[float, float]:
        """Loss, and now and then the SDR in dB; NaN where there is none."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        # Chance in a net, such as dropout, is the step's: a resumed run must draw the same.
        torch.manual_seed((self.recipe.seed << 40) + self.step * self.world + self.rank)
        targets = examples.targets(batch, self.step)
        if self._buffers:  # A net of no batch normalisation has none.
            torch._foreach_copy_(self._buffers_before, self._buffers)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._precision_is_bf16):
            estimates = estimate(
                self.net, net, targets, self.recipe.spec, wiener=self.recipe.wiener
            )
        targets = targets.only(self.net.stems)
        loss = total_loss(estimates, targets, self.recipe.loss, self.recipe.spec, self.net.stems)
        if self._adversary:
            loss = loss + self.recipe.loss.adversarial * self._adversary.cost(estimates, targets)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.optimiser.clip_norm)
        self.step += 1
        # Gradients are the sum of all processes' by now, so that all of them skip, or none.
        if not torch.isfinite(norm):
            self._skip(rate)
            return math.nan, math.nan
        self._n_skipped_in_a_row = 0
        self.optimiser.step()
        if self._adversary:
            self._adversary.learn(estimates, targets)
        if self.rank == 0:
            self._update_average()
        if self.step % SDR_STEPS:
            return loss.item(), math.nan
        return loss.item(), audible_sdr_db(estimates, targets).item()

    def _skip(self, rate: float) -> None:
        # The forward pass has put what was not finite into the running means.
        if self._buffers:
            torch._foreach_copy_(self._buffers, self._buffers_before)
        self.n_skipped += 1
        self._n_skipped_in_a_row += 1
        if self._n_skipped_in_a_row >= MOST_SKIPPED:
            raise TrainingError(
                f"{self.out}: {MOST_SKIPPED} steps in a row without a finite gradient, at step "
                f"{self.step} with a learning rate of {rate:.1e}; start anew with a lower one"
            )

    @torch.no_grad()
    def _update_average(self) -> None:
        # Short at first, so that the average of a young net is not its random start.
        decay = min(self.recipe.optimiser.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self._averages, self._averaged, 1 - decay)

    @torch.no_grad()
    def _standardise_input(self, examples: Examples) -> None:
        """Give each bin mean 0 and deviation 1 at the nets' entrance, as measured on mixes."""
        if self._standardised or self.net.compression is None:
            return
        # Of batches that no step will draw, or a resumed run would see others than this.
        steps = range(2**32, 2**32 + 8)
        mixtures = [examples.targets(examples.draw(step), step).mixture for step in steps]
        values = (torch.cat(mixtures)[:, 0] + 1e-6).pow(self.net.compression).flatten(0, 1)
        self.net.standardise(values.mean(dim=(0, 2)), values.std(dim=(0, 2)))
        self.average.load_state_dict(self.net.state_dict())
        self._standardised = True

    def _agree(self, spent: float, stop: bool) -> tuple[float, bool]:
        """The same rate and end in all processes, or they would part, or wait for ever."""
        if self.world == 1:
            return spent, stop
        values = torch.tensor([spent, stop], dtype=torch.float64, device=self.device)
        distributed.all_reduce(values, distributed.ReduceOp.MAX)
        spent, stopped = values.tolist()
        return spent, bool(stopped)

    # -- keeping ----------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "recipe": self.recipe.to_dict(),
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "elapsed_s": self._clock_s(),
            "n_skipped": self.n_skipped,
            "adversary": self._adversary.state() if self._adversary else None,
            **self._selection.state(),
        }

    def _clock_s(self) -> float:
        """Time the run has lasted."""
        return self._earlier_s + time.monotonic() - self._began_s

    def _progress(self, window: Window, spent: float, rate: float) -> Progress:
        recipe, elapsed_s = self.recipe, self._clock_s()
        example_s = recipe.crop_frames * recipe.spec.hop / recipe.spec.sample_rate
        batch_s = recipe.batch_size * example_s
        return Progress(
            step=self.step,
            elapsed_s=elapsed_s,
            audio_s=self.step * batch_s,
            spent=spent,
            eta_s=elapsed_s * (1 - spent) / spent if spent > 0 else None,
            loss=mean(window.losses),
            sdr_db=mean(window.sdrs_db),
            audio_per_s=batch_s / window.step_s if window.n_steps else 0.0,
            learning_rate=rate,
            n_skipped=self.n_skipped,
        )
