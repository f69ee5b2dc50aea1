"""The masking model against published points and a slow version of itself in loops."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.spec import Spec  # noqa: E402
from unbraid.training.losses.hearing import (  # noqa: E402
    bark,
    masked_error,
    masked_threshold,
    quiet_db_spl,
    spreading_db,
)
from unbraid.training.losses.targets import Targets  # noqa: E402

pytestmark = pytest.mark.training

SPEC = Spec(n_fft=1024, hop=256, n_bins=256, n_frames=24, context=2)


def slow_threshold(power):
    """Of one frame, (n_bins,): band by band, bin by bin, by the formulas as they are printed."""
    frequencies = [k * 44.1 / 1024 for k in range(len(power))]  # kHz
    place = [int(13 * math.atan(0.76 * f) + 3.5 * math.atan((f / 7.5) ** 2)) for f in frequencies]
    bands = sorted(set(place))
    quiet = []
    for f in (max(f, 0.02) for f in frequencies):
        spl = 3.64 * f**-0.8 - 6.5 * math.exp(-0.6 * (f - 3.3) ** 2) + 0.001 * f**4
        quiet.append((1024 / 4) ** 2 * 10 ** ((spl - 96) / 10))
    floored = [p + q for p, q in zip(power, quiet, strict=True)]
    geometric = sum(10 * math.log10(p) for p in floored) / len(floored)
    flatness_db = geometric - 10 * math.log10(sum(floored) / len(floored))
    tonality = min(flatness_db / -60, 1)
    in_band = {
        band: sum(p for p, b in zip(power, place, strict=True) if b == band) for band in bands
    }
    result = []
    for k, own in enumerate(place):
        heard = gain = 0.0
        for band in bands:
            d = own - band + 0.474
            share = 10 ** ((15.81 + 7.5 * d - 17.5 * math.sqrt(1 + d * d)) / 10)
            gain += share
            heard += share * in_band[band]
        offset_db = tonality * (14.5 + own + 0.5) + (1 - tonality) * 5.5
        hidden = heard / gain * 10 ** (-offset_db / 10) / place.count(own)
        result.append(max(hidden, quiet[k]))
    return result


@pytest.fixture
def sounds():
    """Frames of noise, of a tone at 1 kHz, of silence: power (n_bins, 3)."""
    rng = np.random.default_rng(0)
    power = np.zeros((256, 3))
    power[:, 0] = rng.exponential(25.0, 256)
    power[23, 1] = 100.0**2
    power[22:25, 1] += 50.0**2
    return power


def test_the_threshold_is_that_of_the_printed_formulas(sounds):
    found = masked_threshold(torch.from_numpy(sounds.astype(np.float32)), SPEC).numpy()
    for frame in range(3):
        np.testing.assert_allclose(found[:, frame], slow_threshold(sounds[:, frame]), rtol=1e-3)


def test_known_points_of_the_ear():
    # Zwicker's table: 100 Hz, 1 kHz, 4.4 kHz, 9.5 kHz are the edges of Bark 1, 8.5, 18, 22.
    places = bark(np.array([100.0, 1000.0, 4400.0, 9500.0]))
    np.testing.assert_allclose(places, [1.0, 8.5, 18.0, 22.0], atol=0.35)
    # Schroeder: 0 dB at the masker; per Bark about 25 dB below it, 10 dB above it.
    assert spreading_db(np.array([0.0]))[0] == pytest.approx(0, abs=0.05)
    below, above = spreading_db(np.array([-6.0, -5.0])), spreading_db(np.array([5.0, 6.0]))
    assert below[1] - below[0] == pytest.approx(25, abs=0.7)
    assert above[0] - above[1] == pytest.approx(10, abs=0.7)
    # Terhardt: most sensitive near 3.3 kHz, at about -5 dB SPL.
    frequencies = np.arange(20.0, 16_000.0, 10.0)
    levels = quiet_db_spl(frequencies)
    assert frequencies[levels.argmin()] == pytest.approx(3300, abs=100)
    assert levels.min() == pytest.approx(-5, abs=0.5)


def test_a_tone_hides_less_than_noise_and_more_above_than_below_itself(sounds):
    power = torch.from_numpy(sounds.astype(np.float32))
    threshold = masked_threshold(power, SPEC)
    # Noise of the same power in the tone's band.
    noise = torch.full((256, 1), float(power[:, 1].sum() / 256))
    in_noise = masked_threshold(noise, SPEC)[:, 0] / noise.mean()
    beside_tone = threshold[:, 1] / power[:, 1].sum()
    assert beside_tone[23] < in_noise[23]
    octave_above, octave_below = threshold[46, 1], threshold[12, 1]
    assert octave_above > octave_below


def hearing_of(error, stem):
    """Cost of an error of constant magnitude, for a stem that is the whole mixture."""
    stems = torch.zeros(1, 4, 2, 256, 4, dtype=torch.complex64)
    stems[:, 0] = torch.from_numpy(stem)[:, None]
    masks = torch.zeros(1, 4, 2, 256, 4)
    masks[:, 0] = 1 + torch.from_numpy(error / np.maximum(stem, 1e-6)).float()[:, None]
    targets = Targets.of(stems, torch.ones(1, 4))
    plain = targets.squared_error(masks).sqrt()[0, 0].sum() / targets.magnitude[0, 0].sum()
    return masked_error(masks, targets, SPEC)[0, 0].item(), plain.item()


def test_an_error_below_the_threshold_counts_little_and_one_far_above_counts_whole(sounds):
    stem = np.full(256, 20.0)
    threshold = masked_threshold(torch.full((256, 1), 400.0), SPEC)[:, 0].numpy()
    quiet, plain_quiet = hearing_of(0.1 * np.sqrt(threshold), stem)
    loud, plain_loud = hearing_of(30 * np.sqrt(threshold), stem)
    assert quiet < 0.06 * plain_quiet
    assert loud > 0.95 * plain_loud
    assert hearing_of(np.zeros(256), stem)[0] == pytest.approx(0, abs=1e-6)


def test_the_masked_error_is_its_formula():
    generator = torch.Generator().manual_seed(4)
    stems = torch.randn(1, 4, 2, 256, 2, dtype=torch.complex64, generator=generator) * 10
    masks = torch.rand(1, 4, 2, 256, 2, generator=generator)
    found = masked_error(masks, Targets.of(stems, torch.ones(1, 4)), SPEC).numpy()
    mixture = stems[0].sum(dim=0).numpy().astype(complex)
    for stem in range(4):
        true = stems[0, stem].numpy().astype(complex)
        total = 0.0
        for channel in range(2):
            for frame in range(2):
                hidden = np.array(slow_threshold(np.abs(true[channel, :, frame]) ** 2))
                estimate = masks[0, stem, channel, :, frame].numpy() * mixture[channel, :, frame]
                error = np.abs(estimate - true[channel, :, frame])
                total += (np.sqrt(error**2 + hidden) - np.sqrt(hidden)).sum()
        expected = total / max(np.abs(true).sum(), 0.4 * np.abs(mixture).sum())
        assert found[0, stem] == pytest.approx(expected, rel=1e-3)
