import numpy as np
import pytest

from unbraid.evaluation.metrics import level_dbfs, usdr


def test_usdr_of_a_scaled_copy_is_what_arithmetic_says():
    stem = np.random.default_rng(0).standard_normal((2, 5000)).astype(np.float32)
    assert usdr(stem, stem * 0.9) == pytest.approx(20, abs=1e-3)
    assert usdr(stem, np.zeros_like(stem)) == pytest.approx(0, abs=1e-6)


def test_usdr_of_silence_is_finite():
    silence = np.zeros((2, 100), np.float32)
    assert usdr(silence, silence) == 0
    assert usdr(silence, silence + 0.1) == pytest.approx(-80, abs=0.1)


def test_levels_are_rms_below_full_scale():
    assert level_dbfs(np.full((2, 9), 0.1, np.float32)) == pytest.approx(-20)
    assert level_dbfs(np.zeros((2, 9), np.float32)) == -np.inf
    assert level_dbfs(np.zeros((2, 0), np.float32)) == -np.inf
