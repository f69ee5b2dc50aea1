"""What songs say together: means, how sure they are, and whether one model is really better."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_RESAMPLES: Final = 10_000
N_EXACT: Final = 14
"""Up to so many songs all 2^n signs are tried; beyond, a hundred thousand random ones."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure of one model over songs."""

    n_songs: int
    mean: float
    median: float
    low: float | None  # 95 % bootstrap interval of the mean; None for fewer than three songs
    high: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One model against another on the same songs."""

    first: str
    second: str
    n_songs: int
    mean: float  # first minus second
    low: float | None
    high: float | None
    p: float  # two-sided sign-flip permutation test of the mean
    p_least: float  # the smallest p that so few songs can give
    p_holm: float  # corrected for all pairs of the table


def summarise(values: Sequence[float]) -> Summary:
    """Mean, median and the mean's interval.

    Source: Efron & Tibshirani 1993, percentile bootstrap over songs.
    """
    array = np.asarray(values, np.float64)
    low, high = _interval(array)
    return Summary(len(array), float(array.mean()), float(np.median(array)), low, high)


def _interval(values: Floats) -> tuple[float | None, float | None]:
    if len(values) < 3:  # resampling one or two songs tells nothing
        return None, None
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(N_RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def p_value(differences: Sequence[float]) -> float:
    """Two-sided p of paired differences: how often random signs give a mean as far from zero.

    Exact for up to 14 songs.

    Source: Fisher 1935, the permutation test of paired samples.
    """
    array = np.asarray(differences, np.float64)
    n = len(array)
    if n <= N_EXACT:
        signs = np.array(list(product((1, -1), repeat=n)), np.float64)
        means = np.abs(signs @ array)
        return float(np.mean(means >= abs(array.sum()) - 1e-9))
    signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(100_000, n))
    n_as_far = int(np.count_nonzero(np.abs(signs @ array) >= abs(array.sum()) - 1e-9))
    return (n_as_far + 1) / (len(signs) + 1)


def compare(values: dict[str, dict[str, float]]) -> list[Difference]:
    """All pairs of models on the songs that both have.

    Args:
        values: by model and song.

    Returns:
        The pairs that share a song, in the order of the models.

    Source: Holm 1979 for the correction.
    """
    rows: list[tuple[str, str, Floats, float]] = []
    for first, second in combinations(values, 2):
        shared = [song for song in values[first] if song in values[second]]
        if shared:
            d = np.array([values[first][song] - values[second][song] for song in shared])
            rows.append((first, second, d, p_value(list(d))))
    corrected = [0.0] * len(rows)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(rows)), key=lambda i: rows[i][3])):
        highest = max(highest, min(1.0, rows[index][3] * (len(rows) - rank)))
        corrected[index] = highest
    found = []
    for (first, second, d, p), holm in zip(rows, corrected, strict=True):
        least = 2.0 ** (1 - len(d)) if len(d) <= N_EXACT else 1e-5
        low, high = _interval(d)
        mean = float(d.mean())
        found.append(Difference(first, second, len(d), mean, low, high, p, least, holm))
    return found
