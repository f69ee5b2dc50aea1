"""Stem files: NI's layout, every track at its place, and the sum of the stems is the mixture."""

import json
import struct
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.recordings import lag
from tests.audio.test_writer import TAGS, four_stems, picture
from unbraid.audio.resample import resample
from unbraid.audio.stem_mp4 import ORDER, StemInfo, read_manifest
from unbraid.audio.streams import read_streams
from unbraid.audio.track import Track
from unbraid.audio.writer import STEM_MP4, OutputFormat, StemWriter, WriteReport
from unbraid.errors import AudioError, OutputError
from unbraid.stems import COLOURS, STEMS

N_SAMPLES = 70_001
CODINGS = [None, "16", "24"]


def write(
    folder: Path,
    stems: np.ndarray,
    depth: str | None = None,
    rate: int = 44_100,
    name: str = "Söng.stem.mp4",
    **options: object,
) -> WriteReport:
    with StemWriter(
        {"stems": folder / name},
        output_format=OutputFormat(STEM_MP4, depth),
        sample_rate=44_100,
        target_rate=rate,
        **options,  # type: ignore[arg-type]
    ) as writer:
        for at in range(0, stems.shape[2], 30_011):
            writer.write(stems[:, :, at : at + 30_011])
        return writer.commit()


def children(content: bytes) -> list[tuple[str, bytes]]:
    """Kinds and contents of the atoms in a stretch of a file, read without our own walk."""
    found = []
    while content:
        size, kind = struct.unpack(">I4s", content[:8])
        assert 8 <= size <= len(content)
        found.append((kind.decode("latin-1"), content[8:size]))
        content = content[size:]
    return found


def in_their_order(streams: list[np.ndarray]) -> np.ndarray:
    """(4, 2, n) in the order of STEMS, from the tracks after the mixture."""
    return np.stack([streams[1 + ORDER.index(stem)] for stem in STEMS])


def test_the_atoms_lie_as_native_instruments_publishes(tmp_path: Path) -> None:
    path = write(tmp_path, four_stems(20_000), tags=TAGS, cover=picture()).paths["stems"]
    top = children(path.read_bytes())
    assert top[0][0] == "ftyp"
    assert top[0][1].startswith(b"M4A ")
    assert [kind for kind, _ in top if kind in ("mdat", "moov")] == ["mdat", "moov"]
    moov = children(top[-1][1])
    tracks = [dict(children(content)) for kind, content in moov if kind == "trak"]
    sounds = [t for t in tracks if dict(children(t["mdia"]))["hdlr"][8:12] == b"soun"]
    assert len(sounds) == len(tracks) == 5
    enabled = [track["tkhd"][3] & 1 for track in tracks]
    assert enabled == [1, 0, 0, 0, 0]
    names = [dict(children(t["mdia"]))["hdlr"][24:].rstrip(b"\0") for t in tracks]
    assert names == [b"Mix", b"Drums", b"Bass", b"Other", b"Vocals"]
    (udta,) = [content for kind, content in moov if kind == "udta"]
    manifest = json.loads(dict(children(udta))["stem"])
    assert manifest["version"] == 1
    assert manifest["stems"] == [
        {"name": name, "color": COLOURS[name.lower()]}
        for name in ("Drums", "Bass", "Other", "Vocals")
    ]
    assert set(manifest["mastering_dsp"]) == {"compressor", "limiter"}
    assert not any(part["enabled"] for part in manifest["mastering_dsp"].values())


@pytest.mark.parametrize("depth", CODINGS)
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_every_track_starts_at_the_first_sample(
    depth: str | None, rate: int, tmp_path: Path
) -> None:
    stems = four_stems(N_SAMPLES)
    path = write(tmp_path, stems, depth, rate).paths["stems"]
    streams = read_streams(path, rate)
    expected = [resample(stem, 44_100, rate) for stem in (stems.sum(axis=0), *stems)]
    decoded = [streams[0], *in_their_order(streams)]
    for wanted, got in zip(expected, decoded, strict=True):
        assert 0 <= got.shape[1] - wanted.shape[1] < 1_024
        assert lag(wanted, got) == 0
        error = got[:, : wanted.shape[1]] - wanted
        assert (error**2).sum() < 0.05 * (wanted**2).sum()


@pytest.mark.parametrize(("depth", "step"), [("16", 2**-15), ("24", 2**-23)])
def test_alac_stems_sum_to_the_mixture_exactly(depth: str, step: float, tmp_path: Path) -> None:
    stems = four_stems(N_SAMPLES)
    mixture, *rest = read_streams(write(tmp_path, stems, depth).paths["stems"])
    assert mixture.shape[1] == N_SAMPLES
    np.testing.assert_array_equal(np.sum(rest, axis=0, dtype=np.float64), mixture)
    wanted = stems.sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(mixture, wanted, rtol=0, atol=0.51 * step)


