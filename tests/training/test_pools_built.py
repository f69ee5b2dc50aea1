import json
import pickle
import sys

import numpy as np
import pytest

from unbraid.errors import OutputError, TrainingError
from unbraid.training.data import manifest
from unbraid.training.data.manifest import Entry, append_entries, hours, read_manifest

pytest.importorskip("scipy", reason="needs the train extra")
pytest.importorskip("soundfile", reason="needs the train extra")

from unbraid.training.alone import alone
from unbraid.training.data.band import compose
from unbraid.training.data.build import build
from unbraid.training.data.coding import add_twins
from unbraid.training.data.effects import amplifier, compress, level_db, room
from unbraid.training.data.midi import read_score
from unbraid.training.data.pluck import play_string
from unbraid.training.data.pool import RATE, n_clipped, write_song
from unbraid.training.data.render import missing_synth
from unbraid.training.data.score import DRUM_CHANNEL, Note, Score, vary
from unbraid.training.data.sources import SOURCES
from unbraid.training.data.sources.source import Song, Source

ENTRY = Entry("a/b", "a/b.bass.npy", "a", "CC0-1.0", "bass", None, "train", 7200.0, -20.0, 0.5)


@pytest.fixture
def tone():
    times = np.arange(3 * RATE) / RATE
    return (0.3 * np.stack([np.sin(880 * times), np.sin(1_320 * times)])).astype(np.float32)


def test_a_manifest_reads_back_as_written(tmp_path):
    append_entries(tmp_path, [ENTRY])
    append_entries(tmp_path, [ENTRY])
    assert read_manifest(tmp_path) == [ENTRY, ENTRY]


def test_a_manifest_line_calls_its_class_class():
    assert json.loads(ENTRY.to_line())["class"] == "bass"


def test_half_a_line_is_no_line_and_is_overwritten(tmp_path):
    append_entries(tmp_path, [ENTRY])
    with (tmp_path / manifest.MANIFEST).open("a") as file:
        file.write('{"item": "a/')
    assert read_manifest(tmp_path) == [ENTRY]
    append_entries(tmp_path, [ENTRY])
    assert read_manifest(tmp_path) == [ENTRY, ENTRY]


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / manifest.MANIFEST).write_text("nonsense\n")
    with pytest.raises(TrainingError, match="line 1"):
        read_manifest(tmp_path)


def test_hours_count_training_material_by_any_field():
    assert hours([ENTRY], "kind") == {("bass",): 2.0}
    assert hours([ENTRY], "source", "licence") == {("a", "CC0-1.0"): 2.0}


def test_sources_text_names_licence_and_credit():
    assert "| a | CC0-1.0 | 2.00 | someone |" in manifest.sources_text([ENTRY], {"a": "someone"})


def test_stems_of_a_song_share_length_and_gain(tmp_path, tone):
    stems = {"bass": 4 * tone, "other": tone[:, :RATE]}
    entries = write_song(tmp_path, stems, source="s", song="x", licence="MIT")
    bass, other = (np.load(tmp_path / entry.file) for entry in entries)
    assert bass.shape == other.shape == (3 * RATE, 2)
    assert bass.dtype == np.int16
    assert np.abs(bass).max() < 32_000  # turned down, not clipped
    ratio = np.abs(bass[:RATE]).max() / np.abs(other[:RATE]).max()
    assert ratio == pytest.approx(4, rel=0.01)


def test_a_silent_stem_is_left_out(tmp_path, tone):
    entries = write_song(
        tmp_path, {"bass": tone, "drums": 0 * tone}, source="s", song="x", licence="MIT"
    )
    assert [entry.kind for entry in entries] == ["bass"]


def test_only_clipped_recordings_count_as_clipped(tone):
    assert n_clipped(tone) == 0
    assert n_clipped(np.clip(9 * tone, -1, 1)) > 1_000


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_always_makes_the_same_song(seed):
    assert compose(seed, 40)[0] == compose(seed, 40)[0]


def test_two_seeds_make_two_songs():
    assert compose(1, 40)[0].notes != compose(2, 40)[0].notes


def test_made_up_songs_have_drums_and_a_low_bass():
    for seed in range(3):
        score, _ = compose(seed, 40)
        assert DRUM_CHANNEL in score.channels()
        low = [n.pitch for n in score.notes if n.channel in score.bass_channels()]
        assert low
        assert max(low) <= 60


def test_a_bass_is_found_by_program_or_else_as_the_lowest_single_voice():
    low = [Note(t, t + 0.4, 3, 36 + t, 90) for t in range(8)]
    chords = [Note(t, t + 0.4, 1, 60 + k, 90) for t in range(8) for k in (0, 4, 7)]
    assert Score([*low, *chords], programs={1: 33, 3: 0}).bass_channels() == [1]
    assert Score([*low, *chords], programs={1: 0, 3: 0}).bass_channels() == [3]
    assert Score(chords, programs={1: 0}).bass_channels() == []


