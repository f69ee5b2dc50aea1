"""The training loop: plain torch, a time budget, resumable at any step."""

import contextlib
import csv
import ctypes
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from unbraid.errors import TrainingError
from unbraid.spec import Spec
from unbraid.training.data.augmentation import augment_samples, equaliser
from unbraid.training.data.pools import Pools
from unbraid.training.data.remix import Batch, Remixer
from unbraid.training.losses import Targets, audible_sdr_db, total_loss
from unbraid.training.nets.unet import UNetSet
from unbraid.training.recipe import Recipe, recipe_from_dict

CHECKPOINT = "checkpoint.pt"
LOG_COLUMNS = ("step", "minutes", "audio_s", "loss", "sdr_db", "learning_rate", "skipped")


@dataclass
class Progress:
    """What a line of progress says."""

    step: int
    minutes: float
    budget_minutes: float
    loss: float
    sdr_db: float  # mean over stems and examples of the last steps, on training mixes
    audio_per_s: float  # seconds of audio trained in a second


def prepare_process() -> None:
    """Settings of the whole process that make training on a CPU a third faster or more."""
    torch.set_flush_denormal(True)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        torch.set_num_threads(1)
    if sys.platform == "linux":
        # Keep freed tensors instead of asking the kernel for new, zeroed pages in every step.
        with contextlib.suppress(OSError, AttributeError):
            glibc = ctypes.CDLL("libc.so.6")
            for option, value in ((-3, 2**25), (-1, 2**31 - 1), (-2, 2**28)):
                glibc.mallopt(option, value)  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD


def spectra(samples: Tensor, spec: Spec) -> Tensor:
    """Complex spectra, frames aligned as the separator's are.

    Args:
        samples: (..., n_samples); n_samples = (n_frames - 1) * hop + n_fft.
        spec: the analysis settings.

    Returns:
        (..., n_bins, n_frames), complex64.
    """
    flat = samples.reshape(-1, samples.shape[-1])
    window = torch.hann_window(spec.n_fft, device=samples.device)
    spectrum = torch.stft(
        flat, spec.n_fft, spec.hop, window=window, center=False, return_complex=True
    )
    return spectrum[:, : spec.n_bins].reshape(*samples.shape[:-1], spec.n_bins, -1)


def ratio_masks(magnitudes: Tensor) -> Tensor:
    """Power ratio masks over axis 1; torch's twin of `unbraid.spectral.masks.ratio_masks`."""
    power = magnitudes.square() + 1e-10
    return power / power.sum(dim=1, keepdim=True)


