"""Hydrogen's sampled drum kits, played hit by hit.

Kits hold one to eight recordings a drum, soft to hard; hits choose by velocity with some chance,
as two strokes of a drummer are never the same.
"""

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from unbraid.errors import TrainingError
from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.recordings import UnreadableError, read_stereo
from unbraid.training.data.score import Note

KITS = Path("/usr/share/hydrogen/data/drumkits")
ACOUSTIC = (
    *("BJA_Pacific", "ColomboAcousticDrumkit", "ForzeeStereo", "GMRockKit", "Millo-Drums_v.1"),
    *("Millo_MultiLayered2", "Millo_MultiLayered3", "The Black Pearl 1.0", "rumpf_kit_z01_h2"),
)
ELECTRIC = ("Audiophob", "ElectricEmpireKit", "HardElectro1", "TR808EmulationKit", "VariBreaks")
PACKAGES = "Debian hydrogen-data hydrogen-drumkits"
LICENCES = "GPL-2.0-or-later, CC-BY-SA-3.0, CC-BY-3.0 and CC0-1.0 sampled kits"

# Words in an instrument's name, most special first; each kit names its drums in its own way.
WORDS: tuple[tuple[str, str], ...] = (
    *(("sample", ""), ("zap", ""), ("fx", ""), ("roll", ""), ("choke", ""), ("swish", "")),
    *(("stick", "stick"), ("rim click", "stick"), ("clap", "clap"), ("tambourine", "tambourine")),
    *(("cowbell", "cowbell"), ("agogo", "cowbell"), ("conga", "conga"), ("shaker", "shaker")),
    *(("hat pedal", "pedal"), ("pedal h", "pedal"), ("hi-hat pedal", "pedal"), (" pd", "pedal")),
    *(("semi", "open"), ("hat open", "open"), ("open h", "open"), ("hi-hat open", "open")),
    *(("hat op", "open"), (" op", "open"), ("hi hat opened", "open"), ("hat", "closed")),
    *(("closed hh", "closed"), ("hi hat", "closed"), ("ride", "ride"), ("bell", "ride")),
    *(("splash", "splash"), ("china", "crash"), ("crash", "crash"), ("cymbal", "crash")),
    *(("snare", "snare"), ("kick", "kick"), ("bass drum", "kick"), ("bassdrum", "kick")),
    *(("floor tom", "tom-low"), ("tom low", "tom-low"), ("low tom", "tom-low")),
    *(("tom floor", "tom-low"), ("tom 2", "tom-mid"), ("tom mid", "tom-mid")),
    *(("middle tom", "tom-mid"), ("tom 1", "tom-high"), ("tom hi", "tom-high")),
    *(("high tom", "tom-high"), ("tom", "tom-mid")),
)
ROLE_OF_KEY = {
    **dict.fromkeys((35, 36), "kick"),
    **dict.fromkeys((38, 40), "snare"),
    37: "stick",
    39: "clap",
    42: "closed",
    44: "pedal",
    46: "open",
    54: "tambourine",
    **dict.fromkeys((41, 43), "tom-low"),
    **dict.fromkeys((45, 47), "tom-mid"),
    **dict.fromkeys((48, 50), "tom-high"),
    **dict.fromkeys((49, 52, 57), "crash"),
    **dict.fromkeys((51, 53, 59), "ride"),
    55: "splash",
    56: "cowbell",
    69: "shaker",
    70: "shaker",
    82: "shaker",
    **dict.fromkeys((60, 61, 62, 63, 64), "conga"),
}
INSTEAD = {
    "ride": "closed",
    "crash": "open",
    "splash": "crash",
    "pedal": "closed",
    "open": "closed",
    "tom-low": "tom-mid",
    "tom-mid": "tom-low",
    "tom-high": "tom-mid",
    "clap": "snare",
    "stick": "snare",
    "tambourine": "closed",
    "shaker": "closed",
}
PEAK_OF = {"kick": 0.9, "snare": 0.85, "stick": 0.5, "clap": 0.6, "crash": 0.55, "ride": 0.35}
PEAK_OF |= {"closed": 0.32, "open": 0.4, "pedal": 0.22, "splash": 0.4, "tambourine": 0.3}
PEAK_OF |= {"tom-low": 0.8, "tom-mid": 0.75, "tom-high": 0.7, "cowbell": 0.4, "shaker": 0.2}
CHOKED_BY = {"open": ("closed", "pedal", "open")}


@dataclass(frozen=True)
class Drum:
    """One instrument of a kit: its recordings from soft to hard."""

    name: str
    layers: tuple[Path, ...]


