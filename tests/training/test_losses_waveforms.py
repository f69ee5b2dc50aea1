"""Waveform terms against scipy and numpy, one channel after another."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
scipy_signal = pytest.importorskip("scipy.signal", reason="needs scipy")

from unbraid.spec import Spec  # noqa: E402
from unbraid.training.losses.targets import Targets  # noqa: E402
from unbraid.training.losses.waveforms import (  # noqa: E402
    Waveforms,
    middle_samples,
    multi_resolution,
    negative_si_sdr,
    waveform_l1,
)

pytestmark = pytest.mark.training

N_FRAMES = 24


def make_spec(n_fft=128, hop=32, n_bins=33):
    return Spec(sample_rate=8_000, n_fft=n_fft, hop=hop, n_bins=n_bins, n_frames=24, context=2)


def spectra(samples, spec):
    """Frames inside the samples only, as in training and in the separator."""
    window = torch.hann_window(spec.n_fft)
    spectrum = torch.stft(samples.flatten(0, -2), spec.n_fft, spec.hop, window=window,
                          center=False, return_complex=True)  # fmt: skip
    return spectrum[:, : spec.n_bins].reshape(*samples.shape[:-1], spec.n_bins, -1)


@pytest.fixture
def waveforms():
    """An estimate with errors of all sizes; stem 2 of example 0 is silent, its estimate is not."""
    rng = np.random.default_rng(2)
    stems = rng.standard_normal((2, 4, 2, 700)) * 0.1
    stems[0, 2] = 0
    estimate = stems * 0.8 + rng.standard_normal(stems.shape) * 0.02
    estimate[1, 0] = stems[1, 0]
    parts = (estimate, stems, stems.sum(axis=1, keepdims=True))
    return Waveforms(*(torch.from_numpy(p.astype(np.float32)) for p in parts))


def slowly(waveforms, cost):
    estimate, stems, mixture = (
        w.numpy().astype(float) for w in (waveforms.estimate, waveforms.stems, waveforms.mixture)
    )
    return np.array(
        [
            [cost(estimate[b, s], stems[b, s], mixture[b, 0]) for s in range(4)]
            for b in range(len(stems))
        ]
    )


@pytest.mark.parametrize(("n_fft", "hop"), [(128, 32), (128, 64), (96, 16)])
def test_the_middle_of_a_crop_comes_back_sample_for_sample(n_fft, hop):
    spec = make_spec(n_fft, hop, n_fft // 2 + 1)
    n_samples = (N_FRAMES - 1) * hop + n_fft
    samples = torch.randn(2, 4, 2, n_samples)
    found = middle_samples(spectra(samples, spec), spec)
    expected = samples[..., n_fft - hop : N_FRAMES * hop]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_waveforms_of_true_masks_are_the_stems_below_the_top_bin():
    spec = make_spec()
    samples = torch.randn(1, 1, 2, (N_FRAMES - 1) * 32 + 128)
    # One stem is an eighth of the mixture, so real masks give all of them exactly.
    shares = torch.tensor([0.125, 0.5, 0.25, 0.125])[None, :, None, None]
    targets = Targets.of(spectra(samples * shares, spec), torch.ones(1, 4))
    masks = shares[..., None].expand(1, 4, 2, 33, N_FRAMES)
    waveforms = Waveforms.of(masks, targets, spec)
    torch.testing.assert_close(waveforms.estimate, waveforms.stems, rtol=1e-4, atol=1e-5)
    # scipy's inverse of the same spectrum, the bins above left out.
    _, _, spectrum = scipy_signal.stft(
        samples[0, 0].numpy(), window="hann", nperseg=128, noverlap=96, boundary=None, padded=False
    )
    spectrum[:, 33:] = 0
    _, expected = scipy_signal.istft(spectrum, window="hann", nperseg=128, noverlap=96)
    found = waveforms.mixture[0, 0].numpy()
    np.testing.assert_allclose(found, expected[:, 96 - 64 : 24 * 32 - 64], atol=1e-4)


def test_waveform_l1_is_its_formula(waveforms):
    def cost(e, s, x):
        return np.abs(e - s).sum() / max(np.abs(s).sum(), 0.4 * np.abs(x).sum())

    np.testing.assert_allclose(waveform_l1(waveforms), slowly(waveforms, cost), rtol=1e-4)


def test_si_sdr_is_le_roux_of_loud_stems_to_the_bound(waveforms):
    def cost(e, s, x):
        if not s.any() or np.array_equal(e, s):
            return np.nan
        scaled = (e * s).sum() / (s * s).sum() * s
        return -10 * np.log10((scaled**2).sum() / ((scaled - e) ** 2).sum())

    expected = slowly(waveforms, cost)
    found, is_loud = negative_si_sdr(waveforms).numpy(), np.isfinite(expected)
    assert is_loud.sum() == 6
    # The bound lies 30 dB below the stem; these errors stand at -12 dB.
    np.testing.assert_allclose(found[is_loud], expected[is_loud], atol=0.2)


def test_si_sdr_has_its_minimum_at_the_stem_and_at_silence(waveforms):
    stems, mixture = waveforms.stems, waveforms.mixture
    least = negative_si_sdr(Waveforms(stems, stems, mixture))
    expected = np.full((2, 4), -10 * np.log10(1 + 1e3))
    expected[0, 2] = 0
    np.testing.assert_allclose(least, expected, atol=1e-3)
    # A silent stem costs the level of what leaks into it, and no more than the bound.
    leak = negative_si_sdr(Waveforms(mixture.expand_as(stems), stems, mixture))[0, 2].item()
    assert leak == pytest.approx(10 * np.log10(1 + 1 / (1e-3 * 0.16)), abs=0.01)


def test_multi_resolution_is_its_formula(waveforms):
    spec, sizes = make_spec(), (32, 64)

    def magnitudes(samples, size):
        frames = []
        window = scipy_signal.get_window("hann", size)
        for channel in samples:
            for start in range(0, len(channel) - size + 1, size // 4):
                spectrum = np.fft.rfft(channel[start : start + size] * window)
                frames.append(np.abs(spectrum)[: size // 4 + 1])  # 33 of 65 bins: half
        return np.array(frames)

    def cost(e, s, x):
        total = 0.0
        for size in sizes:
            E, S, X = (magnitudes(w, size) for w in (e, s, x))
            floor = 1e-3 * X.mean()
            norm = max(np.sqrt((S**2).sum()), 0.4 * np.sqrt((X**2).sum()))
            total += np.sqrt(((E - S) ** 2).sum()) / norm
            total += np.abs(np.log((E + floor) / (S + floor))).mean()
        return total / len(sizes)

    found = multi_resolution(waveforms, spec, sizes)
    expected = slowly(waveforms, cost)
    assert expected[1, 0] == 0
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-4)


def test_the_gradient_through_the_inverse_transform_is_that_of_finite_differences():
    spec = make_spec(64, 16, 17)
    generator = torch.Generator().manual_seed(3)
    stems = torch.randn(1, 4, 2, 17, 8, dtype=torch.complex64, generator=generator)
    targets = Targets.of(stems, torch.ones(1, 4))
    masks = torch.rand(1, 4, 2, 17, 8, generator=generator, requires_grad=True)

    def loss(m):
        waveforms = Waveforms.of(m, targets, spec)
        return (waveforms.estimate - waveforms.stems).double().square().sum()

    loss(masks).backward()
    direction = torch.randn(masks.shape, generator=generator)
    step = 1e-2
    slope = (loss(masks + step * direction) - loss(masks - step * direction)).item() / (2 * step)
    assert (masks.grad * direction).sum().item() == pytest.approx(slope, rel=1e-3)
