from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.training.data.augmentation import (  # noqa: E402
    AugmentationConfig,
    apply,
    augment_samples,
    decide,
    equaliser,
)
from unbraid.training.data.dynamics import compressor_gain, limiter_gain  # noqa: E402
from unbraid.training.data.reverb import reverberate, rooms  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("one_thread")]

NO_STEM = (0.0, 0.0, 0.0, 0.0)
EVERY_STEM = (1.0, 1.0, 1.0, 1.0)
NOTHING = AugmentationConfig(
    swap_channels=0,
    flip_polarity=0,
    balance_db=0,
    narrow=0,
    widen=0,
    saturate=NO_STEM,
    compress=NO_STEM,
    reverb=NO_STEM,
    bus_compress=0,
    limit=0,
)
EVERYTHING = AugmentationConfig(
    swap_channels=1,
    flip_polarity=1,
    narrow=1,
    widen=1,
    saturate=EVERY_STEM,
    compress=EVERY_STEM,
    reverb=EVERY_STEM,
    room=EVERY_STEM,
    roughen=EVERY_STEM,
    bus_compress=1,
    limit=1,
)
BUS = replace(NOTHING, bus_compress=1, limit=1)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def some_stems(n_batch=2, n_samples=20_001):
    times = torch.arange(n_samples) / 44_100
    swell = 0.1 + torch.sin(2 * torch.pi * 3 * times).square()
    return torch.randn(n_batch, 4, 2, n_samples, generator=generator(9)) * swell * 0.1


@pytest.mark.parametrize("n_batch", [1, 3])
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 100.0])
def test_every_operation_keeps_any_batch_finite_and_silence_silent(n_batch, scale):
    stems = some_stems(n_batch) * scale
    stems[:, 1] = 0
    before = stems.clone()
    after = augment_samples(stems, EVERYTHING, generator())
    torch.testing.assert_close(stems, before, rtol=0, atol=0)
    assert after.shape == stems.shape
    assert torch.isfinite(after).all()
    assert not after[:, 1].any()


def test_the_same_seed_gives_the_same_result():
    stems = some_stems()
    one, two = (augment_samples(stems, EVERYTHING, generator(5)) for _ in range(2))
    torch.testing.assert_close(one, two, rtol=0, atol=0)
    assert (augment_samples(stems, EVERYTHING, generator(6)) != one).any()


def test_what_is_not_asked_for_is_not_done():
    stems = some_stems()
    after = augment_samples(stems, NOTHING, generator())
    ratio = (after / stems).flatten(1)
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-4, atol=0)


def test_what_is_done_to_the_mixture_is_done_to_all_stems_alike():
    """So the mixture is what its own dynamics make of it, and still the sum of its stems."""
    stems = some_stems(3)
    decisions = decide(3, BUS, generator())
    after = apply(stems, decisions)
    alone = torch.zeros_like(stems)
    alone[:, 0] = stems.sum(dim=1)
    torch.testing.assert_close(apply(alone, decisions).sum(dim=1), after.sum(dim=1))


def test_costly_operations_touch_the_chosen_stems_only():
    stems = some_stems(4)
    config = replace(NOTHING, saturate=(0.4,) * 4, compress=(0.4,) * 4, reverb=(0.5,) * 4)
    decisions = decide(4, config, generator(1))
    after = apply(stems, decisions)
    changed = {*decisions.saturate.rows, *decisions.compress.rows, *decisions.reverb.rows}
    assert 0 < len(changed) < 16
    for row in {*range(16)} - changed:
        example, stem = divmod(row, 4)
        ratio = after[example, stem] / stems[example, stem]
        torch.testing.assert_close(ratio, ratio[:1, :1].expand_as(ratio), rtol=1e-4, atol=0)
        assert not any(f"{stem}: sat" in line for line in decisions.describe(example))


def test_an_operation_is_done_to_the_stems_it_is_asked_for():
    config = replace(NOTHING, saturate=(0.0, 1.0, 0.0, 0.0), compress=(0.0, 0.0, 1.0, 0.0))
    decisions = decide(3, config, generator())
    assert decisions.saturate.rows == [1, 5, 9]
    assert decisions.compress.rows == [2, 6, 10]


