"""The bundled clip: 24 s of an openly licensed song whose four true stems are known."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.track import Track
from unbraid.stems import STEMS

FOLDER: Final = Path(__file__).parent / "clip"
TITLE: Final = "Francium"
ARTIST: Final = "Software-Entwicklungskit"
ALBUM: Final = "Everything is Free"
LICENCE: Final = "CC0 1.0"
CREDIT: Final = (
    f'"{TITLE}" by {ARTIST}, from "{ALBUM}" (ichbinsoftware/everythingisfree), {LICENCE}; '
    "24 s from 4:05 on"
)


@dataclass(frozen=True, slots=True)
class Clip:
    """The clip, decoded.

    Attributes:
        stems: the true stems, float32, (4, 2, n_samples), in the order of STEMS.
        sample_rate: Hz.
    """

    stems: NDArray[np.float32]
    sample_rate: int

    @property
    def mixture(self) -> NDArray[np.float32]:
        """The sum of the true stems, (2, n_samples)."""
        total: NDArray[np.float32] = self.stems.sum(axis=0)
        return total


def load_clip(sample_rate: int = 44_100) -> Clip:
    """Decode the true stems.

    Args:
        sample_rate: Hz to bring them to.

    Raises:
        AudioError: the installation lacks the clip.
    """
    parts: list[NDArray[np.float32]] = []
    for stem in STEMS:
        with Track(FOLDER / f"{stem}.ogg", sample_rate=sample_rate) as track:
            parts.append(np.concatenate(list(track.blocks()), axis=-1))
    n_samples = min(part.shape[-1] for part in parts)
    return Clip(np.stack([part[:, :n_samples] for part in parts]), sample_rate)
