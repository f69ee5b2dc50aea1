"""Spleeter's net of two stems: a teacher for songs whose stems nobody has; never trained here.

R. Hennequin, A. Khlif, F. Voituret, M. Moussallam, "Spleeter: a fast and efficient music source
separation tool with pre-trained models", JOSS 5 (50), 2020, with its published configuration
`2stems`: LeakyReLU(0.2) on the way down, ReLU on the way up, no dropout when it is used.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

N_FFT = 4096
HOP = 1024
N_BINS = 1024
"""Of 2049, up to 11 kHz."""
N_FRAMES = 512

FILTERS = (2, 16, 32, 64, 128, 256, 512)
_EPSILON = 1e-3  # what Keras adds to a variance


class SpleeterNet(nn.Module):
    """One stem's U-Net: magnitudes (batch, 2, frames, bins) of the mixture to the stem's.

    Frames and bins are multiples of 64. Padding is TensorFlow's "same": one before, two after.
    """

    def __init__(self) -> None:
        super().__init__()
        upwards = (*FILTERS[-2:0:-1], 1)
        inputs = (FILTERS[-1], *(2 * n for n in upwards[:-1]))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 5, 2) for a, b in pairwise(FILTERS))
        self.down_norm = nn.ModuleList(nn.BatchNorm2d(n, _EPSILON) for n in FILTERS[1:-1])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 5, 2) for a, b in zip(inputs, upwards, strict=True)
        )
        self.up_norm = nn.ModuleList(nn.BatchNorm2d(n, _EPSILON) for n in upwards)
        self.last = nn.Conv2d(1, 2, 4, dilation=2, padding=3)

    def forward(self, magnitude: Tensor) -> Tensor:
        """Magnitudes of the mixture to magnitudes of the stem, same shape."""
        skips: list[Tensor] = []
        x = magnitude
        for level, down in enumerate(self.down):
            x = down(F.pad(x, (1, 2, 1, 2)))
            if level < len(self.down_norm):
                skips.append(x)
                x = F.leaky_relu(self.down_norm[level](x), 0.2)
        for up, norm in zip(self.up, self.up_norm, strict=True):
            x = norm(F.relu(up(x)[:, :, 1:-2, 1:-2]))
            if skips:
                x = torch.cat([skips.pop(), x], dim=1)
        return torch.sigmoid(self.last(x)) * magnitude
