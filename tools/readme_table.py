"""Write the README's table of models from an evaluation.

unbraid evaluate cc0-validation --jobs 2 --out results
python tools/readme_table.py results/results.json [README.md]
"""

import json
import sys
from pathlib import Path

BEGIN, END = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"


def table(results: dict) -> str:
    """Means of uSDR by stem, and the price, as Markdown."""
    names = list(results["means"])
    stems = list(dict.fromkeys(stem for row in results["means"].values() for stem in row))
    lines = [
        f"| uSDR, dB: `{results['panel']}`, {results['n_songs']} songs | "
        + " | ".join(stems)
        + " | CPU s per audio s | MB |",
        "|" + "---|" * (len(stems) + 3),
    ]
    for name in names:
        row, cost = results["means"][name], results["cost"][name]
        figures = [f"{row[stem]:.2f}".replace("-", "−") if stem in row else "–" for stem in stems]
        price = [
            f"{cost['cpu_s_per_audio_s']:.3f}" if "cpu_s_per_audio_s" in cost else "",
            f"{cost['peak_mb']:.0f}" if "peak_mb" in cost else "",
        ]
        label = f"`{name}`" if results["roles"][name] in ("model", "peer") else name
        lines.append("| " + " | ".join([label.replace("*", "\\*"), *figures, *price]) + " |")
    return "\n".join(lines)


def main() -> None:
    results = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    readme = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parents[1] / "README.md"
    text = readme.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        sys.exit(f"{readme}: put the lines {BEGIN} and {END} where the table shall stand")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    readme.write_text(f"{head}{BEGIN}\n{table(results)}\n{END}{tail}", encoding="utf-8")
    print(f"{readme}: table of {len(results['means'])} estimates")


if __name__ == "__main__":
    main()
