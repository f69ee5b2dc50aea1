"""Files that are no sound: one clear line. Damaged files: what decodes, and a warning."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.audio.recordings import FORMATS, music, record, recorded_length
from unbraid.audio.track import Track
from unbraid.errors import AudioError, SpecError


def decode(path: Path) -> tuple[np.ndarray, list[str]]:
    with Track(path, sample_rate=None) as track:
        return np.concatenate(list(track.blocks()), axis=1), track.warnings


def fails_with_one_line(path: Path) -> str:
    with pytest.raises(AudioError) as caught:
        Track(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    assert "no such file" in fails_with_one_line(tmp_path / "nothing.wav")


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    assert "folder" in fails_with_one_line(tmp_path)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    assert "empty" in fails_with_one_line(tmp_path / "empty.mp3")


def test_a_name_too_long_for_the_disk_is_an_error(tmp_path: Path) -> None:
    fails_with_one_line(tmp_path / ("x" * 300 + ".wav"))


@pytest.mark.parametrize("extension", ["mp3", "wav", "flac", "m4a", "ogg", "aac", "txt", "mp4"])
def test_text_is_an_error_whatever_it_is_called(extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"text.{extension}"
    path.write_text("This is a shopping list, not a song. " * 300)
    fails_with_one_line(path)


def test_a_playlist_opens_no_other_file(tmp_path: Path, sound_file: Callable[[str], Path]) -> None:
    other = sound_file("wav-16")
    for name, text in {
        "a.mp3": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{other}\n",
        "b.mp3": f"ffconcat version 1.0\nfile '{other}'\n",
    }.items():
        (tmp_path / name).write_text(text)
        fails_with_one_line(tmp_path / name)


def test_video_without_sound_is_an_error(tmp_path: Path, sound_file: Callable[[str], Path]) -> None:
    import av

    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
            container.mux(stream.encode(picture.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    assert "no sound" in fails_with_one_line(path)


@pytest.mark.parametrize("extension", ["wav", "aiff"])
def test_a_file_of_zero_samples_is_an_error(extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"nothing.{extension}"
    soundfile.write(path, np.zeros((0, 2)), 44_100)
    assert "no sound" in fails_with_one_line(path)


@pytest.mark.parametrize(
    ("offset", "value"),
    [(12, b"\1\0\0\0"), (12, b"\0\0\0\x80"), (12, bytes(4)), (10, b"\xff\xff"), (10, bytes(2))],
    ids=["1 Hz", "2 GHz", "0 Hz", "65535 channels", "no channels"],
)
def test_impossible_headers_are_errors(offset: int, value: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, music(5_000, 44_100).T, 44_100)
    content = bytearray(path.read_bytes())
    at = content.index(b"fmt ") + offset
    content[at : at + len(value)] = value
    path.write_bytes(content)
    fails_with_one_line(path)


def test_an_unknown_codec_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, music(5_000, 44_100).T, 44_100)
    content = bytearray(path.read_bytes())
    at = content.index(b"fmt ") + 8
    content[at : at + 2] = b"\x34\x12"
    path.write_bytes(content)
    assert "codec" in fails_with_one_line(path)


def test_an_encrypted_file_is_an_error(tmp_path: Path, sound_file: Callable[[str], Path]) -> None:
    content = sound_file("aac").read_bytes()
    path = tmp_path / "bought.m4a"
    path.write_bytes(content.replace(b"mp4a", b"drms"))
    assert "encrypted" in fails_with_one_line(path)


def test_an_unreadable_rate_is_refused(sound_file: Callable[[str], Path]) -> None:
    with pytest.raises(SpecError):
        Track(sound_file("wav-16"), sample_rate=1)


def test_nan_and_infinities_read_as_zero_and_are_counted(tmp_path: Path) -> None:
    samples = music(60_000, 44_100)
    broken = samples.copy()
    broken[0, 100:103] = np.nan
    broken[1, 40_000], broken[1, 40_001] = np.inf, -np.inf
    soundfile.write(tmp_path / "a.wav", broken.T, 44_100, subtype="FLOAT")
    decoded, warnings = decode(tmp_path / "a.wav")
    np.testing.assert_array_equal(decoded, np.where(np.isfinite(broken), samples, 0))
    assert warnings == ["5 NaN or infinite samples read as 0"]


CUT = ["wav-16", "aiff", "flac-16", "mp3-vbr", "vorbis", "opus", "wma", "mka-flac", "wavpack"]


@pytest.mark.parametrize("name", CUT)
def test_a_damaged_tail_yields_what_decodes_and_a_warning(
    name: str, tmp_path: Path, sound_file: Callable[[str], Path]
) -> None:
    whole, _ = decode(sound_file(name))
    content = sound_file(name).read_bytes()
    path = tmp_path / sound_file(name).name
    path.write_bytes(content[: len(content) * 6 // 10])
    decoded, warnings = decode(path)
    assert 0.4 * whole.shape[1] < decoded.shape[1] < 0.75 * whole.shape[1]
    n_good = decoded.shape[1] - 5_000  # a codec's last frame may lack its overlap
    np.testing.assert_array_equal(decoded[:, :n_good], whole[:, :n_good])
    assert any("damaged" in warning for warning in warnings)


FLIPPED = ["flac-16", "alac", "vorbis", "opus", "aac"]  # mp3 has no time stamps


@pytest.mark.parametrize("name", FLIPPED)
def test_a_damaged_middle_shifts_nothing_after_it(
    name: str, tmp_path: Path, sound_file: Callable[[str], Path]
) -> None:
    whole, _ = decode(sound_file(name))
    content = bytearray(sound_file(name).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4_000] = np.random.default_rng(0).bytes(4_000)
    path = tmp_path / sound_file(name).name
    path.write_bytes(content)
    decoded, warnings = decode(path)
    assert decoded.shape == whole.shape
    last = slice(-FORMATS[name].rate, None)
    np.testing.assert_allclose(decoded[:, last], whole[:, last], atol=0.2 if name == "aac" else 0)
    assert (decoded != whole).any()
    assert any("damaged" in warning for warning in warnings)


@pytest.mark.parametrize("name", ["flac-16", "mp3-vbr", "vorbis", "aac", "mka-flac"])
@pytest.mark.parametrize("seed", [0, 1])
def test_random_reads_of_a_damaged_file_equal_its_straight_decode(
    name: str, seed: int, tmp_path: Path
) -> None:
    recipe = FORMATS[name]
    path = tmp_path / f"a.{recipe.extension}"
    record(path, music(recorded_length(name), recipe.rate), recipe)
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(len(content) // 4, len(content) * 3 // 4, 12):
        content[at] ^= 0x5A
    path.write_bytes(content)
    whole, _ = decode(path)
    with Track(path, sample_rate=None) as track:
        for start in rng.integers(0, whole.shape[1] - 9_000, 4):
            np.testing.assert_array_equal(
                track.read(int(start), 9_000), whole[:, start : start + 9_000]
            )
