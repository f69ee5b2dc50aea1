from functools import partial

import numpy as np
import pytest

from unbraid.errors import UsageError
from unbraid.evaluation import scoring
from unbraid.evaluation.bsseval import bsseval
from unbraid.evaluation.estimates import KNOWING, ORACLES
from unbraid.evaluation.metrics import usdr
from unbraid.evaluation.scoring import groups_of, score, sum_error_dbfs
from unbraid.stems import STEMS

RATE = 44_100


@pytest.fixture(autouse=True)
def few_taps(monkeypatch):
    """BSSEval of 512 taps takes seconds."""
    monkeypatch.setattr(scoring, "bsseval", partial(bsseval, n_taps=8))


@pytest.fixture(scope="module")
def stems():
    """Three and a half seconds of four unlike noises; the vocals begin after a second."""
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal((4, 2, 7 * RATE // 2))
    noise[1] = np.cumsum(noise[1], axis=-1) / 50
    noise[0, :, :RATE] = 0
    return noise.astype(np.float32)


def test_usdr_is_that_of_two_arrays_and_scaling_leaves_si_sdr(stems):
    estimates = (0.7 * stems + 0.05 * stems.sum(axis=0)).astype(np.float32)
    row = score(stems, estimates, STEMS, groups=["levels"])
    louder = score(stems, 2 * estimates, STEMS, groups=["levels"])
    for i, stem in enumerate(STEMS):
        assert row[stem]["usdr"] == pytest.approx(usdr(stems[i], estimates[i]), abs=1e-4)
        assert row[stem]["si_sdr"] == pytest.approx(louder[stem]["si_sdr"], abs=1e-4)
        assert row[stem]["usdr"] != pytest.approx(louder[stem]["usdr"], abs=1)
        errors = [
            np.square(stems[i, c]).sum() / np.square(stems[i, c] - estimates[i, c]).sum()
            for c in (0, 1)
        ]
        assert row[stem]["snr"] == pytest.approx(np.mean(10 * np.log10(errors)), abs=1e-3)


def test_the_median_of_seconds_skips_silence_and_the_last_part(stems):
    estimates = stems.copy()
    for second, gain in enumerate((0.5, 0.9, 0.99, 0.0)):
        estimates[0, :, second * RATE : (second + 1) * RATE] *= gain
    row = score(stems, estimates, STEMS, groups=["levels"])
    assert row["vocals"]["sdr_1s"] == pytest.approx(30, abs=0.01)  # of 20 and 40


def test_sound_where_the_stem_is_silent_is_told_against_the_mixture(stems):
    estimates = stems.copy()
    estimates[0, :, :RATE] = 0.1 * stems.sum(axis=0)[:, :RATE]
    row = score(stems, estimates, STEMS, groups=["levels"])
    assert row["vocals"]["false_sound"] == pytest.approx(-20, abs=0.01)
    assert row["drums"]["false_sound"] is None  # they are never silent


def test_highs_of_a_stem_are_found_where_another_is_silent(stems):
    """Cymbals in the vocals where no one sings: little of the drums' energy, all that is heard."""
    second = stems[1, :, :RATE].astype(np.float64)
    spectrum = np.fft.rfft(second)
    spectrum[:, :8_000] = 0
    highs = np.fft.irfft(spectrum, RATE)
    estimates = stems.copy()
    estimates[0, :, :RATE] = highs + 0.01 * stems[3, :, :RATE]
    row = score(stems, estimates, STEMS, groups=["levels"])["vocals"]
    mixture = np.square(stems.sum(axis=0)[:, :RATE]).sum()
    assert np.square(highs).sum() < 1e-3 * np.square(second).sum()
    expected = 10 * np.log10(np.square(highs).sum() / mixture)
    assert row["false_drums"] == pytest.approx(expected, abs=0.2)
    assert row["false_bass"] < row["false_drums"] - 10
    assert row["false_vocals"] is None


def test_bleed_of_each_stem_is_found_by_projection(stems):
    estimates = stems.copy()
    estimates[3] = stems[3] + 0.1 * stems[2]
    row = score(stems, estimates, STEMS, groups=["levels"])["other"]
    assert row["bleed_bass"] == pytest.approx(-20, abs=0.3)
    assert row["bleed_drums"] < -35
    assert row["bleed_other"] is None


def test_a_silent_stem_has_only_what_silence_allows(stems):
    quiet = stems.copy()
    quiet[2] = 0
    estimates = quiet + 0.01 * quiet.sum(axis=0)
    row = score(quiet, estimates, STEMS, groups=["levels", "hearing", "bsseval"])["bass"]
    defined = {name for name, value in row.items() if value is not None}
    assert defined == {
        "false_sound",
        "false_vocals",
        "false_drums",
        "false_other",
        "log_wmse",
        "bleed",
        "bleed_vocals",
        "bleed_drums",
        "bleed_other",
    }


def test_silent_songs_and_silent_estimates_give_no_nan(stems):
    silence = np.zeros_like(stems)
    for true, given in ((silence, silence), (silence, stems), (stems, silence), (stems, stems)):
        rows = score(true, given, STEMS, groups=["levels", "hearing", "bsseval"])
        values = [v for row in rows.values() for v in row.values() if v is not None]
        assert all(-100 <= v <= 100 for v in values)
    assert score(stems, silence, STEMS)["drums"]["usdr"] == pytest.approx(0, abs=1e-6)


def test_absent_and_ungiven_stems_are_not_scored(stems):
    rows = score(stems, stems, ["vocals", "drums"], ["vocals"])
    assert list(rows) == ["vocals"]


def test_an_empty_song_scores_nothing():
    empty = np.zeros((4, 2, 0), np.float32)
    rows = score(empty, empty, STEMS, groups=["levels", "hearing", "bsseval"])
    assert {v for row in rows.values() for v in row.values()} == {None}


def test_sum_error_is_the_largest_sample_that_lacks(stems):
    mixture = stems.sum(axis=0)
    assert sum_error_dbfs(stems, mixture) < -120
    assert sum_error_dbfs(stems, mixture + np.float32(0.1)) == pytest.approx(-20, abs=0.01)


def test_oracles_stand_in_their_order_and_above_every_trivial_estimate(stems):
    mixture = stems.sum(axis=0)
    found = {}
    for name, model in KNOWING.items():
        rows = score(stems, model.knowing(stems).separate(mixture), STEMS, groups=["levels"])
        found[name] = np.mean([row["usdr"] for row in rows.values()])
    assert found["oracle:complex"] > found["oracle:phase"] > found["oracle:power"]
    assert min(found[name] for name in ORACLES) > found["mixture*gain"] >= found["mixture/4"]
    assert found["mixture*gain"] > found["mixture"]


def test_metrics_are_named_alone_or_by_the_group():
    assert groups_of(()) == ("levels", "hearing")
    assert groups_of(["sir"]) == groups_of(["museval"]) == ("bsseval",)
    assert groups_of(["all"]) == ("levels", "hearing", "bsseval")
    with pytest.raises(UsageError, match="no metric 'pesq'; choose from all"):
        groups_of(["pesq"])
