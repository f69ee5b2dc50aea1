"""The manifest of a folder of pools: one JSON line an item, and what follows from it."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from unbraid.errors import TrainingError

Kind = Literal["vocals", "drums", "bass", "other", "accompaniment"]
"""A stem, or music without voice whose stems are not known apart."""

MANIFEST = "manifest.jsonl"

VALIDATION_SONGS = (
    *("rubidium", "francium"),
    *("80srock", "country1", "grunge", "punk", "reggae"),
)
"""Songs that models are judged by; none of them may stand in a training manifest."""

_NO_ALNUM = re.compile(r"[^a-z0-9]+")
_ALBUM_SONGS, _BAND_SONGS = VALIDATION_SONGS[:2], VALIDATION_SONGS[2:]


def is_validation_song(name: str) -> bool:
    """Whether a path, an item or a title names a song that models are judged by.

    The real bands' songs are *Music Delta* songs of MedleyDB, so they are met again in other sets
    under their full names ("Music Delta - 80s Rock" in MUSDB18, "MusicDelta_Punk" in MedleyDB).
    By their short names alone, which are words that other songs' titles hold, only a whole part
    of a path counts.
    """
    parts = [part for part in re.split(r"[/\\]", name.lower()) if part]
    joined = _NO_ALNUM.sub("", name.lower())
    return (
        any(song in joined for song in _ALBUM_SONGS)
        or any(f"musicdelta{song}" in joined for song in _BAND_SONGS)
        or any(_NO_ALNUM.sub("", part.split(".")[0]) in _BAND_SONGS for part in parts)
    )


def refuse_validation_songs(names: Iterable[str], where: str | Path) -> None:
    """Stop before a song that models are judged by is trained on.

    Raises:
        TrainingError: a name is one of theirs.
    """
    for name in names:
        if is_validation_song(name):
            raise TrainingError(f"{where}: {name} is a validation song and must not be trained on")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a pool: int16 samples, (n_samples, 2), 44.1 kHz."""

    item: str  # "<source>/<song>"; with `kind` it names the file's content
    file: str  # relative to the manifest
    source: str
    licence: str
    kind: Kind
    song: str | None  # stems that share it are aligned and equally long; None: never mixed as one
    split: Literal["train", "holdout"]
    seconds: float
    level_dbfs: float  # RMS of the blocks above -50 dBFS
    active: float  # fraction of blocks of 1 s above -50 dBFS
    twin: str | None = None  # a file of the same after a lossy codec; see `coding.add_twins`

    def to_line(self) -> str:
        record = asdict(self)
        record["class"] = record.pop("kind")
        return json.dumps(record, ensure_ascii=False) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "Entry":
        record = json.loads(line)
        record["kind"] = record.pop("class")
        wanted = [f.name for f in fields(cls) if f.default is MISSING or f.name in record]
        return cls(**{name: record[name] for name in wanted})


def read_manifest(folder: Path) -> list[Entry]:
    """All entries of a folder of pools; none if there is no manifest yet.

    Raises:
        TrainingError: a line is damaged, or names a song that models are judged by. A last line
            without its end (a build was killed while it wrote) is left out instead.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return []
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(True), 1):
        if not line.endswith("\n"):
            break
        try:
            entries.append(Entry.from_line(line))
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise TrainingError(f"{path}: line {number} is damaged ({error}); delete it") from None
    refuse_validation_songs((name for e in entries for name in (e.item, e.file)), path)
    return entries


def append_entries(folder: Path, entries: Iterable[Entry]) -> None:
    """Add lines in one write, so that a reader never meets half of a song."""
    path = folder / MANIFEST
    lines = "".join(entry.to_line() for entry in entries).encode()
    with path.open("ab+") as file:
        if (
            file.tell()
        ):  # a killed build may have left half a line: end it, readers skip nothing else
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                _drop_last_line(path)
        file.write(lines)


def _drop_last_line(path: Path) -> None:
    content = path.read_bytes()
    with path.open("rb+") as file:
        file.truncate(content.rfind(b"\n") + 1)


def hours(entries: Iterable[Entry], *by: str) -> dict[tuple[str, ...], float]:
    """Hours of training material by one or more of an entry's fields, such as kind and source."""
    total: dict[tuple[str, ...], float] = defaultdict(float)
    for entry in entries:
        if entry.split == "train":
            total[tuple(str(getattr(entry, name)) for name in by)] += entry.seconds / 3600
    return dict(sorted(total.items()))


def sources_text(entries: Sequence[Entry], thanks: dict[str, str]) -> str:
    """SOURCES.md: every source with its licence, hours and credit.

    Args:
        entries: the manifest.
        thanks: whom each source's licence wants named.
    """
    rows = ["# Where the training material comes from", ""]
    rows += ["| source | licence | hours (stems) | credit |", "|---|---|---|---|"]
    for (source, licence), n_hours in hours(entries, "source", "licence").items():
        rows.append(f"| {source} | {licence} | {n_hours:.2f} | {thanks.get(source, '')} |")
    return "\n".join(rows) + "\n"


def licences(entries: Iterable[Entry]) -> list[dict[str, str]]:
    """Source and licence of all training material, as a model's card lists them."""
    pairs = sorted({(e.source, e.licence) for e in entries if e.split == "train"})
    return [{"source": source, "licence": licence} for source, licence in pairs]
