"""How the field's own sets lie on a disk, and which of their parts is which of our four stems."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from unbraid.errors import TrainingError
from unbraid.training.data.manifest import Kind
from unbraid.training.data.pool import Samples
from unbraid.training.data.readers.recordings import (
    EXTENSIONS,
    USUAL_S,
    length_s,
    read_any,
    read_streams,
)
from unbraid.training.data.readers.song_set import ALL_KINDS, pool_name
from unbraid.training.data.recordings import UnreadableError
from unbraid.training.data.sources.source import Song, Stems

Split = Literal["train", "holdout"]

SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    **dict.fromkeys(("valid", "validation", "val", "dev", "test", "holdout"), "holdout"),
}
"""Folders that divide a set. Slakh's `omitted` songs, which repeat others, are in none."""

MUSDB18_VALIDATION = frozenset(
    {
        "Actions - One Minute Smile",
        "Clara Berry And Wooldog - Waltz For My Victims",
        "Johnny Lokke - Promises & Lies",
        "Patrick Talbot - A Reason To Leave",
        "Triviul - Angelsaint",
        "Alexander Ross - Goodbye Bolero",
        "Fergessen - Nos Palpitants",
        "Leaf - Summerghost",
        "Skelpolu - Human Mistakes",
        "Young Griffo - Pennies",
        "ANiMAL - Rockshow",
        "James May - On The Line",
        "Meaxic - Take A Step",
        "Traffic Experiment - Sirens",
    }
)
"""Songs of its train folder that the field judges by (`musdb`, configs/mus.yaml)."""

STEM_NAMES: dict[str, Kind] = {
    **dict.fromkeys(("vocals", "vocal", "voice", "singing", "speech"), "vocals"),
    **dict.fromkeys(("lead_vocals", "backing_vocals", "choir"), "vocals"),
    **dict.fromkeys(("drums", "drum", "percussion", "kick", "snare", "cymbals", "toms"), "drums"),
    **dict.fromkeys(("bass", "bass_guitar", "synth_bass"), "bass"),
    **dict.fromkeys(("other", "others", "guitar", "guitars", "piano", "keys"), "other"),
    **dict.fromkeys(("organ", "synth", "strings", "wind", "brass", "fx"), "other"),
    **dict.fromkeys(("accompaniment", "instrumental", "no_vocals", "karaoke"), "accompaniment"),
}
"""What a file in a song's folder may be called; files of one stem are added up."""
MIXTURES = frozenset({"mixture", "mix", "linear_mixture", "master", "original"})

_A_KIND_OF_SONG = re.compile(r".+ - .+")  # MUSDB18's songs are named "artist - title"


@dataclass(frozen=True)
class Found:
    """The songs of a folder."""

    songs: list[Song]
    titles: dict[str, str]  # by name, where the name is no title
    left_out: list[str]


@dataclass(frozen=True)
class Layout:
    """One way in which songs lie in a folder."""

    name: str
    licence: str | None  # None: the user must tell
    credit: str
    is_here: Callable[[Path], bool]
    find: Callable[[Path], Found]
    kinds: tuple[Kind, ...] = ALL_KINDS


def _parts(folder: Path) -> Iterator[tuple[Path, Split]]:
    """Folders that hold songs: those of its splits, or itself."""
    divided = [f for f in sorted(folder.iterdir()) if f.is_dir() and f.name.lower() in SPLITS]
    for part in divided:
        yield part, SPLITS[part.name.lower()]
    if not divided:
        yield folder, SPLITS.get(folder.name.lower(), "train")


def _inside(folder: Path, pattern: str) -> Iterator[tuple[Path, Split]]:
    for part, split in _parts(folder):
        for path in sorted(part.glob(pattern)):
            yield path, split


def _musdb18_split(title: str, split: Split) -> Split:
    return "holdout" if title in MUSDB18_VALIDATION else split


def _find_musdb18(folder: Path) -> Found:
    songs = []
    for path, split in _inside(folder, "*.stem.mp4"):
        title = path.name.removesuffix(".stem.mp4")
        make = partial(_read_stem_mp4, path)
        songs.append(
            Song(pool_name(title), make, length_s(path), split=_musdb18_split(title, split))
        )
    return Found(songs, {}, [])


def _read_stem_mp4(path: Path) -> Stems:
    streams = read_streams(path)
    if len(streams) != 5:
        raise UnreadableError(f"{path}: has {len(streams)} audio streams instead of five")
    kinds: tuple[Kind, ...] = ("drums", "bass", "other", "vocals")  # after the mixture
    return dict(zip(kinds, streams[1:], strict=True))


