"""The peers: programs that split songs into the same four stems, with random weights.

What they cost does not depend on the weights. Each is measured as its authors publish it; where a
part was left out it is said. The modules are loaded when asked for: whoever has no torch still
gets the table of our own figures.

- Open-Unmix (Stöter et al. 2019), "umxhq": its own code from PyPI. `networks` is the four nets on
  ready magnitudes; `whole` is its default separator with one iteration of Wiener filter.
- Spleeter, 4 stems (Hennequin et al. 2020): the network written here from the paper and its
  configuration, for its own program needs TensorFlow. 512 frames by 1024 bins a call. It is run
  in torch and, exported, in ONNX Runtime, which is what we run.
- HTDemucs (Rouard et al. 2023): its own code from PyPI, segments of 7.8 s that overlap by a
  quarter, no random shifts.
"""

import sys
import types
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.flop_counter import FlopCounterMode

STEMS = ("vocals", "drums", "bass", "other")
RATE = 44_100
HOP = 1024
HTDEMUCS_SEGMENT_S = 7.8
HTDEMUCS_STEP_S = 0.75 * HTDEMUCS_SEGMENT_S

Run = Callable[[], object]


class SpleeterNet(nn.Module):
    """One stem's U-Net: (batch, 2, 512 frames, 1024 bins) of magnitudes to the same.

    Six 5x5 convolutions of stride 2 with 16 to 512 filters, mirrored by transposed ones, "same"
    padding as TensorFlow has it, batch normalisation, and ELU as in the 4-stem configuration.
    9.8 million parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        filters = (2, 16, 32, 64, 128, 256, 512)
        self.down = nn.ModuleList(nn.Conv2d(n_in, n_out, 5, 2) for n_in, n_out in pairwise(filters))
        self.down_norm = nn.ModuleList(nn.BatchNorm2d(n) for n in filters[1:-1])
        outputs = (256, 128, 64, 32, 16, 1)
        inputs = (512, 512, 256, 128, 64, 32)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(n_in, n_out, 5, 2)
            for n_in, n_out in zip(inputs, outputs, strict=True)
        )
        self.up_norm = nn.ModuleList(nn.BatchNorm2d(n) for n in outputs)
        self.last = nn.Conv2d(1, 2, 4, dilation=2, padding=3)

    def forward(self, magnitude: Tensor) -> Tensor:
        skips = []
        x = magnitude
        for level, down in enumerate(self.down):
            x = down(F.pad(x, (1, 2, 1, 2)))
            skips.append(x)
            if level < len(self.down_norm):
                x = F.elu(self.down_norm[level](x))
        skips.pop()
        for up, norm in zip(self.up, self.up_norm, strict=True):
            x = norm(F.elu(up(x)[:, :, 1:-2, 1:-2]))
            if skips:
                x = torch.cat([skips.pop(), x], dim=1)
        return torch.sigmoid(self.last(x)) * magnitude


SPLEETER_SHAPE = (1, 2, 512, 1024)
SPLEETER_CALL_S = 512 * HOP / RATE


def spleeter_nets() -> nn.ModuleList:
    return nn.ModuleList(SpleeterNet() for _ in STEMS).eval()


def spleeter_calls(n_samples: int) -> int:
    """Calls of each net that a song takes; the last is padded."""
    return -(-n_samples // (512 * HOP))


def export_spleeter(folder: Path) -> None:
    """Write the four nets as ONNX files."""
    for stem, net in zip(STEMS, spleeter_nets(), strict=True):
        torch.onnx.export(
            net,
            (torch.rand(SPLEETER_SHAPE),),
            folder / f"{stem}.onnx",
            input_names=["mixture"],
            external_data=False,
            dynamo=True,
            optimize=True,
            verbose=False,
        )


def spleeter(samples: np.ndarray) -> tuple[nn.Module, Run, float]:
    nets = spleeter_nets()
    magnitude = torch.rand(SPLEETER_SHAPE)
    n_calls = spleeter_calls(samples.shape[-1])

    def run() -> None:
        for _ in range(n_calls):
            for net in nets:
                net(magnitude)

    return nets, run, n_calls * SPLEETER_CALL_S


def openunmix(samples: np.ndarray, scope: str) -> tuple[nn.Module, Run, float]:
    # Open-Unmix imports torchaudio to read files, which is not measured here.
    sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))
    from openunmix import umxhq_spec
    from openunmix.model import Separator

    separator = Separator(umxhq_spec(pretrained=False), niter=1, residual=False)
    separator.freeze()
    audio = torch.from_numpy(samples)[None]
    audio_s = samples.shape[-1] / RATE
    if scope == "whole":
        return separator, lambda: separator(audio), audio_s
    magnitude = separator.complexnorm(separator.stft(audio))

    def run() -> None:
        for net in separator.target_models.values():
            net(magnitude)

    return separator, run, audio_s


def htdemucs(samples: np.ndarray) -> tuple[nn.Module, Run, float]:
    from demucs.apply import apply_model
    from demucs.htdemucs import HTDemucs

    model = HTDemucs(
        sources=["drums", "bass", "other", "vocals"],
        bottom_channels=512,
        t_dropout=0.02,
        segment=HTDEMUCS_SEGMENT_S,
    ).eval()
    audio = torch.from_numpy(samples)[None]

    def run() -> None:
        apply_model(model, audio, shifts=0, split=True, overlap=0.25)

    return model, run, samples.shape[-1] / RATE


def build(name: str, scope: str, samples: np.ndarray) -> tuple[nn.Module, Run, float]:
    """A peer, ready: its module, what runs it once, and the seconds of audio that takes in.

    Args:
        name: openunmix, spleeter or htdemucs.
        scope: networks or whole.
        samples: float32, (2, n), at 44.1 kHz.
    """
    if name == "openunmix":
        return openunmix(samples, scope)
    return spleeter(samples) if name == "spleeter" else htdemucs(samples)


@torch.inference_mode()
def count(name: str, scope: str, samples: np.ndarray) -> tuple[float, float]:
    """Millions of parameters, and GMAC (10^9 multiply-adds) per second of audio."""
    # One call of Spleeter's or HTDemucs' networks, as many seconds of song as it moves on.
    module, run, audio_s = build(name, scope, samples[:, : round(HTDEMUCS_STEP_S * RATE)])
    n_parameters = sum(p.numel() for p in module.parameters())
    # Without oneDNN's fused cell a recurrent net is counted too: as the products it consists of.
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        run()
    return n_parameters / 1e6, counter.get_total_flops() / 2 / audio_s / 1e9
