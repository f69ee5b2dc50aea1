"""Panels: songs whose true stems are known, in any layout of the field or our own."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.streams import read_streams
from unbraid.audio.track import Track
from unbraid.errors import AudioError, UsageError
from unbraid.evaluation.layouts import SongFiles, find_songs
from unbraid.evaluation.metrics import usdr
from unbraid.separation.offline import separate
from unbraid.separation.separator import Separator
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

BUILT_IN: Final = {"cc0-validation": Path("cc0-album/validation")}
"""Panels of the data pack by name."""

LENGTH_NOTED_S: Final = 0.1
LENGTH_REFUSED: Final = 0.5
"""Stems are padded with silence to the longest; more than this apart is told, and a stem shorter
than this share of the longest leaves its song out: it is cut off, or another song's."""

_JUDGED_BY: Final = ("test", "holdout", "validation", "valid", "val", "dev")
"""Of a set that is divided, the songs of the first of these parts are the panel."""


@dataclass(frozen=True, slots=True)
class Song:
    """One song of a panel."""

    name: str
    stems: Samples  # float32, (4, 2, n_samples); silence where the song has no such stem
    present: frozenset[str]
    notes: tuple[str, ...] = ()

    @property
    def mixture(self) -> Samples:
        """The sum of the stems, (2, n_samples)."""
        total: Samples = self.stems.sum(axis=0)
        return total


@dataclass(frozen=True, slots=True)
class PanelSong:
    """A song that is not read yet."""

    name: str
    files: SongFiles = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Changes when a file of the song does: of names, sizes and times."""
        paths = [p for _, paths in self.files.parts for p in paths] or [self.files.path]
        lines = []
        for path in paths:
            status = path.stat()
            lines.append(f"{path.name} {status.st_size} {status.st_mtime_ns}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def read(self, sample_rate: int = 44_100) -> Song:
        """Its stems; files of other rates are resampled, shorter ones padded with silence.

        Raises:
            AudioError: a file does not decode, or is not of this song's length.
        """
        notes: list[str] = []
        found: dict[str, list[Samples]] = {}
        if self.files.parts:
            for kind, paths in self.files.parts:
                if kind == "accompaniment":
                    notes.append("accompaniment is no stem; left out with its sound")
                    continue
                for path in paths:
                    with Track(path, sample_rate=sample_rate) as track:
                        pieces = [np.zeros((2, 0), np.float32), *track.blocks()]
                        found.setdefault(kind, []).append(np.concatenate(pieces, axis=-1))
                        notes += [f"{path.name}: {warning}" for warning in track.warnings]
        else:
            streams = read_streams(self.files.path, sample_rate)
            if len(streams) != 5:
                raise AudioError(f"{self.files.path}: has {len(streams)} streams instead of five")
            kinds = ("drums", "bass", "other", "vocals")  # after the mixture
            found = {kind: [s] for kind, s in zip(kinds, streams[1:], strict=True)}
        if not found:
            raise AudioError(f"{self.files.path}: has none of the stems {', '.join(STEMS)}")
        lengths = {stem: max(part.shape[-1] for part in parts) for stem, parts in found.items()}
        longest, shortest = max(lengths.values()), min(lengths, key=lambda stem: lengths[stem])
        lack_s = (longest - lengths[shortest]) / sample_rate
        if lengths[shortest] < LENGTH_REFUSED * longest:
            raise AudioError(
                f"{self.files.path}: {shortest} ends {lack_s:.1f} s early, before half of "
                "the song; is it cut off, or another song's?"
            )
        if lack_s > LENGTH_NOTED_S:
            notes.append(f"{shortest} ends {lack_s:.1f} s early; silence is put there")
        stems = np.zeros((len(STEMS), 2, longest), np.float32)
        for stem, parts in found.items():
            for part in parts:
                stems[STEMS.index(stem), :, : part.shape[-1]] += part
        missing = [stem for stem in STEMS if stem not in found]
        if missing:
            notes.append(f"no {', '.join(missing)}")
        return Song(self.name, stems, frozenset(found), tuple(notes))


@dataclass(frozen=True, slots=True)
class Panel:
    """The songs of a folder."""

    name: str
    path: Path
    layout: str
    songs: tuple[PanelSong, ...]
    left_out: tuple[str, ...] = ()


def open_panel(name: str | Path, pack: Path | None = None) -> Panel:
    """A panel by its name or folder; nothing is decoded yet.

    Args:
        name: of a built-in panel, or a folder: MUSDB18, MUSDB18-HQ, MoisesDB, Slakh2100, or any
            <song>/<stem>.<extension>. Of a set that is divided, only what is not for training.
        pack: the data pack's folder; $UNBRAID_DATA if not given.

    Raises:
        UsageError: the pack is not known.
        AudioError: there is no such folder, or no song in it.
    """
    path = Path(name)
    if str(name) in BUILT_IN and not path.is_dir():
        root = pack or (Path(os.environ["UNBRAID_DATA"]) if "UNBRAID_DATA" in os.environ else None)
        if root is None:
            raise UsageError(
                f"{name}: lies in the data pack; name its folder with --pack or in UNBRAID_DATA"
            )
        path = root / BUILT_IN[str(name)]
    if not path.is_dir():
        known = ", ".join(BUILT_IN)
        raise AudioError(
            f"{path}: no such folder; give one with a folder a song, or a panel: {known}"
        )
    layout, found = find_songs(path)
    parts = {song.part for song in found.songs}
    judged = next((part for part in _JUDGED_BY if part in parts), None)
    chosen = [song for song in found.songs if judged is None or song.part == judged]
    if not chosen:
        why = f" ({found.left_out[0]})" if found.left_out else ""
        raise AudioError(f"{path}: holds no songs; expected <song>/<stem>.wav (or ogg, ...){why}")
    songs_ = tuple(PanelSong(song.title, song) for song in chosen)
    names = [song.name for song in songs_]
    if len(set(names)) < len(names):  # MoisesDB has two songs of one title
        songs_ = tuple(PanelSong(f"{s.name} ({s.files.path.name})", s.files) for s in songs_)
    return Panel(
        str(name) if str(name) in BUILT_IN else path.resolve().name,
        path,
        layout.name,
        songs_,
        tuple(found.left_out),
    )


def songs(folder: Path, sample_rate: int = 44_100) -> Iterator[Song]:
    """Read a panel's songs, one at a time.

    Raises:
        AudioError: there is no song in it.
    """
    for song in open_panel(folder).songs:
        yield song.read(sample_rate)


@dataclass(frozen=True, slots=True)
class Score:
    """uSDR of one estimate of one song's stems, in dB."""

    song: str
    estimate: str  # a model's name, or "quarter of the mixture"
    usdr_db: dict[str, float]  # by stem, of the stems the song has


