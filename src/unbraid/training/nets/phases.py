"""What a net of magnitudes does not see: how phases go on, along time and along frequency."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from unbraid.spec import Spec
from unbraid.training.nets.bands import Bands, SilentSplit

BINS, FRAMES = -2, -1
"""Axes of a spectrum."""


class PhaseSteps(nn.Module):
    """How far phases go from one frame, or bin, to the next, beyond the usual: points on the plane
    at that angle, as far out as the bin is loud. Silent at first.

    From frame to frame a bin's centre frequency is the usual; what goes beyond is the same for as
    long as a tone is held, and tells its pitch finer than bins do; of a beat it is anything. From
    bin to bin the middle of the frame is the usual; what goes beyond tells when in the frame an
    attack comes.

    forward: spectrum (batch, 4, n_bins, n_frames) to features (batch, n_out, n_bands, n_frames), 0
    above the bands that are seen.

    Args:
        bands: all of the net's.
        n_widths: of how many widths, from 0 Hz up, the bands are that are seen.
        axis: `FRAMES` or `BINS`.
        spec: the analysis settings.
        compression: exponent on magnitudes.
        n_out: features of a band.
    """

    def __init__(
        self, bands: Bands, n_widths: int, axis: int, spec: Spec, compression: float, n_out: int
    ) -> None:
        super().__init__()
        self.axis, self.compression = axis, compression
        self.split = SilentSplit(bands, n_widths, 2, n_out)
        self.n_bins = self.split.n_rows
        usual = torch.full((self.n_bins, 1), torch.pi)
        if axis == FRAMES:
            usual = torch.arange(self.n_bins)[:, None] * (2 * torch.pi * spec.hop / spec.n_fft)
        self.cos: Tensor
        self.sin: Tensor
        self.register_buffer("cos", torch.cos(usual), persistent=False)
        self.register_buffer("sin", torch.sin(usual), persistent=False)

    def forward(self, spectrum: Tensor) -> Tensor:
        features: Tensor = self.split(self.points(spectrum))
        return features

    def points(self, spectrum: Tensor) -> Tensor:
        """Of the sum of both channels, (batch, 2, bins, n_frames); 0 in the first frame, or bin."""
        low = spectrum[:, :, : self.n_bins]
        re, im = low[:, 0] + low[:, 2], low[:, 1] + low[:, 3]
        if self.axis == FRAMES:
            re_before, im_before = (F.pad(part[..., :-1], (1, 0)) for part in (re, im))
        else:
            re_before, im_before = (F.pad(part[..., :-1, :], (0, 0, 1, 0)) for part in (re, im))
        # The spectrum times the conjugate of the one before, turned back by the usual angle.
        x, y = re * re_before + im * im_before, im * re_before - re * im_before
        x, y = x * self.cos + y * self.sin, y * self.cos - x * self.sin
        # Not less than 1e-6: the exporter takes a smaller constant for nothing.
        power = x.square() + y.square() + 1e-6
        size = torch.exp((self.compression / 4 - 0.5) * torch.log(power))
        return torch.stack([x * size, y * size], dim=1)
