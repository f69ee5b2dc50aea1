"""The small U-Net beside the transformers of version 0.1b: a linear picture from pictures.

The post: "add a small parallel u-net, and mix their outputs. [...] The output of the transformer
alone on the previous experiment, had a real good isolation of the source (vocals and drums), but it
missed some details (reverb, or some high frequency content) that in the CNN models was present.
Mixing both brought some of those details back."
"""

from itertools import pairwise

import torch
from torch import Tensor, nn


class SmallUNet(nn.Module):
    """A U-Net whose output is linear, so that it can be mixed with a transformer's by adding.

    forward: (batch, n_in, n_bins, n_frames) to (batch, n_out, n_bins, n_frames), next to nothing at
    first. n_bins and n_frames must be multiples of 2 ** len(filters).

    Args:
        n_in: channels given.
        n_out: channels wanted.
        filters: of each level, outermost first.
    """

    def __init__(self, n_in: int, n_out: int, filters: tuple[int, ...]) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)
            )
            for a, b in pairwise((n_in, *filters))
        )
        self.up = nn.ModuleList()
        n_given = filters[-1]
        for n_level in filters[-2::-1]:
            self.up.append(
                nn.Sequential(
                    nn.ConvTranspose2d(n_given, n_level, 4, 2, 1, bias=False),
                    nn.BatchNorm2d(n_level),
                    nn.ReLU(),
                )
            )
            n_given = 2 * n_level
        self.last = nn.ConvTranspose2d(n_given, n_out, 4, 2, 1)
        nn.init.normal_(self.last.weight, std=0.01)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        # The example sizes in the comments are those of 1024 bins by 192 frames, four levels.
        x, levels = image, []  # (batch, n_in, 1024, 192)
        for down in self.down:
            x = down(x)  # (batch, filters[0], 512, 96) ... (batch, filters[3], 64, 12)
            levels.append(x)
        levels.pop()
        for up in self.up:
            x = torch.cat([up(x), levels.pop()], dim=1)  # ... (batch, 2 filters[0], 512, 96)
        result: Tensor = self.last(x)  # (batch, n_out, 1024, 192)
        return result
