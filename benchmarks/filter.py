"""What the multichannel Wiener filter makes of a net's masks, and where stems stand.

    python benchmarks/filter.py SONGS strands=weights/strands.safetensors

Prints, by song, how much of each stem's energy lies in the difference of the channels, and uSDRs of
the net's masks alone and behind the filter, as the separator has them. The song is in tiles side by
side, as in `together.py`.
"""

import argparse
from pathlib import Path

import torch
from tiles import judged, load_net
from torch import Tensor

from unbraid.evaluation.panel import songs
from unbraid.stems import STEMS
from unbraid.training.estimate import filtered
from unbraid.training.trainer import prepare_process

AXES = (0, 2, 3, 4)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("songs", type=Path)
    parser.add_argument("net", metavar="RECIPE=WEIGHTS")
    parser.add_argument("--seconds", type=int, default=60, help="of each song")
    arguments = parser.parse_args()
    prepare_process()
    net, recipe = load_net(arguments.net)
    spec = recipe.spec
    means = []
    for song in songs(arguments.songs):
        stems = torch.from_numpy(song.stems)[..., : arguments.seconds * spec.sample_rate]
        difference = (stems[:, 0] - stems[:, 1]).square().sum(-1)
        sides = 50 * difference / stems.square().sum((1, 2)).clamp(min=1e-9)
        signal, errors = torch.zeros(len(STEMS)), torch.zeros(2, len(STEMS))
        for masks, targets in judged(net, recipe, stems, spec.n_frames):
            signal += targets.magnitude.square().sum(AXES)
            errors[0] += targets.squared_error(masks).sum(AXES)
            errors[1] += targets.squared_error(filtered(masks, targets)).sum(AXES)
        usdr_db = (10 * torch.log10(signal / errors)).masked_fill(signal == 0, torch.nan)
        means.append(usdr_db)
        print(song.name)
        print_row("sides, %", sides)
        print_rows(usdr_db)
    print("mean")
    print_rows(torch.stack(means).nanmean(dim=0))


def print_rows(usdr_db: Tensor) -> None:
    """Of masks and behind the filter, (2, 4)."""
    print_row("masks, dB", usdr_db[0])
    print_row("filter, dB", usdr_db[1])


def print_row(head: str, values: Tensor) -> None:
    """Of the four stems."""
    pairs = zip(STEMS, values, strict=True)
    print(f"{head:>12}", *(f"{stem} {value:6.2f}" for stem, value in pairs))


if __name__ == "__main__":
    main()
