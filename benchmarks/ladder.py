"""The seed's learning curve: each rung trained alike, then measured by `unbraid evaluate`.

    python benchmarks/ladder.py POOLS PANEL... --out RUNS --steps 300 --jobs 2

Every rung hears as many seconds of audio in a step, from the same pools. One that is far slower
(`SLOW`) gets as many minutes instead. Runs that are there are not made again. Writes
RUNS/ladder.md and RUNS/ladder.webp: the tables and the picture of docs/models.md.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from matplotlib.figure import Figure

from unbraid.models.catalog import find_model
from unbraid.stems import STEMS

RUNGS = (
    "pix2pix",
    "wave-unet",
    "unet-0.1",
    "unet-0.1+1",  # another seed
    "unet-0.1-magnitudes",
    "unet-0.1-masking",
    "unet-0.1-bands",
    "d3net",
    "d3net-small",
    "transformer",
    "transformer+1",
    "0.1b",
    "0.1b+1",
    "0.1b-no-cross",
    "0.1b-no-unet",
)
SLOW = ("d3net", "pix2pix", "wave-unet")
REFERENCES = ("mixture/4", "oracle:ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pools", type=Path)
    parser.add_argument("panels", type=Path, nargs="+", help="songs with stems, never in the pools")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--rungs", nargs="+", default=RUNGS)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=8, help="of rungs too slow for the steps")
    parser.add_argument("--precision", default="auto", help="of the nets, as in a recipe")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, one thread each")
    options = parser.parse_args()
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda rung: train(rung, options), options.rungs))
    models = [part for rung in options.rungs for part in ("--model", model(rung, options))]
    results = []
    for panel in options.panels:
        out = options.out / f"evaluation-{panel.name}"
        log = options.out / "evaluation.txt"
        arguments = [panel, *models, "--model", "oracle:ratio", "--jobs", options.jobs]
        unbraid(log, "evaluate", *arguments, "--metrics", "levels", "--out", out)
        results.append(json.loads((out / "results.json").read_text(encoding="utf-8")))
    text = "\n\n".join(tables(results, options))
    (options.out / "ladder.md").write_text(text + "\n", encoding="utf-8")
    picture(results[0], options).savefig(options.out / "ladder.webp", dpi=110)
    print(text)


def model(rung: str, options: argparse.Namespace) -> Path:
    return Path(options.out / rung / "model")


def train(rung: str, options: argparse.Namespace) -> None:
    """Train and export one rung, unless it is there."""
    folder = options.out / rung
    if (folder / "trained.json").is_file():
        return
    base, _, seed = rung.partition("+")
    folder.mkdir(parents=True, exist_ok=True)
    recipe = folder / "recipe.toml"
    lines = (f'base = "{base}"', f'name = "{rung}"', f"seed = {seed or 0}")
    precision = f'precision = "{options.precision}"'
    recipe.write_text("\n".join((*lines, precision)) + "\n", encoding="utf-8")
    minutes = options.minutes if base in SLOW else 1e4
    place = ["--data", options.pools, "--out", folder, "--device", "cpu"]
    log = folder / "output.txt"
    unbraid(log, "train", recipe, *place, "--steps", options.steps, "--minutes", minutes)
    unbraid(log, "export", folder, "--recipe", recipe, "--out", folder / "model")
    rows = (folder / "log.csv").read_text(encoding="utf-8").splitlines()
    last = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    # The trainer's own clock: a run may have been cut and gone on.
    found = {"minutes": float(last["minutes"]), "steps": int(last["step"])}
    (folder / "trained.json").write_text(json.dumps(found), encoding="utf-8")


def unbraid(log: Path, *arguments: object) -> None:
    """Run our command line on one thread, its output in a file."""
    with log.open("a", encoding="utf-8") as output:
        subprocess.run(
            [sys.executable, "-m", "unbraid", *map(str, arguments)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=output,
            stderr=output,
            check=True,
        )


def tables(results: list[dict], options: argparse.Namespace) -> list[str]:
    """Prices, then the figures of each panel, as Markdown."""
    names = [*options.rungs, *REFERENCES]
    cost = results[0]["cost"]
    head = "| | M parameters | GMAC/s | CPU s per s | steps | training, min |"
    lines = [head, "|---|---|---|---|---|---|"]
    for rung in options.rungs:
        figures = find_model(model(rung, options)).cards[0].metrics
        run = json.loads((options.out / rung / "trained.json").read_text(encoding="utf-8"))
        cells = [
            f"{figures['parameters'] / 1e6:.2f}",
            f"{figures['gmac_per_s']:.2f}",
            f"{cost[rung]['cpu_s_per_audio_s']:.3f}",
            str(run["steps"]),
            f"{run['minutes']:.0f}",
        ]
        lines.append(f"| `{rung}` | " + " | ".join(cells) + " |")
    return ["\n".join(lines), *(figures_table(result, names) for result in results)]


def figures_table(result: dict, names: list[str]) -> str:
    """uSDR, what is heard of a stem where it rests, and the drums in the resting voice."""
    heads = [*STEMS, *(f"resting {stem}" for stem in STEMS), "drums in resting vocals"]
    lines = [f"| {result['panel']} | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name in names:
        values = [value(result, "usdr", name, stem) for stem in STEMS]
        # Medians: an output that is wholly silent in one song's rests says -100 dB there.
        values += [value(result, "false_sound", name, stem, "median") for stem in STEMS]
        values.append(value(result, "false_drums", name, "vocals", "median"))
        label = name if name in REFERENCES else f"`{name}`"
        lines.append(f"| {label} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def value(result: dict, metric: str, name: str, stem: str, what: str = "mean") -> str:
    """A figure over songs in dB, or a dash."""
    summary = result["summary"].get(metric, {}).get(name, {}).get(stem)
    return "–" if summary is None else f"{summary[what]:.2f}".replace("-", "−")


def picture(result: dict, options: argparse.Namespace) -> Figure:
    """Price against uSDR, and against the drums that are heard where no one sings."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    for axes, metric, what, title in zip(
        figure.subplots(1, 2),
        ("usdr", "false_drums"),
        ("mean", "median"),
        ("vocals, uSDR in dB: up is better", "drums in resting vocals, dB: down is better"),
        strict=True,
    ):
        for rung in options.rungs:
            summary = result["summary"][metric][rung].get("vocals")
            if summary is None:
                continue
            cost = result["cost"][rung]["cpu_s_per_audio_s"]
            axes.scatter(cost, summary[what], s=18)
            axes.annotate(rung, (cost, summary[what]), (4, 3), textcoords="offset points", size=7)
        axes.set(xscale="log", xlabel="CPU seconds per second of audio, one thread", title=title)
        axes.margins(x=0.18)  # room for the names
        axes.grid(alpha=0.3)
    return figure


if __name__ == "__main__":
    main()
