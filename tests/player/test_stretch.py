"""Tempo and key: exact at rest, in tune, on time, and without clicks between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unbraid.player.stretch import Stretch
from unbraid.player.timeline import Timeline
from unbraid.player.transport import Transport

RATE = 44_100


class _Song:
    """A bus that counts what is read."""

    def __init__(self, samples: np.ndarray) -> None:
        self.samples = samples
        self.n_read = 0

    def __call__(self, n_samples: int) -> np.ndarray:
        block = np.zeros((2, n_samples), np.float32)
        part = self.samples[:, self.n_read : self.n_read + n_samples]
        block[:, : part.shape[1]] = part
        self.n_read += n_samples
        return block


def _sine(frequency: float = 441.0, seconds: float = 3.0) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return np.tile(0.5 * np.sin(2 * np.pi * frequency * times), (2, 1)).astype(np.float32)


def _pulled(stretch: Stretch, song: _Song, n_blocks: int, **how) -> np.ndarray:
    return np.concatenate([stretch.pull(512, song, **how) for _ in range(n_blocks)], axis=1)


def _frequency(samples: np.ndarray) -> float:
    windowed = samples[0] * np.hanning(samples.shape[1])
    spectrum = np.abs(np.fft.rfft(windowed, 16 * len(windowed)))
    return float(np.argmax(spectrum) * RATE / (16 * len(windowed)))


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=20))
@settings(deadline=None)
def test_at_rest_samples_pass_bit_by_bit_and_nothing_is_read_ahead(blocks) -> None:
    rng = np.random.default_rng(0)
    song = _Song(rng.normal(size=(2, 60_000)).astype(np.float32))
    stretch = Stretch(RATE)
    heard = np.concatenate([stretch.pull(n_samples, song) for n_samples in blocks], axis=1)
    assert np.array_equal(heard, song.samples[:, : sum(blocks)])
    assert song.n_read == stretch.heard == sum(blocks)
    assert stretch.is_bypassed


@pytest.mark.parametrize("tempo", [0.5, 0.8, 1.0, 1.25, 1.5])
@pytest.mark.parametrize("key", [-12, -5, 0, 3, 12])
def test_a_tone_keeps_its_pitch_by_tempo_and_moves_by_key(tempo, key) -> None:
    heard = _pulled(Stretch(RATE), _Song(_sine()), 60, tempo=tempo, key=key)[:, 8_000:]
    assert _frequency(heard) == pytest.approx(441 * 2 ** (key / 12), rel=0.002)
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.03)
    omega = 2 * np.pi * 441 * 2 ** (key / 12) / RATE
    assert np.abs(np.diff(heard, 2)).max() < 2 * 0.5 * omega**2


@pytest.mark.parametrize(("tempo", "key"), [(0.5, 0), (0.75, -7), (1.0, 12), (1.5, 5), (0.5, 12)])
def test_a_click_is_heard_where_it_lies(tempo, key) -> None:
    clicks = [20_000, 55_555, 100_000]
    song = np.zeros((2, 4 * RATE), np.float32)
    for click in clicks:
        song[:, click : click + 30] = np.hanning(30)
    stretch = Stretch(RATE)
    heard = _pulled(stretch, _Song(song), round(110_000 / tempo / 512), tempo=tempo, key=key)
    assert stretch.heard == pytest.approx(tempo * heard.shape[1])
    for click in clicks:
        about = round(click / tempo)
        near = np.abs(heard[0, about - 8_000 : about + 8_000])
        distance_s = (int(np.argmax(near)) - 8_000) * tempo / RATE
        assert near.max() > 0.1
        assert abs(distance_s) < 0.035


def test_changes_while_playing_do_not_click_and_go_back_to_the_very_samples() -> None:
    samples = _sine(seconds=6)
    song = _Song(samples)
    stretch = Stretch(RATE)
    heard = [_pulled(stretch, song, 20)]
    for tempo, key in [(0.9, 0), (1.4, 0), (1.4, 2), (0.6, 2), (1.0, -1)]:
        heard.append(_pulled(stretch, song, 20, tempo=tempo, key=key))
    after = round(stretch.heard)
    heard.append(_pulled(stretch, song, 60))
    whole = np.concatenate(heard, axis=1)
    omega = 2 * np.pi * 441 * 2 ** (2 / 12) / RATE
    assert np.abs(np.diff(whole, 2)).max() < 4 * 0.5 * omega**2
    exact = heard[-1][:, 2_000:]
    assert np.array_equal(exact, samples[:, after + 2_000 : after + 2_000 + exact.shape[1]])
    assert stretch.is_bypassed
    assert song.n_read == stretch.heard  # what was read ahead has been played


def test_a_change_within_a_change_does_not_click() -> None:
    song = _Song(_sine())
    stretch = Stretch(RATE)
    heard = [stretch.pull(100, song, tempo=1 + i / 100) for i in range(30)]
    omega = 2 * np.pi * 441 / RATE
    assert np.abs(np.diff(np.concatenate(heard, axis=1), 2)).max() < 6 * 0.5 * omega**2


def test_after_a_seek_what_is_read_next_is_heard_next() -> None:
    samples = np.concatenate([_sine(), _sine(882.0)], axis=1)
    song = _Song(samples)
    stretch = Stretch(RATE)
    first = _pulled(stretch, song, 40, tempo=0.8)
    assert song.n_read > stretch.heard + 512
    stretch.flush()
    song.n_read = 3 * RATE
    assert stretch.heard == stretch.n_read
    second = _pulled(stretch, song, 40, tempo=0.8)
    assert _frequency(second[:, 1_000:9_000]) == pytest.approx(882, rel=0.01)
    omega = 2 * np.pi * 882 / RATE
    assert np.abs(np.diff(np.concatenate([first, second], axis=1), 2)).max() < 4 * 0.5 * omega**2


def test_a_flush_at_rest_changes_nothing() -> None:
    song = _Song(_sine())
    stretch = Stretch(RATE)
    heard = [stretch.pull(700, song)]
    stretch.flush()
    heard.append(stretch.pull(700, song))
    assert np.array_equal(np.concatenate(heard, axis=1), song.samples[:, :1_400])


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("play"), st.integers(1, 900)),
            st.tuples(st.just("seek"), st.integers(0, 49_000)),
        ),
        max_size=30,
    )
)
@settings(deadline=None)
def test_the_playhead_is_the_sample_that_is_heard(actions) -> None:
    transport, timeline = Transport(50_000, RATE), Timeline()
    transport.set_loop(10_000, 12_000)
    transport.play()
    written: list[int] = []
    for action, number in actions:
        if action == "seek":
            transport.seek(number)
            transport.play()
            continue
        timeline.mark(len(written), len(written))
        for span in transport.advance(number):
            timeline.add(span.start, span.n_samples)
            written += range(span.start, span.start + span.n_samples)
    timeline.mark(len(written), len(written))
    for n_played in range(0, len(written), 37):
        assert timeline.position(n_played) == written[n_played]


def test_the_playhead_moves_at_the_tempo() -> None:
    timeline = Timeline()
    timeline.add(1_000, 5_000)
    timeline.add(300, 5_000)
    for i in range(11):
        timeline.mark(512 * i, 0.5 * 512 * i)
    assert timeline.position(100) == 1_050
    assert timeline.position(5_000) == 3_500
    assert Timeline().position(0) is None
