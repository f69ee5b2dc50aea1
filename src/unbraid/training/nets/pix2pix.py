"""The zeroth rung: the image-to-image U-Net of pix2pix, on pictures of magnitudes.

The post: "I started searching for image models and found Pix2Pix as a TensorFlow tutorial, ready to
run, on a notebook. [...] I started messing with that, with at least a positive result, vocals where
isolated, not perfectly, but much better than I could do manually."

As in Isola, Zhu, Zhou & Efros 2017 (section 6.1): 4x4 convolutions of stride 2, none pooled,
batch normalisation on all levels but the first, leaky ReLU down and ReLU up, whole skip
connections, dropout of a half on the three innermost levels of the way up. The adversary is in
`training.adversary`.

Where it differs, since a picture of sound is not a photograph:

- A picture is magnitudes to the power 0.3, in which quiet partials are seen. The paper's tanh gives
  pictures from -1 to 1; magnitudes begin at 0, so here it is the sigmoid, a tanh moved and halved,
  times the picture of a sine of full scale. It is no mask: the net paints the stem anew, as
  pix2pix does, and nothing keeps it near the mixture. This is what later rungs change.
- It begins with a grey picture, the mean of mixtures in each bin: a random one is the sum of
  everything to the power 3.3.
- Four of the eight levels halve the frames as well; the other four only the bins. Six halvings
  would leave one frame of a training crop's 64.
- Half the paper's filters, a quarter of the cost: two cores are to train it.
- Dropout rests when separating, and statistics are those of training, where the paper draws noise
  and takes the batch's own: a stem must not depend on chance, nor on what is separated beside it.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from unbraid.spec import Spec
from unbraid.training.nets.net import Entrance, Net
from unbraid.training.nets.per_stem import PerStem


@dataclass(frozen=True, slots=True)
class Pix2PixConfig:
    """Sizes of one stem's net."""

    kind: str = "pix2pix"
    filters: tuple[int, ...] = (32, 64, 128, 256, 256, 256, 256, 256)  # the paper's: twice as many
    time_levels: int = 4  # outermost levels that halve the frames as well as the bins
    dropout_levels: int = 3  # innermost levels on the way up
    dropout: float = 0.5
    compression: float = 0.3  # exponent on magnitudes, of which pictures are made

    @property
    def frame_multiple(self) -> int:
        return int(2**self.time_levels)

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """A net a stem; see `NetConfig`."""
        return PerStem(stems, lambda stem: Pix2Pix(spec, self, stem))


class Pix2Pix(Net):
    """Magnitudes of the mixture to magnitudes of one stem.

    forward: (batch, 2, n_bins, n_frames) to (batch, 1, 2, n_bins, n_frames), non-negative, at most
    that of a sine of full scale.
    n_bins must be a multiple of 2 ** len(filters), n_frames of 2 ** time_levels.
    """

    def __init__(self, spec: Spec, config: Pix2PixConfig, stem: str) -> None:
        super().__init__((stem,))
        self.compression = self.exponent = config.compression
        self.entrance = Entrance(spec, config.compression)
        n_channels, filters = spec.n_channels, config.filters
        # Kernel and stride (bins, frames).
        shapes = [
            ((4, 4), (2, 2)) if level < config.time_levels else ((4, 3), (2, 1))
            for level in range(len(filters))
        ]
        self.down = nn.ModuleList()
        for level, (n_in, n_out) in enumerate(pairwise((n_channels, *filters))):
            convolution = nn.Conv2d(n_in, n_out, *shapes[level], 1, bias=level == 0)
            norm = [nn.BatchNorm2d(n_out)] if level else []
            self.down.append(nn.Sequential(convolution, *norm, nn.LeakyReLU(0.2)))
        self.up = nn.ModuleList()
        n_in = filters[-1]
        for i, (n_out, shape) in enumerate(zip(filters[-2::-1], shapes[:0:-1], strict=True)):
            self.up.append(
                nn.Sequential(
                    nn.ConvTranspose2d(n_in, n_out, *shape, 1, bias=False),
                    nn.BatchNorm2d(n_out),
                    nn.Dropout(config.dropout if i < config.dropout_levels else 0.0),
                    nn.ReLU(),
                )
            )
            n_in = 2 * n_out
        self.paint = nn.ConvTranspose2d(n_in, n_channels, 4, 2, 1)
        nn.init.normal_(self.paint.weight, std=0.01)
        nn.init.zeros_(self.paint.bias)  # type: ignore[arg-type]
        self.full_scale = spec.n_fft / 4  # magnitude of a sine of full scale under Hann
        self.grey = nn.Parameter(torch.zeros(1, n_channels, spec.n_bins, 1))

    def forward(self, magnitude: Tensor) -> Tensor:
        # The example sizes in the comments are those of 1024 bins by 192 frames.
        x = self.entrance(magnitude)  # (batch, 2, 1024, 192)
        levels = []
        for down in self.down:
            x = down(x)  # (batch, 32, 512, 96) ... (batch, 256, 64, 12) ... (batch, 256, 4, 12)
            levels.append(x)
        levels.pop()
        for up in self.up:
            x = torch.cat([up(x), levels.pop()], dim=1)  # ... (batch, 64, 512, 96)
        x = F.logsigmoid(
            self.paint(x) + self.grey
        )  # the picture's logarithm, (batch, 2, 1024, 192)
        stem = self.full_scale * torch.exp(x / self.exponent)
        return stem[:, None]  # (batch, 1, 2, 1024, 192)

    @torch.no_grad()
    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        self.entrance.standardise(mean, deviation)
        grey = torch.logit((mean / self.full_scale**self.exponent).clamp(0.01, 0.99))
        self.grey.copy_(grey[:, None].expand_as(self.grey))
