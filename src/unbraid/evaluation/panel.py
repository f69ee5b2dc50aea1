"""Songs whose true stems are known, and what models make of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.track import Track
from unbraid.errors import AudioError
from unbraid.evaluation.metrics import usdr
from unbraid.separation.offline import separate
from unbraid.separation.separator import Separator
from unbraid.stems import STEMS

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Song:
    """One song of a panel."""

    name: str
    stems: Samples  # float32, (4, 2, n_samples); silence where the song has no such stem
    present: frozenset[str]

    @property
    def mixture(self) -> Samples:
        """The sum of the stems, (2, n_samples)."""
        total: Samples = self.stems.sum(axis=0)
        return total


def songs(folder: Path, sample_rate: int = 44_100) -> Iterator[Song]:
    """Read a panel: a folder of `<song>/<stem>.<any sound format>`, one song at a time.

    Raises:
        AudioError: there is no song in it.
    """
    found = False
    for song in sorted(p for p in folder.glob("*") if p.is_dir()):
        files = {f.stem: f for f in sorted(song.iterdir()) if f.stem in STEMS}
        if not files:
            continue
        found = True
        parts: dict[str, Samples] = {}
        for stem, file in files.items():
            with Track(file, sample_rate=sample_rate) as track:
                parts[stem] = np.concatenate(list(track.blocks()), axis=-1)
        stems = np.zeros((len(STEMS), 2, max(p.shape[-1] for p in parts.values())), np.float32)
        for stem, samples in parts.items():
            stems[STEMS.index(stem), :, : samples.shape[-1]] = samples
        yield Song(song.name, stems, frozenset(parts))
    if not found:
        raise AudioError(f"{folder}: holds no songs; expected <song>/<stem>.wav (or ogg, ...)")


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
    """Score models on a panel.

    Args:
        panel: the folder; see `songs`.
        separators: the models.
        progress: called with each score.

    Returns:
        For each song the trivial estimate's score and each model's.
    """
    scores: list[Score] = []

    def score(song: Song, name: str, estimate: Samples) -> None:
        scores.append(
            Score(
                song.name,
                name,
                {
                    stem: usdr(song.stems[i], estimate[i])
                    for i, stem in enumerate(STEMS)
                    if stem in song.present
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
            score(song, separator.name, np.concatenate(pieces, axis=-1))
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
