"""The card: what a model file says of itself, kept in the ONNX file's own metadata."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self, get_args

from unbraid.errors import ModelError, SpecError
from unbraid.spec import Spec
from unbraid.stems import STEMS

CARD_KEY = "unbraid.card"
"""The key in the ONNX file's metadata under which the card stands, as JSON."""

InputKind = Literal["magnitude", "complex", "waveform"]
OutputKind = Literal["magnitude", "mask", "complex_mask", "waveform"]


@dataclass(frozen=True, slots=True)
class Card:
    """One graph's card.

    The graph has one input, float32 (1, 2, n_bins, n_frames) of magnitudes, or (1, 4, n_bins,
    n_frames) of real left, imaginary left, real right, imaginary right; and one output, (1,
    stems, 2, n_bins, n_frames) of magnitudes or masks, or (1, stems, 4, ...) of complex masks in
    the input's channel order. A graph on waveforms has (1, 2, n_samples) of a tile's samples and
    gives (1, stems, 2, n_samples).
    """

    name: str  # of the set it belongs to
    version: str
    architecture: str  # one line for people
    stems: tuple[str, ...]  # that this graph gives, in the order of its output
    spec: Spec
    input: InputKind
    output: OutputKind
    licence: str
    training_data: tuple[dict[str, str], ...]  # each with source and licence
    metrics: dict[str, Any] = field(default_factory=dict)  # measured figures, each named
    description: str = ""
    set_stems: tuple[str, ...] = STEMS  # that all graphs of the set together give

    def __post_init__(self) -> None:
        if not self.stems or len(set(self.stems)) < len(self.stems) or set(self.stems) - {*STEMS}:
            raise ModelError(f"stems must be some of {', '.join(STEMS)}, not {list(self.stems)}")
        if self.input not in get_args(InputKind) or self.output not in get_args(OutputKind):
            raise ModelError(f"unknown kind of input ({self.input}) or output ({self.output})")
        if (self.input == "waveform") != (self.output == "waveform"):
            raise ModelError("a graph on waveforms must give waveforms, and only such a graph")
        if set(self.stems) - set(self.set_stems):
            raise ModelError(
                f"gives {list(self.stems)}, of a set that gives {list(self.set_stems)}"
            )
        if not self.name or not self.licence:
            raise ModelError("name and licence must not be empty")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the graph's one input."""
        parts = 2 if self.input == "complex" else 1
        spec = self.spec
        if self.input == "waveform":
            return (1, spec.n_channels, spec.n_samples)
        return (1, spec.n_channels * parts, spec.n_bins, spec.n_frames)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of the graph's one output."""
        parts = 2 if self.output == "complex_mask" else 1
        spec = self.spec
        if self.output == "waveform":
            return (1, len(self.stems), spec.n_channels, spec.n_samples)
        return (1, len(self.stems), spec.n_channels * parts, spec.n_bins, spec.n_frames)

    def to_json(self) -> str:
        """As it stands in the file's metadata."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for printing."""
        result: dict[str, Any] = json.loads(self.to_json())
        return result

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read and check a card.

        Raises:
            ModelError: not JSON, a field missing, unknown or of the wrong type.
        """
        try:
            fields = json.loads(text)
            fields["spec"] = Spec.from_dict(fields["spec"])
            fields["stems"] = tuple(fields["stems"])
            fields["set_stems"] = tuple(fields.get("set_stems", STEMS))
            fields["training_data"] = tuple(
                {str(k): str(v) for k, v in entry.items()} for entry in fields["training_data"]
            )
            return cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError, SpecError) as error:
            raise ModelError(f"its card cannot be read: {error}") from None
