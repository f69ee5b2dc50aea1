"""Eight real metal songs of the game Frets on Fire, with their guitars apart."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from unbraid.training.data.recordings import cut_silence, read_stereo
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files

FOLDER = Path("/usr/share/games/fretsonfire/data/songs")
SUM_GAIN = np.float32(0.45)  # guitar and the rest together exceed full scale by 7 dB


class _Frets(Source):
    obtained = "Debian fretsonfire-songs-muldjord fretsonfire-songs-sectoid"
    verified = "guitar.ogg holds the guitar alone; songs are instrumental"
    band: ClassVar[str]
    kinds = ("other", "accompaniment")

    def missing(self, pack: Path | None) -> str | None:
        return missing_files([FOLDER / self.band], f"apt-get install fretsonfire-songs-{self.band}")

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        made: list[Song] = []
        for folder in sorted((FOLDER / self.band).iterdir()):
            if (folder / "guitar.ogg").is_file():
                name = folder.name.lower().replace(" ", "-")
                guitar, whole = partial(_guitar, folder), partial(_whole, folder)
                made.append(Song(f"{name}-guitar", guitar, 180, coherent=False))
                made.append(Song(f"{name}-whole", whole, 180, coherent=False))
        return made


class Muldjord(_Frets):
    """Danish metal."""

    name = "frets-muldjord"
    band = "muldjord"
    licence = "CC-BY-SA-3.0"
    credit = "El Senator of Muldjord"


class Sectoid(_Frets):
    """Metal."""

    name = "frets-sectoid"
    band = "sectoid"
    licence = "MIT"
    credit = "Carlos Viola Iborra (Sectoid)"


def _guitar(folder: Path) -> Stems:
    return {"other": cut_silence(read_stereo(folder / "guitar.ogg"))}


def _whole(folder: Path) -> Stems:
    guitar, rest = read_stereo(folder / "guitar.ogg"), read_stereo(folder / "song.ogg")
    n_samples = min(guitar.shape[1], rest.shape[1])
    return {"accompaniment": (guitar[:, :n_samples] + rest[:, :n_samples]) * SUM_GAIN}
