"""All figures of one estimate of one song."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import UsageError
from unbraid.evaluation.bands import stems_in
from unbraid.evaluation.bsseval import bsseval
from unbraid.evaluation.energies import Energies, energies
from unbraid.evaluation.hearing import bleedless_fullness, log_wmse, mel_levels
from unbraid.evaluation.metrics import EPSILON
from unbraid.stems import STEMS

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]

METRICS_VERSION: Final = "2"
"""Changes whenever a figure would come out otherwise; rows of another version are not reused."""

RATE: Final = 44_100
SILENCE_DBFS: Final = -60.0
"""A stem is silent, in a song or a second, below this level; ratios to it mean nothing there."""
LIMIT_DB: Final = 100.0
"""Ratios are kept within 100 dB either way, so that means over songs stay finite."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a column of a table holds."""

    name: str
    label: str
    unit: str
    better: Literal["higher", "lower"]
    group: Literal["levels", "hearing", "bsseval"]
    says: str  # one line for people


METRICS: Final = {
    metric.name: metric
    for metric in (
        Metric(
            "usdr", "uSDR", "dB", "higher", "levels", "true stem over all error, whole song at once"
        ),
        Metric(
            "sdr_1s",
            "1-s SDR",
            "dB",
            "higher",
            "levels",
            "the same by the second, median over seconds in which the stem sounds",
        ),
        Metric(
            "si_sdr",
            "SI-SDR",
            "dB",
            "higher",
            "levels",
            "as if the output's level were set right first",
        ),
        Metric("snr", "SNR", "dB", "higher", "levels", "as uSDR, each channel by itself, averaged"),
        Metric(
            "false_sound",
            "false sound",
            "dB",
            "lower",
            "levels",
            "the output where its true stem is silent, below the mixture there",
        ),
        *(
            Metric(
                f"false_{stem}",
                f"false {stem}",
                "dB",
                "lower",
                "levels",
                f"{stem} in the output where its true stem is silent, below the mixture there",
            )
            for stem in STEMS
        ),
        Metric(
            "bleed", "bleed", "dB", "lower", "levels", "other stems in the output, by projection"
        ),
        *(
            Metric(
                f"bleed_{stem}",
                f"bleed of {stem}",
                "dB",
                "lower",
                "levels",
                f"{stem} in the output, by projection",
            )
            for stem in STEMS
        ),
        Metric(
            "bleedless", "bleedless", "", "higher", "hearing", "100: nothing foreign on mel bands"
        ),
        Metric(
            "fullness", "fullness", "", "higher", "hearing", "100: nothing missing on mel bands"
        ),
        Metric(
            "log_wmse",
            "log-WMSE",
            "",
            "higher",
            "hearing",
            "error as loud as it is heard, silent stems too; 73.7 is none",
        ),
        Metric(
            "sdr", "SDR (museval)", "dB", "higher", "bsseval", "BSSEval v4, median over seconds"
        ),
        Metric("isr", "ISR (museval)", "dB", "higher", "bsseval", "place and colour of the stem"),
        Metric("sir", "SIR (museval)", "dB", "higher", "bsseval", "against other stems"),
        Metric("sar", "SAR (museval)", "dB", "higher", "bsseval", "against artefacts"),
    )
}
GROUPS: Final = ("levels", "hearing", "bsseval")
DEFAULT_GROUPS: Final = ("levels", "hearing")


def groups_of(names: Iterable[str]) -> tuple[str, ...]:
    """The groups that are needed for what a user named: metrics, groups or "all".

    Raises:
        UsageError: there is no such metric.
    """
    wanted = set()
    for name in names:
        if name == "all":
            wanted |= set(GROUPS)
        elif name == "museval":
            wanted.add("bsseval")
        elif name in GROUPS:
            wanted.add(name)
        elif name in METRICS:
            wanted.add(METRICS[name].group)
        else:
            raise UsageError(
                f"no metric {name!r}; choose from all, {', '.join(GROUPS)}, {', '.join(METRICS)}"
            )
    return tuple(group for group in GROUPS if group in (wanted or DEFAULT_GROUPS))


