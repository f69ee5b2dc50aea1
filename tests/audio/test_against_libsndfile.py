"""Decoding compared with another library's, on music-like sound."""

import numpy as np
import pytest
import soundfile

from unbraid.audio.track import Track


@pytest.mark.parametrize("ending", ["ogg", "flac", "wav"])
def test_a_file_with_sharp_attacks_reads_as_libsndfile_reads_it(tmp_path, ending):
    # Attacks make Vorbis change between long and short blocks, where its time stamps jump.
    rng = np.random.default_rng(1)
    times = np.arange(5 * 44_100) / 44_100
    hits = rng.standard_normal((len(times), 2)) * np.exp(-40 * (times % 0.31))[:, None]
    tone = 0.2 * np.sin(2 * np.pi * 220 * times)[:, None]
    path = tmp_path / f"hits.{ending}"
    soundfile.write(path, 0.3 * hits + tone, 44_100)
    expected = soundfile.read(path, dtype="float32")[0].T
    with Track(path) as track:
        found = np.concatenate(list(track.blocks(10_000)), axis=-1)
        assert track.warnings == []
        np.testing.assert_allclose(found, expected, atol=1e-6)
        for start in (100_000, 3_000, 77_777):
            np.testing.assert_array_equal(track.read(start, 5_000), found[:, start : start + 5_000])
