"""No model is trained on what it is judged by."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from unbraid.errors import TrainingError
from unbraid.training.data.manifest import (
    MANIFEST,
    VALIDATION_SONGS,
    Entry,
    append_entries,
    is_validation_song,
    read_manifest,
)
from unbraid.training.data.pool import RATE, write_song


def entry_of(item):
    return Entry(item, f"{item}.bass.npy", "s", "MIT", "bass", item, "train", 9.0, -20.0, 1.0)


def test_every_song_of_the_validation_folders_is_known_as_one(data_pack):
    songs = [
        song
        for folder in ("cc0-album/validation", "real-bands-validation")
        for song in (data_pack / folder).iterdir()
        if song.is_dir()
    ]
    assert {song.name for song in songs} == set(VALIDATION_SONGS)
    for song in songs:
        assert is_validation_song(str(song.relative_to(data_pack) / "vocals.ogg"))


@pytest.mark.parametrize(
    "name",
    [
        "Music Delta - 80s Rock",  # MUSDB18 and MUSDB18-HQ
        "train/Music Delta - Country1.stem.mp4",
        "musdb18/Music Delta - Grunge",
        "MusicDelta_Punk",  # MedleyDB
        "MusicDelta_Reggae_MIX.wav",  # MDB Drums
        "folder/80sRock/drums.wav",
        "cc0-album/Francium-remix",
        "shard/cc0-album/rubidium@120.vocals.flac",
    ],
)
def test_a_validation_song_is_known_by_its_names_in_other_sets(name):
    assert is_validation_song(name)


@pytest.mark.parametrize(
    "name",
    ["Music Delta - Rockabilly", "Music Delta - Beatles", "Punk Is Not Here", "mma/Reggae-014"],
)
def test_a_song_that_only_sounds_like_one_is_not(name):
    assert not is_validation_song(name)


def test_no_pool_can_be_written_of_a_validation_song(tmp_path):
    samples = np.ones((2, RATE), np.float32)
    with pytest.raises(TrainingError, match="Grunge is a validation song"):
        write_song(
            tmp_path, {"bass": samples}, source="musdb", song="Music Delta - Grunge", licence="x"
        )
    assert not list(tmp_path.iterdir())


def test_no_manifest_that_names_a_validation_song_can_be_read(tmp_path):
    append_entries(tmp_path, [entry_of("s/fine"), entry_of("s/Francium")])
    with pytest.raises(TrainingError, match=f"{MANIFEST}: s/Francium is a validation song"):
        read_manifest(tmp_path)
    record = {**asdict(entry_of("s/fine")), "file": "x/punk.bass.npy", "class": "bass"}
    (tmp_path / MANIFEST).write_text(json.dumps(record) + "\n")
    with pytest.raises(TrainingError, match="punk"):
        read_manifest(tmp_path)