def test_variations_keep_every_note_and_differ():
    score, _ = compose(5, 30)
    one, two = (vary(score, np.random.default_rng(seed)) for seed in (1, 2))
    assert len(one.notes) == len(two.notes) == len(score.notes)
    assert one.notes != two.notes


def test_midi_time_follows_the_tempo():
    # Two quarter notes of 480 ticks, the tempo doubled for the second one.
    tempo = bytes.fromhex("ff5103") + (250_000).to_bytes(3, "big")
    track = bytes.fromhex("00c021 00903c64 8360803c00 00") + tempo
    track += bytes.fromhex("00903e64 83603e00 00ff2f00")  # the last release by running status
    content = b"MThd" + (6).to_bytes(4, "big") + bytes.fromhex("0000 0001 01e0")
    content += b"MTrk" + len(track).to_bytes(4, "big") + track
    score = read_score(content, "x")
    assert [(n.start_s, n.end_s, n.pitch) for n in score.notes] == [(0, 0.5, 60), (0.5, 0.75, 62)]
    assert score.programs == {0: 33}


def test_what_is_no_midi_file_is_named():
    with pytest.raises(TrainingError, match=r"song\.mid"):
        read_score(b"RIFF", "song.mid")


def test_effects_keep_length_and_stay_finite(tone):
    rng = np.random.default_rng(0)
    for made in (
        amplifier(tone, 30.0, rng),
        room(tone, rng, decay_s=0.5, wet_db=-10.0),
        compress(tone, ratio=4.0, above_db=-10.0),
    ):
        assert made.shape[1] == tone.shape[1]
        assert made.dtype == np.float32
        assert np.isfinite(made).all()


def test_a_compressor_evens_out_what_is_loud_and_soft(tone):
    uneven = tone.copy()
    uneven[:, : RATE * 3 // 2] *= 0.1
    squeezed = compress(uneven, ratio=8.0, above_db=-20.0)
    halves = np.split(squeezed, 2, axis=1)
    assert level_db(halves[1]) - level_db(halves[0]) < 12  # 20 dB before


def test_every_source_declares_itself():
    for name, source in SOURCES.items():
        assert name == source.name
        assert source.licence
        assert source.credit
        assert source.obtained
        assert source.verified
        assert source.kinds


def test_no_validation_song_is_a_training_item(data_pack):
    for source in SOURCES.values():
        if source.missing(data_pack) is not None:
            continue
        for song in source.songs(data_pack, 0.1):
            where = f"{source.name}/{song.name} {song.make}"
            assert not manifest.is_validation_song(f"{source.name}/{song.name}"), where
            # What it is made of: the paths among the arguments.
            assert not any(name in where.lower() for name in manifest.VALIDATION_SONGS), where


def test_held_out_singers_are_not_for_training(data_pack):
    songs = SOURCES["held-out-singers"].songs(data_pack, 1.0)
    assert {song.split for song in songs} == {"holdout"}


def test_what_a_worker_gets_can_be_sent_to_it(data_pack):
    for source in SOURCES.values():
        if source.missing(data_pack) is None:
            pickle.dumps(source.songs(data_pack, 0.02)[0])


def test_what_needs_nothing_makes_all_four_stems_the_same_each_time(monkeypatch):
    monkeypatch.setattr("unbraid.training.data.sources.chip.SONG_S", 6.0)
    chip = SOURCES["chip"]
    assert chip.missing(None) is None
    song = chip.songs(None, 0.01)[0]
    one, two = song.make(), song.make()
    assert one.keys() == two.keys() == {"vocals", "drums", "bass", "other"}
    for kind in one:
        assert np.array_equal(one[kind], two[kind])
        assert -40 < level_db(one[kind]) < -6
        assert np.isfinite(one[kind]).all()


class Tones(Source):
    name, licence, credit, kinds = "tones", "CC0-1.0", "us", ("bass", "other")
    obtained = verified = "made here"
    made = 0

    def missing(self, pack):
        return None

    def songs(self, pack, hours):
        return [Song("fine", self.fine, 1), Song("broken", self.broken, 1)]

    def fine(self):
        Tones.made += 1
        samples = np.random.default_rng(0).standard_normal((2, RATE)).astype(np.float32) * 0.1
        return {"bass": samples, "other": samples}

    def broken(self):
        raise TrainingError("clipped")


def test_a_build_resumes_and_lists_what_it_skips(tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, "tones", Tones())
    first = build(tmp_path, sources=["tones"])
    assert first.n_made == 1
    assert first.skipped == ["tones/broken: clipped"]
    assert build(tmp_path, sources=["tones"]).n_kept == 1
    (tmp_path / "tones/fine.bass.npy").unlink()
    assert build(tmp_path, sources=["tones"]).n_made == 1
    assert Tones.made == 2
    assert len(read_manifest(tmp_path)) == 2
    assert "tones" in (tmp_path / "SOURCES.md").read_text()


def test_songs_that_a_net_has_heard_can_be_left_out(tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, "tones", Tones())
    assert build(tmp_path, sources=["tones"], skip=1).skipped == ["tones/broken: clipped"]
    report = build(tmp_path, sources=["tones"], skip=2)
    assert report.skipped == ["tones: it has 2 songs, and 2 are left out"]
    assert report.n_made == report.n_kept == 0


def test_a_validation_song_stops_a_build(tmp_path, monkeypatch):
    class Wrong(Tones):
        def songs(self, pack, hours):
            return [Song("Francium-remix", self.fine, 1)]

    monkeypatch.setitem(SOURCES, "tones", Wrong())
    with pytest.raises(TrainingError, match="validation song"):
        build(tmp_path, sources=["tones"])


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is held on Windows")
@pytest.mark.parametrize("write", [lambda folder: build(folder, sources=["tones"]), add_twins])
def test_a_folder_in_which_another_writes_is_left_alone(tmp_path, monkeypatch, write):
    monkeypatch.setitem(SOURCES, "tones", Tones())
    build(tmp_path, sources=["tones"])
    (tmp_path / "tones/.half.partial").touch()
    with alone(tmp_path, wait=False), pytest.raises(OutputError, match="another unbraid process"):
        write(tmp_path)
    assert (tmp_path / "tones/.half.partial").is_file()
    write(tmp_path)


def test_too_little_disk_is_found_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, "tones", Tones())
    monkeypatch.setattr("unbraid.training.data.build.FREE_GIB", 1e6)
    with pytest.raises(OutputError, match="GiB"):
        build(tmp_path, sources=["tones"])


