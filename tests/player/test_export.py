"""Exports: the numbers of `separate`, what is heard, loops, and nothing half-written."""

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from unbraid.audio.track import Track
from unbraid.errors import AudioError, Cancelled, OutputError, UsageError
from unbraid.library.song import SongOptions, separate_song
from unbraid.player.export import ExportJob, ExportRequest, ExportSong, export
from unbraid.player.mixer import Strip
from unbraid.separation.outputs import stem_outputs
from unbraid.separation.separator import Separator
from unbraid.stems import STEMS

_WAIT_S = 120.0


class _Stored:
    """Tiles in memory, joined as `offline.separate` joins them."""

    def __init__(self, separator: Separator) -> None:
        self.grid = separator.grid
        self.tiles: dict[int, np.ndarray] = {}

    def has(self, tile: int) -> bool:
        return tile in self.tiles

    def put(self, tile: int, stems: np.ndarray) -> None:
        assert tile not in self.tiles
        self.tiles[tile] = stems

    def read(self, start: int, mixture: np.ndarray) -> np.ndarray:
        grid = self.grid
        end = start + mixture.shape[1]
        out = np.zeros((4, 2, mixture.shape[1]), np.float32)
        for tile in sorted(self.tiles):
            at = grid.output_start(tile)
            weights = grid.weights.copy()
            if tile == 0:
                weights[: grid.fade] = 1
            first, last = max(start, at), min(end, at + grid.n_output)
            if first < last:
                faded = self.tiles[tile] * weights
                out[..., first - start : last - start] += faded[..., first - at : last - at]
        return out


@pytest.fixture(scope="module")
def separator(tiny_model: Path) -> Separator:
    return Separator(tiny_model, n_threads=1)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(4)
    paths = {}
    for rate in (44_100, 48_000):
        times = np.arange(5 * rate + 17)[:, None] / rate
        samples = 0.1 * rng.standard_normal((len(times), 2)) + 0.3 * np.sin(2764.6 * times)
        paths[rate] = folder / f"song {rate}.wav"
        soundfile.write(paths[rate], samples, rate, subtype="FLOAT")
    return paths


def _song(path: Path, separator: Separator, **how) -> ExportSong:
    return ExportSong(path, separator, _Stored(separator), **how)


def _read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


@pytest.fixture(scope="module")
def separated(tmp_path_factory, songs, separator) -> dict[int, np.ndarray]:
    """What `unbraid separate` writes of each song, (4, 2, n)."""
    stems = {}
    for rate, path in songs.items():
        options = SongOptions(stem_outputs(), tmp_path_factory.mktemp("separate"), depth="32f")
        result = separate_song(path, separator, options)
        stems[rate] = np.stack([_read(Path(result.paths[stem])) for stem in STEMS])
    return stems


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_stems_are_those_of_separate_whatever_was_separated_before(
    tmp_path, songs, separator, separated, rate
) -> None:
    expected = separated[rate]
    song = _song(songs[rate], separator)
    with Track(songs[rate]) as track:
        read = track.read(separator.grid.input_start(1), separator.grid.n_input)
    song.stems.put(1, separator.separate_tile(read))
    fractions: list[float] = []
    result = export(song, ExportRequest(tmp_path / "out"), progress=fractions.append)
    assert list(result.paths) == list(STEMS)
    for stem, path in result.paths.items():
        assert np.array_equal(_read(path), expected[STEMS.index(stem)])
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    again = export(song, ExportRequest(tmp_path / "again", stems=("bass",)))
    assert again.paths["bass"].read_bytes() == result.paths["bass"].read_bytes()


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_the_mix_is_what_is_heard_to_the_sample(
    tmp_path, songs, separator, separated, rate
) -> None:
    stems = separated[rate]
    strips = (Strip(mute=True), Strip(gain_db=-6), Strip(), Strip(pan=0.5))
    song = _song(songs[rate], separator, strips=strips, volume_db=-3.0)
    result = export(song, ExportRequest(tmp_path / "out", stems=(), mix=True))
    expected = 10 ** (-6 / 20) * stems[1] + stems[2] + stems[3] * np.array([[0.5], [1]])
    heard = _read(result.paths["mix"])
    assert heard.shape == expected.shape
    assert np.abs(heard - 10 ** (-3 / 20) * expected).max() < 1e-6


