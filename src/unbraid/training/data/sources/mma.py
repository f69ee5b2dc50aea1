"""Accompaniments by MMA, the Musical MIDI Accompaniment: hundreds of styles, any chords."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from unbraid.errors import TrainingError
from unbraid.training.data.midi import read_score
from unbraid.training.data.produce import produce
from unbraid.training.data.render import FONT_PACKAGES, missing_synth
from unbraid.training.data.score import DRUM_CHANNEL, KICKS, Score, vary
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files, seed_of
from unbraid.training.data.styles import DEGREES, MAJOR, MINOR

LIBRARY = Path("/usr/share/mma/lib/stdlib")
SONG_S = 75.0
# Bands first: these styles come three times as often as the others.
BANDS = ("rock", "blues", "country", "folk", "grass", "ballad", "soul", "funk", "beat", "ska", "rb")
LEFT_OUT = ("metronome", "none", "march", "hymn", "vienese")
NOTES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")


class Mma(Source):
    """Two or three grooves of one style over random chords, played by random instruments."""

    name = "mma"
    licence = (
        "ours (MIT; grooves by MMA, GPL-2.0-or-later), rendered with MIT and GPL-2 instruments"
    )
    credit = "MMA by Bob van der Poel"
    kinds = ("drums", "bass", "other")
    obtained = f"Debian mma; {FONT_PACKAGES}"
    verified = "each song is a function of its number"
    default_hours = 0.7

    def missing(self, pack: Path | None) -> str | None:
        if shutil.which("mma") is None:
            return "apt-get install mma"
        return missing_files([LIBRARY], "apt-get install mma") or missing_synth()

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        n_songs = max(1, round(hours * 3600 / SONG_S))
        return [Song(f"{n:04d}", partial(_make, n), SONG_S) for n in range(n_songs)]


@lru_cache
def _styles() -> list[list[str]]:
    """Grooves in common time of each file of MMA's library."""
    styles = []
    for path in sorted(LIBRARY.glob("*.mma")):
        text = path.read_text(encoding="latin-1")
        if path.stem.startswith(LEFT_OUT) or re.search(r"^\s*Time(Sig)?\s+(3|6|5|12)", text, re.M):
            continue
        grooves = re.findall(r"^DefGroove\s+(\S+)", text, re.M)
        whole = [g for g in grooves if not re.search(r"(Intro|End|Fill|Roll)\d*$", g)]
        if whole:
            styles += [whole] * (3 if any(word in path.stem for word in BANDS) else 1)
    return styles


def write_song(rng: np.random.Generator) -> str:
    """A song in MMA's language: sections of eight bars, each with its groove and chords."""
    styles = _styles()
    grooves = styles[int(rng.integers(len(styles)))]
    bpm, key = int(rng.integers(76, 150)), int(rng.integers(12))
    table = MAJOR if rng.random() < 0.6 else MINOR
    lines = [f"Tempo {bpm}"]
    n_sections = max(2, round(SONG_S / (8 * 4 * 60 / bpm)))
    for _ in range(n_sections):
        lines.append(f"Groove {grooves[int(rng.integers(len(grooves)))]}")
        chords = table[int(rng.integers(len(table)))]
        lines += [_chord(chords[bar % len(chords)], key, rng) for bar in range(8)]
    return "\n".join(lines) + "\n"


def _chord(degree: str, key: int, rng: np.random.Generator) -> str:
    numeral = degree.removeprefix("b")
    root = NOTES[(key + DEGREES[numeral.upper()] - degree.startswith("b")) % 12]
    if numeral.islower():
        return root + ("m7" if rng.random() < 0.3 else "m")
    return root + ("7" if rng.random() < 0.2 else "")


def _make(number: int) -> Stems:
    rng = np.random.default_rng(seed_of("mma", number))
    score = _play(write_song(rng))
    for _ in range(6):  # many styles have no bass or only a cymbal: look for a whole band
        struck = {note.pitch for note in score.notes if note.channel == DRUM_CHANNEL}
        if score.bass_channels() and struck & KICKS:
            break
        score = _play(write_song(rng))
    return produce(vary(score, rng), rng)


def _play(text: str) -> Score:
    """The score that MMA makes of a song in its language."""
    with tempfile.TemporaryDirectory() as folder:
        source, midi = Path(folder, "song.mma"), Path(folder, "song.mid")
        source.write_text(text)
        run = subprocess.run(
            ["mma", "-f", str(midi), str(source)], capture_output=True, text=True, check=False
        )
        if not midi.is_file():
            raise TrainingError(f"mma failed: {run.stdout.strip()[-120:]}")
        return read_score(midi.read_bytes(), "mma")
