"""What each kind of material adds: the same recipe, the same steps, one kind left out at a time.

Prints a table of uSDR (dB) on the first panel. Two seeds of the whole material show how much is
chance. A run whose figures are there is not made again, so a stopped table can be gone on with.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from unbraid.stems import STEMS
from unbraid.training.data.manifest import read_manifest

KINDS = {
    "sung phrases of real singers": ("producerspace", "phrases"),
    "rendered instruments": ("band", "mma", "openmsx", "freedoom"),
    "speech and shouts": ("hedgewars-voices", "ktuberling-speech", "fillets-speech", "festvox-ru"),
    "sung voicebanks": ("sung", "kokoro"),
}
TEACHER = "teacher-spleeter"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pools", type=Path)
    parser.add_argument("panels", type=Path, nargs="+", help="songs with stems, never in the pools")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--recipe", default="unet-0.1", help="a shipped recipe")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=1, help="runs at once, one thread each")
    options = parser.parse_args()
    there = {entry.source for entry in read_manifest(options.pools)}
    variants = {"all": {TEACHER: 0}, "all, another seed": {TEACHER: 0}}
    for kind, sources in KINDS.items():
        if there.intersection(sources):
            variants[f"without {kind}"] = {TEACHER: 0, **dict.fromkeys(sources, 0)}
    if TEACHER in there:
        variants["with teacher labels"] = {}
    with ThreadPoolExecutor(options.jobs) as pool:
        figures = list(pool.map(lambda item: run(*item, options), variants.items()))
    print(f"{options.recipe}, {options.steps} steps each; uSDR in dB, {options.panels[0].name}\n")
    print(f"| material | {' | '.join(STEMS)} | mean |\n|---|{'---|' * (len(STEMS) + 1)}")
    for name, usdr_db in zip(variants, figures, strict=True):
        values = [usdr_db[stem] for stem in STEMS]
        cells = " | ".join(f"{value:.2f}" for value in [*values, sum(values) / len(values)])
        print(f"| {name} | {cells} |")


def run(name: str, weights: dict[str, float], options: argparse.Namespace) -> dict[str, float]:
    """Train, export and measure one variant; uSDR by stem in dB."""
    folder = options.out / name.replace(", ", "-").replace(" ", "-")
    figures = folder / "figures.json"
    if not figures.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        recipe = folder / "recipe.toml"
        lines = [f'base = "{options.recipe}"', f"seed = {int('another' in name)}"]
        lines += ["[source_weights]", *(f"{source} = {w}" for source, w in weights.items())]
        recipe.write_text("\n".join(lines) + "\n", encoding="utf-8")
        place = ["--data", options.pools, "--out", folder]
        unbraid(folder, "train", recipe, *place, "--steps", options.steps, "--minutes", 1e4)
        panels = [part for panel in options.panels for part in ("--panel", panel)]
        unbraid(folder, "export", folder, "--recipe", recipe, "--out", folder / "model", *panels)
        from unbraid.models.catalog import find_model

        card = find_model(str(folder / "model")).cards[0]
        figures.write_text(json.dumps(card.metrics), encoding="utf-8")
    usdr_db: dict[str, float] = json.loads(figures.read_text(encoding="utf-8"))["usdr_db"]
    return usdr_db


def unbraid(folder: Path, *arguments: object) -> None:
    """Run our command line on one thread, its output in the run's folder."""
    with (folder / "output.txt").open("a", encoding="utf-8") as output:
        subprocess.run(
            [sys.executable, "-m", "unbraid", *map(str, arguments)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=output,
            stderr=output,
            check=True,
        )


if __name__ == "__main__":
    main()
