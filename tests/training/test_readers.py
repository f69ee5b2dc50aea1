"""Sets of the field, written here in their exact layouts, become pools."""

import json

import av
import numpy as np
import pytest
import soundfile

from unbraid.errors import TrainingError, UsageError

pytestmark = pytest.mark.training

RATE = 44_100
STEMS = ("vocals", "drums", "bass", "other")


def tone(frequency_hz, seconds=2.0, rate=RATE):
    times = np.arange(round(seconds * rate)) / rate
    return np.tile(0.2 * np.sin(2 * np.pi * frequency_hz * times), (2, 1)).astype(np.float32)


TONES = {stem: tone(300.0 * (i + 1)) for i, stem in enumerate(STEMS)}


def write(path, samples, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.T, rate)


def write_stem_mp4(path, parts):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        streams = [container.add_stream("aac", rate=RATE, layout="stereo") for _ in parts]
        for stream, samples in zip(streams, parts, strict=True):
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def write_musdb18_hq(root, *songs):
    for song in songs:
        write(root / song / "mixture.wav", sum(TONES.values()))
        for stem, samples in TONES.items():
            write(root / song / f"{stem}.wav", samples)


def read(path, out, **options):
    from unbraid.training.data.build import build
    from unbraid.training.data.manifest import read_manifest
    from unbraid.training.data.readers import find_set

    songs = find_set(path, **options)
    report = build(out, None, [songs])
    return songs, report, {(e.item, e.kind): e for e in read_manifest(out)}


def frequency_hz(out, entry):
    samples = np.load(out / entry.file)[:, 0].astype(np.float64)
    peak = np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))))
    return peak * RATE / len(samples)


def test_each_stream_of_a_stem_mp4_becomes_its_stem(tmp_path):
    mixture = sum(TONES.values())
    parts = [mixture, *(TONES[stem] for stem in ("drums", "bass", "other", "vocals"))]
    write_stem_mp4(tmp_path / "musdb18/train/Band - Song.stem.mp4", parts)
    write_stem_mp4(tmp_path / "musdb18/test/Band - Other.stem.mp4", parts)
    songs, report, entries = read(tmp_path / "musdb18", tmp_path / "pools")
    assert (songs.name, report.skipped) == ("musdb18", [])
    assert len(entries) == 8
    for (item, kind), entry in entries.items():
        wanted = 300 * (STEMS.index(kind) + 1)
        assert frequency_hz(tmp_path / "pools", entry) == pytest.approx(wanted, abs=2)
        assert entry.seconds == pytest.approx(2.0, abs=0.05)
        assert entry.split == ("train" if item.endswith("Song") else "holdout")
        assert "not commercial" in entry.licence


def test_songs_that_the_field_judges_by_are_held_out_and_ours_refused(tmp_path):
    root = tmp_path / "set"
    train = ("Band - Song", "Leaf - Summerghost", "Music Delta - Punk", "Music Delta - 80s Rock")
    write_musdb18_hq(root / "train", *train)
    write_musdb18_hq(root / "test", "Band - Judge")
    songs, _, entries = read(root, tmp_path / "pools")
    splits = {item.split("/")[1]: entry.split for (item, _), entry in entries.items()}
    assert songs.name == "musdb18-hq"
    assert splits == {
        "Band - Song": "train",
        "Leaf - Summerghost": "holdout",
        "Band - Judge": "holdout",
    }
    assert len(songs.left_out) == 2
    assert all("never trained on" in line for line in songs.left_out)


def test_moisesdb_tracks_are_added_up_to_our_stems(tmp_path):
    song = tmp_path / "moisesdb_v0.1" / "0a1b2c3d-0000-4000-8000-000000000000"
    tracks = [
        ("vocals", "lead male singer", 300, False),
        ("drums", "kick drum", 600, False),
        ("percussion", "a-tonal percussion (claps, shakers, congas, cowbell etc)", 660, False),
        ("percussion", "pitched percussion (mallets, glockenspiel, ...)", 1200, False),
        ("guitar", "acoustic guitar", 1300, False),
        ("wind", "flutes (piccolo, bamboo flute, panpipes, flutes etc)", 1500, True),
        ("other", "click track", 1700, False),
        ("bass", "bass guitar", 900, False),
    ]
    card = {"song": "Title", "artist": "Artist", "genre": "rock", "stems": []}
    for number, (stem, kind, frequency, bleed) in enumerate(tracks):
        write(song / stem / f"{number}.wav", tone(frequency, rate=48_000), 48_000)
        track = {"trackType": kind, "id": str(number), "extension": "wav", "has_bleed": bleed}
        card["stems"].append({"stemName": stem, "id": "x", "tracks": [track]})
    (song / "data.json").write_text(json.dumps(card))
    songs, _, entries = read(tmp_path, tmp_path / "pools")
    assert (songs.name, songs.licence) == ("moisesdb", "CC-BY-NC-SA-4.0")
    wanted = {"vocals": {300}, "drums": {600, 660}, "bass": {900}, "other": {1200, 1300}}
    assert {kind for _, kind in entries} == wanted.keys()
    for (_, kind), entry in entries.items():
        samples = np.load(tmp_path / "pools" / entry.file)[:, 0] / 32768
        bins = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) / len(samples)
        heard = {f for _, _, f, _ in tracks if bins[round(f * len(samples) / RATE)] > 0.01}
        assert heard == wanted[kind]