Figures = dict[str, dict[str, float | None]]
"""By stem and metric; None where a figure is not defined."""


def score(
    stems: Samples,
    estimates: Samples,
    present: Iterable[str],
    given: Iterable[str] = STEMS,
    groups: Iterable[str] = DEFAULT_GROUPS,
) -> Figures:
    """Score one estimate of one song at 44.1 kHz.

    Args:
        stems: the true stems, float32, (4, 2, n_samples); the mixture is their sum.
        estimates: the same shape, finite.
        present: stems that the song has; others are not scored.
        given: stems that the model gives; others are not scored.
        groups: what to measure, of GROUPS.

    Returns:
        The figures of stems that are present and given.
    """
    groups = set(groups)
    known = [i for i, stem in enumerate(STEMS) if stem in set(present)]
    scored = [i for i, stem in enumerate(STEMS) if i in known and stem in set(given)]
    figures: Figures = {STEMS[i]: {} for i in scored}
    mixture: Samples = stems.sum(axis=0)
    song = energies(stems, estimates, mixture, RATE, known)
    if "levels" in groups:
        for i in scored:
            names = [STEMS[k] for k in known]
            figures[STEMS[i]] |= _levels(song, known.index(i), names)
            figures[STEMS[i]] |= _false_sound(song, known.index(i), names, stems, estimates[i])
    silent = {i for i in scored if _is_silent(song, known.index(i))}
    if "hearing" in groups:
        _add_hearing(figures, stems, estimates, mixture, scored, silent)
    if "bsseval" in groups:
        _add_bsseval(figures, stems, estimates, known, scored, silent)
    return {stem: {name: _limited(v) for name, v in row.items()} for stem, row in figures.items()}


def sum_error_dbfs(estimates: Samples, mixture: Samples) -> float:
    """Largest sample of what all stems together lack of the mixture, dB below full scale."""
    lack = estimates.sum(axis=0)
    lack -= mixture
    largest = float(max(lack.max(initial=0), -lack.min(initial=0)))
    return max(-200.0, 20 * np.log10(largest)) if largest > 0 else -200.0


def _db(numerator: float, denominator: float) -> float | None:
    """A ratio of energies; None where both are nothing."""
    if numerator <= 0 and denominator <= 0:
        return None
    if denominator <= 0:
        return np.inf
    return float(10 * np.log10(numerator / denominator)) if numerator > 0 else -np.inf


def _limited(value: float | None) -> float | None:
    if value is None or np.isnan(value):
        return None
    return float(np.clip(value, -LIMIT_DB, LIMIT_DB))


def _sounds(song: Energies, energy: Floats) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = song.power(energy) > 10 ** (SILENCE_DBFS / 10)
    return result


def _is_silent(song: Energies, stem: int) -> bool:
    n = song.n_samples.sum() * song.products.shape[1]
    return bool(n == 0 or song.true(stem).sum() / n <= 10 ** (SILENCE_DBFS / 10))


def _levels(song: Energies, stem: int, names: list[str]) -> dict[str, float | None]:
    """Figures of the inner products: `stem` counts among the song's own stems, `names`."""
    true, error = song.true(stem), song.error(stem)
    given = song.estimate(stem)
    row: dict[str, float | None] = dict.fromkeys(("usdr", "sdr_1s", "si_sdr", "snr"))
    if not _is_silent(song, stem):
        n = float(song.n_samples.sum() * song.products.shape[1])
        row["usdr"] = _db(true.sum() / n + EPSILON, error.sum() / n + EPSILON)
        cross = song.cross(stem).sum()
        target = cross**2 / true.sum()
        row["si_sdr"] = _db(target, max(0.0, given.sum() - target))
        sums = song.products.sum(axis=0)
        s, e = stem, song.n_stems + stem
        channels = [
            _db(c[s, s], max(0.0, c[s, s] - 2 * c[s, e] + c[e, e])) for c in sums if c[s, s] > 0
        ]
        known = [np.clip(v, -LIMIT_DB, LIMIT_DB) for v in channels if v is not None]
        row["snr"] = float(np.mean(known)) if known else None
        whole = song.whole
        sounding = _sounds(song, true)[whole]
        seconds = [
            _db(a, b) for a, b in zip(true[whole][sounding], error[whole][sounding], strict=True)
        ]
        defined = [np.clip(v, -LIMIT_DB, LIMIT_DB) for v in seconds if v is not None]
        row["sdr_1s"] = float(np.median(defined)) if defined else None
    return row | _bleed(song, stem, names)


