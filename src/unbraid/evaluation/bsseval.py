"""BSSEval v4: SDR, ISR, SIR and SAR of a song, second by second, as museval gives them.

museval solves the same system of 4096 equations once a stem and convolves every window anew with
every filter. Here correlations come from short transforms, the system is solved once for all stems,
and the parts' energies are taken in the frequency domain (Parseval), where a filter is a product.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]
Spectra = NDArray[np.complex128]

N_TAPS = 512
"""Longest distortion filter that is forgiven: 11.6 ms at 44.1 kHz."""

_CORRELATION_FFT = 4096
_BLOCKS_AT_ONCE = 32
_WINDOWS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class BssEval:
    """Figures in dB, each float64 (n_stems, n_windows); NaN where a stem or an estimate is silent.

    Attributes:
        sdr: all that is wrong.
        isr: the true stem filtered or panned wrongly ("image to spatial distortion").
        sir: other stems in it.
        sar: what is in no stem: artefacts.
    """

    sdr: Floats
    isr: Floats
    sir: Floats
    sar: Floats


def bsseval(
    stems: Samples, estimates: Samples, *, window: int = 44_100, n_taps: int = N_TAPS
) -> BssEval:
    """Score estimates of all stems of a song together.

    Args:
        stems: the true stems, none silent throughout, (n_stems, n_channels, n_samples).
        estimates: of the same stems, the same shape.
        window: samples in a window, which is also the hop.
        n_taps: length of the distortion filters, which are the same for the whole song.

    Returns:
        The figures; windows are whole ones only, but for songs shorter than one.

    Source: Vincent, Gribonval & Févotte 2006; Stöter, Liutkus & Ito 2018 (museval 0.4, mode v4,
        images).
    """
    n_stems, n_channels, n_samples = stems.shape
    window = min(window, n_samples)
    n_windows = n_samples // window
    own, all_of_them = _filters(stems, estimates, n_taps)
    n_fft = _fast_length(window + n_taps - 1)
    # (bins, out channels, in channels): what a bin of the stems becomes.
    own_response = np.ascontiguousarray(np.moveaxis(np.fft.rfft(own, n_fft, axis=-2), -2, 0))
    response = np.ascontiguousarray(np.moveaxis(np.fft.rfft(all_of_them, n_fft, axis=1), 1, 0))
    response = response.swapaxes(1, 2)
    # A real signal's energy counts every bin twice but the first and, if n_fft is even, the last.
    weight = np.full(n_fft // 2 + 1, 2.0 / n_fft)
    weight[0] = 1.0 / n_fft
    if n_fft % 2 == 0:
        weight[-1] = 1.0 / n_fft
    ratios = np.full((4, n_stems, n_windows), np.nan)
    for first in range(0, n_windows, _WINDOWS_AT_ONCE):
        n = min(_WINDOWS_AT_ONCE, n_windows - first)
        span = slice(first * window, (first + n) * window)
        true = _windows(stems[..., span], n, n_fft)  # (bins, n_stems * n_channels, n)
        given = _windows(estimates[..., span], n, n_fft)
        split = (len(weight), n_stems, n_channels, n)
        whole = (response @ true).reshape(split)
        filtered = (own_response @ true.reshape(split)).reshape(split)
        true, given = true.reshape(split), given.reshape(split)

        def energy(parts: Spectra, weight: Floats = weight) -> Floats:
            power = np.square(parts.real) + np.square(parts.imag)
            total: Floats = np.einsum("b,bscw->sw", weight, power)
            return total

        pairs = (
            (energy(true), energy(given - true)),
            (energy(true), energy(filtered - true)),
            (energy(filtered), energy(whole - filtered)),
            (energy(whole), energy(given - whole)),
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            for row, (numerator, denominator) in zip(ratios, pairs, strict=True):
                row[:, first : first + n] = 10 * np.log10(numerator / denominator)
    silent = _silent(stems, window, n_windows) | _silent(estimates, window, n_windows)
    ratios[:, :, silent] = np.nan
    return BssEval(*ratios)


def _silent(signals: Samples, window: int, n_windows: int) -> NDArray[np.bool_]:
    """Windows in which one signal or more is nothing: its channels cancel, as museval has it."""
    sums = signals[..., : n_windows * window].sum(axis=1)
    nothing = np.all(sums.reshape(len(signals), n_windows, window) == 0, axis=-1)
    result: NDArray[np.bool_] = nothing.any(axis=0)
    return result


def _windows(signals: Samples, n: int, n_fft: int) -> Spectra:
    """Spectra of consecutive windows, (bins, n_stems * n_channels, n)."""
    rows = signals.reshape(signals.shape[0] * signals.shape[1], n, -1).astype(np.float64)
    spectra = np.fft.rfft(rows, n_fft, axis=-1)
    return np.ascontiguousarray(np.moveaxis(spectra, -1, 0))


def _filters(stems: Samples, estimates: Samples, n_taps: int) -> tuple[Floats, Floats]:
    """Filters that bring the true stems nearest to the estimates, least squares.

    Returns:
        Those of each stem alone, (n_stems, n_channels out, n_taps, n_channels in) and those of all
        stems together, (n_stems * n_channels in, n_taps, n_stems * n_channels out).
    """
    n_stems, n_channels = stems.shape[:2]
    n_in = n_stems * n_channels
    rows = [*stems.reshape(n_in, -1), *estimates.reshape(n_in, -1)]
    lags = _correlations(rows, n_in, n_taps)
    # Entry (i, a), (j, b) is <i delayed by a, j delayed by b>, which depends on a - b only.
    earlier = lags[:, :n_in, :0:-1].swapaxes(0, 1)
    two_sided = np.concatenate([earlier, lags[:, :n_in]], axis=-1)
    blocks = sliding_window_view(two_sided, n_taps, axis=-1)[..., ::-1]
    gram = np.ascontiguousarray(blocks.transpose(0, 2, 1, 3)).reshape(n_in * n_taps, -1)
    gram.flat[:: len(gram) + 1] += np.finfo(np.float64).eps  # museval's tiny ridge
    wanted = lags[:, n_in:].transpose(0, 2, 1).reshape(n_in * n_taps, n_in)
    together = _solved(gram, wanted).reshape(n_in, n_taps, n_in)
    own = np.empty((n_stems, n_channels, n_taps, n_channels))
    n_own = n_channels * n_taps
    for stem in range(n_stems):
        part = slice(stem * n_own, (stem + 1) * n_own)
        out = slice(stem * n_channels, (stem + 1) * n_channels)
        found = _solved(gram[part, part], wanted[part, out])
        own[stem] = found.reshape(n_channels, n_taps, n_channels).transpose(2, 1, 0)
    return own, together


def _solved(gram: Floats, wanted: Floats) -> Floats:
    """The least-squares filters, with museval's way out of a singular system."""
    try:
        return np.asarray(np.linalg.solve(gram, wanted), np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(gram, wanted)[0], np.float64)


