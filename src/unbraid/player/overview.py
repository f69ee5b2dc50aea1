"""The song at a glance: peaks for waveforms, filled in as the song is decoded and taken apart."""

import numpy as np
from numpy.typing import NDArray

from unbraid.stems import STEMS

Samples = NDArray[np.float32]

COLUMN = 1024
"""Samples that a column stands for: 23 ms at 44.1 kHz."""


class Overview:
    """Lowest and highest sample of each column, of the mono sum, in steps of 1/127 of full scale.

    The threads that decode and separate fill it; anybody may read at any time. `version` grows
    after each change. A longer song than its header said gets new, longer arrays: take an array
    once, and use its own length.

    Attributes:
        mixture: int8, (n_columns, 2): lowest and highest.
        stems: int8, (4, n_columns, 2), in the order of STEMS; of the model that plays.
        decoded: bool, (n_columns,): where `mixture` is filled in.
        available: bool, (n_columns,): where `stems` is filled in.
        version: counts changes.

    Args:
        n_samples: the song's length.
    """

    def __init__(self, n_samples: int = 0) -> None:
        n_columns = -(-n_samples // COLUMN)
        self.n_samples = n_samples
        self.version = 0
        self.mixture = np.zeros((n_columns, 2), np.int8)
        self.stems = np.zeros((len(STEMS), n_columns, 2), np.int8)
        self.decoded = np.zeros(n_columns, np.bool_)
        self.available = np.zeros(n_columns, np.bool_)

    @property
    def n_columns(self) -> int:
        """Columns of the song as far as its length is known."""
        return len(self.decoded)

    def set_length(self, n_samples: int) -> None:
        """The song is longer or shorter than was thought."""
        n_columns = -(-n_samples // COLUMN)
        self.n_samples = n_samples
        n_more = max(0, n_columns - self.n_columns)
        kept = min(n_columns, self.n_columns)
        self.mixture = np.pad(self.mixture[:kept], ((0, n_more), (0, 0)))
        self.stems = np.pad(self.stems[:, :kept], ((0, 0), (0, n_more), (0, 0)))
        self.available = np.pad(self.available[:kept], (0, n_more))
        self.decoded = np.pad(self.decoded[:kept], (0, n_more))
        self.version += 1

    def add_mixture(self, start: int, samples: Samples) -> None:
        """Take a part of the mixture.

        Args:
            start: its first sample, a multiple of COLUMN.
            samples: float32, (2, n).
        """
        first, peaks = self._peaks(start, samples)
        self.mixture[first : first + len(peaks)] = peaks
        self.decoded[first : first + len(peaks)] = True
        self.version += 1

    def add_stems(self, start: int, stems: Samples) -> None:
        """Take a part of the stems.

        Args:
            start: its first sample, a multiple of COLUMN.
            stems: float32, (4, 2, n).
        """
        for lane, samples in zip(self.stems, stems, strict=True):
            first, peaks = self._peaks(start, samples)
            lane[first : first + len(peaks)] = peaks
        self.available[first : first + len(peaks)] = True
        self.version += 1

    def clear_stems(self) -> None:
        """Another model plays."""
        self.available[:] = False
        self.stems[:] = 0
        self.version += 1

    def _peaks(self, start: int, samples: Samples) -> tuple[int, NDArray[np.int8]]:
        first = start // COLUMN
        mono = samples.sum(axis=0)
        n_columns = min(-(-len(mono) // COLUMN), max(0, self.n_columns - first))
        mono = np.pad(mono, (0, max(0, n_columns * COLUMN - len(mono))), mode="edge")
        columns = mono[: n_columns * COLUMN].reshape(n_columns, COLUMN)
        peaks = np.stack([columns.min(axis=1, initial=0), columns.max(axis=1, initial=0)], axis=1)
        return first, np.clip(np.rint(peaks * (127 / 2)), -127, 127).astype(np.int8)
