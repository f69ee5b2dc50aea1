"""soxr, whole and in streams: lengths, positions, alias."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.recordings import music
from unbraid.audio.resample import Resampler, resample, resampled_length

RATES = [8_000, 22_050, 44_100, 48_000, 96_000, 192_000]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(RATES), st.sampled_from(RATES), st.lists(st.integers(0, 5_000), max_size=6))
def test_a_stream_equals_the_whole(rate_in: int, rate_out: int, sizes: list[int]) -> None:
    samples = music(sum(sizes), rate_in)
    stream = Resampler(rate_in, rate_out)
    parts = [
        stream.write(samples[:, end - size : end])
        for size, end in zip(sizes, np.cumsum(sizes), strict=True)
    ]
    streamed = np.concatenate([*parts, stream.flush()], axis=1)
    assert streamed.shape == (2, resampled_length(samples.shape[1], rate_in, rate_out))
    np.testing.assert_allclose(streamed, resample(samples, rate_in, rate_out), atol=1e-6)


@pytest.mark.parametrize("rate_in", RATES)
@pytest.mark.parametrize("rate_out", RATES)
def test_a_tone_stays_where_and_what_it_was(rate_in: int, rate_out: int) -> None:
    def tone(rate: int) -> np.ndarray:
        times = np.arange(rate) / rate
        return np.tile(np.sin(2 * np.pi * 1_000 * times), (2, 1)).astype(np.float32)

    converted = resample(tone(rate_in), rate_in, rate_out)
    middle = slice(rate_out // 4, 3 * rate_out // 4)
    assert np.abs(converted[:, middle] - tone(rate_out)[:, middle]).max() < 1e-5


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    times = np.arange(96_000) / 96_000
    above = np.tile(np.sin(2 * np.pi * 30_000 * times), (2, 1)).astype(np.float32)
    alias = resample(above, 96_000, 44_100)[:, 5_000:-5_000]
    assert np.abs(alias).max() < 1e-5
