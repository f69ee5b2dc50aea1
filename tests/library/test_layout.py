"""Names in the output folder: no two songs one, whatever the file system takes for one."""

import os
import unicodedata
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbraid.errors import UsageError
from unbraid.library.inputs import Input
from unbraid.library.layout import Layout, is_inside
from unbraid.library.naming import MAX_BYTES, fold
from unbraid.library.song import SongOptions
from unbraid.separation.outputs import stem_outputs

OUT = Path("/out")


def layout(template: str = "{track}/{stem}.{ext}", taken: tuple[str, ...] = ()) -> Layout:
    names = {fold(PurePath(name)) for name in taken}
    options = SongOptions(stem_outputs("vocals,bass"), OUT, template=template)
    return Layout("tiny", options, lambda song, target: target in names)


def placed(names: list[str], **options: object) -> list[str]:
    places = layout(**options)  # type: ignore[arg-type]
    songs = [Input(Path("/in") / name, PurePath(name).parent) for name in names]
    return [places.place(song, {})["bass"].as_posix() for song in songs]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.mp3"], ["a/bass.wav"]),
        (["x/a.mp3", "y/a.mp3"], ["x/a/bass.wav", "y/a/bass.wav"]),
        (["a.mp3", "a.flac"], ["a/bass.wav", "a (flac)/bass.wav"]),
        (["a.mp3", "A.mp3", "Ａ.mp3"], ["a/bass.wav", "A (mp3)/bass.wav", "Ａ/bass.wav"]),
        (["a.mp3", "a..mp3", "a .mp3"], ["a/bass.wav", "a. (mp3)/bass.wav", "a (mp3)/bass.wav"]),
        (["con.mp3", "_con.wav"], ["_con/bass.wav", "_con (wav)/bass.wav"]),
        (["é.mp3", "é.mp3"], ["é/bass.wav", "é (mp3)/bass.wav"]),
        (["aux /lpt1/a.mp3"], ["_aux/_lpt1/a/bass.wav"]),
        (["🎸/..../a.mp3"], ["🎸/_/a/bass.wav"]),
    ],
)
def test_each_song_has_its_own_name(names: list[str], expected: list[str]) -> None:
    assert placed(names) == expected


def test_a_name_of_an_earlier_song_is_not_taken() -> None:
    taken = ("a/VOCALS.wav", "a (mp3)/bass.wav")
    assert placed(["a.mp3"], taken=taken) == ["a (mp3 2)/bass.wav"]


def test_names_of_255_bytes_that_begin_alike_stay_apart() -> None:
    first, second = ("é" * 125 + end + ".mp3" for end in "xy")
    files = placed([first, second, "z" + first], template="{track} {stem}")
    assert len(set(files)) == 3
    assert all(len(name.encode()) <= MAX_BYTES for name in files)


def test_songs_of_one_title_stay_apart() -> None:
    places = layout("{artist}/{title} {stem}")
    tags = {"TITLE": "Song", "artist": "Band"}
    first, second = (
        places.place(Input(Path(f"/in/{n}.ogg"), PurePath()), tags)["bass"].as_posix()
        for n in range(2)
    )
    assert (first, second) == ("Band/Song bass.wav", "Band/Song (ogg) bass.wav")


def test_a_template_that_names_all_songs_alike_is_refused() -> None:
    with pytest.raises(UsageError, match=r"add \{track\}"):
        placed(["a.mp3", "b.mp3"], template="{stem}")


NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=20)
BYTES = st.lists(st.integers(1, 255).filter(lambda byte: byte != ord("/")), min_size=1, max_size=9)


@given(st.lists(NAMES | BYTES.map(lambda name: os.fsdecode(bytes(name)))))
def test_no_two_songs_share_a_file_on_any_system(names: list[str]) -> None:
    files = placed([f"{name}.mp3" for name in dict.fromkeys(names)])
    assert len({unicodedata.normalize("NFC", name).casefold() for name in files}) == len(files)
    assert placed([f"{name}.mp3" for name in dict.fromkeys(names)]) == files


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "", "a\0b"])
def test_a_path_that_leads_out_is_not_inside(name: str) -> None:
    assert not is_inside(PurePath(name))
    assert is_inside(PurePath("a/b"))
