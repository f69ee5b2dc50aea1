"""Four of LMMS' demonstration projects, their tracks sorted into stems by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from unbraid.training.data.effects import random_equaliser, room
from unbraid.training.data.lmms import PACKAGES, missing_lmms, render_project
from unbraid.training.data.manifest import Kind
from unbraid.training.data.pool import Samples
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files, seed_of

FOLDER = Path("/usr/share/lmms/projects")
N_TAKES = 6


@dataclass(frozen=True, slots=True)
class Sorted:
    """Which tracks of a project are what."""

    file: str
    seconds: float
    drums: tuple[str, ...]
    bass: tuple[str, ...]
    other: tuple[str, ...]


# Those under one licence whose tracks are not in doubt and which render in seconds: the large
# synthesisers of the others take as many minutes. (Crunk's third track renders as NaN.) Reggae goes
# by its strum: a validation song has its name.
PROJECTS = {
    "skank": Sorted(
        *("demos/CapDan/CapDan-ReggaeTry.mmpz", 44),
        ("Drum I", "Drum (I)", "Drum II", "Drum (II)", "Drum III"),
        ("Bass Slap 02",),
        ("E-Piano", "Strings (high)", "Strings (low)"),
    ),
    "dembow": Sorted(
        *("demos/CapDan/CapDan-ReggaetonTry.mmpz", 73),
        ("Drum I", "Drum II", "Drum (II)", "Drum III", "Drum IV"),
        ("Mute Bass",),
        ("E-Piano", "Trumpet"),
    ),
    "main": Sorted(
        *("shorties/Surrender-Main.mmpz", 15),
        ("Kick", "Loop"),
        ("Bass",),
        ("Lead", "Strings", "Arp"),
    ),
    "crunk": Sorted("shorties/Crunk(Demo).mmp", 16, ("Drum",), ("Bass",), ()),
}


class LmmsProjects(Source):
    """Reggae, reggaeton, trance and crunk from a sequencer, in their own and in other keys."""

    name = "lmms"
    licence = "Artistic-2.0"
    credit = "Der Daniel (CapDan), Peter Asplund (Surrender) and others, LMMS' projects"
    kinds = ("drums", "bass", "other")
    obtained = f"Debian {PACKAGES}"
    verified = "tracks sorted by name; skank's stems sum to the whole within -140 dB"
    default_hours = 0.15

    def missing(self, pack: Path | None) -> str | None:
        files = [FOLDER / project.file for project in PROJECTS.values()]
        return missing_files(files, f"apt-get install {PACKAGES}") or missing_lmms()

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        made: list[Song] = []
        for take in range(N_TAKES):
            for name, project in PROJECTS.items():
                if sum(song.seconds for song in made) >= hours * 3600:
                    return made
                make = partial(_make, name, take)
                made.append(Song(f"{name}-{take}", make, project.seconds))
        return made


def _make(name: str, take: int) -> Stems:
    project = PROJECTS[name]
    rng = np.random.default_rng(seed_of("lmms", name, take))
    tempo = float(rng.uniform(0.85, 1.15)) if take else 1.0
    semitones = int(rng.integers(-4, 5)) if take else 0
    parts: dict[Kind, tuple[str, ...]] = {
        "drums": project.drums,
        "bass": project.bass,
        "other": project.other,
    }
    stems: dict[Kind, Samples] = {}
    for kind, heard in parts.items():
        if not heard:
            continue
        # Drums keep their pitch: a kit is not tuned to a song's key.
        own = 0 if kind == "drums" else semitones
        sound = render_project(FOLDER / project.file, heard, tempo=tempo, semitones=own)
        sound = random_equaliser(sound, rng, 2.0)
        if kind != "bass" and rng.random() < 0.5:
            wet = float(rng.uniform(-24, -12))
            sound = room(sound, rng, decay_s=float(rng.uniform(0.3, 1.2)), wet_db=wet)
        stems[kind] = sound
    return stems
