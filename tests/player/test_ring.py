"""The ring between two threads."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unbraid.errors import SpecError
from unbraid.player.ring import Ring


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 70)), max_size=60))
@settings(deadline=None)
def test_a_ring_gives_what_it_was_given_in_order(steps) -> None:
    ring = Ring(64)
    counted = 0
    heard: list[float] = []
    for is_write, n_samples in steps:
        if is_write:
            n_samples = min(n_samples, ring.n_free)
            numbers = np.arange(counted, counted + n_samples, dtype=np.float32)
            ring.write(np.stack([numbers, -numbers]))
            counted += n_samples
        else:
            frames = np.full((n_samples, 2), np.nan, np.float32)
            n_read = ring.read_into(frames)
            assert n_read == min(n_samples, counted - len(heard))
            assert np.array_equal(frames[:n_read, 0], -frames[:n_read, 1])
            assert np.isnan(frames[n_read:]).all()
            heard += frames[:n_read, 0].tolist()
        assert ring.n_filled + ring.n_free == 64
    assert heard == list(range(len(heard)))


def test_two_threads_share_a_ring_without_losing_a_sample() -> None:
    ring = Ring(100)
    n_total = 5_000

    def write() -> None:
        while ring.n_written < n_total:
            n_samples = min(ring.n_free, 37, n_total - ring.n_written)
            numbers = np.arange(ring.n_written, ring.n_written + n_samples, dtype=np.float32)
            ring.write(np.stack([numbers, numbers]))
            time.sleep(0)

    writer = threading.Thread(target=write)
    writer.start()
    frames = np.zeros((29, 2), np.float32)
    heard: list[float] = []
    while len(heard) < n_total:
        heard += frames[: ring.read_into(frames), 0].tolist()
        time.sleep(0)
    writer.join(timeout=120)
    assert heard == list(range(n_total))


def test_a_full_ring_refuses_rather_than_overwrites() -> None:
    ring = Ring(8)
    ring.write(np.ones((2, 8), np.float32))
    with pytest.raises(SpecError, match="do not fit"):
        ring.write(np.ones((2, 1), np.float32))
