import numpy as np
import pytest

from unbraid.evaluation.statistics import compare, p_value, summarise


def test_p_of_few_songs_is_that_of_all_signs():
    assert p_value([1.0, 1.0]) == 0.5  # two of four
    assert p_value([1.0, 2.0, 3.0]) == 0.25
    assert p_value([1.0, -1.0]) == 1.0
    assert p_value([0.0]) == 1.0


def test_p_agrees_with_scipys_permutation_test():
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(0).normal(0.4, 1, 9)
    theirs = stats.permutation_test(
        (values, np.zeros(9)), lambda a, b: np.mean(a - b), permutation_type="samples"
    )
    assert p_value(list(values)) == pytest.approx(theirs.pvalue, abs=1e-9)


def test_p_of_many_songs_is_near_the_t_tests():
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(1).normal(0.3, 1, 50)
    assert p_value(list(values)) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)


def test_intervals_hold_the_mean_and_need_three_songs():
    found = summarise([1.0, 2.0, 3.0, 6.0])
    assert (found.mean, found.median, found.n_songs) == (3, 2.5, 4)
    assert found.low < 3 < found.high
    assert summarise([1.0, 2.0]).low is None


def test_differences_pair_the_songs_that_both_have_and_correct_for_their_number():
    rng = np.random.default_rng(2)
    base = rng.normal(5, 3, 10)
    songs = [str(i) for i in range(10)]
    values = {
        "a": dict(zip(songs, base, strict=True)),
        "b": dict(zip(songs, base - 1, strict=True)),
        "c": dict(zip(songs[:4], base[:4], strict=True)),
    }
    first, second, third = compare(values)
    assert (first.first, first.second, first.n_songs) == ("a", "b", 10)
    assert first.mean == pytest.approx(1)
    assert first.p == first.p_least == 2 / 1024
    assert first.p_holm == pytest.approx(3 * first.p)
    assert (second.n_songs, second.p) == (4, 1)
    assert third.n_songs == 4
