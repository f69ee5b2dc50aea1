"""Waveforms and spectrograms as pixels. No Qt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbraid.desktop.pictures import Window, colour_ramp, parse_colour, spectrogram, waveform

PEAKS = np.stack(
    [-np.arange(400) % 90, np.arange(400) % 120], axis=1
).astype(np.int8)  # fmt: skip


@given(
    start=st.floats(0, 420), per_pixel=st.floats(1, 40), width=st.integers(1, 80)
)  # fmt: skip
def test_a_pixel_shows_the_extremes_of_all_its_columns(
    start: float, per_pixel: float, width: int
) -> None:
    low, high = Window(start, per_pixel, width).extremes(PEAKS)
    at = start + per_pixel * np.arange(width + 1)
    for pixel in range(width):
        inside = PEAKS[int(at[pixel]) : max(int(at[pixel]) + 1, int(at[pixel + 1]))]
        if at[pixel] < len(PEAKS):
            assert low[pixel] * 127 <= inside[:, 0].min() + 1e-3
            assert high[pixel] * 127 >= inside[:, 1].max() - 1e-3
        else:
            assert low[pixel] == high[pixel] == 0


@given(start=st.floats(0, 399), per_pixel=st.floats(0.05, 0.95), width=st.integers(1, 80))
def test_between_columns_the_curve_is_a_straight_line(
    start: float, per_pixel: float, width: int
) -> None:
    low, high = Window(start, per_pixel, width).extremes(PEAKS)
    centres = start + per_pixel * (np.arange(width) + 0.5) - 0.5
    inside = start + per_pixel * np.arange(width) < len(PEAKS)
    wanted = np.interp(centres, np.arange(len(PEAKS)), PEAKS[:, 1]) / 127
    np.testing.assert_allclose(high[inside], wanted[inside], atol=1e-5)
    assert not high[~inside].any()
    assert not low[~inside].any()


@pytest.mark.parametrize("per_pixel", [0.25, 1.0, 7.3, 1000.0])
def test_tiles_side_by_side_show_what_one_picture_does(per_pixel: float) -> None:
    whole = Window(0, per_pixel, 96).extremes(PEAKS)
    parts = [Window(tile * 32 * per_pixel, per_pixel, 32).extremes(PEAKS) for tile in range(3)]
    for i in range(2):
        np.testing.assert_allclose(np.concatenate([part[i] for part in parts]), whole[i], atol=1e-6)


def test_a_pixel_is_available_only_if_all_its_columns_are() -> None:
    flags = np.ones(40, np.bool_)
    flags[13] = False
    shown = Window(0, 4, 12).all_of(flags)
    assert np.flatnonzero(shown).tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_silence_is_a_line_and_full_scale_fills_the_lane() -> None:
    ink = np.tile(np.array([10, 20, 200, 255], np.uint8), (2, 1))
    drawn = waveform(
        np.array([0, -1], np.float32), np.array([0, 1], np.float32), ink, 41
    )  # fmt: skip
    assert drawn.shape == (41, 2, 4)
    assert drawn[:, 0, 3].sum() == pytest.approx(255, abs=2)
    assert drawn[20, 0].tolist() == [10, 20, 200, 255]
    assert (drawn[1:-1, 1, 3] == 255).all()


def test_colours_are_premultiplied() -> None:
    ink = np.array([[100, 150, 200, 128]], np.uint8)
    drawn = waveform(np.array([-1], np.float32), np.array([1], np.float32), ink, 11)
    assert drawn[5, 0].tolist() == [50, 75, 100, 128]
    ramp = colour_ramp((204, 121, 167))
    assert (ramp[:, :3] <= ramp[:, 3:]).all()
    assert ramp[0].tolist() == [0, 0, 0, 0]


def test_the_highest_frequency_is_on_top() -> None:
    levels = np.zeros((16, 3), np.uint8)
    levels[0] = 255
    drawn = spectrogram(levels, colour_ramp((0, 158, 115)), 48)
    assert drawn.shape == (48, 3, 4)
    assert (drawn[:3, :, 3] == 255).all()
    assert not drawn[3:].any()


def test_colours_are_read_as_qt_writes_them() -> None:
    assert parse_colour("#0102ff") == (1, 2, 255, 255)
    assert parse_colour("#800102ff") == (1, 2, 255, 128)
