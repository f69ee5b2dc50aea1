"""The one place that talks to soxr: whole arrays, streams, and single blocks of a long track."""

from collections.abc import Callable
from math import gcd

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_QUALITY = "VHQ"  # pass band to 0.9 of the lower Nyquist frequency and more, alias below -120 dB
_BLOCK = 65_536  # about how many samples a block has; 1.5 s at 44.1 kHz
_MARGIN = 1_024  # samples of context on each side of a block, counted at the lower rate


def resampled_length(n_samples: int, rate_in: int, rate_out: int) -> int:
    """How many samples `n_samples` become: the nearest whole number."""
    return (2 * n_samples * rate_out + rate_in) // (2 * rate_in)


def resample(samples: Samples, rate_in: int, rate_out: int) -> Samples:
    """Convert a whole array from one sample rate to another (soxr, VHQ).

    Args:
        samples: float32, (channels, n).
        rate_in: its sample rate, Hz.
        rate_out: the wanted sample rate, Hz.

    Returns:
        float32, (channels, `resampled_length(n)`); the first sample stays the first.
    """
    if rate_in == rate_out:
        return samples
    converted = soxr.resample(
        np.ascontiguousarray(samples.T, np.float32), rate_in, rate_out, quality=_QUALITY
    )
    return _fit(converted.T, resampled_length(samples.shape[1], rate_in, rate_out))


def _fit(samples: Samples, n_samples: int) -> Samples:
    """Cut or zero-pad by the sample that soxr may round away from `resampled_length`."""
    if samples.shape[1] < n_samples:
        samples = np.pad(samples, ((0, 0), (0, n_samples - samples.shape[1])))
    return np.ascontiguousarray(samples[:, :n_samples])


class Resampler:
    """Streaming conversion for writers: what goes in over many calls comes out resampled.

    After `flush`, exactly `resampled_length(n)` samples have come out for n that went in, and the
    first sample that came out lies at the time of the first that went in.
    """

    def __init__(self, rate_in: int, rate_out: int, n_channels: int = 2) -> None:
        self._rate_in, self._rate_out = rate_in, rate_out
        self._n_channels = n_channels
        self._n_in = self._n_out = 0
        self._stream = (
            None
            if rate_in == rate_out
            else soxr.ResampleStream(
                rate_in, rate_out, n_channels, dtype="float32", quality=_QUALITY
            )
        )

    def write(self, samples: Samples) -> Samples:
        """Take (channels, n) samples in; give what can be given so far, maybe nothing."""
        if self._stream is None:
            return samples
        self._n_in += samples.shape[1]
        return self._count(self._stream.resample_chunk(np.ascontiguousarray(samples.T)).T)

    def flush(self) -> Samples:
        """Give the rest. The resampler takes no more samples afterwards."""
        if self._stream is None:
            return np.zeros((self._n_channels, 0), np.float32)
        empty = np.zeros((0, self._n_channels), np.float32)
        rest = self._stream.resample_chunk(empty, last=True).T
        missing = resampled_length(self._n_in, self._rate_in, self._rate_out) - self._n_out
        return _fit(rest, missing)

    def _count(self, samples: Samples) -> Samples:
        self._n_out += samples.shape[1]
        return samples


class BlockResampler:
    """Resamples any block of a long track by itself, always to the same numbers.

    Block k of the result is always computed from the same stretch of the source: its own samples
    and a margin on each side that is longer than soxr's filter, resampled in one go. So what a
    read returns does not depend on what was read before. Block borders lie where a sample of the
    source and one of the result coincide; the result differs from resampling the whole track at
    once by less than -100 dBFS.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        shared = gcd(rate_in, rate_out)
        step_in, step_out = rate_in // shared, rate_out // shared
        self._rates = (rate_in, rate_out)
        n_steps = max(1, _BLOCK // max(step_in, step_out))
        self.block = n_steps * step_out
        """Samples in a block of the result."""
        self._block_in = n_steps * step_in
        n_margin = 0
        if rate_in != rate_out:
            n_margin = -(-_MARGIN // min(step_in, step_out))
        self._margin_in, self._margin_out = n_margin * step_in, n_margin * step_out

    @property
    def overlap(self) -> int:
        """Samples of the source that two neighbouring blocks both need."""
        return 2 * self._margin_in

    def compute(self, index: int, read: Callable[[int, int], Samples]) -> Samples:
        """Compute one block of the result.

        Args:
            index: which block; it starts at sample `index * block` of the result.
            read: gives (channels, n) source samples from (start, n), zeros outside the source.

        Returns:
            float32, (channels, block).
        """
        start = index * self._block_in
        if self._margin_in == 0:
            return read(start, self._block_in)
        # soxr treats the first samples it sees in its own way: so does the track's first block.
        before_in, before_out = (self._margin_in, self._margin_out) if index else (0, 0)
        source = read(start - before_in, before_in + self._block_in + self._margin_in)
        whole = resample(source, *self._rates)
        return whole[:, before_out : before_out + self.block]
