"""What is compared: an excerpt of a song, and its true stems where they are known."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.track import Track
from unbraid.errors import UsageError
from unbraid.evaluation.layouts import EXTENSIONS, MIXTURES, SongFiles, find_songs
from unbraid.evaluation.panel import PanelSong, Song

Samples = NDArray[np.float32]

RATE: Final = 44_100
CONTEXT_S: Final = 10.0
"""What models hear on either side of the excerpt, where the song has it."""
DEFAULT_LENGTH_S: Final = 60.0
SHORTEST_S: Final = 1.0
LONGEST_S: Final = 300.0
"""A browser holds all sounds decoded: 1.8 GB of five minutes of three models and true stems."""
LENGTH_TOLERANCE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A stretch of a song.

    Attributes:
        title: of the song.
        song: float32, (2, n), the excerpt and what is around it, from sample `first` of the song.
        first: sample of the song at which `song` starts.
        start, n_samples: the excerpt, in samples of the song.
        true: float32, (4, 2, n_samples), of the excerpt; None where unknown.
        present: the stems that are known to be in the song.
        notes: what was made good, a line each.
    """

    title: str
    song: Samples
    first: int
    start: int
    n_samples: int
    true: Samples | None
    present: frozenset[str]
    notes: tuple[str, ...]

    @property
    def mixture(self) -> Samples:
        """(2, n_samples)."""
        return self.cut(self.song)

    def cut(self, samples: Samples) -> Samples:
        """What belongs to the excerpt of what was made from `song`; the last axis is time."""
        at = self.start - self.first
        return samples[..., at : at + self.n_samples]


def open_excerpt(
    song: Path,
    *,
    start_s: float = 0.0,
    length_s: float | None = None,
    reference: Path | None = None,
) -> Excerpt:
    """Read an excerpt.

    Args:
        song: a sound file, a .stem.mp4 with its stems, or a folder of stems, whose sum is then
            the mixture. A file called mixture (or mix, master ...) takes the stems beside it.
        start_s: where it starts.
        length_s: how long it is; at most a minute if not given.
        reference: a folder of the song's true stems.

    Raises:
        AudioError: a file cannot be read.
        UsageError: the excerpt is not in the song, or a folder has no stems.
    """
    true = _true_stems(song, reference)
    if song.is_dir():
        if true is None:
            raise UsageError(f"{song}: has no stems called vocals, drums, bass or other")
        title, whole, notes = true.name, true.mixture, list(true.notes)
        start, n_samples = _stretch(song, start_s, length_s, whole.shape[-1])
        first, last = _around(start, n_samples, whole.shape[-1])
        heard = whole[:, first:last]
    else:
        with Track(song, sample_rate=RATE) as track:
            start, n_samples = _stretch(song, start_s, length_s, track.n_samples)
            first, last = _around(start, n_samples, track.n_samples)
            heard = track.read(first, last - first)
            n_song = track.n_samples  # exact now, if the end was read
            title = track.tags.get("title") or song.name.removesuffix(".stem.mp4").removesuffix(
                song.suffix
            )
            notes = [*track.warnings, *(true.notes if true else ())]
        if true is not None:
            _check_length(song, n_song, true)
    stems = None
    if true is not None:
        stems = np.zeros((*true.stems.shape[:-1], n_samples), np.float32)
        part = true.stems[..., start : start + n_samples]
        stems[..., : part.shape[-1]] = part
    present = true.present if true else frozenset()
    return Excerpt(title, heard, first, start, n_samples, stems, present, tuple(notes))


def _true_stems(song: Path, reference: Path | None) -> Song | None:
    if reference is not None:
        if not reference.is_dir():
            raise UsageError(f"{reference}: is no folder; --reference takes the stems' folder")
        files = _in_folder(reference)
        if files is None:
            raise UsageError(
                f"{reference}: has no stems; name them vocals.wav, drums.wav, bass.wav, other.wav"
            )
    elif song.is_dir():
        files = _in_folder(song)
    elif song.name.endswith(".stem.mp4"):
        files = SongFiles(song, song.name.removesuffix(".stem.mp4"), "", ())
    elif song.stem.lower() in MIXTURES and song.suffix.lower() in EXTENSIONS:
        files = _in_folder(song.parent)
    else:
        return None
    return PanelSong(files.title, files).read(RATE) if files else None


def _in_folder(folder: Path) -> SongFiles | None:
    """The song whose folder this is, in any layout of a panel: its set is looked at around it."""
    folder = folder.resolve()
    for around in (folder.parent, folder.parent.parent):
        _, found = find_songs(around)
        for files in found.songs:
            if files.path.resolve() == folder and files.parts:
                return files
        for line in found.left_out:
            if line.startswith(f"{folder}:"):
                raise UsageError(line)
    return None


def _stretch(song: Path, start_s: float, length_s: float | None, n_song: int) -> tuple[int, int]:
    duration_s = n_song / RATE
    if not 0 <= start_s <= duration_s - min(SHORTEST_S, duration_s):
        raise UsageError(
            f"{song}: lasts {duration_s:.1f} s; an excerpt cannot start at {start_s:g} s"
        )
    if length_s is None:
        length_s = DEFAULT_LENGTH_S
    elif not SHORTEST_S <= length_s <= LONGEST_S:
        raise UsageError(f"--length {length_s:g}: give {SHORTEST_S:g} to {LONGEST_S:g} s")
    start = round(start_s * RATE)
    n_samples = min(round(length_s * RATE), n_song - start)
    if n_samples <= 0:
        raise UsageError(f"{song}: holds no sound")
    return start, n_samples


def _around(start: int, n_samples: int, n_song: int) -> tuple[int, int]:
    context = round(CONTEXT_S * RATE)
    return max(0, start - context), min(n_song, start + n_samples + context)


def _check_length(song: Path, n_song: int, true: Song) -> None:
    lengths_s = n_song / RATE, true.stems.shape[-1] / RATE
    if abs(lengths_s[0] - lengths_s[1]) > LENGTH_TOLERANCE_S:
        raise UsageError(
            f"{song}: lasts {lengths_s[0]:.1f} s, its true stems {lengths_s[1]:.1f} s; "
            "are they of another song or version?"
        )
