"""`unbraid separate`: what it writes."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import Command, write_song
from unbraid.audio.stem_mp4 import ORDER
from unbraid.audio.streams import read_streams
from unbraid.audio.track import Track
from unbraid.stems import STEMS


def read(path: str | Path) -> np.ndarray:
    samples, _ = soundfile.read(path, dtype="float64", always_2d=True)
    return samples


@pytest.mark.parametrize(
    ("song", "rate", "channels", "subtype", "error_dbfs"),
    [
        ("a.wav", 44_100, 2, "FLOAT", -90),
        ("a.wav", 96_000, 2, "FLOAT", -90),
        ("a.flac", 48_000, 1, "PCM_24", -90),
        ("a.wav", 22_050, 2, "PCM_16", -90),
    ],
)
def test_stems_on_disk_sum_to_the_song(
    unbraid: Command, song: str, rate: int, channels: int, subtype: str, error_dbfs: float
) -> None:
    write_song(song, rate=rate, channels=channels, subtype=subtype)
    exit_code, out, _ = unbraid("separate", song)
    assert exit_code == 0
    assert "sum error" in out
    total = sum(read(f"separated/a/{stem}.wav") for stem in STEMS)
    error = np.abs(total - read(song)).max()
    assert 20 * np.log10(error + 1e-12) <= error_dbfs


@pytest.mark.parametrize(
    ("rate", "subtype", "written"),
    [(48_000, "PCM_24", "PCM_24"), (44_100, "PCM_16", "PCM_16"), (32_000, "FLOAT", "FLOAT")],
)
def test_rate_and_depth_of_the_source_are_kept(
    unbraid: Command, rate: int, subtype: str, written: str
) -> None:
    write_song("a.wav", seconds=2, rate=rate, subtype=subtype)
    assert unbraid("separate", "a.wav", "--stems", "drums")[0] == 0
    about = soundfile.info("separated/a/drums.wav")
    assert (about.samplerate, about.subtype, about.frames) == (rate, written, 2 * rate)
    assert [path.name for path in Path("separated/a").iterdir()] == ["drums.wav"]


def test_two_stems_and_mixes_are_sums_of_stems(unbraid: Command) -> None:
    write_song("a.wav", subtype="FLOAT")
    assert unbraid("separate", "a.wav")[0] == 0
    mixes = ["--mix", "all-bass", "--mix", "drums + bass"]
    assert unbraid("separate", "a.wav", "-o", "two", "--two-stems", "vocals", *mixes)[0] == 0
    names = sorted(path.name for path in Path("two/a").iterdir())
    assert names == ["all-bass.wav", "drums+bass.wav", "no_vocals.wav", "vocals.wav"]
    stems = {stem: read(f"separated/a/{stem}.wav") for stem in STEMS}
    for name, parts in {
        "vocals": ["vocals"],
        "no_vocals": ["drums", "bass", "other"],
        "all-bass": ["vocals", "drums", "other"],
        "drums+bass": ["drums", "bass"],
    }.items():
        np.testing.assert_allclose(
            read(f"two/a/{name}.wav"), sum(stems[part] for part in parts), atol=1e-6
        )


def test_a_mix_alone_is_written_alone(unbraid: Command) -> None:
    write_song("a.wav")
    assert unbraid("separate", "a.wav", "--mix", "all-vocals")[0] == 0
    assert [path.name for path in Path("separated/a").iterdir()] == ["all-vocals.wav"]


@pytest.mark.parametrize("name", ["flac", "mp3", "m4a", "opus"])
def test_every_format_comes_back_as_long_as_the_song(unbraid: Command, name: str) -> None:
    write_song("a.wav", seconds=2)
    assert unbraid("separate", "a.wav", "--format", name, "--stems", "other")[0] == 0
    with Track(f"separated/a/other.{name}") as track:
        assert sum(block.shape[1] for block in track.blocks()) == pytest.approx(88_200, abs=2)


def test_json_is_one_object_a_song_and_names_its_files(unbraid: Command) -> None:
    write_song("a.wav")
    write_song("b.wav", seconds=2)
    exit_code, out, err = unbraid("separate", "a.wav", "gone.wav", "b.wav", "--json")
    found = {entry["source"]: entry for entry in map(json.loads, out.splitlines())}
    assert exit_code == 1
    assert set(found) == {"a.wav", "gone.wav", "b.wav"}
    assert "no such file" in found["gone.wav"]["error"]
    assert set(found["a.wav"]["paths"]) == set(STEMS)
    assert all(Path(path).is_file() for path in found["b.wav"]["paths"].values())
    assert found["a.wav"]["sum_error_dbfs"] <= -90
    assert err.splitlines()[-1] == "unbraid: 1 of 3 songs failed: gone.wav"


def test_loud_stems_share_one_gain_that_is_told(unbraid: Command) -> None:
    rng = np.random.default_rng(0)
    samples = 1.5 * rng.standard_normal((88_200, 2))
    soundfile.write("a.wav", samples, 44_100, subtype="FLOAT")
    _, out, _ = unbraid("separate", "a.wav", "--depth", "16", "--json")
    gain_db = json.loads(out)["gain_db"]
    assert gain_db < 0
    total = sum(read(f"separated/a/{stem}.wav") for stem in STEMS)
    wanted = samples.astype(np.float32) * 10 ** (gain_db / 20)
    assert np.abs(total - wanted).max() < 10 ** (-85 / 20)
    _, out, _ = unbraid("separate", "a.wav", "--depth", "16", "--force")
    assert "turned down by" in out


def test_nan_and_infinity_read_as_zero_and_are_told(unbraid: Command) -> None:
    samples = np.full((44_100, 2), 0.1)
    samples[1_000] = np.nan
    samples[2_000, 0] = np.inf
    soundfile.write("a.wav", samples, 44_100, subtype="FLOAT")
    exit_code, out, _ = unbraid("separate", "a.wav")
    assert exit_code == 0
    assert "3 NaN or infinite samples read as 0" in out
    total = sum(read(f"separated/a/{stem}.wav") for stem in STEMS)
    np.testing.assert_allclose(total, np.where(np.isfinite(samples), samples, 0), atol=1e-6)


@pytest.mark.parametrize("n_samples", [1, 100, 44_100])
def test_silence_of_any_length_stays_silent_and_as_long(unbraid: Command, n_samples: int) -> None:
    soundfile.write("a.wav", np.zeros((n_samples, 2)), 44_100)
    assert unbraid("separate", "a.wav")[0] == 0
    for stem in STEMS:
        samples = read(f"separated/a/{stem}.wav")
        assert samples.shape == (n_samples, 2)
        assert not samples.any()


def test_a_template_names_folders_and_files(unbraid: Command) -> None:
    write_song("Ärger im Büro.wav", seconds=1)
    template = "{model}/{track} ({stem})"
    assert unbraid("separate", "Ärger im Büro.wav", "--name", template, "-o", "out")[0] == 0
    names = {path.name for path in Path("out/tiny").iterdir()}
    assert names == {f"Ärger im Büro ({stem}).wav" for stem in STEMS}


def test_threads_change_no_sample(unbraid: Command) -> None:
    write_song("a.wav", seconds=6)
    for threads in ("1", "3"):
        assert unbraid("separate", "a.wav", "-o", threads, "--threads", threads)[0] == 0
    for stem in STEMS:
        assert Path(f"1/a/{stem}.wav").read_bytes() == Path(f"3/a/{stem}.wav").read_bytes()


def test_quiet_prints_nothing_but_errors(unbraid: Command) -> None:
    write_song("a.wav", seconds=1)
    assert unbraid("separate", "a.wav", "--quiet") == (0, "", "")


def test_a_stem_file_holds_the_song_and_the_stems_that_separate_files_have(
    unbraid: Command,
) -> None:
    write_song("a.wav", seconds=3, subtype="PCM_16")
    assert unbraid("separate", "a.wav", "--depth", "16")[0] == 0
    assert unbraid("separate", "a.wav", "-o", "dj", "--stem-mp4", "--depth", "16")[0] == 0
    assert [path.name for path in Path("dj").iterdir()] == ["a.stem.mp4"]
    mixture, *tracks = read_streams(Path("dj/a.stem.mp4"))
    np.testing.assert_array_equal(mixture.T, read("a.wav"))
    for stem, track in zip(ORDER, tracks, strict=True):
        np.testing.assert_array_equal(track.T, read(f"separated/a/{stem}.wav"))


def test_a_stem_files_name_follows_the_template(unbraid: Command) -> None:
    write_song("a.wav", seconds=1)
    template = ["--name", "{model} - {track}"]
    exit_code, out, _ = unbraid("separate", "a.wav", "--stem-mp4", *template, "--json")
    assert exit_code == 0
    result = json.loads(out)
    assert (result["format"], result["depth"]) == ("stem.mp4", None)
    assert [Path(path).name for path in result["paths"].values()] == ["tiny - a.stem.mp4"]
