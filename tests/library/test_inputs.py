"""What is named, and the songs found in it."""

import os
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbraid.library.inputs import find_inputs, playlist_entries


@pytest.fixture
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small library, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "b.mp3",
        "a.flac",
        "disc 1/c.wav",
        "disc 1/notes.txt",
        "disc 1/.d.wav",
        ".x/e.wav",
    ):
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")
    return tmp_path / "music"


def places(*named: str, **options: object) -> list[tuple[str, str]]:
    found = find_inputs(named, **options)
    assert not found.problems
    return [(song.path.name, song.folder.as_posix()) for song in found.songs]


def test_a_folder_keeps_its_tree_and_hides_what_is_hidden(music: Path) -> None:
    assert places("music") == [("a.flac", "."), ("b.mp3", "."), ("c.wav", "disc 1")]
    assert find_inputs(["music"]).n_others == 1


def test_a_song_that_is_named_goes_without_folders(music: Path) -> None:
    assert places("music/disc 1/c.wav", "music/disc 1/notes.txt") == [
        ("c.wav", "."),
        ("notes.txt", "."),
    ]


@pytest.mark.parametrize(
    "pattern", ["music/**/*.wav", "music/*/*.wav", "music/disc*", "music/d*/*"]
)
def test_a_glob_keeps_the_tree_below_its_fixed_part(music: Path, pattern: str) -> None:
    assert places(pattern) == [("c.wav", "disc 1")]


def test_a_recursive_glob_finds_what_the_folder_does(music: Path) -> None:
    assert sorted(places("music/**")) == sorted(places("music"))


def test_a_list_keeps_the_tree_below_the_current_folder(music: Path) -> None:
    lines = [b"music/disc 1/c.wav\n", b"\n", os.fsencode(music / "b.mp3")]
    assert places("-", lines=lines) == [("c.wav", "music/disc 1"), ("b.mp3", "music")]


def test_a_playlist_names_songs_by_any_spelling(music: Path) -> None:
    playlist = music / "mix.m3u8"
    uri = (music / "a.flac").as_uri()
    playlist.write_text(f"\ufeff#EXTM3U\n#EXTINF:1,C\ndisc 1\\c.wav\r\n\n{uri}\n", "utf-8")
    assert places(str(playlist)) == [("c.wav", "disc 1"), ("a.flac", ".")]


def test_what_is_not_there_is_a_problem_and_no_end(music: Path) -> None:
    (music / "mix.m3u").write_bytes(b"http://host/a.mp3\nother.m3u\nb.mp3\ngone.mp3\n")
    found = find_inputs(["music/mix.m3u", "nowhere", "*.nothing"])
    assert [song.path.name for song in found.songs] == ["b.mp3"]
    told = " ".join(found.problems.values())
    for words in ("download it", "playlist itself", "gone.mp3", "nowhere: no such", "*.nothing"):
        assert words in told


def test_a_song_named_twice_is_one_song(music: Path) -> None:
    assert len(find_inputs(["music", "music/a.flac", "music/**/*.flac"]).songs) == 3


def test_loops_of_links_end(music: Path) -> None:
    (music / "disc 1" / "up").symlink_to(music)
    (music / "disc 1" / "self").symlink_to(music / "disc 1")
    (music / "disc 1" / "dead").symlink_to(music / "nowhere")
    assert [name for name, _ in places("music")] == ["a.flac", "b.mp3", "c.wav"]


def test_the_output_folder_is_not_searched(music: Path) -> None:
    stems = music / "stems" / "a"
    stems.mkdir(parents=True)
    (stems / "vocals.wav").write_bytes(b"sound")
    assert len(places("music", without=music / "stems")) == 3
    assert len(places("music", without=music / "not there yet")) == 4


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_folder_that_may_not_be_read_is_a_problem(music: Path) -> None:
    (music / "disc 1").chmod(0)
    found = find_inputs(["music"])
    (music / "disc 1").chmod(0o755)
    assert len(found.songs) == 2
    assert list(found.problems) == [Path("music/disc 1")]


def test_a_name_that_is_no_text_is_found(music: Path) -> None:
    (music / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"sound")
    song = next(s for s in find_inputs(["music"]).songs if s.path.name.startswith("caf"))
    assert os.fsencode(song.path.name) == b"caf\xe9.wav"
    assert song.folder == PurePath()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_playlist(content: bytes) -> None:
    for entry in playlist_entries(content):
        assert entry == entry.strip() != ""
        assert "\0" not in entry
