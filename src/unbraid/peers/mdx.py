"""MDX-Nets as the Ultimate Vocal Remover runs them: ONNX files that give one stem's spectrum.

M. Kim et al., "KUIELab-MDX-Net: A Two-Stream Neural Network for Music Demixing", 2021. A file
does not say with which transform it was trained: whoever made it does.
"""

import numpy as np

from unbraid.errors import ModelError
from unbraid.peers.graph import PeerGraph
from unbraid.peers.peer import Argument, Peer, Samples
from unbraid.peers.segments import in_segments
from unbraid.peers.shipped import UNKNOWN
from unbraid.peers.spectra import centred_istft, centred_stft
from unbraid.stems import STEMS

OPTIONS = ("n_fft", "stem", "hop", "dim_f", "dim_t", "compensate", "licence")
REMEDY = "name an MDX-Net's file and its transform: mdx:FILE.onnx,n_fft=6144,stem=vocals"
OVERLAP = 0.25
_INSTRUMENTAL = "instrumental"
_LOWEST_BINS = 3
"""Silenced before the net, as the Ultimate Vocal Remover does: rumble below 20 Hz."""


class MDXNet(Peer):
    """One stem. `stem=instrumental` is a net that gives the song without vocals.

    Args:
        argument: the file and its options; dim_f and dim_t are read off it where it tells them.

    Raises:
        ModelError: another kind of graph, or options that do not fit it.
    """

    def __init__(self, argument: Argument) -> None:
        self._graph = graph = PeerGraph("mdx", argument.path)
        inputs = graph.inputs[0] if len(graph.inputs) == 1 else ()
        if len(inputs) != 4 or inputs[1] not in (4, None) or len(graph.outputs) != 1:
            raise graph.refuse("one spectrum (batch, 4, dim_f, dim_t) in and out")
        for option, size in (("dim_f", inputs[2]), ("dim_t", inputs[3])):
            if option in argument.options and size not in (int(argument.number(option)), None):
                raise ModelError(f"mdx: {argument.path}: its {option} is {size}")
        self._n_bins = inputs[2] or int(argument.number("dim_f"))
        self._n_frames = inputs[3] or int(argument.number("dim_t"))
        self._n_fft = int(argument.number("n_fft"))
        self._hop = int(argument.number("hop", 1024))
        self._gain = np.float32(argument.number("compensate", 1.0))
        self._n_segment = self._hop * (self._n_frames - 1)
        if self._n_fft % 2 or self._n_fft < 2 * (self._n_bins - 1):
            raise ModelError(f"mdx: n_fft={self._n_fft} does not give its {self._n_bins} bins")
        if self._n_segment < 2 * self._n_fft:
            raise ModelError(f"mdx: n_fft={self._n_fft} is too long for {self._n_frames} frames")
        stem = argument.options.get("stem", "")
        if stem not in (*STEMS, _INSTRUMENTAL):
            raise ModelError(
                f"mdx: stem= says what the net gives: {', '.join(STEMS)}, instrumental"
            )
        self._is_rest = stem == _INSTRUMENTAL
        super().__init__(
            f"mdx:{argument.path.stem}",
            argument.options.get("licence", UNKNOWN),
            ("vocals",) if self._is_rest else (stem,),
            argument.sha256(argument.path),
        )

    def separate(self, samples: Samples) -> Samples:
        """See `unbraid.separation.model.Model`."""
        n_edge = self._n_fft // 2
        found = in_segments(
            samples,
            self._segment,
            n_stems=1,
            n_segment=self._n_segment,
            n_fade=round(OVERLAP * (self._n_segment - 2 * n_edge)),
            n_edge=n_edge,
        )
        return samples - found if self._is_rest else found

    def _segment(self, piece: Samples) -> Samples:
        spectrum = centred_stft(piece, self._n_fft, self._hop)[:, : self._n_bins]
        parts = np.stack([spectrum.real, spectrum.imag], axis=1)
        given = parts.reshape(1, 4, *spectrum.shape[1:]).astype(np.float32)
        given[:, :, :_LOWEST_BINS] = 0
        found = self._graph(given)[0]
        if found.shape != given.shape:
            raise self._graph.refuse("an output like the input")
        whole = np.zeros((2, self._n_fft // 2 + 1, spectrum.shape[-1]), np.complex64)
        left_right = found[0].reshape(parts.shape)
        whole[:, : self._n_bins] = left_right[:, 0] + np.complex64(1j) * left_right[:, 1]
        return self._gain * centred_istft(whole, self._hop, piece.shape[-1])[None]


def open_model(argument: str | None) -> MDXNet:
    """See `unbraid.separation.model`."""
    return MDXNet(Argument.read("mdx", argument, known=OPTIONS, remedy=REMEDY))
