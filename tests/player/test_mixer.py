"""The mixer: exact at rest, smooth in motion, the same however blocks are cut."""

import math
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unbraid.errors import UsageError
from unbraid.player.mixer import Meter, Mixer
from unbraid.stems import STEMS

RATE = 44_100
N = 8_192


@pytest.fixture(scope="module")
def stems() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, (4, 2, N)).astype(np.float32)


def _played(mixer: Mixer, stems: np.ndarray, cuts=()) -> np.ndarray:
    """What is heard, without the mixer's delay."""
    padded = np.concatenate([stems, np.zeros((4, 2, mixer.latency), np.float32)], axis=-1)
    n_samples = padded.shape[-1]
    edges = sorted({*cuts, *range(0, n_samples, mixer.max_block), n_samples})
    blocks = []
    for start, end in pairwise(edges):
        out = np.zeros((2, end - start), np.float32)
        mixer.mix(padded[..., start:end], out)
        mixer.finish(out)
        blocks.append(out)
    return np.concatenate(blocks, axis=-1)[:, mixer.latency :]


def test_at_rest_the_sum_of_the_stems_comes_out_bit_by_bit(stems) -> None:
    v, d, b, o = stems
    assert np.array_equal(_played(Mixer(RATE), stems), v + d + b + o)


def test_with_stems_that_sum_to_a_mixture_unity_is_the_mixture(stems) -> None:
    mixture = stems.sum(axis=0)
    parts = stems.copy()
    parts[3] = mixture - parts[:3].sum(axis=0)
    error = np.abs(_played(Mixer(RATE), parts) - mixture).max()
    assert 20 * np.log10(max(error, 1e-12)) < -120


@given(st.lists(st.integers(1, N - 1), max_size=12), st.booleans())
@settings(deadline=None, max_examples=25)
def test_where_blocks_are_cut_does_not_change_a_sample(stems, cuts, mute_first) -> None:
    def mixer() -> Mixer:
        mixer = Mixer(RATE)
        mixer.set_mute("vocals", mute_first)
        mixer.set_gain_db("bass", -7)
        mixer.set_pan("drums", 0.3)
        mixer.set_volume_db(-3)
        return mixer

    assert np.array_equal(_played(mixer(), stems, cuts), _played(mixer(), stems))


@given(st.lists(st.integers(1, N - 1), max_size=12))
@settings(deadline=None, max_examples=8)
def test_where_blocks_are_cut_does_not_change_the_limiter(stems, cuts) -> None:
    limited = []
    for edges in ((), cuts):
        mixer = Mixer(RATE)
        mixer.set_limiter(on=True)
        limited.append(_played(mixer, 8 * stems, edges))
    assert np.allclose(*limited, atol=1e-6)


def test_a_change_takes_ten_milliseconds_in_a_straight_line() -> None:
    mixer = Mixer(RATE)
    steady = np.zeros((4, 2, 2_000), np.float32)
    steady[0] = 0.5
    assert np.array_equal(_played(mixer, steady), steady[0])
    mixer.set_mute("vocals", on=True)
    heard = _played(mixer, steady)
    assert np.allclose(np.diff(heard[0, :441]), -0.5 / 441, atol=1e-6)
    assert heard[0, 439] > 0
    assert not heard[:, 440:].any()


def test_a_change_of_mind_in_mid_ramp_does_not_jump() -> None:
    mixer = Mixer(RATE)
    steady = np.ones((4, 2, 200), np.float32)
    heard = []
    for i in range(40):
        mixer.set_mute("drums", on=i % 3 == 0)
        out = np.zeros((2, 200), np.float32)
        mixer.mix(steady, out)
        heard.append(out)
    assert np.abs(np.diff(np.concatenate(heard, axis=1))).max() < 1.01 / 441


@pytest.mark.parametrize(
    ("mutes", "solos", "heard"),
    [
        ([], [], STEMS),
        (["vocals"], [], ("drums", "bass", "other")),
        ([], ["bass"], ("bass",)),
        ([], ["bass", "drums"], ("drums", "bass")),
        (["bass"], ["bass", "drums"], ("drums",)),
        (["bass"], ["bass"], ()),
    ],
)
def test_mutes_and_solos(stems, mutes, solos, heard) -> None:
    mixer = Mixer(RATE)
    for stem in mutes:
        mixer.set_mute(stem, on=True)
    for stem in solos:
        mixer.set_solo(stem, on=True)
    mixer.settle()
    expected = sum((stems[STEMS.index(stem)] for stem in heard), np.zeros((2, N), np.float32))
    assert np.allclose(_played(mixer, stems), expected, atol=1e-6)
    assert mixer.is_unity == (set(heard) == set(STEMS))


def test_a_pan_turns_down_the_far_side_only() -> None:
    mixer = Mixer(RATE)
    mixer.set_pan("vocals", -0.25)
    mixer.set_pan("drums", 1)
    mixer.settle()
    steady = np.zeros((4, 2, 100), np.float32)
    steady[0] = 1
    steady[1] = 10
    out = np.zeros((2, 100), np.float32)
    mixer.mix(steady, out)
    assert np.allclose(out[:, -1], [1.0, 0.75 + 10])


def test_gains_in_decibels_from_silence_to_twelve() -> None:
    for gain_db, amplitude in ((-math.inf, 0.0), (-20, 0.1), (12, 10**0.6)):
        mixer = Mixer(RATE)
        mixer.set_gain_db("other", gain_db)
        mixer.settle()
        steady = np.zeros((4, 2, 10), np.float32)
        steady[3] = 1
        out = np.zeros((2, 10), np.float32)
        mixer.mix(steady, out)
        assert np.allclose(out, amplitude)