def test_a_kit_in_a_room_keeps_its_lows_there():
    click = torch.zeros(1, 2, 40_000)
    click[..., 1000] = 1.0
    response = rooms(torch.tensor([0.4]), torch.zeros(1), generator())
    with_lows, without = (
        (reverberate(click, response, torch.zeros(1), lows=lows) - click)[0, 0]
        for lows in (True, False)
    )
    low, lower = (torch.fft.rfft(x).abs()[9:55].square().sum() for x in (with_lows, without))
    assert low > 4 * lower  # 10 to 60 Hz


def test_a_roughened_line_is_a_band_and_as_loud():
    times = torch.arange(66_150) / 44_100  # 300 whole periods
    line = torch.sin(2 * torch.pi * 200 * times).expand(1, 4, 2, -1)
    config = replace(NOTHING, roughen=(0.0, 1.0, 0.0, 0.0), bus_level_db=0.0)
    decisions = decide(1, config, generator())
    decisions.roughen.values.update(width_hz=torch.tensor([30.0]), depth=torch.tensor([1.0]))
    after = apply(line.clone(), decisions)
    before_power, power = (torch.fft.rfft(after[0, i, 0]).abs().square() for i in (0, 1))
    assert power.sum() == pytest.approx(before_power.sum().item(), rel=0.01)
    hertz = torch.fft.rfftfreq(66_150, 1 / 44_100)
    beside = (hertz - 200).abs() > 5
    assert before_power[beside].sum() < 0.01 * before_power.sum()
    assert power[beside].sum() > 0.05 * power.sum()
    assert power[(hertz - 200).abs() > 150].sum() < 1e-3 * power.sum()


def test_bands_in_the_lows_are_those_of_the_stems_that_have_them():
    config = replace(
        NOTHING, equalise=0, low_shelf=0, bus_equalise=0, lows=1.0, lows_db=(0.0, 0.0, 9.0, 0.0)
    )
    gain_db = 20 * equaliser((4, 4), 2049, config, generator(), torch.device("cpu")).log10()
    gain_db = gain_db - gain_db[:, :1]
    assert gain_db[:, [1, 3]].abs().max() == 0
    lows, highs = gain_db[:, 2, 0, 4:45], gain_db[:, 2, 0, 600:]  # 43 to 490 Hz; from 6 kHz
    assert (lows.abs().amax(dim=1) > 3).all()
    assert highs.abs().max() < 3


def test_no_sample_of_a_limited_mixture_is_above_the_ceiling():
    mixture = some_stems(3, 30_011).sum(dim=1)
    mixture[0, 0, 12_345] = 4.0
    mixture[1, 1, 0] = 3.0
    mixture[2, 0, -1] = -3.0
    ceiling = torch.tensor([0.3, 0.2, 0.5])
    gain = limiter_gain(mixture, ceiling, torch.tensor([30.0, 100.0, 300.0]))
    assert gain.max() <= 1
    assert ((mixture * gain).abs().amax(dim=(1, 2)) <= ceiling * 1.0001).all()
    # Long before a peak nothing happens; after it the gain comes back no faster than asked.
    single = torch.zeros(1, 2, 44_100)
    single[0, :, 22_050] = 1.0
    gain_db = 20 * limiter_gain(single, torch.tensor([0.5]), torch.tensor([60.0]))[0, 0].log10()
    assert gain_db[: 22_050 - 400].abs().max() == 0
    assert gain_db[22_050 + 2205].item() == pytest.approx(-6 + 3, abs=0.3)
    assert gain_db[22_050 + 4410 + 500 :].abs().max() < 1e-3


def test_a_compressor_turns_a_louder_half_down_by_its_ratio():
    samples = torch.randn(1, 2, 88_200, generator=generator()) * 0.01
    samples[..., 44_100:] *= 10
    above_db, ratio, release = torch.tensor([-10.0]), torch.tensor([4.0]), torch.tensor([50.0])
    gain = compressor_gain(samples, above_db, ratio, release)
    assert gain.max() <= 1
    # The louder half is 3 dB above the mean, so 13 above the threshold; the quiet one 7 below.
    before_db, after_db = (
        20 * np.log10(gain[0, 0, at : at + 20_000].mean().item()) for at in (10_000, 60_000)
    )
    assert before_db == pytest.approx(0, abs=0.1)
    assert after_db == pytest.approx(-13 * 0.75, abs=0.8)


