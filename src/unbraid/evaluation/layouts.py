"""How songs with known stems lie on a disk, and which of their files is which of our stems."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from unbraid.errors import UsageError

Kind = Literal["vocals", "drums", "bass", "other", "accompaniment"]
"""A stem, or all instruments in one."""

PARTS: Final = ("train", "training", "valid", "validation", "val", "dev", "test", "holdout")
"""Folders that divide a set. Slakh's `omitted` songs, which repeat others, are in none."""

EXTENSIONS: Final = frozenset(
    (
        *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".mp4", ".aac"),
        *(".aif", ".aiff", ".wv", ".wma", ".tta", ".caf", ".mka"),
    )
)

STEM_NAMES: Final[dict[str, Kind]] = {
    **dict.fromkeys(("vocals", "vocal", "voice", "singing", "speech"), "vocals"),
    **dict.fromkeys(("lead_vocals", "backing_vocals", "choir"), "vocals"),
    **dict.fromkeys(("drums", "drum", "percussion", "kick", "snare", "cymbals", "toms"), "drums"),
    **dict.fromkeys(("bass", "bass_guitar", "synth_bass"), "bass"),
    **dict.fromkeys(("other", "others", "guitar", "guitars", "piano", "keys"), "other"),
    **dict.fromkeys(("organ", "synth", "strings", "wind", "brass", "fx"), "other"),
    **dict.fromkeys(("accompaniment", "instrumental", "no_vocals", "karaoke"), "accompaniment"),
}
"""What a file in a song's folder may be called; files of one stem are added up."""
MIXTURES: Final = frozenset({"mixture", "mix", "linear_mixture", "master", "original"})

Parts = tuple[tuple[Kind, tuple[Path, ...]], ...]
"""Files by stem."""


@dataclass(frozen=True, slots=True)
class SongFiles:
    """Where a song's stems lie."""

    path: Path  # the song's folder or file
    title: str
    part: str  # of the set: one of PARTS, or "" where it is not divided
    parts: Parts  # empty for a file that holds the mixture, drums, bass, other and vocals


