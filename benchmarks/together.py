"""What makes real songs hard: sources, that they are played together, or tiles longer than crops?

    python benchmarks/together.py SONGS strands=weights/strands.safetensors

Prints SDRs in dB, pooled over the first minute of each song and averaged over songs: in tiles as
long as the recipe's crops in training and as the player's; with every stem moved against the
others, so that the same sources meet as strangers; and without one stem at a time, what each costs
the others. Of a panel of rendered songs that no training has heard (`tools/rendered_panel.py`) it
says whether a net has learnt what its sources are, or only its sources.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from tiles import judged, load_net
from torch import Tensor

from unbraid.evaluation.panel import songs
from unbraid.stems import STEMS
from unbraid.training.nets.net import Net
from unbraid.training.recipe import Recipe
from unbraid.training.trainer import prepare_process

LENGTH_S = 60
SHIFT_S = 0.18
"""Besides a quarter of the song for each stem, or a bar could fall upon a bar."""


def pooled_sdr_db(net: Net, recipe: Recipe, stems: Tensor, n_frames: int) -> Tensor:
    """(4,), of stems (4, 2, n_samples) in tiles side by side; NaN where there is no sound."""
    signal, error = torch.zeros(len(STEMS)), torch.zeros(len(STEMS))
    for masks, targets in judged(net, recipe, stems, n_frames):
        signal += targets.magnitude.square().sum(dim=(0, 2, 3, 4))
        error += targets.squared_error(masks).sum(dim=(0, 2, 3, 4))
    return (10 * torch.log10(signal / error)).masked_fill(signal == 0, torch.nan)


def moved_apart(stems: Tensor, sample_rate: int) -> Tensor:
    """Each stem of (4, 2, n_samples) turned round by another part of the song."""
    step = stems.shape[-1] // len(STEMS) + round(SHIFT_S * sample_rate)
    return torch.stack([stem.roll(index * step, dims=-1) for index, stem in enumerate(stems)])


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("songs", type=Path)
    parser.add_argument("nets", nargs="+", metavar="RECIPE=WEIGHTS")
    parser.add_argument("--crop", type=int, help="frames of a crop in training; else the recipe's")
    parser.add_argument("--each", action="store_true", help="a table of every song as well")
    arguments = parser.parse_args()
    prepare_process()
    for text in arguments.nets:
        net, recipe = load_net(text)
        crop = arguments.crop or recipe.crop_frames
        tile, rate = recipe.spec.n_frames, recipe.spec.sample_rate
        rows = defaultdict(list)
        for song in songs(arguments.songs):
            stems = torch.from_numpy(song.stems[..., : LENGTH_S * rate])
            kinds = {f"tiles of {n} frames": (stems, n) for n in sorted({crop, tile})}
            kinds["stems moved apart"] = moved_apart(stems, rate), crop
            for index, stem in enumerate(STEMS):
                without = stems.clone()
                without[index] = 0
                kinds[f"without {stem}"] = without, crop
            print(f"{text}: {song.name}" if arguments.each else f"{song.name} ...", flush=True)
            for kind, (changed, n_frames) in kinds.items():
                rows[kind].append(pooled_sdr_db(net, recipe, changed, n_frames).numpy())
                if arguments.each:
                    print_row(kind, rows[kind][-1])
        print(f"{text}: mean\n{'':<22}", *(f"{stem:>8}" for stem in STEMS))
        for kind, sdrs in rows.items():
            print_row(kind, np.ma.masked_invalid(sdrs).mean(axis=0).filled(np.nan))


def print_row(name: str, sdrs: np.ndarray) -> None:
    """SDRs (4,) in dB."""
    print(f"{name:<22}", *(f"{x:8.2f}" for x in sdrs), flush=True)


if __name__ == "__main__":
    main()
