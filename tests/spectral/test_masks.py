import numpy as np

from unbraid.spec import Spec
from unbraid.spectral.masks import carry_upward, ratio_masks

SPEC = Spec()


def test_ratio_masks_sum_to_one_even_where_nothing_is_claimed():
    magnitudes = np.random.default_rng(0).uniform(0, 9, (4, 2, 64, 5)).astype(np.float32)
    magnitudes[:, 0, :10] = 0
    masks = ratio_masks(magnitudes)
    np.testing.assert_allclose(masks.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(masks[:, 0, :10], 0.25, atol=1e-6)


def test_the_band_above_the_top_keeps_each_frames_share():
    masks = np.zeros((4, 2, SPEC.n_bins, 3), np.float32)
    masks[1, :, :, 0] = 1  # a cymbal's frame
    masks[0, :, :, 1] = 1  # an s
    masks[:, :, :, 2] = 0.25
    spectrum = np.ones((2, SPEC.n_bins, 3), np.complex64)
    whole = carry_upward(masks, spectrum, SPEC)
    assert whole.shape == (4, 2, SPEC.n_rows, 3)
    np.testing.assert_array_equal(whole[:, :, : SPEC.n_bins], masks)
    above = whole[:, :, SPEC.n_bins :]
    np.testing.assert_allclose(above[1, :, :, 0], 1, atol=1e-5)
    np.testing.assert_allclose(above[0, :, :, 1], 1, atol=1e-5)
    np.testing.assert_allclose(above.sum(axis=0), 1, atol=1e-5)


def test_the_louder_bins_decide_what_is_carried_upward():
    masks = np.zeros((4, 2, SPEC.n_bins, 1), np.float32)
    masks[1, :, -1] = 1
    spectrum = np.full((2, SPEC.n_bins, 1), 1e-3, np.complex64)
    spectrum[:, -1] = 100
    above = carry_upward(masks, spectrum, SPEC)[:, :, SPEC.n_bins :]
    np.testing.assert_allclose(above[1], 1, atol=1e-3)


def test_a_model_that_sees_all_rows_is_left_alone():
    spec = Spec(n_bins=2049)
    masks = np.ones((4, 2, 2049, 2), np.float32)
    assert carry_upward(masks, np.ones((2, 2049, 2), np.float32), spec) is masks