class Trainer:
    """Trains one recipe in one folder.

    Args:
        recipe: what to do.
        pools: the folder of training material.
        out: the run's folder; `checkpoint.pt`, `last.safetensors`, `log.csv` are written there.
        device: "cpu", "cuda", "auto".
        validate: called now and then with the averaged net; returns a score (dB, higher is
            better). The best one is kept as `best.safetensors`.
    """

    def __init__(
        self,
        recipe: Recipe,
        pools: Path,
        out: Path,
        *,
        device: str = "auto",
        validate: Callable[[UNetSet], float] | None = None,
    ) -> None:
        self.recipe, self.out, self.pools_folder = recipe, out, pools
        self.rank = int(os.environ.get("RANK", "0"))
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(f"cuda:{self.rank}" if device == "cuda" else device)
        if self.world > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if device == "cuda" else "gloo")
        torch.manual_seed(recipe.seed)
        self.net = UNetSet(recipe.spec, recipe.net).to(self.device)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = UNetSet(recipe.spec, recipe.net).to(self.device).eval()
        self.average.load_state_dict(self.net.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(),
            lr=recipe.optimiser.learning_rate,
            weight_decay=recipe.optimiser.weight_decay,
            betas=(0.9, 0.99),
        )
        self.step = 0
        self.elapsed_s = 0.0
        self.n_skipped = 0
        self.best = -math.inf
        self.validate = validate
        self._standardised = False

    # -- starting points --------------------------------------------------------------------

    def resume(self) -> bool:
        """Go on from the run's checkpoint; False if there is none."""
        path = self.out / CHECKPOINT
        if not path.is_file():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        saved = recipe_from_dict(state["recipe"], str(path))
        if saved.net != self.recipe.net or saved.spec != self.recipe.spec:
            raise TrainingError(f"{path}: is of another architecture; use a new --out folder")
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]
        self.best = state["best"]
        self._standardised = True
        return True

    def start_from(self, weights: Path) -> None:
        """Take the weights of a safetensors file, nothing else."""
        try:
            state = load_file(weights, device=str(self.device))
            self.net.load_state_dict(state)
        except (OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise TrainingError(f"{weights}: does not fit this recipe: {reason}") from None
        self.average.load_state_dict(state)
        self._standardised = True

    # -- the loop ---------------------------------------------------------------------------

    def run(
        self,
        minutes: float,
        *,
        max_steps: int | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Train until the run has lasted `minutes` in all, earlier sessions counted in."""
        recipe = self.recipe
        self.out.mkdir(parents=True, exist_ok=True)
        remixer = self._remixer()
        if not self._standardised:
            # From batches that no step will draw, or a resumed run would see others than this.
            self._standardise_input([remixer.batch(2**32 + number) for number in range(8)])
        batches = _prefetch(self._batches(remixer))
        net: nn.Module = self.net
        if self.world > 1:
            net = DistributedDataParallel(self.net)
        started, before = time.monotonic(), self.elapsed_s
        budget_s = minutes * 60
        saved_at = validated_at = before
        losses: list[float] = []
        ratios: list[float] = []
        window_start, window_step = time.monotonic(), self.step
        while True:
            self.elapsed_s = before + time.monotonic() - started
            if self._agree(self.elapsed_s >= budget_s) or self.step == max_steps:
                break
            rate = self._learning_rate(self.elapsed_s / budget_s)
            loss, sdr_db = self._train_step(net, next(batches), rate)
            losses.append(loss)
            ratios.append(sdr_db)
            if self.step % 50 == 0 and self.rank == 0:
                now = time.monotonic()
                audio_s = (self.step - window_step) * recipe.batch_size * self._example_s
                window = Progress(
                    self.step,
                    self.elapsed_s / 60,
                    minutes,
                    float(np.nanmean(losses)),
                    float(np.nanmean(ratios)),
                    audio_s / (now - window_start),
                )
                self._log(window, rate)
                if progress:
                    progress(window)
                losses, ratios = [], []
                window_start, window_step = now, self.step
            if self.elapsed_s - saved_at > recipe.save_minutes * 60 and self.rank == 0:
                self.save()
                saved_at = self.elapsed_s
            if self.elapsed_s - validated_at > recipe.validate_minutes * 60:
                self._validate()
                validated_at = self.elapsed_s
        if self.rank == 0:
            self._validate()
            self.save()

    def _train_step(self, net: nn.Module, batch: Batch, rate: float) -> tuple[float, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        targets = Targets.of(*self._examples(batch))
        magnitude = targets.mixture[:, 0].contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            magnitudes = net(magnitude)
        masks = ratio_masks(magnitudes.float())
        loss = total_loss(masks, targets, self.recipe.loss)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.optimiser.clip_norm)
        self.step += 1
        if not torch.isfinite(norm):
            self.n_skipped += 1
            return math.nan, math.nan
        self.optimiser.step()
        self._update_average()
        sdr_db = audible_sdr_db(masks, targets).item() if self.step % 10 == 0 else math.nan
        return loss.item(), sdr_db

    def _examples(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Augmented spectra (batch, 4, 2, n_bins, n_frames) and which of them are known."""
        spec, config = self.recipe.spec, self.recipe.augmentation
        # On the CPU: the same decisions for every device, and no waiting for a GPU's.
        generator = torch.Generator()
        generator.manual_seed((self.recipe.seed << 40) + self.step * self.world + self.rank)
        stems = augment_samples(batch.stems, config, generator)
        curves = equaliser(
            (stems.shape[0], stems.shape[1]), spec.n_rows, config, generator, self.device
        )
        return spectra(stems, spec) * curves[..., : spec.n_bins, :], batch.known

    def _remixer(self) -> Remixer:
        recipe = self.recipe
        spec = recipe.spec
        n_samples = (recipe.crop_frames - 1) * spec.hop + spec.n_fft
        pools = Pools(self.pools_folder, recipe.source_weights, device=self.device)
        # A batch is shared out among processes; each draws its own part of it.
        n_examples = max(1, recipe.batch_size // self.world)
        return Remixer(pools, recipe.mix, n_samples, n_examples, recipe.seed)

    def _batches(self, remixer: Remixer) -> Iterator[Batch]:
        step = self.step
        while True:
            yield remixer.batch(step * self.world + self.rank)
            step += 1

    @property
    def _example_s(self) -> float:
        return self.recipe.crop_frames * self.recipe.spec.hop / self.recipe.spec.sample_rate

    def _learning_rate(self, fraction: float) -> float:
        config = self.recipe.optimiser
        warm_up = min(1.0, (self.step + 1) / config.warm_up_steps)
        start = 1 - config.anneal_fraction
        anneal = max(0.0, min(1.0, (fraction - start) / max(config.anneal_fraction, 1e-6)))
        return config.learning_rate * warm_up * (0.5 + 0.5 * math.cos(math.pi * anneal))

    @torch.no_grad()
    def _update_average(self) -> None:
        # Short at first, so that the average of a young net is not its random start.
        decay = min(self.recipe.optimiser.ema, (1 + self.step) / (10 + self.step))
        means, values = [
            [v for v in net.state_dict().values() if v.is_floating_point()]
            for net in (self.average, self.net)
        ]
        torch._foreach_lerp_(means, values, 1 - decay)

    @torch.no_grad()
    def _standardise_input(self, batches: list[Batch]) -> None:
        """Give each bin mean 0 and deviation 1 at the nets' entrance, as measured on mixes."""
        compression = self.recipe.net.compression
        values = torch.cat(
            [
                (self._examples(b)[0].sum(1).abs() + 1e-6).pow(compression).flatten(0, 1)
                for b in batches
            ]
        )
        mean = values.mean(dim=(0, 2))
        self.net.standardise(mean, values.std(dim=(0, 2)))
        self.average.load_state_dict(self.net.state_dict())
        self._standardised = True

    def _agree(self, stop: bool) -> bool:
        """All processes stop at the same step, or they would wait for each other for ever."""
        if self.world == 1:
            return stop
        flag = torch.tensor(float(stop), device=self.device)
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag.item())

    # -- keeping ----------------------------------------------------------------------------

    def _validate(self) -> None:
        if self.validate is None:
            return
        if self.rank == 0:
            score = self.validate(self.average)
            if score > self.best:
                self.best = score
                self.save_weights("best.safetensors")
        if self.world > 1:
            distributed.barrier()

    def save(self) -> None:
        """Write the checkpoint and `last.safetensors`; a kill at any moment loses neither."""
        state = {
            "recipe": self.recipe.to_dict(),
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
            "best": self.best,
        }
        partial = self.out / f".{CHECKPOINT}.partial"
        torch.save(state, partial)
        partial.replace(self.out / CHECKPOINT)
        self.save_weights("last.safetensors")

    def save_weights(self, name: str) -> None:
        partial = self.out / f".{name}.partial"
        save_file({k: v.contiguous() for k, v in self.average.state_dict().items()}, partial)
        partial.replace(self.out / name)

    def _log(self, window: Progress, rate: float) -> None:
        path = self.out / "log.csv"
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(LOG_COLUMNS)
            audio_s = self.step * self.recipe.batch_size * self._example_s
            writer.writerow(
                (
                    self.step,
                    f"{window.minutes:.2f}",
                    f"{audio_s:.0f}",
                    f"{window.loss:.4f}",
                    f"{window.sdr_db:.2f}",
                    f"{rate:.2e}",
                    self.n_skipped,
                )
            )


def _prefetch(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Draw batches in a thread, so that the net never waits for the disk."""
    queue: Queue[Batch | Exception] = Queue(maxsize=4)

    def fill() -> None:
        try:
            for batch in batches:
                queue.put(batch)
        except Exception as error:
            queue.put(error)

    threading.Thread(target=fill, daemon=True, name="batches").start()
    while True:
        batch = queue.get()
        if isinstance(batch, Exception):
            raise batch
        yield batch
