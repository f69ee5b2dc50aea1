"""A net by name, and what it makes of a song's tiles, side by side, beside the true stems."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from unbraid.stems import STEMS
from unbraid.training.estimate import estimate, spectra
from unbraid.training.losses import Targets
from unbraid.training.nets.net import Net
from unbraid.training.recipe import Recipe, load_recipe
from unbraid.training.weights import load_weights

FRAMES_AT_ONCE = 768


def load_net(text: str) -> tuple[Net, Recipe]:
    """The net, ready to be asked, and its recipe.

    Args:
        text: RECIPE=WEIGHTS.

    Raises:
        TrainingError: there is no such recipe, or the weights cannot be read.
    """
    name, _, weights = text.partition("=")
    recipe = load_recipe(name)
    net = recipe.build().eval()
    net.load_state_dict(load_weights(Path(weights)))
    return net, recipe


def judged(
    net: Net, recipe: Recipe, stems: Tensor, n_frames: int
) -> Iterator[tuple[Tensor, Targets]]:
    """Some tiles' masks, (n, 4, 2, n_bins, n_frames), and targets at a time; what is left of the
    song after the last whole tile is left out.

    Args:
        net: of real masks.
        recipe: its recipe.
        stems: (4, 2, n_samples).
        n_frames: of a tile.
    """
    length = (n_frames - 1) * recipe.spec.hop + recipe.spec.n_fft
    n_tiles = stems.shape[-1] // length
    tiles = stems[..., : n_tiles * length].unflatten(-1, (n_tiles, length)).permute(2, 0, 1, 3)
    for some in tiles.split(FRAMES_AT_ONCE // n_frames):
        targets = Targets.of(spectra(some, recipe.spec), torch.ones(len(some), len(STEMS)))
        yield estimate(net, net, targets, recipe.spec), targets
