"""Cut the clip that `unbraid demo` separates from the CC0 album in the data pack.

    python tools/cut_demo_clip.py /path/to/data

The folder may also come from the environment as UNBRAID_DATA. Writes the four true stems as Ogg
Vorbis into src/unbraid/demo/clip/ and prints each one's level and size. Needs the dev extra.

"Francium" never plays its bass and its keyboards together: where the cut lies, keyboards and
drums hand over to voice and bass, so that all four stems are heard in 24 s.
"""

import os
import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from unbraid.audio.track import Track
from unbraid.evaluation.metrics import level_dbfs
from unbraid.stems import STEMS

SONG = Path("cc0-album") / "validation" / "francium"
CLIP = Path(__file__).resolve().parents[1] / "src" / "unbraid" / "demo" / "clip"
START_S, LENGTH_S = 245.0, 24.0
FADE_IN_S, FADE_OUT_S = 0.05, 0.4
COMPRESSION = 0.45  # Vorbis quality 5.5: more than the AAC that the stems came from holds
PIECE = 65_536  # libsndfile's Vorbis encoder overruns its stack on long writes


def main() -> None:
    """Cut, fade and write the four stems."""
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("UNBRAID_DATA")
    if not folder or not (Path(folder) / SONG).is_dir():
        sys.exit(f"give the data pack's folder, the one that holds {SONG}")
    n_bytes = 0
    for stem in STEMS:
        with Track(Path(folder) / SONG / f"{stem}.ogg", sample_rate=None) as track:
            rate = track.sample_rate
            samples = track.read(round(START_S * rate), round(LENGTH_S * rate))
        samples = faded(samples, round(FADE_IN_S * rate), round(FADE_OUT_S * rate))
        target = CLIP / f"{stem}.ogg"
        with soundfile.SoundFile(
            target, "w", rate, 2, "VORBIS", format="OGG", compression_level=COMPRESSION
        ) as file:
            for at in range(0, samples.shape[1], PIECE):
                file.write(samples[:, at : at + PIECE].T)
        size = target.stat().st_size
        n_bytes += size
        print(f"{stem:8} {level_dbfs(samples):6.1f} dBFS  {size / 1e3:5.0f} kB")
    print(f"{'together':8} {'':11}  {n_bytes / 1e3:5.0f} kB")


def faded(samples: NDArray[np.float32], n_in: int, n_out: int) -> NDArray[np.float32]:
    """(2, n) with raised-cosine fades at both ends."""
    result = samples.copy()
    result[:, :n_in] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(n_in) / n_in)
    result[:, -n_out:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(n_out) / n_out)
    return result


if __name__ == "__main__":
    main()
