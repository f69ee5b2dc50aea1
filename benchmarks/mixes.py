"""Data or capacity? SDR on training mixes that no step has seen, beside what masks can reach.

A net that is as good on real songs as on mixes like those it was trained on does not lack
material; one that stands far below the oracle on both is too small, or was stopped too early.

    python benchmarks/mixes.py POOLS strands=weights/strands.safetensors unet-0.1=...

Prints, for each recipe and its weights, the mean SDR in dB over the examples in which a stem is
within 20 dB of the mixture; then that of a quarter of the mixture, and that of the best real mask
between 0 and 1 (phase-sensitive; Erdogan et al. 2015).

With `--songs SONGS`, which stem of real songs is unlike ours: one stem of the mixes at a time gives
way to pieces of each song's, as loud as it was, and the other stems stay.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tiles import load_net
from torch import Tensor

from unbraid.evaluation.panel import Song, songs
from unbraid.stems import STEMS
from unbraid.training.data.augmentation import augment_samples
from unbraid.training.estimate import estimate, spectra
from unbraid.training.examples import Examples
from unbraid.training.losses import Targets
from unbraid.training.nets.net import Net
from unbraid.training.recipe import Recipe
from unbraid.training.trainer import prepare_process

AXES = (-3, -2, -1)
SEED = 987
"""No recipe's, so that no run has drawn these examples."""


def sdr_db(masks: Tensor, targets: Targets) -> Tensor:
    """(batch, 4); NaN where a stem is not known or not heard."""
    signal = targets.magnitude.square().mean(AXES)
    error = targets.squared_error(masks).mean(AXES).clamp(min=1e-8)
    heard = (signal > 1e-2 * targets.mixture.square().mean(AXES)) & (targets.known > 0)
    return (10 * torch.log10(signal / error)).masked_fill(~heard, torch.nan)


Swap = Callable[[Tensor], Tensor]
"""What is done to stems (batch, 4, 2, n_samples)."""


def given_way_to(song: Song, index: int) -> Swap:
    """A stem's place taken by random pieces of a song's."""
    rng = np.random.default_rng(SEED)

    def swap(stems: Tensor) -> Tensor:
        stems = stems.clone()
        n_samples = stems.shape[-1]
        for example in stems:
            start = rng.integers(song.stems.shape[-1] - n_samples)
            piece = torch.from_numpy(song.stems[index, :, start : start + n_samples])
            level = example[index].square().mean().sqrt()
            gain = level / (piece.square().mean().sqrt() + 1e-6)
            example[index] = piece * gain.clamp(max=30)  # a pause stays one
        return stems

    return swap


def swapped_targets(examples: Examples, recipe: Recipe, step: int, swap: Swap) -> Targets:
    """Examples of which all four stems are known, without the equaliser, whose curves are drawn."""
    batch = examples.draw(step)
    generator = torch.Generator().manual_seed(step)
    stems = augment_samples(batch.stems, recipe.augmentation, generator)
    stems = swap(stems[batch.known.amin(dim=1) > 0])
    spectrum = spectra(stems, recipe.spec)[..., : recipe.spec.n_bins, :]
    return Targets.of(spectrum, torch.ones(len(stems), len(STEMS)))


def print_row(name: str, sdrs: list[Tensor], width: int) -> None:
    means = torch.cat(sdrs).nanmean(dim=0)
    print(f"{name:<{width}}", *(f"{x:8.2f}" for x in (*means, means.mean())), flush=True)


def print_mixes(nets: dict[str, tuple[Net, Recipe]], pools: Path, n_batches: int) -> None:
    """A row for each net, and one each for a quarter of the mixture and the best real mask."""
    rows: dict[str, list[Tensor]] = {name: [] for name in nets}
    ends: dict[str, list[Tensor]] = {}
    for name, (net, recipe) in nets.items():
        examples = Examples(recipe, pools, torch.device("cpu"))
        ends = {"a quarter of the mixture": [], "the best real mask": []}
        for step in range(n_batches):
            targets = examples.targets(examples.draw(step), step)
            rows[name].append(sdr_db(estimate(net, net, targets, recipe.spec), targets))
            best = (targets.in_phase / targets.mixture.clamp(min=1e-6)).clamp(0, 1)
            for masks, end in zip((torch.full_like(best, 0.25), best), ends.values(), strict=True):
                end.append(sdr_db(masks, targets))
    rows |= ends  # of the last recipe: those that augment alike draw the same examples
    for name, sdrs in rows.items():
        print_row(name, sdrs, max(map(len, rows)))


def print_swaps(net: Net, recipe: Recipe, pools: Path, folder: Path, n_batches: int) -> None:
    """A row for each stem of each song in place of the mixes' own."""
    examples = Examples(recipe, pools, torch.device("cpu"))
    swaps: dict[str, Swap] = {"as they are": lambda stems: stems}
    for song in songs(folder):
        for stem in sorted(song.present, key=STEMS.index):
            swaps[f"{stem} of {song.name}"] = given_way_to(song, STEMS.index(stem))
    for name, swap in swaps.items():
        sdrs = []
        for step in range(n_batches):
            targets = swapped_targets(examples, recipe, step, swap)
            sdrs.append(sdr_db(estimate(net, net, targets, recipe.spec), targets))
        print_row(name, sdrs, max(map(len, swaps)))


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pools", type=Path)
    parser.add_argument("nets", nargs="+", metavar="RECIPE=WEIGHTS")
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--songs", type=Path)
    arguments = parser.parse_args()
    prepare_process()
    torch.set_num_threads(1)
    nets = {}
    for text in arguments.nets:
        net, recipe = load_net(text)
        nets[text] = net, replace(recipe, seed=SEED)
    print("dB:", *STEMS, "mean")
    if arguments.songs is None:
        print_mixes(nets, arguments.pools, arguments.batches)
        return
    for text, (net, recipe) in nets.items():
        print(text)
        print_swaps(net, recipe, arguments.pools, arguments.songs, arguments.batches)


if __name__ == "__main__":
    main()
