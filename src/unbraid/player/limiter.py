"""A look-ahead limiter that keeps the true peak below -1 dB."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Samples = NDArray[np.float32]

CEILING_DB = -1.0
"""Of the true peak: EBU R 128 leaves so much to converters and lossy codecs."""

LOOK_AHEAD = 128
"""Samples over which the gain comes down before a peak, 2.9 ms at 44.1 kHz; a power of two."""

RELEASE_PER_S = 4.0
"""The gain comes back by so much of full scale a second: 6 dB in an eighth of one."""

ACTING = 0.999
"""Below this gain the limiter is said to act: 0.01 dB."""

N_PHASES = 8
N_TAPS = 48
"""Of the interpolator, for each phase: flat up to 20 kHz at 44.1 kHz."""

_MARGIN_DB = 0.15  # what eight points a sample may miss of a peak


class Limiter:
    """Turns down what would exceed the ceiling, at samples or between them, before it comes.

    A sample's level is the largest of eight points from it to the next (ITU-R BS.1770-5, annex 2,
    which takes four). The gain that it needs comes back slowly, is held over the look-ahead
    and averaged over it: a smooth curve that is low enough in time.

    The delay is the same on and off, so switching never clicks; while the gain rests at one,
    samples pass bit by bit. Nothing is allocated after construction.

    Args:
        sample_rate: Hz.
        max_block: most samples at once.
    """

    def __init__(self, sample_rate: int = 44_100, max_block: int = 4096) -> None:
        self.on = False
        self.gain = 1.0
        """The smallest gain of the last block."""
        self.latency = LOOK_AHEAD - 1 + N_TAPS // 2
        """Samples by which it delays."""
        self._ceiling = 10 ** ((CEILING_DB - _MARGIN_DB) / 20)
        self._samples = np.zeros((2, self.latency + max_block), np.float32)  # the delayed first
        newest = self._samples[:, self.latency - (N_TAPS - 1) :]
        self._windows = sliding_window_view(newest, N_TAPS, axis=1)
        self._taps = _interpolator()
        self._points = np.zeros((2, max_block, N_PHASES), np.float32)
        self._needed = np.ones(max_block)
        # Each with what the look-ahead still needs of earlier blocks in front.
        self._gains = np.ones(LOOK_AHEAD - 1 + max_block)
        self._held = np.ones(LOOK_AHEAD - 1 + max_block)
        self._lows = np.ones((2, LOOK_AHEAD - 1 + max_block))
        self._sums = np.zeros(LOOK_AHEAD + max_block)
        self._result = np.ones(max_block, np.float32)
        self._release = RELEASE_PER_S / sample_rate * np.arange(1, max_block + 1)
        self._sample_tail = np.zeros((2, self.latency), np.float32)
        self._gain_tail = np.zeros(LOOK_AHEAD - 1)
        self._n_at_one = 2 * LOOK_AHEAD  # samples for which no gain was needed, up to now

    @property
    def acting(self) -> bool:
        """Whether it turned the last block down."""
        return self.gain < ACTING

    def limit(self, out: Samples) -> None:
        """Delay and limit a block in place.

        Args:
            out: float32, (2, n).
        """
        n_samples = out.shape[1]
        if not n_samples:
            return
        line = self._samples[:, : self.latency + n_samples]
        line[:, self.latency :] = out
        if self.on or self._n_at_one < 2 * LOOK_AHEAD:
            gains = self._next_gains(n_samples)
            for channel, delayed in zip(out, line, strict=True):
                np.multiply(delayed[:n_samples], gains, out=channel)
            self.gain = float(gains.min())
        else:
            np.copyto(out, line[:, :n_samples])
            self.gain = 1.0
        _keep_end(line, self._sample_tail)

    def _next_gains(self, n_samples: int) -> Samples:
        gains = self._gains[: LOOK_AHEAD - 1 + n_samples]
        held = self._held[: LOOK_AHEAD - 1 + n_samples]
        self._come_back(self._what_is_needed(n_samples), gains)
        self._hold(gains, held[LOOK_AHEAD - 1 :])
        # The mean of LOOK_AHEAD gains, as a difference of running sums.
        sums = self._sums[: LOOK_AHEAD + n_samples]
        np.cumsum(held, out=sums[1:])
        needed = self._needed[:n_samples]
        np.subtract(sums[LOOK_AHEAD:], sums[:n_samples], out=needed)
        result = self._result[:n_samples]
        np.divide(needed, LOOK_AHEAD, out=needed)
        np.copyto(result, needed)
        self._n_at_one = self._n_at_one + n_samples if gains.min() > 1 - 1e-9 else 0
        _keep_end(gains, self._gain_tail)
        _keep_end(held, self._gain_tail)
        return result

    def _what_is_needed(self, n_samples: int) -> NDArray[np.float64]:
        """The gain that each sample needs by itself."""
        needed = self._needed[:n_samples]
        if not self.on:
            needed.fill(1)
            return needed
        points = self._points[:, :n_samples]
        np.matmul(self._windows[:, :n_samples], self._taps, out=points)
        np.abs(points, out=points)
        points.max(axis=(0, 2), out=self._result[:n_samples])
        np.copyto(needed, self._result[:n_samples])
        np.maximum(needed, self._ceiling, out=needed)
        np.divide(self._ceiling, needed, out=needed)
        return needed

    def _come_back(self, needed: NDArray[np.float64], gains: NDArray[np.float64]) -> None:
        """Never above what is needed, and rising slowly.

        gain[k] = min(needed[k], gain[k - 1] + release), the release taken out and put back in.
        """
        release = self._release[: len(needed)]
        np.subtract(needed, release, out=needed)
        needed[0] = min(needed[0], gains[LOOK_AHEAD - 2])
        new = gains[LOOK_AHEAD - 1 :]
        np.minimum.accumulate(needed, out=new)
        np.add(new, release, out=new)

    def _hold(self, gains: NDArray[np.float64], lowest: NDArray[np.float64]) -> None:
        """The lowest of the last LOOK_AHEAD gains, in windows that double."""
        width, lows = 1, gains
        while width < LOOK_AHEAD:
            n_left = len(lows) - width
            is_last = 2 * width == LOOK_AHEAD
            target = lowest if is_last else self._lows[width.bit_length() % 2, :n_left]
            np.minimum(lows[width:], lows[:-width], out=target)
            width, lows = 2 * width, target


def _keep_end(line: NDArray[np.floating], tail: NDArray[np.floating]) -> None:
    """Move the end of a line to its front, through an array of its own: the two may overlap."""
    n_kept = tail.shape[-1]
    np.copyto(tail, line[..., line.shape[-1] - n_kept :])
    np.copyto(line[..., :n_kept], tail)


def _interpolator() -> Samples:
    """(N_TAPS, N_PHASES): a windowed sinc for each eighth of a sample."""
    times = np.arange(N_TAPS)[:, None] - (N_TAPS // 2 - 1) - np.arange(N_PHASES) / N_PHASES
    shape = np.i0(6.0 * np.sqrt(np.maximum(0, 1 - (times / (N_TAPS / 2)) ** 2)))
    taps = np.sinc(times) * shape
    taps /= taps.sum(axis=0)
    return np.asarray(taps, np.float32)