@lru_cache
def load_kit(name: str) -> dict[str, list[Drum]]:
    """Drums of a kit by role: kick, snare, closed, open ..."""
    path = KITS / name / "drumkit.xml"
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise TrainingError(f"{path}: {error}") from None
    drums: dict[str, list[Drum]] = {}
    for element in root.iter():
        if not element.tag.endswith("instrument"):
            continue
        layers: list[tuple[float, Path]] = []
        title = ""
        for part in element.iter():
            values = {p.tag.rpartition("}")[2]: p.text or "" for p in part}
            title = title or values.get("name", "")
            # Older kits name the one recording of a drum without a layer around it.
            if file_name := values.get("filename"):
                file = path.parent / file_name
                if file.is_file():
                    layers.append((float(values.get("min", 0)), file))
        role = next((role for word, role in WORDS if word in title.lower()), "")
        if role and layers:
            ordered = tuple(file for _, file in sorted(layers))
            drums.setdefault(role, []).append(Drum(title, ordered))
    if not {"kick", "snare", "closed"} <= drums.keys():
        raise TrainingError(f"{path}: no kick, snare or hi-hat was found in it")
    return drums


@lru_cache(maxsize=1500)
def _hit(path: Path) -> Samples:
    samples = read_stereo(path)
    loud = np.flatnonzero(np.abs(samples).max(axis=0) > 0.02 * np.abs(samples).max())
    samples = samples[:, max(0, int(loud[0]) - 30) : RATE * 5]
    n_fade = min(2000, samples.shape[1])
    samples[:, -n_fade:] *= np.linspace(1, 0, n_fade, dtype=np.float32)
    return samples


def play_kit(notes: list[Note], name: str, rng: np.random.Generator, n_samples: int) -> Samples:
    """A kit's sound, (2, n_samples), in its own room only.

    Args:
        notes: drum notes by General MIDI key; what the kit lacks is played on something near.
        name: folder of the kit.
        rng: chooses among a kit's several drums of a kind, once, and among layers, each time.
        n_samples: length.
    """
    kit = load_kit(name)
    chosen: dict[str, Drum | None] = {}
    gain: dict[str, float] = {}
    pan: dict[str, float] = {}
    tune = float(rng.uniform(0.94, 1.06))
    sound = np.zeros((2, n_samples), np.float32)
    ordered = sorted(notes, key=lambda note: note.start_s)
    roles = [ROLE_OF_KEY.get(note.pitch, "") for note in ordered]
    for index, note in enumerate(ordered):
        role = roles[index]
        if role not in chosen:
            chosen[role] = _choose(kit, role, rng)
            gain[role] = 10 ** (float(rng.normal(0, 1.5)) / 20) * PEAK_OF.get(role, 0.4)
            spread = 0.0 if role in ("kick", "snare") else 0.35
            pan[role] = float(np.clip(rng.normal(0, spread), -0.7, 0.7))
        drum = chosen[role]
        if drum is None:
            continue
        hardness = note.velocity / 127 * len(drum.layers) + float(rng.normal(0, 0.35)) - 0.5
        layer = drum.layers[int(np.clip(round(hardness), 0, len(drum.layers) - 1))]
        try:
            hit = _tuned(layer, round(tune, 2))
        except UnreadableError:
            continue
        loudness = gain[role] * (note.velocity / 110) ** 1.6 / (np.abs(hit).max() + 1e-6)
        start = round(note.start_s * RATE)
        length = min(hit.shape[1], n_samples - start)
        if role in CHOKED_BY:
            length = _until_choked(ordered, roles, index, length)
        if length <= 0:
            continue
        sides = np.array([[1 - max(0, pan[role])], [1 + min(0, pan[role])]], np.float32)
        piece = hit[:, :length] * sides * np.float32(loudness)
        n_fade = min(400, length)
        piece[:, -n_fade:] *= np.linspace(1, 0, n_fade, dtype=np.float32)
        sound[:, start : start + length] += piece
    return sound


@lru_cache(maxsize=600)
def _tuned(path: Path, tune: float) -> Samples:
    """A hit played slower or faster by a few per cent: another drum of the same make."""
    hit = _hit(path)
    index = np.arange(0, hit.shape[1] - 1, tune)
    return np.stack([np.interp(index, np.arange(hit.shape[1]), side) for side in hit]).astype(
        np.float32
    )


def _choose(kit: dict[str, list[Drum]], role: str, rng: np.random.Generator) -> Drum | None:
    for _ in range(4):
        if role in kit:
            return kit[role][int(rng.integers(len(kit[role])))]
        role = INSTEAD.get(role, "")
    return None


def _until_choked(ordered: list[Note], roles: list[str], index: int, length: int) -> int:
    """Samples until the hi-hat is touched again."""
    for later in range(index + 1, min(index + 40, len(ordered))):
        if roles[later] in CHOKED_BY["open"] and ordered[later].start_s > ordered[index].start_s:
            gap = round((ordered[later].start_s - ordered[index].start_s) * RATE)
            return min(length, gap + 200)
    return length