def _correlations(rows: list[Samples], n_first: int, n_lags: int) -> Floats:
    """sum_n x[n] y[n + lag] of the first rows with all rows, (n_first, n_rows, n_lags).

    Blocks of x meet y of the same place and n_lags beyond, so that short transforms give the whole
    song's correlations without wrapping round.
    """
    n_fft = max(_CORRELATION_FFT, _fast_length(4 * n_lags))
    step = n_fft - n_lags + 1
    n_samples = len(rows[0])
    n_blocks = -(-n_samples // step)
    total = np.zeros((n_fft // 2 + 1, n_first, len(rows)), np.complex128)
    for first in range(0, n_blocks, _BLOCKS_AT_ONCE):
        n = min(_BLOCKS_AT_ONCE, n_blocks - first)
        begin = first * step
        piece = np.zeros((len(rows), (n - 1) * step + n_fft))
        for place, row in zip(piece, rows, strict=True):
            found = row[begin : begin + piece.shape[1]]
            place[: len(found)] = found
        frames = sliding_window_view(piece, n_fft, axis=-1)[:, ::step]
        y = np.fft.rfft(frames, axis=-1).transpose(2, 1, 0)
        x = np.fft.rfft(frames[:n_first, :, :step], n_fft, axis=-1).transpose(2, 0, 1)
        total += np.ascontiguousarray(x.conj()) @ np.ascontiguousarray(y)
    lags: Floats = np.fft.irfft(total, n_fft, axis=0)[:n_lags]
    return np.ascontiguousarray(np.moveaxis(lags, 0, -1))


def _fast_length(n: int) -> int:
    """The next length whose only factors are 2, 3 and 5."""
    while True:
        rest = n
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 1
