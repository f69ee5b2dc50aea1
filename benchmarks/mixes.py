"""Data or capacity? SDR on training mixes that no step has seen, beside what masks can reach.

A net that is as good on real songs as on mixes like those it was trained on does not lack
material; one that stands far below the oracle on both is too small, or was stopped too early.

    python benchmarks/mixes.py POOLS strands=weights/strands.safetensors unet-0.1=...

Prints, for each recipe and its weights, the mean SDR in dB over the examples in which a stem is
within 20 dB of the mixture; then that of a quarter of the mixture, and that of the best real mask
between 0 and 1 (phase-sensitive; Erdogan et al. 2015).
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from unbraid.stems import STEMS
from unbraid.training.estimate import estimate
from unbraid.training.examples import Examples
from unbraid.training.losses import Targets
from unbraid.training.recipe import load_recipe
from unbraid.training.trainer import prepare_process
from unbraid.training.weights import load_weights

AXES = (-3, -2, -1)
SEED = 987
"""No recipe's, so that no run has drawn these examples."""


def sdr_db(masks: Tensor, targets: Targets) -> Tensor:
    """(batch, 4); NaN where a stem is not known or not heard."""
    signal = targets.magnitude.square().mean(AXES)
    error = targets.squared_error(masks).mean(AXES).clamp(min=1e-8)
    heard = (signal > 1e-2 * targets.mixture.square().mean(AXES)) & (targets.known > 0)
    return (10 * torch.log10(signal / error)).masked_fill(~heard, torch.nan)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pools", type=Path)
    parser.add_argument("nets", nargs="+", metavar="RECIPE=WEIGHTS")
    parser.add_argument("--batches", type=int, default=50)
    arguments = parser.parse_args()
    prepare_process()
    torch.set_num_threads(1)
    rows: dict[str, list[Tensor]] = {}
    ends: dict[str, list[Tensor]] = {}
    for text in arguments.nets:
        name, _, weights = text.partition("=")
        recipe = replace(load_recipe(name), seed=SEED)
        net = recipe.build().eval()
        net.load_state_dict(load_weights(Path(weights)))
        examples = Examples(recipe, arguments.pools, torch.device("cpu"))
        rows[text] = []
        ends = {"a quarter of the mixture": [], "the best real mask": []}
        for step in range(arguments.batches):
            targets = examples.targets(examples.draw(step), step)
            rows[text].append(sdr_db(estimate(net, net, targets, recipe.spec), targets))
            best = (targets.in_phase / targets.mixture.clamp(min=1e-6)).clamp(0, 1)
            for masks, end in zip((torch.full_like(best, 0.25), best), ends.values(), strict=True):
                end.append(sdr_db(masks, targets))
    rows |= ends  # of the last recipe: those that augment alike draw the same examples
    width = max(map(len, rows))
    print(" " * width, *(f"{stem:>8}" for stem in STEMS), "    mean")
    for name, parts in rows.items():
        means = torch.cat(parts).nanmean(dim=0)
        print(f"{name:<{width}}", *(f"{x:8.2f}" for x in (*means, means.mean())))


if __name__ == "__main__":
    main()
