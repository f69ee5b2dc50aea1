import numpy as np
import pytest
from scipy import signal

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.training.data.stretch import (  # noqa: E402
    HOP,
    MARGIN,
    REACH,
    fast_length,
    fast_lengths,
    fitting_places,
    resample,
    stretch,
    stretch_reads,
)

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("one_thread")]

N_OUT = fast_length(40_000)


def stretched(guide, factor, n_out):
    places = fitting_places(guide, factor, n_out)
    return stretch(torch.from_numpy(guide)[None], places, n_out)[0].numpy()


def music(n_samples):
    """Clicks, two tones and noise."""
    rng = np.random.default_rng(0)
    times = np.arange(n_samples) / 44_100
    samples = np.sin(2 * np.pi * 220 * times) + 0.5 * np.sin(2 * np.pi * 331 * times)
    samples += 0.05 * rng.standard_normal(n_samples)
    samples[::11_025] += 8
    return (0.1 * samples).astype(np.float32)


def test_lengths_are_even_without_large_factors_and_reach_as_far_as_asked():
    lengths = fast_lengths(N_OUT, 0.12)
    assert len(lengths) > 20
    assert min(lengths) < 0.885 * N_OUT
    assert max(lengths) > 1.115 * N_OUT
    for length in (*lengths, N_OUT):
        rest = length // 2
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        assert rest == 1


@pytest.mark.parametrize("number", [0, 9, -1])
def test_resampling_is_that_of_soxr(number):
    soxr = pytest.importorskip("soxr")
    n_in = fast_lengths(N_OUT, 0.12)[number]
    noise = np.random.default_rng(0).standard_normal((2, n_in + 20_000))
    noise = signal.sosfilt(signal.butter(12, 15_000, fs=44_100, output="sos"), noise)
    ours = resample(torch.from_numpy(noise[:, 10_000:-10_000].astype(np.float32)), N_OUT).numpy()
    theirs = soxr.resample(noise[:, 10_000:-10_000].T, n_in, N_OUT, quality="VHQ").T
    inside = slice(2 * MARGIN, -2 * MARGIN)
    error = ours[:, inside] - theirs[:, inside]
    assert 10 * np.log10(np.mean(error**2) / np.mean(theirs**2)) < -90


def test_stretching_by_one_changes_nothing():
    samples = music(stretch_reads(20_000, 1.0))
    ours = stretched(samples, 1.0, 20_000)
    np.testing.assert_allclose(ours, samples[REACH + HOP :][:20_000], atol=1e-6)


@pytest.mark.parametrize("factor", [0.88, 1.12])
def test_stretching_keeps_pitch_and_moves_every_click(factor):
    n_out = 44_100
    samples = music(stretch_reads(n_out, factor))
    ours = stretched(samples, factor, n_out)
    spectrum = np.abs(np.fft.rfft(ours * np.hanning(n_out)))
    assert abs(spectrum.argmax() - 220) <= 1
    clicks = np.flatnonzero(ours > 0.45)
    clicks = clicks[np.diff(clicks, prepend=-HOP) > 100]
    assert len(clicks) == pytest.approx(n_out * factor / 11_025, abs=1.01)
    # A frame may be moved by `REACH`, a click with it, or it may be heard twice as an echo.
    assert np.diff(clicks) == pytest.approx(11_025 / factor, abs=2 * REACH)


def test_silence_is_stretched_evenly():
    places = fitting_places(np.zeros(stretch_reads(20_000, 1.1), np.float32), 1.1, 20_000)
    assert np.abs(places - REACH - np.arange(len(places)) * HOP * 1.1).max() <= 4
