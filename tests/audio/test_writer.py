"""StemWriter's promises: all files or none, the right sample first, nothing lost on the way."""

import errno
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.recordings import Recipe, lag, music, record
from unbraid.audio.encoder import Encoder, round_together
from unbraid.audio.resample import resample, resampled_length
from unbraid.audio.track import Track
from unbraid.audio.writer import FORMATS, OutputFormat, StemWriter, WriteReport
from unbraid.errors import OutputError, UsageError
from unbraid.stems import STEMS

LOSSLESS = [("wav", "16"), ("wav", "24"), ("wav", "32f"), ("flac", "16"), ("flac", "24")]
LOSSY = [("mp3", None), ("m4a", None), ("opus", None)]
TAGS = {"title": "Größe 愛", "artist": "Someone", "album": "Somewhere", "date": "1999"}


def picture() -> bytes:
    """A PNG of 2 x 3 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        sum_ = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + sum_

    head = struct.pack(">IIBBBBB", 2, 3, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(3 * 7))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def four_stems(n_samples: int, rate: int = 44_100) -> np.ndarray:
    return np.stack([0.25 * music(n_samples, rate, seed=seed) for seed in range(4)])


def targets_in(folder: Path, extension: str, stems: tuple[str, ...] = STEMS) -> dict[str, Path]:
    return {stem: folder / f"Söng - {stem}{extension}" for stem in stems}


def write(
    folder: Path,
    stems: np.ndarray,
    name: str = "wav",
    depth: str | None = None,
    rate: int = 44_100,
    target_rate: int = 44_100,
    block: int = 30_011,
    **options: object,
) -> WriteReport:
    output_format = OutputFormat(name, depth)
    targets = targets_in(folder, output_format.extension, STEMS[: stems.shape[0]])
    with StemWriter(
        targets,
        output_format=output_format,
        sample_rate=rate,
        target_rate=target_rate,
        **options,  # type: ignore[arg-type]
    ) as writer:
        for at in range(0, stems.shape[2], block):
            writer.write(stems[:, :, at : at + block])
        return writer.commit()


def read(path: Path) -> np.ndarray:
    with Track(path, sample_rate=None) as track:
        return np.concatenate(list(track.blocks()), axis=1)


def read_all(report: WriteReport) -> np.ndarray:
    return np.stack([read(report.paths[stem]) for stem in report.paths])


@pytest.mark.parametrize(("name", "depth"), LOSSLESS)
def test_lossless_files_read_back_as_written(name: str, depth: str, tmp_path: Path) -> None:
    stems = four_stems(70_001)
    decoded = read_all(write(tmp_path, stems, name, depth))
    step = {"16": 2**-15, "24": 2**-23, "32f": 0.0}[depth]
    assert decoded.shape == stems.shape
    np.testing.assert_allclose(decoded, stems, rtol=0, atol=1.001 * step)


@pytest.mark.parametrize(("name", "depth"), LOSSLESS)
def test_written_stems_sum_to_the_mixture(name: str, depth: str, tmp_path: Path) -> None:
    stems = four_stems(70_001)
    mixture = np.rint(stems.sum(axis=0) * 2**15) / 2**15
    stems[3] = (mixture - stems[:3].sum(axis=0)).astype(np.float32)
    decoded = read_all(write(tmp_path, stems, name, depth)).astype(np.float64)
    assert np.abs(decoded.sum(axis=0) - mixture).max() < 10 ** (-90 / 20)


@pytest.mark.parametrize(("name", "depth"), LOSSY)
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_lossy_files_start_at_the_first_sample(
    name: str, depth: None, rate: int, tmp_path: Path
) -> None:
    stems = four_stems(2 * 44_100 + 77)[:2]
    report = write(tmp_path, stems, name, depth, target_rate=rate)
    expected = resample(stems[1], 44_100, report.sample_rate)
    decoded = read(report.paths["drums"])
    assert 0 <= decoded.shape[1] - expected.shape[1] <= 1_152
    assert lag(expected, decoded) == 0
    error = decoded[:, : expected.shape[1]] - expected
    assert (error**2).sum() < 0.1 * (expected**2).sum()


@pytest.mark.parametrize("target_rate", [8_000, 22_050, 48_000, 96_000, 192_000])
def test_rate_conversion_keeps_length_and_position(target_rate: int, tmp_path: Path) -> None:
    stems = four_stems(50_003)[:1]
    report = write(tmp_path, stems, "wav", "32f", target_rate=target_rate)
    decoded = read(report.paths["vocals"])
    assert report.n_samples == decoded.shape[1] == resampled_length(50_003, 44_100, target_rate)
    np.testing.assert_allclose(decoded, resample(stems[0], 44_100, target_rate), atol=1e-6)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=5))
def test_block_sizes_do_not_change_the_files(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("blocks")
    n_samples = sum(sizes)
    stems = four_stems(n_samples)
    whole = write(folder / "whole", stems, "flac", "16", target_rate=48_000, block=100_000)
    targets = targets_in(folder / "parts", ".flac")
    with StemWriter(
        targets, output_format=OutputFormat("flac", "16"), sample_rate=44_100, target_rate=48_000
    ) as writer:
        for size, end in zip(sizes, np.cumsum(sizes), strict=True):
            writer.write(stems[:, :, end - size : end])
        writer.commit()
    for stem in STEMS:
        assert whole.paths[stem].read_bytes() == targets[stem].read_bytes()


@pytest.mark.parametrize(("name", "depth"), [*LOSSLESS, *LOSSY])
def test_tags_and_cover_are_carried(name: str, depth: str | None, tmp_path: Path) -> None:
    report = write(tmp_path, four_stems(9_000)[:1], name, depth, tags=TAGS, cover=picture())
    with Track(report.paths["vocals"]) as track:
        assert track.tags == TAGS
        if name != "wav":  # a wav has no place for it
            assert (track.cover, track.cover_mime) == (picture(), "image/png")


def test_a_24_bit_song_comes_back_with_its_rate_depth_tags_and_cover(tmp_path: Path) -> None:
    recipe = Recipe("flac", "flac", "s32", rate=48_000)
    song = read(record(tmp_path / "a.flac", music(60_000, 48_000), recipe))
    form = ("flac", "24", 48_000, 48_000)
    tagged = write(tmp_path / "tagged", song[None], *form, tags=TAGS, cover=picture())
    with Track(tagged.paths["vocals"], sample_rate=None) as track:
        source, samples = track.source, np.concatenate(list(track.blocks()), axis=1)
        carried = {"tags": track.tags, "cover": track.cover}
        again = write(tmp_path / "again", samples[None], *form, **carried)
    with Track(again.paths["vocals"], sample_rate=None) as track:
        assert track.source == source
        assert (source.sample_rate, source.bits, source.is_float) == (48_000, 24, False)
        assert (track.tags, track.cover) == (TAGS, picture())
    np.testing.assert_array_equal(read(again.paths["vocals"]), song)


@pytest.mark.parametrize(
    ("name", "wanted", "taken"),
    [("mp3", 192_000, 48_000), ("mp3", 44_000, 44_100), ("m4a", 192_000, 96_000),
     ("opus", 44_100, 48_000), ("flac", 192_000, 192_000)],
)  # fmt: skip
def test_the_nearest_rate_that_a_format_holds_is_taken_and_told(
    name: str, wanted: int, taken: int, tmp_path: Path
) -> None:
    report = write(tmp_path, four_stems(5_000)[:1], name, target_rate=wanted)
    assert report.sample_rate == taken
    with Track(report.paths["vocals"], sample_rate=None) as track:
        assert track.sample_rate == taken


def test_one_common_gain_only_if_a_stem_would_clip(tmp_path: Path) -> None:
    stems = four_stems(20_000)
    assert write(tmp_path / "quiet", stems, "flac", "24").gain_db == 0.0
    stems[2, 0, 777] = -2.0
    loud = write(tmp_path / "loud", stems, "flac", "24")
    assert loud.peak == 2.0
    assert loud.gain_db == pytest.approx(-6.02, abs=0.01)
    np.testing.assert_allclose(read_all(loud), stems / 2, atol=2**-22)


def test_float_files_keep_what_is_above_full_scale(tmp_path: Path) -> None:
    stems = 5 * four_stems(20_000)
    report = write(tmp_path, stems, "wav", "32f")
    assert report.gain_db == 0.0
    np.testing.assert_array_equal(read_all(report), stems)


@pytest.mark.parametrize(("name", "depth"), [("wav", "16"), ("wav", "32f"), ("mp3", None)])
def test_silence_and_single_samples_can_be_written(
    name: str, depth: str | None, tmp_path: Path
) -> None:
    report = write(tmp_path / "silence", np.zeros((4, 2, 5_000), np.float32), name, depth)
    assert report.gain_db == 0.0
    assert np.abs(read_all(report)).max() < 1e-6
    assert write(tmp_path / "one", np.full((1, 2, 1), 0.5, np.float32), name, depth).n_samples == 1
    assert read(tmp_path / "one" / f"Söng - vocals.{name}").shape[1] >= 1


@given(st.integers(1, 5), st.sampled_from(["16", "24"]), st.integers(0, 2**32 - 1))
def test_rounding_together_keeps_the_sum(n_stems: int, depth: str, seed: int) -> None:
    stems = np.random.default_rng(seed).uniform(-0.2, 0.2, (n_stems, 2, 50)).astype(np.float32)
    rounded = round_together(stems, OutputFormat("wav", depth)).astype(np.float64)
    step = 2.0 ** (1 - int(depth))
    assert np.abs(rounded - stems).max() <= 1.001 * step
    assert np.abs(rounded.sum(axis=0) - stems.astype(np.float64).sum(axis=0)).max() <= 0.51 * step
    assert not (rounded / step % 1).any()


# All or nothing


def hidden_files(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*")]


@pytest.mark.parametrize(("name", "depth"), [("wav", "32f"), ("flac", "24"), ("opus", None)])
def test_nothing_is_found_before_commit_or_after_giving_up(
    name: str, depth: str | None, tmp_path: Path
) -> None:
    output_format = OutputFormat(name, depth)
    targets = targets_in(tmp_path / "new" / "folder", output_format.extension)
    with StemWriter(
        targets, output_format=output_format, sample_rate=44_100, target_rate=44_100
    ) as writer:
        writer.write(four_stems(30_000))
        assert not any(path.exists() for path in targets.values())
        assert all(path.name.startswith(".") for path in (tmp_path / "new" / "folder").iterdir())
    assert hidden_files(tmp_path) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Encoder, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, four_stems(5_000), "flac", "16")
    assert hidden_files(tmp_path) == []


def test_existing_files_are_kept_without_force(tmp_path: Path) -> None:
    existing = targets_in(tmp_path, ".wav")["bass"]
    existing.write_bytes(b"precious")
    with pytest.raises(OutputError, match="force") as caught:
        write(tmp_path, four_stems(5_000))
    assert str(existing) in str(caught.value)
    assert hidden_files(tmp_path) == [existing.name]
    assert existing.read_bytes() == b"precious"
    write(tmp_path, four_stems(5_000), force=True)
    assert read(existing).shape == (2, 5_000)


def test_force_replaces_only_when_all_is_complete(tmp_path: Path) -> None:
    old = targets_in(tmp_path, ".wav")["vocals"]
    old.write_bytes(b"old")
    form = OutputFormat("wav", "32f")
    with StemWriter(
        targets_in(tmp_path, ".wav"),
        output_format=form,
        sample_rate=44_100,
        target_rate=44_100,
        force=True,
    ) as writer:
        writer.write(four_stems(5_000))
    assert hidden_files(tmp_path) == [old.name]
    assert old.read_bytes() == b"old"


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    targets = targets_in(tmp_path, ".wav")
    writer = StemWriter(
        targets, output_format=OutputFormat("wav"), sample_rate=44_100, target_rate=44_100
    )
    writer.write(four_stems(5_000))
    targets["other"].write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists"):
        writer.commit()
    assert hidden_files(tmp_path) == [targets["other"].name]


def test_stems_may_not_share_a_file(tmp_path: Path) -> None:
    same = {"vocals": tmp_path / "a.wav", "bass": tmp_path / "x" / ".." / "a.wav"}
    with pytest.raises(OutputError, match="share"):
        StemWriter(same, output_format=OutputFormat("wav"), sample_rate=1, target_rate=1)
    assert hidden_files(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        write(tmp_path / "file" / "folder", four_stems(5_000))
    assert hidden_files(tmp_path) == ["file"]


@pytest.mark.parametrize(("name", "depth"), [("wav", "32f"), ("flac", "24"), ("mp3", None)])
def test_a_full_disk_leaves_nothing(name: str, depth: str | None, tmp_path: Path) -> None:
    """A limit on file size fails in the same place and the same way."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OutputError) as caught:
            write(tmp_path, four_stems(200_000), name, depth)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert hidden_files(tmp_path) == []


