"""Training examples: batches drawn ahead in a thread, then augmented and turned into spectra."""

import threading
from dataclasses import replace
from pathlib import Path
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Self

import torch

from unbraid.errors import TrainingError
from unbraid.training.data.augmentation import augment_samples, equaliser
from unbraid.training.data.pools import Pools
from unbraid.training.data.remix import Batch, Remixer
from unbraid.training.estimate import spectra
from unbraid.training.losses import Targets
from unbraid.training.recipe import Recipe


class Examples:
    """What the net sees in each step; the same recipe, pools and step give the same examples.

    Args:
        recipe: how to make them.
        pools: the folder of training material.
        device: where they are made.
        on_samples: whether the net is given samples.
        rank: which of the processes that share a batch this is.
        world: how many share it; each draws its own part.

    Raises:
        TrainingError: the pools are missing or damaged, or the batch cannot be shared.
    """

    def __init__(
        self,
        recipe: Recipe,
        pools: Path,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
        *,
        on_samples: bool = False,
    ) -> None:
        if recipe.batch_size % world:
            raise TrainingError(
                f"a batch of {recipe.batch_size} cannot be shared by {world} processes; "
                "change batch_size in the recipe"
            )
        self.recipe, self.device = recipe, device
        self._rank, self._world, self._on_samples = rank, world, on_samples
        n_samples = (recipe.crop_frames - 1) * recipe.spec.hop + recipe.spec.n_fft
        self._remixer = Remixer(
            Pools(pools, recipe.source_weights, device=device),
            recipe.mix,
            n_samples,
            recipe.batch_size // world,
            recipe.seed,
        )

    def draw(self, step: int) -> Batch:
        """This process's part of the batch of a step, before augmentation."""
        return self._remixer.batch(self._part(step))

    @torch.no_grad()
    def targets(self, batch: Batch, step: int) -> Targets:
        """The same batch augmented, as spectra."""
        spec, config = self.recipe.spec, self.recipe.augmentation
        # On the CPU: the same decisions for every device, and no waiting for a GPU's.
        generator = torch.Generator()
        generator.manual_seed((self.recipe.seed << 40) + self._part(step))
        stems = augment_samples(batch.stems, config, generator)
        shape = (stems.shape[0], stems.shape[1])
        if self._on_samples:
            # The curves are for spectra; what they would leave is no longer these samples'.
            targets = Targets.of(spectra(stems, spec), batch.known)
            return replace(targets, samples=stems.sum(dim=1))
        curves = equaliser(shape, spec.n_rows, config, generator, self.device)
        return Targets.of(spectra(stems, spec).mul_(curves[..., : spec.n_bins, :]), batch.known)

    def _part(self, step: int) -> int:
        return step * self._world + self._rank


class Loader:
    """Batches of consecutive steps, drawn ahead in a thread, so that the net need not wait.

    Args:
        examples: where they come from.
        step: the first one.
        n_ahead: batches to hold ready.
    """

    def __init__(self, examples: Examples, step: int, n_ahead: int = 4) -> None:
        self._examples, self._step = examples, step
        self._queue: Queue[Batch | Exception] = Queue(n_ahead)
        self._is_closed = threading.Event()
        # OpenMP counts threads by thread: without this, drawing would take all cores.
        self._n_threads = torch.get_num_threads()
        self._thread = threading.Thread(target=self._fill, daemon=True, name="batches")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_closed.set()
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.1)
            except Empty:
                continue

    def next(self) -> Batch:
        """The next batch.

        Raises:
            Exception: what drawing it raised.
        """
        batch = self._queue.get()
        if isinstance(batch, Exception):
            raise batch
        return batch

    def _fill(self) -> None:
        torch.set_num_threads(self._n_threads)
        while not self._is_closed.is_set():
            try:
                drawn: Batch | Exception = self._examples.draw(self._step)
            except Exception as error:
                drawn = error
            self._step += 1
            while not self._is_closed.is_set():
                try:
                    self._queue.put(drawn, timeout=0.5)
                    break
                except Full:
                    continue
