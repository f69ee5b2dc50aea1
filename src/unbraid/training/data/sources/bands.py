"""Songs made up by `band.py`, played through soundfonts and sampled kits, produced as records."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from unbraid.training.data.band import compose
from unbraid.training.data.kits import KITS, LICENCES, PACKAGES
from unbraid.training.data.player import BASS_CHANNEL
from unbraid.training.data.produce import SYNTH_BASSES, produce
from unbraid.training.data.render import FONT_LICENCES, FONT_PACKAGES, missing_synth
from unbraid.training.data.sources.source import Song, Source, Stems, seed_of

SONG_S = 75.0


class Bands(Source):
    """Songs without a singer in the styles of `styles.py`, from country to drum and bass."""

    name = "band"
    licence = f"ours (MIT), rendered with {FONT_LICENCES} and {LICENCES}"
    credit = (
        "MuseScore General (S. Christian Collins), FluidR3 (Frank Wen), TimGM6mb (Tim Brechbill), "
        "AVL drums and The Black Pearl (Glen MacArthur), Hydrogen kits by their authors"
    )
    kinds = ("drums", "bass", "other")
    obtained = f"generated; {FONT_PACKAGES}; {PACKAGES}"
    verified = "each song is a function of its number; levels and spectra looked at"
    default_hours = 6.0

    def missing(self, pack: Path | None) -> str | None:
        if not KITS.is_dir():
            return f"apt-get install {PACKAGES[7:]}"
        return missing_synth()

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        n_songs = max(1, round(hours * 3600 / SONG_S))
        return [Song(f"{n:04d}", partial(_make, n), SONG_S) for n in range(n_songs)]


def _make(number: int) -> Stems:
    score, style = compose(seed_of("band", number), SONG_S)
    rng = np.random.default_rng(seed_of("band sound", number))
    electric = score.programs[BASS_CHANNEL] in SYNTH_BASSES
    return produce(score, rng, drive_db=style.drive_db, electric_kit=electric)
