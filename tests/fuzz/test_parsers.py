"""Our own parsers against anything at all: atoms, cards, model files, playlists."""

import json
import struct
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.models_made import CARD
from unbraid.audio.stem_mp4 import StemInfo, read_manifest
from unbraid.errors import ModelError, UnbraidError
from unbraid.library.inputs import find_inputs, playlist_entries
from unbraid.models.manifest import CARD_KEY, Card
from unbraid.models.session import read_card

# Busy machines are slow, and one folder serves all examples of a test.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Result = TypeVar("Result")


def read_or_refused(read: Callable[[Path], Result], path: Path) -> Result | None:
    """What was read; None if it was refused in one line that names the file."""
    try:
        return read(path)
    except UnbraidError as error:
        told = str(error)
    assert told.startswith(f"{path}: ")
    assert "\n" not in told
    return None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda value: st.lists(value, max_size=4) | st.dictionaries(st.text(max_size=9), value),
    max_leaves=12,
)


# Atoms: boxes in boxes, with sizes that are true, or lie.

KIND = st.sampled_from([b"ftyp", b"moov", b"udta", b"stem", b"trak", b"free", b"\0\0\0\0"])
SIZE = st.sampled_from(["true", "true", "true", "64 bits", "to the end", "lie", "64-bit lie"])
LIE = st.integers(0, 2**32 - 1) | st.sampled_from([1, 2, 7, 8, 9, 15, 16, 2**31, 2**32 - 1])


def box(kind: bytes, content: bytes, size: str, lie: int) -> bytes:
    n_bytes = 8 + len(content)
    if size == "64 bits":
        return struct.pack(">I4sQ", 1, kind, n_bytes + 8) + content
    if size == "64-bit lie":
        return struct.pack(">I4sQ", 1, kind, lie << 16) + content
    told = {"true": n_bytes, "to the end": 0, "lie": lie}[size]
    return struct.pack(">I4s", told, kind) + content


def manifest(names: list[str]) -> bytes:
    return json.dumps({"stems": [{"name": name, "color": "#FFFFFF"} for name in names]}).encode()


ATOMS = st.recursive(
    st.binary(max_size=40)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.lists(st.text(max_size=9), max_size=4).map(manifest),
    lambda content: st.lists(st.builds(box, KIND, content, SIZE, LIE), max_size=4).map(b"".join),
    max_leaves=12,
)


@unhurried
@given(ATOMS)
def test_any_atoms_are_a_stem_file_or_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "song.stem.mp4"
    path.write_bytes(content)
    stems = read_or_refused(read_manifest, path) or ()
    assert all(isinstance(stem, StemInfo) for stem in stems)


@unhurried
@given(st.lists(st.text(max_size=9), max_size=6), st.binary(max_size=30), SIZE, SIZE, SIZE, KIND)
def test_a_manifest_is_found_behind_whatever_stands_before_it(
    tmp_path: Path,
    names: list[str],
    filler: bytes,
    outer: str,
    middle: str,
    inner: str,
    kind: bytes,
) -> None:
    honest = ("true", "64 bits", "to the end")
    before = box(b"free" if kind in (b"moov", b"udta", b"stem") else kind, filler, "true", 0)
    stem = box(b"stem", manifest(names), inner, 0)
    udta = box(b"udta", before + stem, middle, 0)
    path = tmp_path / "song.stem.mp4"
    path.write_bytes(before + box(b"moov", before + udta, outer, 0))
    if outer in honest and middle in honest and inner in honest:
        assert [found.name for found in read_manifest(path)] == names


# Cards, as text and in a model file

FIELDS = sorted(asdict(CARD))


@unhurried
@given(JSON, st.sampled_from(FIELDS), st.booleans())
def test_a_card_with_any_field_changed_is_read_or_refused(
    value: object, field: str, is_in_spec: bool
) -> None:
    card = json.loads(CARD.to_json())
    if is_in_spec:
        card["spec"][sorted(card["spec"])[FIELDS.index(field) % len(card["spec"])]] = value
    else:
        card[field] = value
    try:
        read = Card.from_json(json.dumps(card))
    except ModelError:
        return
    assert Card.from_json(read.to_json()) == read
    assert all(isinstance(size, int) and size > 0 for size in read.input_shape + read.output_shape)


@unhurried
@given(JSON.map(json.dumps) | st.text(max_size=60))
def test_any_text_is_a_card_or_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="card"):
        Card.from_json(text)


def field(number: int, wire: int, value: int, content: bytes) -> bytes:
    """A field of a protobuf message; its length may lie."""

    def varint(value: int) -> bytes:
        out = bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*out, value])

    tag = varint(number << 3 | wire)
    if wire == 2:
        return tag + varint(len(content) if value % 4 else value) + content
    return tag + (varint(value) if wire == 0 else content)


@unhurried
@given(
    st.lists(
        st.builds(
            field,
            st.sampled_from([1, 7, 14, 2**28]),
            st.integers(0, 7),
            st.integers(0, 2**70),
            st.binary(max_size=20)
            | st.just(field(1, 2, 1, CARD_KEY.encode()) + field(2, 2, 1, CARD.to_json().encode())),
        ),
        max_size=6,
    ).map(b"".join)
)
def test_any_fields_are_a_model_or_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    assert read_or_refused(read_card, path) in (CARD, None)


# Playlists

LINE = st.one_of(
    st.binary(max_size=30),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        (
            *(b"#EXTM3U", b"file://", b"file:///a%00b", b"file:///%", b"~", b"~nobody/a.mp3", b"*"),
            *(b"..\\..\\a.mp3", b"C:\\a.mp3", b"//host/a.mp3", b"\\\\host\\a.mp3", b"http://a"),
            *(b"x" * 5_000, b"/" * 3_000, b"../" * 2_000, b"\xef\xbb\xbf", b"[a-", b"a.m3u"),
        )
    ),
)


@unhurried
@given(st.lists(LINE, max_size=8).map(b"\n".join))
def test_any_lines_are_songs_and_problems(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.m3u8"
    path.write_bytes(content)
    found = find_inputs([str(path)])
    assert len(found.songs) + len(found.problems) <= len(playlist_entries(content))
    for told in found.problems.values():
        assert "\n" not in told
