"""Track's promises: exact positions, the same numbers always, any format."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audio.recordings import (
    FORMATS,
    Recipe,
    lag,
    music,
    plain_decode,
    record,
    recorded_length,
)
from unbraid.audio.decoder import PcmReader
from unbraid.audio.resample import resample
from unbraid.audio.track import Track

LONG = {"opus-short-frames", "mp3-cbr", "aac-raw", "mka-mp3", "mka-opus"}  # in the slow test
QUICK = [name for name in FORMATS if name not in LONG]
# The fixture that makes files gives the same ones to every example.
hypothesis_settings = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def straight(path: Path, sample_rate: int | None = None) -> np.ndarray:
    with Track(path, sample_rate=sample_rate) as track:
        return np.concatenate(list(track.blocks()), axis=1)


def stretch(samples: np.ndarray, start: int, n_samples: int) -> np.ndarray:
    """What a read must give: zeros outside."""
    out = np.zeros((2, n_samples), np.float32)
    first, last = max(0, start), min(samples.shape[1], start + n_samples)
    if first < last:
        out[:, first - start : last - start] = samples[:, first:last]
    return out


@pytest.mark.parametrize("name", QUICK)
def test_straight_reading_equals_a_plain_decode(
    name: str, sound_file: Callable[[str], Path]
) -> None:
    path = sound_file(name)
    plain = plain_decode(path)
    ours = straight(path)
    # mp4 and ogg tell where the encoder's padding begins; ffmpeg hands it out all the same
    assert 0 <= plain.shape[1] - ours.shape[1] < 2_048
    np.testing.assert_array_equal(ours, plain[:, : ours.shape[1]])


@pytest.mark.parametrize("name", QUICK)
def test_random_reads_equal_a_straight_decode(name: str, sound_file: Callable[[str], Path]) -> None:
    """Formats at 44.1 kHz are read as they are, the others resampled."""
    path = sound_file(name)
    whole = straight(path, 44_100)
    rng = random.Random(name)
    with Track(path) as track:
        for _ in range(4):
            start = rng.randrange(-2_000, whole.shape[1])
            n_samples = rng.randrange(1, 60_000)
            np.testing.assert_array_equal(
                track.read(start, n_samples), stretch(whole, start, n_samples)
            )


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_ten_minutes_of_random_reads_equal_a_straight_decode(name: str, tmp_path: Path) -> None:
    recipe = FORMATS[name]
    minute = music(60 * recipe.rate, recipe.rate)
    path = record(tmp_path / f"song.{recipe.extension}", np.tile(minute, 4), recipe)
    whole = straight(path)
    rng = random.Random(name)
    n_read, wanted = 0, 600 * recipe.rate
    with Track(path, sample_rate=None) as track:
        while n_read < wanted:
            start = rng.randrange(-recipe.rate, whole.shape[1])
            n_samples = rng.randrange(1, 20 * recipe.rate)
            got = track.read(start, n_samples)
            assert np.array_equal(got, stretch(whole, start, n_samples)), (start, n_samples)
            n_read += n_samples


@hypothesis_settings
@given(
    name=st.sampled_from(["flac-24", "mp3-vbr", "opus"]),
    reads=st.lists(
        st.tuples(st.integers(-50_000, 600_000), st.integers(0, 70_000)), min_size=1, max_size=4
    ),
)
def test_order_and_size_of_reads_do_not_change_the_numbers(
    name: str, reads: list[tuple[int, int]], sound_file: Callable[[str], Path]
) -> None:
    path = sound_file(name)
    with Track(path) as forth, Track(path) as back:
        first = [forth.read(*read) for read in reads]
        again = [back.read(*read) for read in reversed(reads)][::-1]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n_samples", [1_000, 65_536, 100_003])
def test_block_size_does_not_change_the_numbers(
    n_samples: int, sound_file: Callable[[str], Path]
) -> None:
    path = sound_file("mp4-video")
    with Track(path) as track:
        blocks = list(track.blocks(n_samples))
        assert [b.shape[1] for b in blocks[:-1]] == [n_samples] * (len(blocks) - 1)
        assert sum(b.shape[1] for b in blocks) == track.n_samples
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), straight(path, 44_100))


def test_reading_forward_opens_and_seeks_nothing(
    sound_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Track(sound_file("aac"), sample_rate=48_000) as track:
        monkeypatch.setattr(PcmReader, "_jump", lambda *_: pytest.fail("went back"))
        # Tiles that overlap by 0.7 s, as separation reads them.
        for start in range(-33_000, track.n_samples, 70_000):
            track.read(start, 103_000)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 48_000, 88_200, 96_000, 192_000])
def test_resampling_in_blocks_equals_resampling_at_once(rate: int, tmp_path: Path) -> None:
    samples = music(4 * rate + 13, rate)
    soundfile.write(tmp_path / "a.wav", samples.T, rate, subtype="FLOAT")
    ours, at_once = straight(tmp_path / "a.wav", 44_100), resample(samples, rate, 44_100)
    assert ours.shape == at_once.shape
    assert np.abs(ours - at_once).max() < 1e-5  # -100 dBFS


@pytest.mark.parametrize("name", ["mp3-cbr", "mp3-vbr", "aac", "opus", "vorbis", "mka-mp3", "alac"])
def test_the_first_sample_is_the_first_that_was_recorded(
    name: str, sound_file: Callable[[str], Path]
) -> None:
    rate = FORMATS[name].rate
    decoded = straight(sound_file(name))
    assert lag(music(decoded.shape[1], rate), decoded) == 0


@pytest.mark.parametrize("name", ["wav-16", "aiff", "flac-24", "alac", "mp3-vbr", "aac", "vorbis"])
def test_length_is_exact_before_and_after_decoding(
    name: str, sound_file: Callable[[str], Path]
) -> None:
    with Track(sound_file(name), sample_rate=None) as track:
        claimed = track.n_samples
        track.read(claimed, 1)
        assert track.n_samples == claimed
        # LAME cannot tell of less than 529 samples of padding
        assert 0 <= claimed - recorded_length(name) < (529 if name.startswith("mp3") else 1)
        assert track.warnings == []


def test_an_untagged_mp3_streams_to_its_true_end(sound_file: Callable[[str], Path]) -> None:
    with Track(sound_file("mp3-untagged")) as track:
        n_streamed = sum(block.shape[1] for block in track.blocks())
        assert track.n_samples == n_streamed
        assert abs(track.duration_s - 4) < 0.2
        assert track.warnings == []


@pytest.mark.parametrize("extension", ["wav", "flac"])
@pytest.mark.parametrize("n_samples", [1, 2, 1_000])
def test_the_shortest_files_read_back(n_samples: int, extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"short.{extension}"
    soundfile.write(path, np.full((n_samples, 2), 0.5), 44_100)
    np.testing.assert_array_equal(straight(path), np.full((2, n_samples), 0.5, np.float32))
    with Track(path, sample_rate=48_000) as track:
        assert sum(b.shape[1] for b in track.blocks()) == track.n_samples >= 1


def test_mono_becomes_two_equal_channels(tmp_path: Path) -> None:
    mono = music(30_000, 44_100, n_channels=1)
    soundfile.write(tmp_path / "mono.wav", mono.T, 44_100, subtype="FLOAT")
    np.testing.assert_array_equal(straight(tmp_path / "mono.wav"), np.repeat(mono, 2, axis=0))


def test_silence_stays_digital_silence(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros((50_000, 2)), 48_000)
    assert not straight(tmp_path / "silent.wav", 44_100).any()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wav-16", ("wav", "pcm_s16le", 44_100, 2, 16, False)),
        ("wav-24", ("wav", "pcm_s24le", 96_000, 2, 24, False)),
        ("wav-32f", ("wav", "pcm_f32le", 44_100, 2, 32, True)),
        ("flac-24", ("flac", "flac", 48_000, 2, 24, False)),
        ("alac", ("mov", "alac", 44_100, 2, 16, False)),
        ("mp3-cbr", ("mp3", "mp3", 44_100, 2, None, False)),
        ("aac", ("mov", "aac", 44_100, 2, None, False)),
        ("webm-video", ("matroska", "opus", 48_000, 2, None, False)),
    ],
)
def test_the_source_is_described(
    name: str, expected: tuple[object, ...], sound_file: Callable[[str], Path]
) -> None:
    with Track(sound_file(name)) as track:
        source = track.source
        assert (
            source.container,
            source.codec,
            source.sample_rate,
            source.n_channels,
            source.bits,
            source.is_float,
        ) == expected


@pytest.mark.parametrize(
    "stem", ["é" * 125, "日本語 の 歌", "100% #1: why? [live] & more", "-o", "http:__x", "a\tb"]
)
def test_any_name_can_be_read(stem: str, tmp_path: Path) -> None:
    path = tmp_path / f"{stem}.wav"
    soundfile.write(tmp_path / "plain.wav", music(1_000, 44_100).T, 44_100)
    (tmp_path / "plain.wav").rename(path)
    assert straight(path).shape == (2, 1_000)


def test_memory_tracks_read_like_files(tmp_path: Path) -> None:
    samples = music(100_000, 48_000)
    soundfile.write(tmp_path / "a.wav", samples.T, 48_000, subtype="FLOAT")
    memory = Track.from_array(samples, 48_000)
    with memory, Track(tmp_path / "a.wav") as file:
        assert memory.n_samples == file.n_samples
        assert memory.source.sample_rate == 48_000
        for start in (-100, 40_000, 91_000):
            np.testing.assert_allclose(
                memory.read(start, 5_000), file.read(start, 5_000), atol=1e-6
            )
        joined = np.concatenate(list(memory.blocks(7_000)), axis=1)
        np.testing.assert_array_equal(joined, memory.read(0, memory.n_samples))


def test_coarse_time_stamps_do_not_tear_the_sound(tmp_path: Path) -> None:
    """Matroska rounds to milliseconds: 1024 samples are 23.2 ms, stamped 23, 23, 24..."""
    samples = music(5 * 44_100, 44_100)
    path = record(tmp_path / "a.mka", samples, Recipe("mka", "pcm_s16le", "s16"))
    np.testing.assert_allclose(straight(path), samples, atol=2**-15)
