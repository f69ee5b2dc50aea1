"""Names from templates: legal anywhere, each stem's its own."""

import pytest

from unbraid.library.naming import FIELDS, MAX_BYTES, check_template, fill
from unbraid.stems import STEMS

VALUES = dict.fromkeys(FIELDS, "") | {"track": "song", "stem": "bass", "ext": "wav", "model": "m"}


def filled(template: str, **values: str) -> str:
    check_template(template)
    return fill(template, VALUES | values).as_posix()


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("AC/DC", "AC_DC"),
        ("..", "_"),
        ("a\\b:c*d?", "a_b_c_d_"),
        ("CON", "_CON"),
        ("lpt1.x", "_lpt1.x"),
        ("Com².x", "_Com².x"),
        ("CONIN$", "_CONIN$"),
        ("dots...", "dots"),
        ("", "unknown"),
        ("Ænima 日本語", "Ænima 日本語"),
        ("tab\tbell\a", "tab_bell_"),
    ],
)
def test_a_title_becomes_one_legal_name(title: str, expected: str) -> None:
    assert filled("{title}/{stem}", title=title) == f"{expected}/bass.wav"


def test_the_ending_is_added_where_the_template_has_none() -> None:
    assert filled("{stem}") == "bass.wav"
    assert filled("{stem}.{ext}") == "bass.wav"
    assert filled("{ext}/{stem} {track}") == "wav/bass song.wav"


@pytest.mark.parametrize("letter", ["x", "é", "日", "🎸"])
@pytest.mark.parametrize("template", ["{track} - {stem}", "{track}{title}/{artist} {stem}"])
def test_long_names_fit_and_keep_stem_and_ending(letter: str, template: str) -> None:
    names = set()
    for stem in STEMS:
        long = dict.fromkeys(("track", "title", "artist"), letter * 300)
        path = fill(template, VALUES | long | {"stem": stem})
        assert all(0 < len(part.encode()) <= MAX_BYTES for part in path.parts)
        assert path.name.endswith(f"{stem}.wav")
        assert len(path.name.encode()) > MAX_BYTES - 8
        names.add(path.name)
    assert len(names) == len(STEMS)


def test_a_name_that_is_no_text_survives() -> None:
    track = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert fill("{track}/{stem}", VALUES | {"track": track}).parts[0] == track