@pytest.mark.parametrize("decay_s", [0.3, 1.5])
def test_a_room_decays_by_sixty_decibels_in_its_time(decay_s):
    response = rooms(torch.tensor([decay_s]), torch.tensor([0.02]), generator())[0]
    assert not response[:, : round(0.02 * 44_100)].any()
    torch.testing.assert_close(response.square().sum(dim=1), torch.ones(2))
    spectrum = torch.fft.rfft(response)
    spectrum[:, round(1_000 * response.shape[1] / 44_100) :] = 0  # the highs decay sooner
    power = torch.fft.irfft(spectrum).square().sum(dim=0).numpy()
    left_db = 10 * np.log10(np.cumsum(power[::-1])[::-1] / power.sum())  # Schroeder 1965
    first, last = (np.flatnonzero(left_db < level)[0] for level in (-8, -28))
    assert (last - first) / 44_100 * 3 == pytest.approx(decay_s, rel=0.3)


def test_a_reverberant_example_begins_in_a_room_that_already_sounds():
    samples = torch.zeros(1, 2, 40_000)
    samples[..., 35_000] = 1.0
    response = rooms(torch.tensor([1.0]), torch.tensor([0.0]), generator())
    wet = reverberate(samples, response, torch.tensor([-6.0]))
    torch.testing.assert_close(wet[..., 35_000], torch.ones(1, 2), rtol=0, atol=0.2)
    start, before = (wet[..., a:b].square().mean() for a, b in ((0, 2_000), (30_000, 34_000)))
    assert start > 10 * before > 0


def test_a_narrowed_mixture_is_mono_or_keeps_its_middle():
    stems = some_stems(64, 512)
    narrowed = augment_samples(stems, replace(NOTHING, bus_narrow=1, bus_level_db=0), generator())
    plain = augment_samples(stems, replace(NOTHING, bus_level_db=0), generator())

    def sides(samples):
        mixture = samples.sum(dim=1)
        middle, side = mixture[:, 0] + mixture[:, 1], mixture[:, 0] - mixture[:, 1]
        return (side.square().sum(dim=1) / middle.square().sum(dim=1)).sqrt()

    shares = sides(narrowed) / sides(plain)
    assert shares.max() <= 1.001
    assert 0.2 < (shares < 1e-3).float().mean() < 0.5
    # All stems by the same.
    width = (narrowed[:, :, 0] - narrowed[:, :, 1]).norm(dim=2)
    before = (plain[:, :, 0] - plain[:, :, 1]).norm(dim=2)
    ratio = width / before
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), atol=1e-3, rtol=1e-3)


def test_all_but_other_stand_in_the_middle_of_centred_examples():
    stems = some_stems(n_batch=8)
    wide = replace(EVERYTHING, centred=0.5, balance_db=0, narrow=0)
    after = augment_samples(stems, wide, generator())
    sides = (after[:, :, 0] - after[:, :, 1]).square().sum(-1) / after.square().sum((2, 3))
    is_centred = (sides[:, :3] < 1e-9).all(dim=1)
    assert 0 < is_centred.sum() < 8
    assert (sides[~is_centred] > 1e-3).all()
    assert (sides[is_centred, 3] > 1e-3).all()
    centred = decide(8, wide, generator()).centred
    assert torch.equal(centred[:, 0], is_centred)
    assert not centred[:, 3].any()


def test_other_is_panned_in_half_of_the_centred_examples():
    config = replace(NOTHING, centred=1, balance_db=0, panned_db=8)
    channels = decide(200, config, generator()).channels
    pan_db = 20 * torch.log10(channels[:, 3, 0, 0] / channels[:, 3, 1, 1])
    assert 60 < (pan_db != 0).sum() < 140
    assert 6 < pan_db[pan_db != 0].std() < 10
    assert not (channels[:, :3, 0, 0] != channels[:, :3, 1, 1]).any()
