"""Estimates that know the answer, and such as do not even listen: a table's ceiling and floor."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import UsageError
from unbraid.evaluation.scoring import METRICS_VERSION
from unbraid.spec import Spec
from unbraid.spectral.stft import istft, stft
from unbraid.stems import STEMS

Samples = NDArray[np.float32]
Spectra = NDArray[np.complex64]

_SPEC: Final = Spec()
_EDGE: Final = _SPEC.n_fft - _SPEC.hop
_BLOCK: Final = 512 * _SPEC.hop  # samples masked at once: 12 s, 200 MB


def _mixture(mixture: Samples, stems: Samples) -> Samples:
    return np.stack([mixture] * len(stems))


def _quarter(mixture: Samples, stems: Samples) -> Samples:
    return np.stack([mixture / np.float32(4)] * len(stems))


def _best_gain(mixture: Samples, stems: Samples) -> Samples:
    power = float(np.vdot(mixture, mixture)) or 1.0
    gains = [np.float32(np.vdot(mixture, stem) / power) for stem in stems]
    return np.stack([gain * mixture for gain in gains])


def _ratio(X: Spectra, S: Spectra) -> Any:
    size = np.abs(S)
    return size / (size.sum(axis=0) + np.float32(1e-9))


def _power_ratio(X: Spectra, S: Spectra) -> Any:
    power = np.square(np.abs(S))
    return power / (power.sum(axis=0) + np.float32(1e-12))


def _phase_sensitive(X: Spectra, S: Spectra) -> Any:
    ratio = (S * X.conj()).real / (np.square(np.abs(X)) + np.float32(1e-12))
    return np.clip(ratio, 0, 1)


def _complex(X: Spectra, S: Spectra) -> Any:
    ratio = S * X.conj() / (np.square(np.abs(X)) + np.float32(1e-12))
    return ratio / np.maximum(np.abs(ratio), 1)


Mask = Callable[[Spectra, Spectra], Any]
"""From the mixture's spectrum and the stems' to masks, real or complex, of the stems' shape."""


def _masked(mask: Mask) -> Callable[[Samples, Samples], Samples]:
    """An oracle from its mask of (2, bins, frames) and (4, 2, bins, frames), block by block."""

    def estimate(mixture: Samples, stems: Samples) -> Samples:
        n_samples = mixture.shape[-1]
        # A short song is one block of its own length, to the hop.
        block = min(_BLOCK, -(-n_samples // _SPEC.hop) * _SPEC.hop)
        result = np.empty_like(stems)
        for start in range(0, n_samples, max(1, block)):
            signals = np.zeros((len(stems) + 1, 2, block + 2 * _EDGE), np.float32)
            begin, end = max(0, start - _EDGE), min(n_samples, start + block + _EDGE)
            place = slice(begin - start + _EDGE, end - start + _EDGE)
            signals[0, :, place] = mixture[:, begin:end]
            signals[1:, :, place] = stems[..., begin:end]
            X, *S = (stft(signal, _SPEC) for signal in signals)
            parts = istft((mask(X, np.stack(S)) * X).astype(np.complex64), _SPEC)
            stop = min(n_samples, start + block)
            result[..., start:stop] = parts[..., _EDGE : _EDGE + stop - start]
        return result

    return estimate


@dataclass(frozen=True)
class KnowingModel:
    """A pseudo-model that is told the true stems before it separates; obeys `Model`."""

    name: str
    says: str  # one line for people
    make: Callable[[Samples, Samples], Samples] = field(repr=False)
    stems: tuple[str, ...] = STEMS
    licence: str = "none needed"
    sample_rate: int = 44_100
    sha256: str = f"metrics {METRICS_VERSION}"
    truth: Samples | None = field(default=None, repr=False)

    def knowing(self, truth: Samples) -> "KnowingModel":
        """The same, told the true stems of the song to come, (4, 2, n_samples)."""
        return replace(self, truth=truth)

    def separate(self, samples: Samples) -> Samples:
        """See `Model`.

        Raises:
            UsageError: it was not told the true stems.
        """
        if self.truth is None:
            raise UsageError(f"{self.name} needs the true stems; only `unbraid evaluate` has them")
        return self.make(samples, self.truth)


BEST_GAIN: Final = "mixture*gain"
TRIVIAL: Final = {
    model.name: model
    for model in (
        KnowingModel("mixture", "the mixture itself for every stem", _mixture),
        KnowingModel("mixture/4", "a quarter of the mixture for every stem", _quarter),
        KnowingModel(BEST_GAIN, "the mixture at the best constant gain a stem", _best_gain),
    )
}
ORACLES: Final = {
    model.name: model
    for model in (
        KnowingModel("oracle:ratio", "the true ratio mask", _masked(_ratio)),
        KnowingModel("oracle:power", "the true power ratio mask", _masked(_power_ratio)),
        KnowingModel("oracle:phase", "the true real mask in [0, 1]", _masked(_phase_sensitive)),
        KnowingModel("oracle:complex", "the true complex mask, at most 1", _masked(_complex)),
    )
}
KNOWING: Final = TRIVIAL | ORACLES
