"""Where stems stand between the channels, and what that alone would tell of `other`.

    python benchmarks/sides.py SONGS strands=weights/strands.safetensors

Prints, by song, how much of each stem's energy lies in the difference of the channels, and the
net's uSDR by stem beside what it would be if its mask of other were averaged with one made of the
place of each bin alone (`places`): the root of how far the bin is from the middle, over how far
other's energy is (which the true stem tells; a net would have to find it out). The song is in tiles
side by side, as in `together.py`.
"""

import argparse
from pathlib import Path

import torch
from tiles import judged, load_net
from torch import Tensor

from unbraid.evaluation.panel import songs
from unbraid.stems import STEMS
from unbraid.training.estimate import given
from unbraid.training.losses import Targets
from unbraid.training.nets.places import places
from unbraid.training.trainer import prepare_process

OTHER = STEMS.index("other")
AXES = (0, 2, 3, 4)


def with_places(masks: Tensor, targets: Targets, apart: Tensor) -> Tensor:
    """The masks, that of other half its own and half of places; the others shrink with it.

    Args:
        masks: real, summing to one, (n, 4, 2, n_bins, n_frames).
        targets: of the same tiles.
        apart: how far other's energy is from the middle, of both channels' differences.

    Returns:
        The same shape, summing to one.
    """
    place = places(given(targets, "complex"), masks.shape[-2])[:, :1]
    other = (masks[:, OTHER] + (place / apart).clamp(0, 1).sqrt()) / 2
    rest = (1 - other) / (1 - masks[:, OTHER]).clamp(min=1e-6)
    mixed = masks * rest[:, None]
    mixed[:, OTHER] = other
    return mixed


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
    for song in songs(arguments.songs):
        stems = torch.from_numpy(song.stems)[..., : arguments.seconds * spec.sample_rate]
        apart = (stems[:, 0] - stems[:, 1]).square().sum(-1) / stems.square().sum((1, 2))
        signal = torch.zeros(len(STEMS))
        errors = torch.zeros(2, len(STEMS))
        for masks, targets in judged(net, recipe, stems, spec.n_frames):
            signal += targets.magnitude.square().sum(AXES)
            errors[0] += targets.squared_error(masks).sum(AXES)
            mixed = with_places(masks, targets, apart[OTHER])
            errors[1] += targets.squared_error(mixed).sum(AXES)
        print(song.name)
        for head, row in (
            ("sides, %", 50 * apart),
            ("uSDR, dB", 10 * torch.log10(signal / errors[0])),
            ("with places", 10 * torch.log10(signal / errors[1])),
        ):
            pairs = zip(STEMS, row, strict=True)
            print(f"{head:>14}", *(f"{stem} {value:6.2f}" for stem, value in pairs))


if __name__ == "__main__":
    main()
