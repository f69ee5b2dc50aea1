"""Channels to stereo as ITU-R BS.775 has it, without clipping."""

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audio.recordings import Recipe, music, record
from unbraid.audio.downmix import downmix_matrix, to_stereo
from unbraid.audio.track import Track

LAYOUTS = ["mono", "stereo", "2.1", "3.0", "quad", "5.0", "5.1", "5.1(side)", "6.1", "7.1"]
CENTRE = 1 / np.sqrt(2)


def channels(layout: str) -> tuple[str, ...]:
    return tuple(channel.name for channel in av.AudioLayout(layout).channels)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_downmix_cannot_clip(layout: str) -> None:
    sums = np.abs(downmix_matrix(channels(layout))).sum(axis=1)
    assert sums.max() <= 1 + 1e-6


@pytest.mark.parametrize("layout", LAYOUTS)
def test_left_and_right_are_treated_alike(layout: str) -> None:
    names = channels(layout)
    matrix = dict(zip(names, downmix_matrix(names).T, strict=True))
    for name, (left, right) in matrix.items():
        twin = name[:-1] + {"L": "R", "R": "L"}.get(name[-1], name[-1])
        if name not in ("FC", "BC", "LFE"):
            assert tuple(matrix[twin]) == (right, left)
        else:
            assert left == right


def test_five_point_one_follows_the_recommendation() -> None:
    matrix = downmix_matrix(("FL", "FR", "FC", "LFE", "BL", "BR"))
    expected = np.array([[1, 0, CENTRE, 0, CENTRE, 0], [0, 1, CENTRE, 0, 0, CENTRE]])
    np.testing.assert_allclose(matrix, expected / (1 + 2 * CENTRE), rtol=1e-6)


@given(
    names=st.lists(st.sampled_from(["FL", "FR", "FC", "LFE", "BL", "TFL", "?"]), min_size=1),
    at=st.integers(0, 50),
)
def test_a_sample_does_not_depend_on_its_neighbours(names: list[str], at: int) -> None:
    samples = music(60, 8_000, n_channels=len(names))
    whole = to_stereo(samples, names)
    np.testing.assert_array_equal(whole[:, at : at + 7], to_stereo(samples[:, at : at + 7], names))
    assert np.abs(whole).max() <= 1


@pytest.mark.parametrize("layout", ["5.1", "7.1", "quad", "mono"])
@pytest.mark.parametrize("extension", ["wav", "flac"])
def test_files_of_many_channels_are_mixed_down(layout: str, extension: str, tmp_path: Path) -> None:
    names = channels(layout)
    samples = music(20_000, 48_000, n_channels=len(names))
    codec = {"wav": "pcm_s16le", "flac": "flac"}[extension]
    recipe = Recipe(extension, codec, "s16", rate=48_000)
    path = record(tmp_path / f"a.{extension}", samples, recipe, layout)
    rounded = (np.rint(samples * 2**15) / 2**15).astype(np.float32)
    with Track(path, sample_rate=None) as track:
        assert track.source.n_channels == len(names)
        mixed = track.read(0, 20_000)
    np.testing.assert_allclose(mixed, downmix_matrix(names) @ rounded, atol=1e-6)
