"""Write a panel of rendered songs that no model has heard: `python tools/rendered_panel.py OUT`.

Bands whose numbers `unbraid data build` never reaches, under singers who are held out of all pools
(the data pack's; --pack or $UNBRAID_DATA). It shows what validation on records hides: how well a
net does what it was taught, and, beside the records, whether choices were fitted to them. Its
singers know nothing of the tune, and are silent about half of the time, so that bleed can be
measured.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import soundfile

from unbraid.stems import STEMS
from unbraid.training.data.sources.bands import Bands, _make
from unbraid.training.data.sources.voices import VOICES

RATE = 44_100
FIRST_BAND = 10_000
SONG_S = 40
LEVEL_DBFS = {"vocals": -20.0, "drums": -20.0, "bass": -22.0, "other": -21.0}


def levelled(samples: np.ndarray, level_dbfs: float) -> np.ndarray:
    """At a level, measured where it sounds."""
    power = np.square(samples).mean(axis=0)
    sounding = power[power > 1e-3 * power.max()].mean()
    return samples * 10 ** (level_dbfs / 20) / np.sqrt(sounding)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--songs", type=int, default=6)
    parser.add_argument("--pack", type=Path, default=os.environ.get("UNBRAID_DATA"))
    options = parser.parse_args()
    held_out = next(voice for voice in VOICES if voice.split == "holdout")
    lacking = Bands().missing(options.pack) or held_out.missing(options.pack)
    if lacking:
        parser.error(lacking)
    takes = [np.asarray(song.make()["vocals"]) for song in held_out.songs(options.pack, 1.0)]
    sung = np.concatenate(takes, axis=-1)
    n_song, n_phrase = SONG_S * RATE, sung.shape[-1] // (2 * options.songs)
    for number in range(options.songs):
        rng = np.random.default_rng(number)
        stems = {kind: np.asarray(x)[:, :n_song] for kind, x in _make(FIRST_BAND + number).items()}
        vocals = np.zeros((2, n_song), np.float32)
        for half in range(2):
            phrase = sung[:, (2 * number + half) * n_phrase :][
                :, : min(n_phrase, n_song // 2 - RATE)
            ]
            start = half * n_song // 2 + int(rng.integers(n_song // 2 - phrase.shape[-1]))
            vocals[:, start : start + phrase.shape[-1]] = phrase
        stems["vocals"] = vocals
        folder = options.out / f"band {FIRST_BAND + number}"
        folder.mkdir(parents=True, exist_ok=True)
        for stem in STEMS:
            samples = levelled(stems[stem].astype(np.float64), LEVEL_DBFS[stem])
            soundfile.write(
                folder / f"{stem}.flac", samples.T / max(1, np.abs(samples).max()), RATE
            )
        print(folder)


if __name__ == "__main__":
    main()
