import numpy as np
import pytest

from unbraid.evaluation.hearing import bleedless_fullness, log_wmse, mel_levels

RATE = 44_100


@pytest.fixture(scope="module")
def signals():
    rng = np.random.default_rng(0)
    true = 0.1 * rng.standard_normal((2, RATE)) * np.linspace(0, 1, RATE)
    given = 0.8 * true + 0.01 * rng.standard_normal(true.shape)
    mixture = true + 0.1 * rng.standard_normal(true.shape)
    return tuple(x.astype(np.float32) for x in (true, given, mixture))


def test_mel_levels_are_those_of_a_dense_filter_bank(signals):
    true = signals[0]

    def mel(hz):
        return np.where(
            hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1) / 1000) / np.log(6.4)
        )

    grid = np.linspace(0, 30_000, 600_001)
    edges = np.interp(np.linspace(0, mel(np.float64(RATE / 2)), 514), mel(grid), grid)
    hz = np.linspace(0, RATE / 2, 2049)
    bank = np.array(
        [
            np.maximum(0, np.minimum((hz - a) / (b - a), (c - hz) / (c - b))) * 2 / (c - a)
            for a, b, c in zip(edges, edges[1:], edges[2:], strict=False)
        ]
    )
    padded = np.pad(true, ((0, 0), (2048, 2048)))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(4096) / 4096)
    frames = np.stack([padded[:, i : i + 4096] for i in range(0, RATE + 1, 1024)], axis=1)
    levels = 20 * np.log10(np.maximum(np.abs(np.fft.rfft(frames * window)) @ bank.T, 1e-10))
    levels = np.maximum(levels, levels.max() - 80)
    np.testing.assert_allclose(mel_levels(true), levels, atol=0.05)


def test_too_much_lowers_bleedless_and_too_little_fullness():
    level = np.zeros((2, 3, 4), np.float32)
    assert bleedless_fullness(level, level) == (100, 100)
    more = level.copy()
    more[0, 0, 0] = 9  # the mean is taken where there is any
    assert bleedless_fullness(level, more) == (10, 100)
    assert bleedless_fullness(level, level - 3) == (100, 25)


def test_log_wmse_is_that_of_its_filters_run_one_after_the_other(signals):
    signal = pytest.importorskip("scipy.signal")
    true, given, mixture = signals

    def biquad(x, b, a):
        return signal.sosfilt(np.r_[b, a][None] / a[0], x)

    def heard(x):
        """Magnitudes only matter after transforming: the metric's filters have zero phase."""
        impulse = np.zeros(2 * RATE)
        impulse[0] = 1
        g, w = 10 ** (5 / 40), 2 * np.pi * 1500 / RATE
        s = 2 * np.sqrt(g) * np.sin(w) / np.sqrt(2)
        c = np.cos(w)
        y = biquad(
            impulse,
            [g * (g + 1 + (g - 1) * c + s), -2 * g * (g - 1 + (g + 1) * c), 0],
            np.array([g + 1 - (g - 1) * c + s, 2 * (g - 1 - (g + 1) * c), g + 1 - (g - 1) * c - s]),
        )
        y += biquad(
            np.r_[0, 0, impulse[:-2]],
            [g * (g + 1 + (g - 1) * c - s), 0, 0],
            np.array([g + 1 - (g - 1) * c + s, 2 * (g - 1 - (g + 1) * c), g + 1 - (g - 1) * c - s]),
        )
        y = signal.sosfilt(signal.butter(2, 120, "high", fs=RATE, output="sos"), y)
        g, w = 10 ** (2.5 / 40), 2 * np.pi * 500 / RATE
        a = np.sin(w) / (3 / np.sqrt(2))
        y = biquad(
            y,
            [1 + a * g, -2 * np.cos(w), 1 - a * g],
            np.array([1 + a / g, -2 * np.cos(w), 1 - a / g]),
        )
        low = np.abs(np.fft.rfft(signal.lfilter(*signal.butter(1, 10_000, fs=RATE), impulse)))
        gain = np.abs(np.fft.rfft(y)) * low**2
        padded = np.pad(x, ((0, 0), (RATE // 2, RATE - RATE // 2)))
        return np.fft.irfft(np.fft.rfft(padded) * gain)[:, RATE // 2 : RATE // 2 + RATE]

    loudness = np.sqrt(np.square(heard(mixture)).mean(axis=-1, keepdims=True))
    error = heard(given - true) / loudness
    error[np.abs(error) < 10 ** (-68 / 20)] = 0
    expected = np.mean(-4 * np.log(np.square(error).mean(axis=-1) + 1e-8))
    assert log_wmse(true[None], given[None], mixture)[0] == pytest.approx(expected, abs=0.01)


def test_log_wmse_of_a_silent_stem_is_what_its_readme_says():
    noise = np.random.default_rng(42).uniform(-1, 1, (1, RATE)).astype(np.float32)
    silence = np.zeros_like(noise)

    def of_silence(estimate, mixture):
        return log_wmse(silence[None], estimate[None], mixture)[0]

    assert of_silence(0.1 * noise, noise) == pytest.approx(18.42, abs=0.01)
    assert of_silence(silence, noise) == pytest.approx(73.68, abs=0.01)
    assert of_silence(noise, silence) == pytest.approx(73.68, abs=0.01)
