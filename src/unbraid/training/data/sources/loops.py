"""Recorded and programmed drum loops."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import soxr

from unbraid.training.data.effects import cut, peak_filter, random_equaliser, room, saturate
from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.recordings import read_stereo
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files, seed_of

FOLDER = Path("/usr/share/sonic-pi/samples")
# Left out: the "amen" loops, cut from a record whatever their tag says; "breakbeat", over a
# sustained bass; "perc1" and "perc2", which are noises.
DRUM_LOOPS = ("compus", "industrial", "tabla", "safari", "mehackit1", "mehackit2")


class Loops(Source):
    """Loops at other tempi, equalised and placed in rooms, eight or sixteen times each."""

    name = "loops"
    licence = "CC0-1.0"
    credit = "Sonic Pi contributors (freesound.org)"
    kinds = ("drums",)
    obtained = "Debian sonic-pi-samples"
    verified = "percussion only: spectrograms of each loop looked at"
    default_hours = 0.15

    def missing(self, pack: Path | None) -> str | None:
        paths = [FOLDER / f"loop_{name}.flac" for name in DRUM_LOOPS]
        return missing_files(paths, "apt-get install sonic-pi-samples")

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        n_songs = max(1, round(hours * 60))
        return [Song(f"{n:03d}", partial(_make, n), 60, coherent=False) for n in range(n_songs)]


def _make(number: int) -> Stems:
    rng = np.random.default_rng(seed_of("loops", number))
    parts: list[Samples] = []
    while sum(part.shape[1] for part in parts) < 60 * RATE:
        name = DRUM_LOOPS[int(rng.integers(len(DRUM_LOOPS)))]
        loop = read_stereo(FOLDER / f"loop_{name}.flac")
        speed = float(rng.uniform(0.75, 1.3))
        loop = soxr.resample(loop.T, RATE * speed, RATE).T.astype(np.float32)
        n_times = max(1, round(float(rng.uniform(8, 16)) * RATE / loop.shape[1]))
        part = random_equaliser(np.tile(loop, (1, n_times)), rng)
        if rng.random() < 0.7:  # a record's kick rings below what these loops have
            part = peak_filter(part, float(rng.uniform(50, 80)), float(rng.uniform(0, 14)), 0.9)
        if rng.random() < 0.3:
            part = saturate(part, float(rng.uniform(0, 8)))
        if rng.random() < 0.2:
            part = cut(part, high_hz=float(rng.uniform(3000, 9000)))
        if rng.random() < 0.5:
            wet = float(rng.uniform(-20, -8))
            part = room(part, rng, decay_s=float(rng.uniform(0.3, 1.5)), wet_db=wet)
        parts.append(part / (np.sqrt(np.mean(np.square(part))) + 1e-6) * np.float32(0.1))
    return {"drums": np.concatenate(parts, axis=1)}
