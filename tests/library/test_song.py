"""One song from file to files, on the tiny model."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from unbraid.audio.track import Track
from unbraid.errors import OutputError
from unbraid.library.song import SongOptions, separate_song
from unbraid.separation.outputs import mix_output, stem_outputs, two_stems
from unbraid.separation.separator import Separator

LEVEL_OF_90_DB = 10 ** (-90 / 20)


@pytest.fixture(scope="module")
def separator(tiny_model):
    return Separator(tiny_model, n_threads=2)


def song(path, rate, n_channels=2, seconds=5, subtype=None):
    rng = np.random.default_rng(2)
    samples = 0.1 * rng.standard_normal((seconds * rate + 17, n_channels))
    if subtype:
        soundfile.write(path, samples, rate, subtype=subtype)
    else:
        soundfile.write(path, samples, rate)
    return path


def read_all(path, rate=None):
    with Track(path, sample_rate=rate) as track:
        return np.concatenate(list(track.blocks()), axis=-1)


@pytest.mark.parametrize(
    ("name", "rate", "n_channels", "subtype"),
    [
        ("a.wav", 44_100, 2, "PCM_16"),
        ("a.wav", 8_000, 1, "PCM_16"),
        ("a.flac", 48_000, 2, "PCM_24"),
        ("a.wav", 96_000, 2, "FLOAT"),
        ("a.wav", 192_000, 2, "PCM_24"),
        ("a.wav", 44_100, 6, "FLOAT"),
        ("a.ogg", 32_000, 2, None),
    ],
)
def test_stems_in_files_sum_to_the_mixture(tmp_path, separator, name, rate, n_channels, subtype):
    path = song(tmp_path / name, rate, n_channels, subtype=subtype)
    options = SongOptions(stem_outputs(), tmp_path / "out", depth="32f")
    result = separate_song(path, separator, options)
    assert result.sample_rate == rate
    mixture = read_all(path)
    total = sum(read_all(file) for file in result.paths.values())
    assert total.shape == mixture.shape
    assert np.abs(total - mixture).max() < LEVEL_OF_90_DB


@pytest.mark.parametrize(
    ("subtype", "depth"), [("PCM_16", "16"), ("PCM_24", "24"), ("FLOAT", "32f")]
)
def test_rate_and_depth_of_the_source_are_kept(tmp_path, separator, subtype, depth):
    path = song(tmp_path / "a.wav", 48_000, subtype=subtype)
    options = SongOptions(stem_outputs("bass"), tmp_path / "out")
    result = separate_song(path, separator, options)
    assert (result.depth, result.sample_rate, result.gain_db) == (depth, 48_000, 0)
    written = soundfile.info(result.paths["bass"])
    assert (written.subtype, written.samplerate) == (subtype, 48_000)
    assert written.frames == soundfile.info(path).frames


def test_the_models_rate_can_be_asked_for(tmp_path, separator):
    path = song(tmp_path / "a.wav", 96_000)
    options = SongOptions(two_stems("vocals"), tmp_path / "out", rate="model", depth="32f")
    result = separate_song(path, separator, options)
    assert result.sample_rate == 44_100
    total = sum(read_all(file) for file in result.paths.values())
    assert np.abs(total - read_all(path, 44_100)).max() < LEVEL_OF_90_DB


def test_files_that_would_clip_share_one_gain_and_say_so(tmp_path, separator):
    samples = np.tile([[1.0], [-1.0]], (100_000, 2))
    soundfile.write(tmp_path / "loud.wav", samples, 44_100, subtype="FLOAT")
    outputs = [*stem_outputs(), mix_output("all"), mix_output("vocals+vocals+all")]
    options = SongOptions(outputs, tmp_path / "out", depth="24")
    result = separate_song(tmp_path / "loud.wav", separator, options)
    assert result.gain_db < -1
    parts = {name: read_all(file) for name, file in result.paths.items()}
    total = sum(parts[stem] for stem in ("vocals", "drums", "bass", "other"))
    assert np.abs(total - parts["all"]).max() < 1e-5
    assert max(np.abs(part).max() for part in parts.values()) <= 1


def test_twice_the_same_is_byte_identical(tmp_path, separator):
    path = song(tmp_path / "a.flac", 48_000)
    results = [
        separate_song(path, separator, SongOptions(stem_outputs(), tmp_path / out), n_threads=n)
        for out, n in (("one", 1), ("two", 3))
    ]
    for stem, file in results[0].paths.items():
        assert Path(file).read_bytes() == Path(results[1].paths[stem]).read_bytes()


def test_a_failure_half_way_leaves_nothing(tmp_path, separator):
    path = song(tmp_path / "a.wav", 44_100)
    options = SongOptions(stem_outputs(), tmp_path / "out")

    def fail(progress):
        raise RuntimeError("stop here")

    with pytest.raises(RuntimeError):
        separate_song(path, separator, options, progress=fail)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.*"))


def test_files_that_exist_are_not_touched(tmp_path, separator):
    path = song(tmp_path / "a.wav", 44_100)
    options = SongOptions(stem_outputs(), tmp_path / "out")
    target = tmp_path / "out" / "a" / "drums.wav"
    target.parent.mkdir(parents=True)
    target.write_text("mine")
    with pytest.raises(OutputError, match=r"drums\.wav"):
        separate_song(path, separator, options)
    assert target.read_text() == "mine"
    assert [p.name for p in target.parent.iterdir()] == ["drums.wav"]


def test_tags_are_carried_to_every_stem(tmp_path, separator):
    path = song(tmp_path / "plain.flac", 44_100)
    tagged = tmp_path / "tagged.flac"
    with av.open(str(path)) as source, av.open(str(tagged), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        target.metadata.update({"title": "Ein Lied für Zoë", "artist": "不明"})
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    options = SongOptions(stem_outputs("vocals"), tmp_path / "out", format="flac")
    result = separate_song(tagged, separator, options)
    with Track(result.paths["vocals"]) as track:
        tags = {key.lower(): value for key, value in track.tags.items()}
    assert tags["title"] == "Ein Lied für Zoë"
    assert tags["artist"] == "不明"