def test_a_full_disk_while_encoding_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Encoder, "write", full)
    with pytest.raises(OutputError, match="free some space"):
        write(tmp_path, four_stems(5_000), "flac", "16")
    assert hidden_files(tmp_path) == []


def test_names_of_255_bytes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 125 + "a.wav")
    writer = StemWriter(
        {"vocals": path}, output_format=OutputFormat("wav"), sample_rate=44_100, target_rate=44_100
    )
    writer.write(four_stems(5_000)[:1])
    writer.commit()
    assert read(path).shape == (2, 5_000)


def test_unknown_formats_and_depths_list_the_valid_ones() -> None:
    with pytest.raises(UsageError, match=", ".join(FORMATS)):
        OutputFormat("ogg")
    with pytest.raises(UsageError, match="16, 24"):
        OutputFormat("flac", "32f")
    with pytest.raises(UsageError, match="lossy"):
        OutputFormat("mp3", "16")


@pytest.mark.slow
def test_a_wav_passes_four_gigabytes_as_rf64(
    tmp_path: Path, sound_file: Callable[[str], Path]
) -> None:
    path = tmp_path / "long.wav"
    block = np.stack([music(2**20, 44_100)])
    n_blocks = 2**32 // block.nbytes + 1
    with StemWriter(
        {"vocals": path},
        output_format=OutputFormat("wav", "32f"), sample_rate=44_100, target_rate=44_100,
    ) as writer:  # fmt: skip
        for _ in range(n_blocks):
            writer.write(block)
        report = writer.commit()
    assert path.stat().st_size > 2**32
    with path.open("rb") as file:
        assert file.read(4) == b"RF64"
    with Track(path) as track:
        assert track.n_samples == report.n_samples == n_blocks * 2**20
        last = track.read(track.n_samples - 2**20, 2**20 + 5)
        np.testing.assert_array_equal(last[:, : 2**20], block[0])
        assert not last[:, 2**20 :].any()
        assert track.warnings == []
    path.unlink()