@dataclass(frozen=True, slots=True)
class Found:
    """The songs of a folder, and a line for each that cannot be used."""

    songs: list[SongFiles]
    left_out: list[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which sets lie on a disk."""

    name: str
    is_here: Callable[[Path], bool]
    find: Callable[[Path], Found]


def find_songs(folder: Path) -> tuple[Layout, Found]:
    """The songs of a folder, and of which layout it is."""
    layout = next(layout for layout in LAYOUTS.values() if layout.is_here(folder))
    return layout, layout.find(folder)


def _inside(folder: Path, pattern: str) -> Iterator[tuple[Path, str]]:
    """What matches in the folders that divide a set, or in the folder itself."""
    divided = [f for f in sorted(folder.iterdir()) if f.is_dir() and f.name.lower() in PARTS]
    for part in divided or [folder]:
        name = part.name.lower()
        for path in sorted(part.glob(pattern)):
            yield path, name if name in PARTS else ""


def _find_stem_files(folder: Path) -> Found:
    songs = [
        SongFiles(path, path.name.removesuffix(".stem.mp4"), part, ())
        for path, part in _inside(folder, "*.stem.mp4")
    ]
    return Found(songs, [])


def _find_folders(folder: Path) -> Found:
    songs, left_out = [], []
    for path, part in _inside(folder, "*/"):
        files: defaultdict[Kind, list[Path]] = defaultdict(list)
        unknown = []
        for file in sorted(path.iterdir()):
            if file.suffix.lower() not in EXTENSIONS or file.name.startswith("."):
                continue
            name = re.sub(r"[\s-]+", "_", file.stem.lower())
            if name in STEM_NAMES:
                files[STEM_NAMES[name]].append(file)
            elif name not in MIXTURES:
                unknown.append(file.name)
        if unknown:
            left_out.append(
                f"{path}: what is {unknown[0]}? Rename it to vocals, drums, bass, other or a name "
                "in docs/training.md, or move it away"
            )
        elif files:
            if files.keys() & {"drums", "bass", "other"}:
                files.pop("accompaniment", None)  # the same instruments once more
            parts = tuple((kind, tuple(found)) for kind, found in files.items())
            songs.append(SongFiles(path, path.name, part, parts))
    return Found(songs, left_out)


def _find_moisesdb(folder: Path) -> Found:
    songs, left_out = [], []
    for path in _moisesdb_cards(folder):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            parts = _moisesdb_parts(path.parent, card)
            title = f"{card.get('artist', '')} - {card.get('song', 'untitled')}"
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            left_out.append(f"{path}: is no card of MoisesDB ({error!r})")
            continue
        if parts:
            songs.append(SongFiles(path.parent, title, "", parts))
    return Found(songs, left_out)


def _moisesdb_cards(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*/data.json"), *folder.glob("*/*/data.json")])


def _moisesdb_parts(song: Path, card: dict[str, Any]) -> Parts:
    """The set's eleven stems as our four.

    Percussion without pitch counts as drums, as in MUSDB18. A stem with a track that its card
    says has bleed is left out, and so are click tracks: the mixture is the sum of what is taken.
    """
    parts: defaultdict[Kind, list[Path]] = defaultdict(list)
    for stem in card["stems"]:
        if any(track.get("has_bleed") for track in stem["tracks"]):
            continue
        for track in stem["tracks"]:
            kind = str(track["trackType"]).lower()
            if "click" in kind:
                continue
            name = str(stem["stemName"])
            ours: Kind = "other"
            if name in ("vocals", "drums", "bass"):
                ours = STEM_NAMES[name]
            elif name == "percussion" and not kind.startswith("pitched"):
                ours = "drums"
            parts[ours].append(song / name / f"{track['id']}.{track['extension']}")
    return tuple((kind, tuple(paths)) for kind, paths in parts.items())


_SLAKH_CARDS: Final = "Track*/metadata.yaml"
_CHOIRS = range(52, 55)  # General MIDI: voices that are sung or played, neither vocals nor not
_DRUM_PROGRAMS = (113, *range(115, 120))  # agogo, woodblock, taiko, toms, cymbals


def _find_slakh(folder: Path) -> Found:
    songs, left_out = [], []
    for path, part in _inside(folder, _SLAKH_CARDS):
        try:
            parts = _slakh_parts(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            left_out.append(f"{path}: is no card of Slakh ({error!r})")
            continue
        if parts:
            songs.append(SongFiles(path.parent, path.parent.name, part, parts))
    return Found(songs, left_out)


def _slakh_parts(card: Path) -> Parts:
    """Instruments of a song as our stems; what was never rendered has no file."""
    try:
        import yaml
    except ModuleNotFoundError:
        raise UsageError("pyyaml is missing, which Slakh needs: pip install pyyaml") from None
    try:
        stems = yaml.safe_load(card.read_text(encoding="utf-8"))["stems"]
    except yaml.YAMLError as error:
        raise ValueError(str(error).splitlines()[0]) from None
    parts: defaultdict[Kind, list[Path]] = defaultdict(list)
    for name, stem in stems.items():
        program = stem.get("program_num", -1)
        is_drum = stem["is_drum"]
        found = sorted((card.parent / "stems").glob(f"{name}.*"))
        if not found or not stem.get("audio_rendered", True):
            continue
        if program in _CHOIRS and not is_drum:
            continue
        kind: Kind = "other"
        if is_drum or program in _DRUM_PROGRAMS:
            kind = "drums"
        elif stem["inst_class"] == "Bass":
            kind = "bass"
        parts[kind].append(found[0])
    return tuple((kind, tuple(paths)) for kind, paths in parts.items())


def _is_musdb18_hq(folder: Path) -> bool:
    files = ("mixture.wav", "vocals.wav", "drums.wav", "bass.wav", "other.wav")
    songs = [path.parent for path, _ in _inside(folder, "*/mixture.wav")]
    return bool(songs) and all(
        " - " in song.name  # "artist - title"
        and song.parent.name in ("train", "test")
        and all((song / file).is_file() for file in files)
        for song in songs
    )


LAYOUTS: Final = {
    layout.name: layout
    for layout in (
        Layout("musdb18", lambda folder: any(_inside(folder, "*.stem.mp4")), _find_stem_files),
        Layout("musdb18-hq", _is_musdb18_hq, _find_folders),
        Layout("moisesdb", lambda folder: bool(_moisesdb_cards(folder)), _find_moisesdb),
        Layout("slakh2100", lambda folder: any(_inside(folder, _SLAKH_CARDS)), _find_slakh),
        Layout("folders", lambda folder: True, _find_folders),
    )
}
"""In the order in which a folder is asked whether it is one."""
