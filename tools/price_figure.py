"""Draw price against quality, models beside peers, from an evaluation.

unbraid evaluate SONGS --models strands --models oracle:ratio --peers spleeter --out results
python tools/price_figure.py results/results.json docs/images/price.webp
"""

import json
import math
import sys
from pathlib import Path

from matplotlib.figure import Figure

STEMS = ("vocals", "drums", "bass", "other")
LINES = {"mixture/4": "a quarter of the mixture", "oracle:ratio": "ratio masks of the true stems"}


def picture(results: dict) -> Figure:
    """A panel a stem: uSDR over CPU seconds for a second of audio; what has no price as a line."""
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    means, cost = results["means"], results["cost"]
    names = [name for name, role in results["roles"].items() if role in ("model", "peer")]
    panels = figure.subplots(2, 2, sharex=True)
    for axes, stem in zip(panels.flat, STEMS, strict=True):
        for colour, name in enumerate(names):
            marker = "o" if results["roles"][name] == "model" else "s"
            price = cost[name]["cpu_s_per_audio_s"]
            # A peer without this stem still has its place in the legend.
            axes.plot(
                price,
                means[name].get(stem, math.nan),
                marker,
                color=f"C{colour}",
                label=name,
                markersize=7,
            )
        for style, (name, label) in zip((":", "--"), LINES.items(), strict=True):
            axes.axhline(
                means[name][stem], linewidth=0.9, linestyle=style, color="grey", label=label
            )
        axes.set(xscale="log", title=f"{stem}, uSDR in dB", ylim=(-1, 14.5))
        axes.grid(alpha=0.3)
    figure.legend(*panels.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    for axes in panels[1]:
        axes.set_xlabel("CPU seconds for a second of audio, one thread")
    return figure


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    picture(json.loads(source.read_text(encoding="utf-8"))).savefig(target, dpi=110)