QUARTER = "a quarter of the mixture"
"""The trivial estimate that every figure must be read beside."""


def evaluate(
    panel: Path,
    separators: list[Separator],
    *,
    progress: Callable[[Score], None] | None = None,
) -> list[Score]:
    """uSDR of models on a panel, and nothing else: what training asks for; see also `run.py`.

    Args:
        panel: the folder; see `songs`.
        separators: the models, run in this process.
        progress: called with each score.

    Returns:
        For each song the trivial estimate's score and each model's.
    """
    scores: list[Score] = []

    def score(song: Song, name: str, estimate: Samples, given: tuple[str, ...] = STEMS) -> None:
        scores.append(
            Score(
                song.name,
                name,
                {
                    stem: usdr(song.stems[i], estimate[i])
                    for i, stem in enumerate(STEMS)
                    if stem in song.present and stem in given
                },
            )
        )
        if progress:
            progress(scores[-1])

    for song in songs(panel):
        score(song, QUARTER, np.stack([song.mixture / 4] * len(STEMS)))
        for separator in separators:
            pieces: list[Samples] = []
            rate = separator.spec.sample_rate
            with Track.from_array(song.mixture, 44_100, model_rate=rate) as track:
                separate(track, separator, pieces.append)
            score(song, separator.name, np.concatenate(pieces, axis=-1), separator.stems)
    return scores


def means(scores: list[Score]) -> dict[str, dict[str, float]]:
    """Mean over songs of the uSDR, by estimate and stem."""
    result: dict[str, dict[str, float]] = {}
    for estimate in dict.fromkeys(score.estimate for score in scores):
        of_it = [score.usdr_db for score in scores if score.estimate == estimate]
        result[estimate] = {
            stem: float(np.mean([s[stem] for s in of_it if stem in s]))
            for stem in STEMS
            if any(stem in s for s in of_it)
        }
    return result