def _find_folders(folder: Path, *, musdb18: bool = False) -> Found:
    songs, left_out = [], []
    for path, split in _inside(folder, "*/"):
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
                f"{path}: what is {unknown[0]}? Rename it to {', '.join(ALL_KINDS)} or a name in "
                "docs/training.md, or move it away"
            )
        elif files:
            if files.keys() & {"drums", "bass", "other"}:
                files.pop("accompaniment", None)  # the same instruments once more
            split = _musdb18_split(path.name, split) if musdb18 else split
            make = partial(_read_parts, tuple((kind, tuple(f)) for kind, f in files.items()))
            seconds = length_s(next(iter(files.values()))[0])
            songs.append(Song(pool_name(path.name), make, seconds, split=split))
    return Found(songs, {}, left_out)


def _read_parts(parts: tuple[tuple[Kind, tuple[Path, ...]], ...]) -> Stems:
    return {kind: _sum([read_any(path) for path in paths]) for kind, paths in parts}


def _sum(recordings: list[Samples]) -> Samples:
    """Added up from a common start; shorter ones end earlier."""
    total: Samples = max(recordings, key=lambda samples: samples.shape[1]).copy()
    total[:] = 0
    for samples in recordings:
        total[:, : samples.shape[1]] += samples
    return total


def _find_moisesdb(folder: Path) -> Found:
    songs, titles = [], {}
    left_out = []
    for path in _moisesdb_cards(folder):
        song = path.parent
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            parts = _moisesdb_parts(song, card)
            titles[song.name] = f"{card.get('artist', '')} - {card.get('song', 'untitled')}"
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            left_out.append(f"{path}: is no card of MoisesDB ({error!r})")
            continue
        if parts:
            seconds = length_s(parts[0][1][0])
            songs.append(Song(song.name, partial(_read_parts, parts), seconds))
    return Found(songs, titles, left_out)


def _moisesdb_cards(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*/data.json"), *folder.glob("*/*/data.json")])


def _moisesdb_parts(song: Path, card: dict[str, Any]) -> tuple[tuple[Kind, tuple[Path, ...]], ...]:
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


_CHOIRS = range(52, 55)  # General MIDI: voices that are sung or played, neither vocals nor not
_DRUM_PROGRAMS = (113, *range(115, 120))  # agogo, woodblock, taiko, toms, cymbals


def _find_slakh(folder: Path) -> Found:
    songs = []
    left_out = []
    for path, split in _inside(folder, "Track*/metadata.yaml"):
        song = path.parent
        try:
            parts = _slakh_parts(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            left_out.append(f"{path}: is no card of Slakh ({error!r})")
            continue
        if parts:
            make = partial(_read_parts, parts)
            songs.append(Song(song.name, make, USUAL_S, split=split))
    return Found(songs, {}, left_out)


def _slakh_parts(card: Path) -> tuple[tuple[Kind, tuple[Path, ...]], ...]:
    """Instruments of a song as our stems; what was never rendered has no file."""
    try:
        import yaml
    except ModuleNotFoundError:
        raise TrainingError(
            "pyyaml is missing, which Slakh needs: pip install 'unbraid[train]'"
        ) from None
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


def _is_musdb18(folder: Path) -> bool:
    return any(_inside(folder, "*.stem.mp4"))


def _is_musdb18_hq(folder: Path) -> bool:
    files = ("mixture.wav", *(f"{kind}.wav" for kind in ALL_KINDS))
    songs = [path.parent for path, _ in _inside(folder, "*/mixture.wav")]
    return bool(songs) and all(
        _A_KIND_OF_SONG.fullmatch(song.name)
        and song.parent.name in ("train", "test")
        and all((song / file).is_file() for file in files)
        for song in songs
    )


_MUSDB18 = "MUSDB18: education and research only, not commercial (mostly CC-BY-NC-SA)"
_MUSDB18_CREDIT = "Rafii, Liutkus, Stöter, Mimilakis, Bittner: MUSDB18 (2017)"

LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("musdb18", _MUSDB18, _MUSDB18_CREDIT, _is_musdb18, _find_musdb18),
        Layout(
            "musdb18-hq",
            _MUSDB18,
            _MUSDB18_CREDIT,
            _is_musdb18_hq,
            partial(_find_folders, musdb18=True),
        ),
        Layout(
            "moisesdb",
            "CC-BY-NC-SA-4.0",
            "Pereira, Araújo, Korzeniowski, Vogl: MoisesDB (2023)",
            lambda folder: bool(_moisesdb_cards(folder)),
            _find_moisesdb,
        ),
        Layout(
            "slakh2100",
            "CC-BY-4.0",
            "Manilow, Wichern, Seetharaman, Le Roux: Slakh2100 (2019)",
            lambda folder: any(_inside(folder, "Track*/metadata.yaml")),
            _find_slakh,
            ("drums", "bass", "other"),
        ),
        Layout("folders", None, "by their authors", lambda folder: True, _find_folders),
    )
}
"""In the order in which a folder is asked whether it is one."""
