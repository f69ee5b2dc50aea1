"""The transport: where playing goes, whatever is pressed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unbraid.errors import UsageError
from unbraid.player.transport import Motion, Span, Transport

RATE = 1_000
LENGTH = 20_000

ACTIONS = st.one_of(
    st.tuples(st.just("advance"), st.integers(0, 3_000)),
    st.tuples(st.just("seek"), st.integers(-5_000, LENGTH + 5_000)),
    st.tuples(st.just("loop"), st.integers(-100, LENGTH + 100), st.integers(-100, LENGTH + 100)),
    st.tuples(st.sampled_from(["play", "pause", "toggle", "stop", "clear", "previous"])),
    st.tuples(st.just("length"), st.integers(0, LENGTH)),
)


def _act(transport: Transport, action: tuple[str, *tuple[int, ...]]) -> list[Span]:
    match action:
        case ("advance", n_samples):
            return transport.advance(n_samples)
        case ("seek", sample):
            transport.seek(sample)
        case ("loop", start, end):
            try:
                transport.set_loop(start, end)
            except UsageError:
                assert min(max(start, end), LENGTH) - max(0, min(start, end)) < LENGTH
        case ("clear",):
            transport.clear_loop()
        case ("length", n_samples):
            transport.n_samples = n_samples
        case (name,):
            getattr(transport, name)()
    return []


@given(st.lists(ACTIONS, max_size=40))
@settings(deadline=None)
def test_spans_lie_in_the_song_and_follow_each_other_but_at_seeks_and_loops(actions) -> None:
    transport = Transport(LENGTH, RATE)
    expected: int | None = 0
    for action in actions:
        was_playing = transport.playing
        position = transport.position
        spans = _act(transport, action)
        assert 0 <= transport.position <= transport.n_samples
        if transport.loop is not None:
            start, end = transport.loop
            assert 0 <= start < end <= transport.n_samples
        if action[0] != "advance":
            continue
        total = sum(span.n_samples for span in spans)
        if was_playing:
            assert total == action[1] or transport.motion is Motion.ENDED
        else:
            assert spans == []
        expected = position
        for span in spans:
            assert span.n_samples > 0
            if transport.loop is not None and expected == transport.loop[1] != span.start:
                expected = transport.loop[0]
            assert span.start == expected
            expected = span.start + span.n_samples
            assert expected <= transport.n_samples
            if transport.loop is not None and span.start < transport.loop[1]:
                assert expected <= transport.loop[1]


@given(
    st.integers(0, LENGTH - 20),
    st.integers(20, 5_000),
    st.lists(st.integers(0, 7_000), min_size=1, max_size=10),
)
@settings(deadline=None)
def test_a_loop_lands_on_the_sample_however_blocks_are_cut(start, length, blocks) -> None:
    transport = Transport(LENGTH, RATE)
    end = min(LENGTH, start + length)
    transport.set_loop(start, end)
    transport.seek(start)
    transport.play()
    heard = [
        sample
        for n_samples in blocks
        for span in transport.advance(n_samples)
        for sample in range(span.start, span.start + span.n_samples)
    ]
    assert heard == [start + i % (end - start) for i in range(sum(blocks))]


def test_one_who_sought_beyond_the_loop_plays_on_to_the_end() -> None:
    transport = Transport(LENGTH, RATE)
    transport.set_loop(100, 200)
    transport.seek(15_000)
    transport.play()
    assert transport.advance(10_000) == [Span(15_000, 5_000)]
    assert transport.motion is Motion.ENDED
    transport.play()
    assert transport.advance(250) == [Span(0, 200), Span(100, 50)]


def test_what_is_upcoming_is_what_then_comes() -> None:
    transport = Transport(LENGTH, RATE)
    transport.set_loop(100, 500)
    transport.play()
    upcoming = transport.upcoming(1_234)
    assert upcoming == transport.upcoming(1_234)
    assert upcoming == transport.advance(1_234)


def test_what_is_upcoming_is_told_while_nothing_plays() -> None:
    transport = Transport(LENGTH, RATE)
    transport.seek(19_900)
    assert transport.upcoming(500) == [Span(19_900, 100)]
    assert transport.motion is Motion.STOPPED


def test_stop_returns_to_the_start_and_pause_stays() -> None:
    transport = Transport(LENGTH, RATE)
    transport.play()
    transport.advance(700)
    transport.pause()
    assert (transport.motion, transport.position) == (Motion.PAUSED, 700)
    transport.toggle()
    transport.advance(300)
    transport.stop()
    assert (transport.motion, transport.position) == (Motion.STOPPED, 0)


def test_previous_means_the_song_before_only_near_the_start() -> None:
    transport = Transport(LENGTH, RATE)
    transport.seek(2_999)
    assert transport.previous()
    assert transport.position == 2_999
    transport.seek(3_000)
    assert not transport.previous()
    assert transport.position == 0


def test_a_song_that_is_shorter_than_its_header_said_ends_there() -> None:
    transport = Transport(LENGTH, RATE)
    transport.set_loop(10_000, 15_000)
    transport.seek(9_000)
    transport.play()
    transport.n_samples = 9_100
    assert transport.loop is None
    assert transport.advance(500) == [Span(9_000, 100)]
    assert transport.motion is Motion.ENDED


def test_an_empty_song_does_not_play() -> None:
    transport = Transport(0, RATE)
    transport.play()
    assert not transport.playing
    assert transport.advance(100) == []


@pytest.mark.parametrize("tempo", [0.49, 1.51, float("nan"), float("inf")])
def test_a_tempo_outside_is_refused(tempo: float) -> None:
    with pytest.raises(UsageError, match=r"0\.5 to 1\.5"):
        Transport(LENGTH, RATE).set_tempo(tempo)


@pytest.mark.parametrize("key", [-13, 13, 1.5])
def test_a_key_outside_is_refused(key: int) -> None:
    with pytest.raises(UsageError, match="-12 to 12"):
        Transport(LENGTH, RATE).set_key(key)


def test_a_loop_shorter_than_a_tone_is_refused() -> None:
    transport = Transport(LENGTH, RATE)
    with pytest.raises(UsageError, match="20 ms"):
        transport.set_loop(100, 119)
    transport.set_loop(120, 100)
    assert transport.loop == (100, 120)
