"""Spec: the analysis settings a model was trained with, written into it and read back from it."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from unbraid.errors import SpecError


@dataclass(frozen=True, slots=True)
class Spec:
    """How samples become the spectra a model sees.

    The defaults are the seed's: at 44.1 kHz a bin is 10.77 Hz wide, a frame lasts 93 ms, frames
    are 23.2 ms apart, a tile is 4.46 s long and the model's top frequency is 11 025 Hz.
    """

    sample_rate: int = 44_100  # Hz
    n_fft: int = 4096  # samples in a frame
    hop: int = 1024  # samples between frames
    n_bins: int = 1024  # lowest rows of the spectrum that the model sees
    n_frames: int = 192  # frames in a tile, context included
    context: int = 16  # frames at each end of a tile that are only context
    n_channels: int = 2

    def __post_init__(self) -> None:
        bounds = {
            "sample_rate": (8_000, 192_000),
            "n_fft": (64, 65_536),
            "hop": (16, 65_536),
            "n_bins": (1, self.n_fft // 2 + 1),
            "n_frames": (1, 16_384),
            "context": (0, (self.n_frames - 1) // 2),
            "n_channels": (1, 2),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise SpecError(
                    f"{name} must be a whole number from {low} to {high}, not {value!r}"
                )
        if self.n_fft % 2 or self.n_fft % self.hop or self.n_fft < 2 * self.hop:
            raise SpecError(f"n_fft ({self.n_fft}) must be even and a multiple of hop, at least 2x")

    @property
    def n_rows(self) -> int:
        """Rows of the full spectrum, up to half the sample rate: 2049 for n_fft 4096."""
        return self.n_fft // 2 + 1

    @property
    def n_samples(self) -> int:
        """Samples that a tile's frames cover: 199 680 (4.5 s) at the defaults."""
        return (self.n_frames - 1) * self.hop + self.n_fft

    @property
    def stride(self) -> int:
        """Frames from one tile to the next: what a tile adds besides its context."""
        return self.n_frames - 2 * self.context

    def to_dict(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Read a spec back from a model's card; unknown fields are an error."""
        unknown = set(fields) - set(cls.__dataclass_fields__)
        if unknown:
            raise SpecError(
                f"unknown spec fields {sorted(unknown)}; the model needs a newer unbraid"
            )
        return cls(**fields)
