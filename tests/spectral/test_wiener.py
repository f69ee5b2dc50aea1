import numpy as np
import pytest

from unbraid.spec import Spec
from unbraid.spectral.stft import stft
from unbraid.spectral.wiener import wiener as one_by_one

SPEC = Spec(n_fft=1024, hop=256, n_bins=513, n_frames=96, context=8)
PANNED = np.array([[0.92], [0.38]], np.float32)
CENTRED = np.array([[0.7], [0.7]], np.float32)


@pytest.fixture(scope="module")
def bursts():
    """Three noises, each of its own pattern of bins and frames, (3, 1, n_samples)."""
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((3, SPEC.n_samples)).astype(np.float32)
    loud = np.repeat(rng.uniform(0.02, 1, (3, 40)), -(-SPEC.n_samples // 40), axis=1)
    return (0.1 * noise * loud[:, : SPEC.n_samples])[:, None].astype(np.float32)


def wiener(masks, spectrum):
    return np.stack([stem.copy() for stem in one_by_one(masks, spectrum.copy())])


def masks_of(stems):
    """Ratio masks that know half: each true stem's share, mixed with a quarter for all."""
    power = np.square(np.abs(np.stack([stft(stem, SPEC) for stem in stems]))) + 1e-9
    true = power / power.sum(axis=0)
    return (0.5 * true + 0.5 / len(stems)).astype(np.float32)


def sdr_db(estimate, true):
    error = np.square(np.abs(estimate - true)).sum()
    return 10 * np.log10(np.square(np.abs(true)).sum() / error)


def test_a_panned_stem_comes_free_of_those_in_the_middle(bursts):
    stems = np.stack([CENTRED * bursts[0], CENTRED * bursts[1], PANNED * bursts[2]])
    mixture = stft(stems.sum(axis=0), SPEC)
    masks = masks_of(stems)
    found = wiener(masks, mixture)
    true = np.stack([stft(stem, SPEC) for stem in stems])
    gained = [
        sdr_db(found[i], true[i]) - sdr_db(masks[i] * mixture, true[i]) for i in range(len(stems))
    ]
    assert gained[2] > 10
    assert min(gained) > 1


@pytest.mark.parametrize("where", [(0.7, 0.7), (1, 0), (0, 1), (0.92, 0.38), (0.7, -0.7)], ids=str)
def test_where_channels_tell_nothing_the_filter_is_the_mask(bursts, where):
    place = np.array(where, np.float32)[:, None]
    stems = place * bursts
    mixture = stft(stems.sum(axis=0), SPEC)
    masks = masks_of(bursts.repeat(2, axis=1))
    error = wiener(masks, mixture) - masks * mixture
    assert np.abs(error).max() < 1e-3 * np.abs(mixture).max()
    assert np.square(np.abs(error)).sum() < 1e-8 * np.square(np.abs(mixture)).sum()


@pytest.mark.parametrize("gain", [1, 1e-3])
def test_stems_and_what_masks_leave_sum_to_the_mixture(bursts, gain):
    stems = gain * np.stack([CENTRED * bursts[0], PANNED * bursts[1], PANNED[::-1] * bursts[2]])
    mixture = stft(stems.sum(axis=0), SPEC)
    masks = masks_of(stems)
    whole = wiener(masks, mixture).sum(axis=0)
    assert np.abs(whole - mixture).max() < 1e-4 * np.abs(mixture).max()
    # With one stem unnamed the others are what they were.
    np.testing.assert_allclose(
        wiener(masks[:2], mixture), wiener(masks, mixture)[:2], atol=1e-3 * np.abs(mixture).max()
    )


@pytest.mark.parametrize("gain", [1e-12, 1e-3, 1e12])
def test_how_loud_a_song_is_changes_nothing(bursts, gain):
    stems = np.stack([CENTRED * bursts[0], PANNED * bursts[1]])
    mixture = stft(stems.sum(axis=0), SPEC)
    masks = masks_of(stems)
    at_gain = wiener(masks, np.complex64(gain) * mixture) / np.complex64(gain)
    np.testing.assert_allclose(at_gain, wiener(masks, mixture), atol=1e-4 * np.abs(mixture).max())


def test_silence_and_stems_that_claim_nothing_stay_finite(bursts):
    masks = np.zeros((3, 2, SPEC.n_rows, SPEC.n_frames), np.float32)
    silence = np.zeros((2, SPEC.n_rows, SPEC.n_frames), np.complex64)
    assert not wiener(masks, silence).any()
    mixture = stft(PANNED * bursts[0], SPEC)
    assert np.abs(wiener(masks, mixture)).max() < 1e-3 * np.abs(mixture).max()