def _false_sound(
    song: Energies, stem: int, names: list[str], stems: Samples, output: Samples
) -> dict[str, float | None]:
    """What sounds in the seconds in which the true stem does not, and what of it is whose."""
    row: dict[str, float | None] = {"false_sound": None}
    row |= dict.fromkeys(f"false_{name}" for name in STEMS)
    quiet = ~_sounds(song, song.true(stem)) & _sounds(song, song.mixture)
    if not quiet.any():
        return row
    mixture = float(song.mixture[quiet].sum())
    row["false_sound"] = _db(float(song.estimate(stem)[quiet].sum()), mixture)
    energy = stems_in(output, stems, np.flatnonzero(quiet), window=RATE, sample_rate=RATE)
    for i, name in enumerate(names):
        if i != stem and not _is_silent(song, i):
            row[f"false_{name}"] = _db(float(energy[STEMS.index(name)]), mixture)
    return row


def _bleed(song: Energies, stem: int, names: list[str]) -> dict[str, float | None]:
    """How much of each other stem is in an output, against the output's own level.

    In every second the output is written as a sum of the true stems, each with a gain, and a rest
    (least squares, both channels together).
    """
    row: dict[str, float | None] = dict.fromkeys(("bleed", *(f"bleed_{name}" for name in STEMS)))
    n = song.n_stems
    products = song.products.sum(axis=1)
    output = products[:, n + stem, n + stem]
    heard = output > 0
    others = [i for i in range(n) if i != stem and not _is_silent(song, i)]
    if not others or not heard.any():
        return row
    gram = products[heard, :n, :n]
    ridge = 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] + 1e-12
    gains = np.linalg.solve(gram + ridge * np.eye(n), products[heard, :n, n + stem][..., None])
    energy = np.square(gains[..., 0]) * np.diagonal(gram, axis1=1, axis2=2)
    total = float(output.sum())
    row["bleed"] = _db(float(energy[:, others].sum()), total)
    for i in others:
        row[f"bleed_{names[i]}"] = _db(float(energy[:, i].sum()), total)
    return row


def _add_hearing(
    figures: Figures,
    stems: Samples,
    estimates: Samples,
    mixture: Samples,
    scored: list[int],
    silent: set[int],
) -> None:
    for i in scored:
        row = figures[STEMS[i]]
        row["bleedless"] = row["fullness"] = None
        if i not in silent and stems.shape[-1]:
            row["bleedless"], row["fullness"] = bleedless_fullness(
                mel_levels(stems[i]), mel_levels(estimates[i])
            )
    if stems.shape[-1]:
        # Views, not copies: a song of four minutes is 340 MB.
        wmse = log_wmse([stems[i] for i in scored], [estimates[i] for i in scored], mixture)
        for i, value in zip(scored, wmse, strict=True):
            figures[STEMS[i]]["log_wmse"] = float(value)


def _add_bsseval(
    figures: Figures,
    stems: Samples,
    estimates: Samples,
    known: list[int],
    scored: list[int],
    silent: set[int],
) -> None:
    """BSSEval takes all stems together: one that is silent or not given is left out of all."""
    for i in scored:
        figures[STEMS[i]] |= dict.fromkeys(("sdr", "isr", "sir", "sar"))
    used = [i for i in known if i not in silent]
    if not used or set(used) - set(scored):
        return
    if len(used) < len(STEMS):
        stems, estimates = stems[used], estimates[used]
    found = bsseval(stems, estimates)
    for index, i in enumerate(used):
        for name in ("sdr", "isr", "sir", "sar"):
            values = getattr(found, name)[index]
            defined = values[~np.isnan(values)]
            if defined.size:
                figures[STEMS[i]][name] = float(np.median(defined))
