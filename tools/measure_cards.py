"""Measure the shipped sets again and put their figures into their cards: when what lies behind the
nets has changed, the weights being the same.

    python tools/measure_cards.py REAL_BANDS CC0
"""

import sys
from pathlib import Path

from unbraid.models.catalog import SHIPPED
from unbraid.training.export import add_figures
from unbraid.training.validation import measure


def main() -> None:
    panels = [Path(folder) for folder in sys.argv[1:]]
    if not panels:
        raise SystemExit(__doc__)
    for folder in sorted(SHIPPED.iterdir()):
        add_figures(sorted(folder.glob("*.onnx")), measure(folder, panels))
        print(folder.name, flush=True)


if __name__ == "__main__":
    main()