def test_what_no_fader_has_is_refused() -> None:
    mixer = Mixer(RATE)
    with pytest.raises(UsageError, match="vocals, drums"):
        mixer.set_mute("piano", on=True)
    for gain_db in (12.1, math.nan):
        with pytest.raises(UsageError, match="12"):
            mixer.set_gain_db("vocals", gain_db)
    with pytest.raises(UsageError, match="left"):
        mixer.set_pan("vocals", 1.5)


@pytest.mark.parametrize("limiter", [False, True])
def test_mixing_allocates_nothing(stems, limiter) -> None:
    mixer = Mixer(RATE)
    mixer.set_limiter(limiter)
    block = 8 * stems[..., :3_000]
    out = np.zeros((2, 3_000), np.float32)
    for on in (True, False):  # imports and caches of numpy's
        mixer.set_mute("vocals", on)
        mixer.mix(block, out)
        mixer.finish(out)
    tracemalloc.start()
    try:
        mixer.mix(block, out)
        mixer.finish(out)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        mixer.mix(block, out)
        mixer.finish(out)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Views come and go; one array of a block's samples would be 24 kB.
    assert peak - before < 4_000
    assert after - before < 500


def _true_peak_db(samples: np.ndarray) -> float:
    soxr = pytest.importorskip("soxr")
    fine = soxr.resample(samples.T, 1, 16, quality="VHQ")
    # An abrupt start and end ring in the measurement alone.
    return float(20 * np.log10(np.abs(fine[16 * 500 : -16 * 500]).max()))


def _loud(kind: str) -> np.ndarray:
    times = np.arange(RATE) / RATE
    rng = np.random.default_rng(2)
    match kind:
        case "noise":
            spectrum = np.fft.rfft(rng.normal(0, 0.7, (2, RATE)))
            spectrum[:, 20_000:] = 0  # 1 Hz each
            wave = np.fft.irfft(spectrum)
        case "sine between samples":  # its samples reach 0.707 of its peaks
            wave = 1.9 * np.sin(2 * np.pi * RATE / 4 * times + np.pi / 4) * np.ones((2, 1))
        case "high sine":
            wave = 1.5 * np.sin(2 * np.pi * 18_000 * times) * np.ones((2, 1))
        case "clicks":
            wave = 3.0 * (rng.random((2, RATE)) < 0.001)
        case _:
            wave = np.sign(np.sin(2 * np.pi * 110 * times)) * np.array([[0.4], [1.3]])
    return np.asarray(wave, np.float32)


@pytest.mark.parametrize("kind", ["noise", "sine between samples", "high sine", "clicks", "square"])
def test_the_limiter_keeps_the_true_peak_below_minus_one_decibel(kind) -> None:
    mixer = Mixer(RATE)
    mixer.set_limiter(on=True)
    stems = np.zeros((4, 2, RATE), np.float32)
    stems[0] = _loud(kind)
    heard = _played(mixer, stems)
    assert _true_peak_db(stems[0]) > 1
    assert _true_peak_db(heard) < -1.0


def test_the_limiter_says_when_it_acts_and_leaves_quiet_music_alone(stems) -> None:
    mixer = Mixer(RATE)
    mixer.set_limiter(on=True)
    quiet = 0.1 * stems
    v, d, b, o = quiet
    assert np.array_equal(_played(mixer, quiet), v + d + b + o)
    assert not mixer.limiter.acting
    _played(mixer, 10 * stems)
    assert mixer.limiter.acting
    for _ in range(8):
        _played(mixer, quiet)
    assert not mixer.limiter.acting


def test_switching_the_limiter_moves_the_gain_smoothly() -> None:
    mixer = Mixer(RATE)
    steady = np.zeros((4, 2, 2_000), np.float32)
    steady[0] = 1.5
    before = _played(mixer, steady)
    assert np.array_equal(before, steady[0])
    heard = []
    for on in (True, False):
        mixer.set_limiter(on)
        for _ in range(10):
            out = np.zeros((2, 2_000), np.float32)
            mixer.mix(steady, out)
            mixer.finish(out)
            heard.append(out)
    whole = np.concatenate(heard, axis=1)[:, mixer.latency :]
    assert np.abs(np.diff(whole)).max() < 1.5 / 100
    assert abs(20 * np.log10(whole[0, 19_000]) + 1.15) < 0.05
    assert whole[0, -1] == 1.5


def test_meters_rise_at_once_and_fall_slowly() -> None:
    mixer = Mixer(RATE)
    meter = Meter(mixer)
    assert meter.read(0.0).peak_db == (-math.inf,) * 5
    stems = np.zeros((4, 2, 4_096), np.float32)
    stems[1] = 0.5
    out = np.zeros((2, 4_096), np.float32)
    now_s = 0.0
    for _ in range(40):
        mixer.mix(stems, out)
        mixer.finish(out)
        now_s += 4_096 / RATE
        levels = meter.read(now_s)
    half_db = 20 * math.log10(0.5)
    assert levels.peak_db[0] == -math.inf
    assert levels.peak_db[1] == pytest.approx(half_db)
    assert levels.peak_db[4] == pytest.approx(half_db)
    assert levels.rms_db[1] == pytest.approx(half_db, abs=0.1)
    later = meter.read(now_s + 1.0)
    assert later.peak_db[1] == pytest.approx(half_db - 20)
    assert later.rms_db[1] < half_db - 10


def test_two_readers_of_meters_do_not_disturb_each_other(stems) -> None:
    mixer = Mixer(RATE)
    first, second = Meter(mixer), Meter(mixer)
    out = np.zeros((2, 512), np.float32)
    for i in range(5):
        mixer.mix(stems[..., :512], out)
        mixer.finish(out)
        assert first.read(i / 10).peak_db[0] > -60
    assert second.read(0.5).peak_db[0] > -60