def test_a_source_on_request_is_built_only_when_it_is_named(tmp_path, monkeypatch):
    for name, source in list(SOURCES.items()):
        if not source.on_request:
            monkeypatch.delitem(SOURCES, name)
    assert SOURCES
    monkeypatch.setitem(SOURCES, "tones", Tones())
    assert build(tmp_path).n_made == 1


def test_an_unknown_source_is_named_with_the_known_ones(tmp_path):
    with pytest.raises(TrainingError, match="cc0-album"):
        build(tmp_path, sources=["radio"])


@pytest.mark.training
@pytest.mark.skipif(missing_synth() is not None, reason=str(missing_synth()))
def test_channels_rendered_apart_sum_to_the_whole():
    from unbraid.training.data.render import FONTS, render

    score, _ = compose(5, 10)  # without drums: a font's kits vary with what plays beside them
    score = Score([n for n in score.notes if n.start_s < 6], score.changes, score.programs)
    apart = render(FONTS["timgm"], score)
    alone = [
        render(
            FONTS["timgm"],
            Score([n for n in score.notes if n.channel == c], score.changes, score.programs),
        )[c]
        for c in apart
    ]
    n_samples = min(track.shape[1] for track in alone)
    error = sum(t[:, :n_samples] for t in apart.values()) - sum(t[:, :n_samples] for t in alone)
    whole = sum(track[:, :n_samples] for track in apart.values())
    assert level_db(error) - level_db(whole) < -43


@pytest.mark.training
@pytest.mark.skipif(missing_synth() is not None, reason=str(missing_synth()))
def test_a_rendered_song_is_the_same_twice():
    from unbraid.training.data.produce import produce

    score, style = compose(7, 8)
    one, two = (
        produce(score, np.random.default_rng(1), drive_db=style.drive_db, max_s=6) for _ in range(2)
    )
    assert one.keys() == two.keys() == {"drums", "bass", "other"}
    for kind in one:
        assert level_db(one[kind] - two[kind]) < -80


@pytest.mark.training
def test_a_voice_sings_the_tune_it_is_given(data_pack):
    pytest.importorskip("pyworld", reason="needs the sing extra")
    from unbraid.training.data.recordings import high_pass, read_stereo
    from unbraid.training.data.sing import analyse, melody, synthesise
    from unbraid.training.data.tune import Tune

    rng = np.random.default_rng(0)
    path = data_pack / "voices/yuki.ogg"
    voice = analyse(high_pass(read_stereo(path, start_s=0.0, end_s=4.0)))
    pitch, where = melody(voice, rng, Tune(rng, 300.0))
    sung = analyse(synthesise(voice, pitch, 1.0, where))
    n_frames = min(len(pitch), len(sung.pitch_hz))
    both = (pitch[:n_frames] > 0) & (sung.pitch_hz[:n_frames] > 0)
    assert both.mean() > 0.4
    cents = 1200 * np.log2(sung.pitch_hz[:n_frames][both] / pitch[:n_frames][both])
    assert np.median(np.abs(cents)) < 20


def test_a_plucked_string_sounds_at_the_pitch_that_is_written():
    notes = [Note(0.0, 2.0, 0, 33, 100)]  # A1, 55 Hz
    for seed in range(3):
        sound = play_string(notes, np.random.default_rng(seed), 2 * RATE)
        spectrum = np.abs(np.fft.rfft(sound[0]))
        partials = [spectrum[110 * k - 4 : 110 * k + 5].max() for k in (1, 2, 3)]
        between = [spectrum[110 * k + 40 : 110 * k + 70].max() for k in (1, 2, 3)]
        assert max(partials) > 10 * max(between)