def test_aac_stems_sum_to_the_mixture_within_the_codecs_error(tmp_path: Path) -> None:
    stems = four_stems(N_SAMPLES)
    mixture, *rest = read_streams(write(tmp_path, stems).paths["stems"])
    errors = [
        np.square(got[:, :N_SAMPLES] - wanted).sum()
        for wanted, got in zip(stems, in_their_order([mixture, *rest]), strict=True)
    ]
    errors.append(np.square(mixture[:, :N_SAMPLES] - stems.sum(axis=0)).sum())
    # Errors of five codings at worst add up in amplitude.
    bound = np.sum(np.sqrt(errors)) ** 2
    assert np.square(np.sum(rest, axis=0) - mixture)[:, :N_SAMPLES].sum() <= bound
    assert bound < 0.1 * np.square(stems.sum(axis=0)).sum()


@pytest.mark.parametrize("depth", CODINGS)
def test_one_gain_keeps_stems_and_mixture_from_clipping(depth: str | None, tmp_path: Path) -> None:
    loud = np.full((4, 2, 5_000), 0.5, np.float32)  # no stem is too loud, but their sum is
    report = write(tmp_path, loud, depth)
    assert report.peak == 2.0
    assert report.gain_db == pytest.approx(-6.0206, abs=1e-3)
    mixture, *rest = read_streams(report.paths["stems"])
    assert np.abs(mixture[:, 2_048:3_072]).max() == pytest.approx(1, abs=0.1)
    assert all(np.abs(s[:, 2_048:3_072]).max() == pytest.approx(0.25, abs=0.05) for s in rest)


@pytest.mark.parametrize("depth", CODINGS)
def test_players_play_the_mixture_with_its_tags_and_cover(
    depth: str | None, tmp_path: Path
) -> None:
    stems, cover = four_stems(20_000), picture()
    path = write(tmp_path, stems, depth, tags=TAGS, cover=cover).paths["stems"]
    with Track(path) as track:
        assert track.tags.items() >= TAGS.items()
        assert track.cover == cover
        assert lag(stems.sum(axis=0), track.read(0, 20_000)) == 0
        assert track.warnings == []


def test_ffmpeg_sees_five_stereo_tracks_and_the_first_is_the_default(tmp_path: Path) -> None:
    path = write(tmp_path, four_stems(20_000)).paths["stems"]
    with av.open(str(path)) as container:
        streams = container.streams.audio
        assert [s.codec_context.layout.name for s in streams] == ["stereo"] * 5
        assert {(s.codec_context.name, s.rate, s.start_time) for s in streams} == {
            ("aac", 44_100, 0)
        }
        defaults = [av.stream.Disposition.default in s.disposition for s in streams]
        assert defaults == [True, False, False, False, False]


def test_the_manifest_reads_back(tmp_path: Path) -> None:
    path = write(tmp_path, four_stems(5_000)).paths["stems"]
    assert read_manifest(path) == tuple(
        StemInfo(stem.capitalize(), COLOURS[stem]) for stem in ORDER
    )


def test_the_same_stems_make_the_same_bytes(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name, four_stems(20_000), tags=TAGS) for name in "ab")
    assert one.paths["stems"].read_bytes() == two.paths["stems"].read_bytes()


def test_a_stem_files_name_ends_as_dj_programs_expect(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"must end in stem\.mp4"):
        write(tmp_path, four_stems(100), name="song.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_song_is_no_stem_file(tmp_path: Path) -> None:
    (tmp_path / "song.mp4").write_bytes(struct.pack(">I4s", 8, b"moov"))
    with pytest.raises(AudioError, match=r"song\.mp4: is no stem file; make one with"):
        read_manifest(tmp_path / "song.mp4")


@pytest.fixture(scope="module")
def stem_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("stem"), four_stems(3_000)).paths["stems"].read_bytes()


@settings(max_examples=150, deadline=None)
@given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_stem_file_is_read_or_refused(
    stem_file: bytes, tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[float, int]]
) -> None:
    damaged = bytearray(stem_file)
    index = stem_file.rindex(b"moov")
    for where, value in flips:
        damaged[index - 4 + int(where * (len(damaged) - index + 3))] = value
    path = tmp_path_factory.getbasetemp() / "damaged.stem.mp4"
    path.write_bytes(damaged)
    with suppress(AudioError):
        assert all(isinstance(stem, StemInfo) for stem in read_manifest(path))


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=300)
    | st.lists(
        st.tuples(
            st.sampled_from([0, 1, 7, 8, 16, 24, 2**31, 2**32 - 1]),
            st.sampled_from([b"moov", b"udta", b"stem", b"mdat", b"\0\0\0\0"]),
            st.sampled_from([b"", bytes(8), b"\xff" * 8, b"[" * 64, b'{"stems":[1]}']),
        ),
        max_size=8,
    ).map(lambda atoms: b"".join(struct.pack(">I4s", s, k) + rest for s, k, rest in atoms))
)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.stem.mp4"
    path.write_bytes(content)
    with suppress(AudioError):
        read_manifest(path)
