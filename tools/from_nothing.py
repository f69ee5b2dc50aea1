"""From raw sources to a working model in ten steps: each verb of the pipeline once, each checked.

    python tools/from_nothing.py [FOLDER]

Needs the train extra and nothing else; the model is of no use, the way to it is. With the data pack
(UNBRAID_DATA) a real voice joins the songs that are made up. What is made stays in FOLDER if one is
named. Takes one to three minutes.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from unbraid.demo.clip import FOLDER as CLIP
from unbraid.demo.clip import load_clip
from unbraid.errors import UnbraidError
from unbraid.models.session import read_card
from unbraid.stems import STEMS

RECIPE = "unet-0.1"
MIB = 2**20


def main(folder: Path) -> None:
    """Build, pack, train, export, separate, evaluate; stop at the first thing that is not right."""
    pack = os.environ.get("UNBRAID_DATA")
    sources = "chip,iona" if pack else "chip"
    pools, shards, run, model = (folder / n for n in ("pools", "shards", "run", "model"))

    unbraid("data", "build", "--out", pools, "--sources", sources, "--hours", "0.02")
    unbraid("data", "stats", pools)
    lines = (pools / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    classes = {json.loads(line)["class"] for line in lines}
    check(classes >= set(STEMS), f"pools of {', '.join(sorted(classes))}")

    unbraid("data", "pack", pools, "--out", shards, "--limit", "2MiB", "--fit", "3MiB")
    sizes = [path.stat().st_size for path in shards.glob("shard-*.zip")]
    check(0 < sum(sizes) <= 3 * MIB and max(sizes) <= 2 * MIB, f"{len(sizes)} shards")

    unbraid("train", RECIPE, "--data", shards, "--out", run, "--steps", "10", "--device", "cpu")
    unbraid("export", run, "--recipe", RECIPE, "--data", pools, "--out", model)
    card = read_card(model / "vocals.onnx")
    check({"source": "chip", "licence": "ours (MIT)"} in card.training_data, "the card says all")

    clip = load_clip()
    song = folder / "song.wav"
    soundfile.write(song, clip.mixture.T, clip.sample_rate, subtype="FLOAT")
    unbraid("separate", song, "--model", model, "--out", folder / "separated", "--force")
    stems = [soundfile.read(folder / f"separated/song/{stem}.wav")[0].T for stem in STEMS]
    error = level_db(sum(stems) - clip.mixture)
    check(error < -90, f"the stems sum to the song within {error:.0f} dBFS")
    check(min(map(level_db, stems)) > -80, "no stem is silent")

    panel = folder / "panel"
    panel.mkdir(exist_ok=True)
    if not (panel / "clip").exists():
        (panel / "clip").symlink_to(CLIP.resolve(), target_is_directory=True)
    scores = json.loads(unbraid("evaluate", panel, "--model", model, "--json"))["means"][RECIPE]
    text = ", ".join(f"{stem} {value:.1f} dB" for stem, value in scores.items())
    check(set(scores) == set(STEMS) and all(map(math.isfinite, scores.values())), text)


def unbraid(*arguments: str | Path) -> str:
    """Run a verb; its standard output."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ unbraid {' '.join(words)}", flush=True)
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-m", "unbraid", *words], stdout=subprocess.PIPE, text=True, check=False
    )
    shown = "" if "--json" in words else result.stdout
    print(f"{shown}[{time.monotonic() - started:.1f} s]", flush=True)
    if result.returncode:
        check(False, f"`unbraid {words[0]}` ends with {result.returncode}")
    return result.stdout


def check(is_right: bool, what: str) -> None:
    """Say what was found, and stop if it is not right."""
    print(f"{'ok' if is_right else 'WRONG'}: {what}", flush=True)
    if not is_right:
        sys.exit(1)


def level_db(samples: np.ndarray) -> float:
    """RMS in dBFS."""
    return 10 * math.log10(float(np.square(samples).mean()) + 1e-20)


if __name__ == "__main__":
    started = time.monotonic()
    try:
        if len(sys.argv) > 1:
            main(Path(sys.argv[1]))
        else:
            with tempfile.TemporaryDirectory() as name:
                main(Path(name))
    except UnbraidError as error:
        sys.exit(f"WRONG: {error}")
    print(f"\nfrom nothing to a working model in {time.monotonic() - started:.0f} s")
