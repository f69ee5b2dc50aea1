"""Draw price against quality, models beside peers, from an evaluation.

unbraid evaluate SONGS --models unet-0.1 strands --peers spleeter --metrics levels --out results
python tools/price_figure.py results/results.json docs/images/price.webp
"""

import json
import sys
from pathlib import Path

from matplotlib.figure import Figure

STEMS = ("vocals", "drums", "bass", "other")


def picture(results: dict) -> Figure:
    """A panel a stem: uSDR over CPU seconds for a second of audio; what costs nothing as a line."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    for axes, stem in zip(figure.subplots(2, 2).flat, STEMS, strict=True):
        for name, role in results["roles"].items():
            db = results["means"][name].get(stem)
            price = results["cost"][name].get("cpu_s_per_audio_s")
            if db is None:
                continue
            if role not in ("model", "peer"):
                axes.axhline(db, linewidth=0.8, linestyle=":", color="grey")
                axes.annotate(
                    name,
                    (0.99, db),
                    xycoords=("axes fraction", "data"),
                    size=7,
                    ha="right",
                    va="bottom",
                    color="grey",
                )
                continue
            axes.scatter(price, db, s=22, marker="o" if role == "model" else "s")
            axes.annotate(name, (price, db), (5, 3), textcoords="offset points", size=7)
        axes.set(xscale="log", title=f"{stem}, uSDR in dB")
        axes.margins(x=0.2, y=0.12)
        axes.grid(alpha=0.3)
    figure.supxlabel("CPU seconds for a second of audio, one thread", size=9)
    return figure


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    picture(json.loads(source.read_text(encoding="utf-8"))).savefig(target, dpi=110)
