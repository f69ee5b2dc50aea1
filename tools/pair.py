"""Put a net of the whole spectrum and one of its lows together, stored in 16 bits.

python tools/pair.py WHOLE.safetensors LOWS.safetensors PAIR.safetensors

The first of recipe `strands`, the second of `strands-lows`; the result is of `strands-pair`, and
believes both alike.
"""

import sys
from pathlib import Path

from unbraid.training.export import LEAST_HALVED
from unbraid.training.recipe import load_recipe
from unbraid.training.weights import load_weights, save_weights


def main() -> None:
    whole, lows, target = map(Path, sys.argv[1:])
    pair = load_recipe("strands-pair").build()
    pair.whole.load_state_dict(load_weights(whole))  # type: ignore[union-attr]
    pair.lows.load_state_dict(load_weights(lows))  # type: ignore[union-attr]
    state = {
        name: value.half() if value.is_floating_point() and value.numel() >= LEAST_HALVED else value
        for name, value in pair.state_dict().items()
    }
    save_weights(state, target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
