import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from unbraid.errors import SpecError
from unbraid.spec import Spec
from unbraid.spectral.stft import istft, n_samples_of, stft, whole_istft, whole_stft

SPEC = Spec()


def noise(n_samples, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (2, n_samples)).astype(np.float32)


def level_db(error):
    return 20 * np.log10(np.sqrt(np.mean(np.square(error, dtype=np.float64))) + 1e-30)


@given(n_samples=st.integers(1, 30_000), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_whole_stft_and_back_is_the_identity_to_minus_120_db(n_samples, seed):
    samples = noise(n_samples, seed)
    error = whole_istft(whole_stft(samples, SPEC), SPEC, n_samples) - samples
    assert level_db(error) < -120


def test_tile_stft_and_back_is_the_identity_where_all_frames_overlap():
    samples = noise(n_samples_of(SPEC.n_frames, SPEC))
    edge = SPEC.n_fft - SPEC.hop
    error = (istft(stft(samples, SPEC), SPEC) - samples)[:, edge:-edge]
    assert level_db(error) < -120


@pytest.mark.parametrize("spec", [SPEC, Spec(n_fft=1024, hop=256, n_bins=513)])
def test_stft_equals_scipy(spec):
    samples = noise(10 * spec.n_fft)
    transform = signal.ShortTimeFFT(
        signal.get_window("hann", spec.n_fft), spec.hop, spec.sample_rate, phase_shift=None
    )
    # scipy's frame p is centred on sample p * hop; our frame f starts at f * hop.
    first = spec.n_fft // 2 // spec.hop
    ours = stft(samples, spec)
    theirs = transform.stft(samples.astype(np.float64), p0=first, p1=first + ours.shape[-1])
    assert level_db(np.abs(ours - theirs)) < level_db(np.abs(theirs)) - 120


def test_a_whole_track_and_its_tiles_have_the_same_frames():
    samples = noise(n_samples_of(40, SPEC))
    some = stft(samples[:, 8 * SPEC.hop :], SPEC)
    np.testing.assert_allclose(stft(samples, SPEC)[..., 8:], some, atol=1e-3)


def test_too_few_samples_for_a_frame_are_refused():
    with pytest.raises(SpecError, match="less than a frame of 4096"):
        stft(noise(4095), SPEC)


def test_a_spectrum_of_other_rows_is_refused():
    with pytest.raises(SpecError, match="rows"):
        istft(np.zeros((2, 100, 4), np.complex64), SPEC)


def test_pyfftw_gives_numpys_spectrum():
    fftw = pytest.importorskip("pyfftw.interfaces.numpy_fft")
    frames = noise(4096)
    difference = fftw.rfft(frames) - np.fft.rfft(frames)
    assert np.abs(difference).max() < 1e-3
