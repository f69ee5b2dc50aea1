"""Any ONNX file that takes a waveform and gives stems: (1, 2, n) to (1, stems, 2, n).

What it gives is told by the option `stems=` or by the file's own metadata (`stems`, and if it
likes `sample_rate` and `licence`).
"""

import json

from unbraid.errors import ModelError
from unbraid.peers.graph import PeerGraph
from unbraid.peers.peer import Argument, Peer, Samples, of_our_stems
from unbraid.peers.segments import in_segments
from unbraid.peers.shipped import UNKNOWN
from unbraid.stems import STEMS

OPTIONS = ("stems", "sample_rate", "segment_s", "licence")
REMEDY = "name a file and what it gives: onnx:FILE.onnx,stems=drums+bass+other+vocals"
SEGMENT_S = 10.0
"""Of a file that takes any length."""
OVERLAP = 0.25


class WaveformModel(Peer):
    """Stems from waveforms, in segments that overlap by a quarter.

    Args:
        argument: the file and its options.

    Raises:
        ModelError: another kind of graph, or nobody says what its stems are.
    """

    def __init__(self, argument: Argument) -> None:
        self._graph = graph = PeerGraph("onnx", argument.path)
        shapes = [*graph.inputs, *graph.outputs]
        if [len(shape) for shape in shapes] != [3, 4] or shapes[0][1] not in (2, None):
            raise graph.refuse("(1, 2, n) in and (1, stems, 2, n) out")
        self._names = _names(argument.options.get("stems") or graph.metadata.get("stems", ""))
        stems = tuple(name for name in self._names if name in STEMS)
        if not stems:
            raise ModelError(
                f"onnx: {argument.path}: does not say what its stems are; "
                f"add stems= with some of {'+'.join(STEMS)}, in its order"
            )
        if shapes[1][1] not in (len(self._names), None):
            raise ModelError(
                f"onnx: {argument.path}: gives {shapes[1][1]} stems, not {len(self._names)} "
                f"({'+'.join(self._names)})"
            )
        rate = int(argument.number("sample_rate", graph.metadata.get("sample_rate", 44_100)))
        asked = round(argument.number("segment_s", SEGMENT_S) * rate)
        self._n_segment = shapes[0][2] or asked
        super().__init__(
            f"onnx:{argument.path.stem}",
            argument.options.get("licence") or graph.metadata.get("licence") or UNKNOWN,
            stems,
            argument.sha256(argument.path),
            rate,
        )

    def separate(self, samples: Samples) -> Samples:
        """See `unbraid.separation.model.Model`."""
        return in_segments(
            samples,
            self._segment,
            n_stems=len(self.stems),
            n_segment=self._n_segment,
            n_fade=round(OVERLAP * self._n_segment),
        )

    def _segment(self, piece: Samples) -> Samples:
        found = self._graph(piece[None])[0]
        if found.shape != (1, len(self._names), *piece.shape):
            raise ModelError(
                f"{self.name}: gives {found.shape} for {len(self._names)} stems of {piece.shape}"
            )
        return of_our_stems(self._names, found[0])[1]


def _names(text: str) -> tuple[str, ...]:
    """From "a+b", "a,b" or a JSON list."""
    try:
        listed = json.loads(text)
    except ValueError:
        listed = text.replace(",", "+").split("+")
    names = tuple(str(name).strip() for name in listed) if isinstance(listed, list) else ()
    return tuple(name for name in names if name)


def open_model(argument: str | None) -> WaveformModel:
    """See `unbraid.separation.model`."""
    return WaveformModel(Argument.read("onnx", argument, known=OPTIONS, remedy=REMEDY))