@pytest.mark.parametrize("limiter", [False, True])
def test_with_all_faders_at_rest_the_mix_is_the_song(tmp_path, songs, separator, limiter) -> None:
    song = _song(songs[44_100], separator, limiter=limiter)
    result = export(song, ExportRequest(tmp_path, stems=(), mix=True))
    assert np.abs(_read(result.paths["mix"]) - _read(songs[44_100])).max() < 1e-6


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize(("start", "end"), [(0, 5_000), (120_001, 170_003), (210_000, 220_500)])
def test_a_loop_is_cut_from_the_song_at_the_sample(
    tmp_path, songs, separator, separated, rate, start, end
) -> None:
    stems = separated[rate]
    song = _song(songs[rate], separator, loop=(start, end))
    request = ExportRequest(tmp_path / "out", stems=("drums", "other"), mix=True, loop_only=True)
    result = export(song, request)
    first, last = (round(at * rate / 44_100) for at in (start, end))
    assert result.paths["drums"].name == "drums loop.wav"
    for stem in ("drums", "other"):
        heard = _read(result.paths[stem])
        expected = stems[STEMS.index(stem)][:, first:last]
        assert heard.shape == expected.shape
        if rate == 44_100:
            assert np.array_equal(heard, expected)
        else:
            assert np.abs(heard - expected).max() < 1e-5
    assert _read(result.paths["mix"]).shape == (2, last - first)
    n_needed = -(-(end - start) // separator.grid.step) + 3
    assert len(song.stems.tiles) <= n_needed


def test_a_stretched_mix_is_as_long_as_it_is_heard_and_stems_keep_their_tempo(
    tmp_path, songs, separator
) -> None:
    song = _song(songs[44_100], separator, tempo=0.75, key=2)
    request = ExportRequest(tmp_path / "a", stems=("bass",), mix=True, stretched=True)
    result = export(song, request)
    n_samples = _read(songs[44_100]).shape[1]
    stretched = _read(result.paths["mix"])
    assert stretched.shape[1] == round(n_samples / 0.75)
    assert _read(result.paths["bass"]).shape[1] == n_samples
    spectrum = np.abs(np.fft.rfft(stretched[0, :200_000] * np.hanning(200_000)))
    frequency = np.argmax(spectrum) * 44_100 / 200_000
    assert frequency == pytest.approx(440 * 2 ** (2 / 12), rel=0.002)
    plain = export(song, ExportRequest(tmp_path / "b", stems=(), mix=True))
    assert _read(plain.paths["mix"]).shape[1] == n_samples


@pytest.mark.parametrize("name", ["flac", "mp3", "m4a", "opus"])
def test_every_format_of_separate_is_one_of_exports(tmp_path, songs, separator, name) -> None:
    song = _song(songs[48_000], separator, loop=(100_000, 144_100))
    result = export(song, ExportRequest(tmp_path, ("vocals",), format=name, loop_only=True))
    assert result.paths["vocals"].suffix == f".{name}"
    with Track(result.paths["vocals"], sample_rate=48_000) as track:
        assert track.n_samples == pytest.approx(48_000, abs=2)


def test_what_cannot_be_exported_is_told_before_anything_is_separated(
    tmp_path, songs, separator
) -> None:
    song = _song(songs[44_100], separator)
    with pytest.raises(UsageError, match="no loop"):
        export(song, ExportRequest(tmp_path, loop_only=True))
    with pytest.raises(UsageError, match="choose a stem"):
        export(song, ExportRequest(tmp_path, stems=()))
    taken = tmp_path / songs[44_100].stem / "mix.wav"
    taken.parent.mkdir()
    taken.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        export(song, ExportRequest(tmp_path, mix=True))
    assert [path.name for path in taken.parent.iterdir()] == ["mix.wav"]
    assert taken.read_bytes() == b"mine"
    assert not song.stems.tiles
    with pytest.raises(AudioError, match=r"gone\.wav"):
        export(_song(tmp_path / "gone.wav", separator), ExportRequest(tmp_path))


def test_a_cancelled_export_leaves_nothing(tmp_path, songs, separator) -> None:
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        export(
            _song(songs[48_000], separator),
            ExportRequest(tmp_path / "out", mix=True),
            progress=lambda fraction: cancel.set(),
            cancel=cancel,
        )
    assert list(tmp_path.rglob("*")) == []


def test_a_job_tells_its_result_or_why_there_is_none(tmp_path, songs, separator) -> None:
    request = ExportRequest(tmp_path, ("vocals",), loop_only=True)
    job = ExportJob(_song(songs[44_100], separator, loop=(0, 44_100)), request)
    assert job.wait(_WAIT_S)
    assert job.is_done
    assert job.error is None
    assert job.result is not None
    assert job.result.paths["vocals"].is_file()
    assert job.fraction == 1.0
    again = ExportJob(_song(songs[44_100], separator, loop=(0, 44_100)), request)
    assert again.wait(_WAIT_S)
    assert again.result is None
    assert isinstance(again.error, OutputError)
    given_up = ExportJob(_song(songs[44_100], separator), ExportRequest(tmp_path / "c"))
    given_up.cancel()
    assert given_up.wait(_WAIT_S)
    assert given_up.result is not None or isinstance(given_up.error, Cancelled)
