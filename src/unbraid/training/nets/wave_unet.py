"""Wave-U-Net: samples in, samples out (Stoller, Ewert & Dixon 2018).

The post: "On the time domain (trying Wave-Unet and a simple Unet) the results were not good. I
guess I was doing something wrong, but in the frequency domain decent results are easier to get."

As published: 1-D convolutions of 15 on the way down, each followed by leaving out every other
sample; 5 on the way up, after linear interpolation; skip connections at every level, the mixture
itself at the last one; a level has `n_filters` more filters than the one before.

Where it differs:

- Ten levels, not twelve: the 199,680 samples of a tile are 195 * 2^10. With the frame of 4096
  around each hop a training example is a multiple of 1024 too, so nothing need be cut or padded.
- Convolutions pad with zeros instead of giving fewer samples than they get (the paper's "proper
  context"). A tile's outer 16 frames are context that nobody hears: the same idea, done outside.
- 8 more filters a level, not 24: a ninth of the cost, which two cores can train.
- Batch normalisation, which the paper has not: it trains for days at 1e-4, we for minutes at 2e-3.
- The output is linear and begins as half of the mixture; the paper's tanh would bend loud music.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from unbraid.errors import TrainingError
from unbraid.models.manifest import InputKind, OutputKind
from unbraid.spec import Spec
from unbraid.training.nets.net import Net


@dataclass(frozen=True, slots=True)
class WaveUNetConfig:
    """Sizes of the net."""

    kind: str = "wave-unet"
    n_levels: int = 10
    n_filters: int = 8  # that each level has more than the one before
    down_samples: int = 15  # kernels; odd
    up_samples: int = 5

    @property
    def frame_multiple(self) -> int:
        return 1

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """One net for all stems; see `NetConfig`."""
        if spec.hop % 2**self.n_levels:
            raise TrainingError(
                f"a hop of {spec.hop} samples cannot be halved {self.n_levels} times; "
                "lower n_levels"
            )
        return WaveUNet(spec, self, stems)


class WaveUNet(Net):
    """Samples of the mixture to samples of the stems.

    forward: (batch, 2, n_samples) to (batch, stems, 2, n_samples), full scale 1.0. n_samples must
    be a multiple of 2 ** n_levels.
    """

    input_kind: InputKind = "waveform"
    output_kind: OutputKind = "waveform"

    def __init__(self, spec: Spec, config: WaveUNetConfig, stems: tuple[str, ...]) -> None:
        super().__init__(stems)
        n_channels = spec.n_channels
        filters = [config.n_filters * (level + 1) for level in range(config.n_levels + 1)]
        self.down = nn.ModuleList(
            _block(n_in, n_out, config.down_samples)
            for n_in, n_out in pairwise((n_channels, *filters))
        )
        self.up = nn.ModuleList(
            _block(n_in + n_out, n_out, config.up_samples)
            for n_out, n_in in reversed(list(pairwise(filters)))
        )
        self.last = nn.Conv1d(filters[0] + n_channels, len(stems) * n_channels, 1)
        # Half of everything to everyone at first: noise this early stalls the training.
        nn.init.normal_(self.last.weight, std=1e-3)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            half = 0.5 * torch.eye(n_channels)[:, :, None]
            self.last.weight[:, -n_channels:] += half.repeat(len(stems), 1, 1)

    def forward(self, samples: Tensor) -> Tensor:
        # The example sizes in the comments are those of a tile, ten levels, 8 more filters each.
        x, levels = samples, []  # (batch, 2, 199680)
        for down in self.down[:-1]:
            x = down(x)  # (batch, 8, 199680), (batch, 16, 99840) ... (batch, 80, 390)
            levels.append(x)
            x = x[..., ::2]
        x = self.down[-1](x)  # (batch, 88, 195)
        for up in self.up:
            x = up(torch.cat([_doubled(x), levels.pop()], dim=1))  # ... (batch, 8, 199680)
        x = self.last(torch.cat([x, samples], dim=1))  # (batch, 2 stems, 199680)
        stems: Tensor = x.unflatten(1, (len(self.stems), -1))  # (batch, stems, 2, 199680)
        return stems


def _block(n_in: int, n_out: int, n_samples: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, n_samples, padding=n_samples // 2, bias=False),
        nn.BatchNorm1d(n_out),
        nn.LeakyReLU(0.2),
    )


def _doubled(x: Tensor) -> Tensor:
    """Twice as many samples by linear interpolation; those left out on the way down come back in
    between, which interpolation about the centres of samples would shift by half of one."""
    following = torch.cat([x[..., 1:], x[..., -1:]], dim=-1)
    return torch.stack([x, (x + following) / 2], dim=-1).flatten(-2)