def test_a_moisesdb_song_that_models_are_judged_by_is_known_by_its_title(tmp_path):
    for name, title in (("a", "Punk"), ("b", "Song")):
        write(tmp_path / name / "bass/t.wav", tone(100))
        track = {"trackType": "bass guitar", "id": "t", "extension": "wav"}
        card = {"song": title, "artist": "Music Delta"}
        card["stems"] = [{"stemName": "bass", "tracks": [track]}]
        (tmp_path / name / "data.json").write_text(json.dumps(card))
    songs, _, entries = read(tmp_path, tmp_path / "pools")
    assert {item for item, _ in entries} == {"moisesdb/b"}
    assert "Music Delta - Punk" in songs.left_out[0]


def test_slakh_instruments_are_told_by_their_card(tmp_path):
    pytest.importorskip("yaml")
    stems = {
        "S00": ("Bass", False, 33, 100),
        "S01": ("Drums", True, 128, 200),
        "S02": ("Guitar", False, 25, 300),
        "S03": ("Strings (continued)", False, 52, 400),  # choir
        "S04": ("Piano", False, 0, 500),
    }
    for part, name in (("train", "Track00001"), ("validation", "Track01501")):
        track = tmp_path / part / name
        lines = ["UUID: 1a81ae092884234f3264e2f45927f00a", "audio_dir: stems", "stems:"]
        for stem, (kind, is_drum, program, frequency) in stems.items():
            write(track / "stems" / f"{stem}.flac", tone(frequency))
            lines += [f"  {stem}:", "    audio_rendered: true", f"    inst_class: {kind}"]
            lines += [f"    is_drum: {str(is_drum).lower()}", f"    program_num: {program}"]
        (track / "metadata.yaml").write_text("\n".join(lines))
        write(track / "mix.flac", tone(300))
    songs, _, entries = read(tmp_path, tmp_path / "pools")
    assert songs.name == "slakh2100"
    wanted = {
        (f"slakh2100/{name}", kind): split
        for name, split in (("Track00001", "train"), ("Track01501", "holdout"))
        for kind in ("drums", "bass", "other")
    }
    assert {key: entry.split for key, entry in entries.items()} == wanted
    bass = entries["slakh2100/Track00001", "bass"]
    assert frequency_hz(tmp_path / "pools", bass) == pytest.approx(100, abs=2)


def test_folders_take_any_format_rate_and_lack_of_stems(tmp_path):
    root = tmp_path / "mine"
    write(root / "one" / "Vocals.flac", tone(300, rate=22_050), 22_050)
    write(root / "one" / "guitar.ogg", tone(500))
    write(root / "one" / "piano.wav", tone(700)[:1])
    write(root / "two" / "vocals.wav", tone(300))
    write(root / "two" / "accompaniment.wav", tone(500))
    _, _, entries = read(root, tmp_path / "pools", licence="mine")
    kinds = {("mine/one", "vocals"), ("mine/one", "other")}
    assert entries.keys() == kinds | {("mine/two", "vocals"), ("mine/two", "accompaniment")}
    assert {entry.seconds for entry in entries.values()} == {2.0}
    assert {entry.licence for entry in entries.values()} == {"mine"}


def test_what_cannot_be_used_is_skipped_and_named_and_the_rest_kept(tmp_path):
    root = tmp_path / "mine"
    write(root / "good" / "drums.wav", tone(300))
    write(root / "clipped" / "drums.wav", np.clip(20 * tone(100), -1, 1))
    write(root / "strange" / "kazoo.wav", tone(100))
    (root / "broken").mkdir()
    (root / "broken" / "bass.wav").write_bytes(b"RIFF and nothing more")
    songs, report, entries = read(root, tmp_path / "pools", licence="mine")
    assert {item for item, _ in entries} == {"mine/good"}
    lines = sorted([*songs.left_out, *report.skipped])
    assert len(lines) == 3
    for word in ("clipped", "kazoo.wav", "broken"):
        assert any(word in line for line in lines)


def test_a_second_run_writes_nothing_anew(tmp_path):
    root = tmp_path / "mine"
    write(root / "song" / "drums.wav", tone(300))
    read(root, tmp_path / "pools", licence="mine")
    _, report, _ = read(root, tmp_path / "pools", licence="mine")
    assert (report.n_made, report.n_kept) == (0, 1)


def test_a_set_without_licence_songs_or_a_free_name_is_refused_before_any_work(tmp_path):
    from unbraid.training.data.readers import find_set

    root = tmp_path / "mine"
    root.mkdir()
    with pytest.raises(TrainingError, match="no songs"):
        find_set(root, licence="mine")
    write(root / "song" / "drums.wav", tone(300))
    with pytest.raises(UsageError, match="--licence"):
        find_set(root)
    with pytest.raises(UsageError, match="--source"):
        find_set(root, licence="mine", source="cc0-album")
    with pytest.raises(UsageError, match="--layout"):
        find_set(root, layout="dsd100")
