"""Average weights of one course of training, and store them in 16 bits.

python tools/average_weights.py EARLY.safetensors LATE.safetensors weights/NAME.safetensors

Weights on the way and at the end of the same run may be averaged where they lie in one valley
(Izmailov et al. 2018, "Averaging weights leads to wider optima"): what holds on other material
than the run's own tends to stay.
"""

import sys
from pathlib import Path

import torch

from unbraid.training.export import LEAST_HALVED
from unbraid.training.weights import load_weights, save_weights


def main() -> None:
    *sources, target = map(Path, sys.argv[1:])
    states = [load_weights(source) for source in sources]
    average = {}
    for name, first in states[0].items():
        if not first.is_floating_point():
            average[name] = first
            continue
        mean = torch.stack([state[name].float() for state in states]).mean(dim=0)
        average[name] = mean.half() if mean.numel() >= LEAST_HALVED else mean
    save_weights(average, target)
    print(f"{target}: the mean of {len(states)}, {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
