"""What is built, and from what: skipping, resuming, guarding, and the sound of what is rendered."""

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from unbraid.errors import TrainingError
from unbraid.training.data import manifest
from unbraid.training.data.manifest import read_manifest

pytest.importorskip("scipy", reason="needs the train extra")
pytest.importorskip("soundfile", reason="needs the train extra")

import soundfile

from unbraid.training.data.build import build
from unbraid.training.data.drum_bodies import with_bodies
from unbraid.training.data.pluck import play_string
from unbraid.training.data.pool import RATE
from unbraid.training.data.recordings import read_stereo, with_air
from unbraid.training.data.score import DRUM_CHANNEL, Note
from unbraid.training.data.sources import SOURCES
from unbraid.training.data.sources.source import Song, Source
from unbraid.training.data.spectrum import band_shares, spectra
from unbraid.training.data.synth_bass import play_synth
from unbraid.training.data.tune import Tune


class Recordings(Source):
    """Files as they are."""

    name, licence, credit, kinds = "recordings", "CC0-1.0", "us", ("bass",)
    obtained = verified = "made here"

    def __init__(self, *paths):
        self.paths = paths

    def missing(self, pack):
        return None

    def songs(self, pack, hours):
        return [Song(f"{n}", partial(self.read, path), 3) for n, path in enumerate(self.paths)]

    def read(self, path):
        return {"bass": read_stereo(path)}


def test_an_unreadable_or_clipped_recording_is_skipped_and_listed(tmp_path, noise, monkeypatch):
    fine, clipped, torn = (tmp_path / f"{name}.wav" for name in ("fine", "clipped", "torn"))
    soundfile.write(fine, noise.T, RATE)
    soundfile.write(clipped, np.clip(99 * noise.T, -1, 1), RATE)
    torn.write_bytes(fine.read_bytes()[:30])
    monkeypatch.setitem(SOURCES, "recordings", Recordings(fine, clipped, torn))
    report = build(tmp_path / "pools", sources=["recordings"])
    assert report.n_made == 1
    assert len(report.skipped) == 2
    assert "recordings/1" in report.skipped[0]
    assert "clipped.wav: clipped" in report.skipped[0]
    assert "torn.wav: does not decode" in report.skipped[1]


def test_a_source_that_cannot_list_its_songs_is_skipped_and_listed(tmp_path, monkeypatch):
    class Damaged(Recordings):
        def songs(self, pack, hours):
            raise TrainingError("music.wad: a damaged WAD file")

    monkeypatch.setitem(SOURCES, "recordings", Damaged())
    report = build(tmp_path, sources=["recordings"])
    assert report.skipped == ["recordings: music.wad: a damaged WAD file"]


def test_a_killed_build_goes_on_where_it_was(tmp_path, monkeypatch):
    song_s, hours = 3.0, 15 / 3600
    monkeypatch.setattr("unbraid.training.data.sources.chip.SONG_S", song_s)
    code = (
        "import sys; from pathlib import Path\n"
        "from unbraid.training.data.build import build\n"
        "from unbraid.training.data.sources import chip\n"
        f"chip.SONG_S = {song_s}; build(Path(sys.argv[1]), sources=['chip'], hours={hours})"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as process:
        while not read_manifest(tmp_path):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    n_made = len({entry.item for entry in read_manifest(tmp_path)})
    (tmp_path / "chip/.0009.bass.npy.1.partial").touch()
    report = build(tmp_path, sources=["chip"], hours=hours)
    assert report.n_kept == n_made > 0
    entries = read_manifest(tmp_path)
    assert len(entries) == len({entry.file for entry in entries})
    assert all((tmp_path / entry.file).is_file() for entry in entries)
    assert not list(tmp_path.glob("*/.*.partial"))


@pytest.mark.parametrize("song", manifest.VALIDATION_SONGS)
def test_a_file_of_a_validation_song_stops_a_build(song, tmp_path, monkeypatch):
    source = Recordings(Path("/songs", song, "drums.ogg"))
    monkeypatch.setitem(SOURCES, "recordings", source)
    with pytest.raises(TrainingError, match="validation song"):
        build(tmp_path, sources=["recordings"])


def test_every_song_of_the_panels_is_guarded(data_pack):
    folders = (data_pack / "real-bands-validation", data_pack / "cc0-album/validation")
    names = [path.name for folder in folders for path in folder.iterdir() if path.is_dir()]
    assert len(names) == len(manifest.VALIDATION_SONGS)
    assert all(manifest.is_validation_song(name) for name in names)


def test_every_source_is_documented():
    text = (Path(__file__).parents[2] / "docs/sources.md").read_text()
    assert [name for name in SOURCES if f"| {name} |" not in text] == []


def test_a_kit_with_bodies_has_the_lows_of_a_record():
    click = np.random.default_rng(0).standard_normal(2_000) * np.exp(-np.arange(2_000) / 300)
    thin = np.zeros((2, 8 * RATE), np.float32)
    notes = [Note(0.5 * n, 0.5 * n + 0.1, DRUM_CHANNEL, (36, 38)[n % 2], 100) for n in range(15)]
    for note in notes:
        start = round(note.start_s * RATE)
        thin[:, start : start + 2_000] += click
    shares = [
        band_shares(with_bodies(thin, notes, np.random.default_rng(seed)).T)[0]
        for seed in range(12)
    ]
    assert band_shares(thin.T)[0] < 0.01
    assert 0.4 < np.median(shares) < 0.75  # records: 0.36 to 0.70


def test_band_shares_find_a_tone_in_its_band():
    times = np.arange(2 * RATE) / RATE
    for band, hz in enumerate((50, 120, 400, 2_000, 9_000)):
        shares = band_shares(np.sin(2 * np.pi * hz * times)[:, None])
        assert shares[band] > 0.95
        assert shares.sum() == pytest.approx(1)


def test_spectra_are_those_of_pools_and_of_songs(tmp_path, noise):
    (tmp_path / "song").mkdir()
    soundfile.write(tmp_path / "song/drums.flac", noise.T, RATE)
    shares = spectra(tmp_path)
    assert list(shares) == [("song", "drums")]
    with pytest.raises(TrainingError, match="neither pools nor"):
        spectra(tmp_path / "song")


@pytest.mark.parametrize("play", [play_string, play_synth])
def test_basses_lie_where_basses_lie(play):
    notes = [Note(0.5 * n, 0.5 * n + 0.45, 0, 28 + n % 12, 100) for n in range(8)]
    for seed in range(2):
        sound = play(notes, np.random.default_rng(seed), 4 * RATE)
        assert np.isfinite(sound).all()
        assert band_shares(sound.T)[:3].sum() > 0.6  # below 800 Hz, before any equaliser


def test_a_tune_stays_near_home_and_in_its_scale():
    for seed in range(5):
        tune = Tune(np.random.default_rng(seed), 220.0)
        tones = [tune.note()[0] for _ in range(200)]
        assert {tone % 12 for tone in tones} <= {(tune.key + s) % 12 for s in tune.scale}
        assert max(abs(tone - 57) for tone in tones) < 18


def test_air_is_quiet_and_only_above_the_top():
    noise = np.random.default_rng(0).standard_normal((2, RATE)).astype(np.float32)
    aired = with_air(noise, 8_000.0)
    before, after = (np.abs(np.fft.rfft(x[0])) ** 2 for x in (noise, aired))
    assert np.allclose(before[100:7_900], after[100:7_900], rtol=0.05)
    assert -9 < 10 * np.log10(after[8_100:11_900].mean() / after[4_000:7_900].mean()) < -7
