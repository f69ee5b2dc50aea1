"""Stem files (.stem.mp4): the mixture and four stems in one mp4, as DJ programs read them.

Native Instruments' layout, as its own tool and stempeg's `NIStemsWriter` make it with MP4Box: five
stereo tracks of one codec and rate, the mixture first and alone enabled, so that any player plays
the song; then drums, bass, other and vocals; and a JSON manifest with their names and colours as
the atom moov/udta/stem. docs/stem-files.md tells what Mixxx expects.
"""

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.encoder import Encoder, OutputFormat
from unbraid.audio.tags import Tags
from unbraid.errors import AudioError
from unbraid.stems import COLOURS, STEMS

Samples = NDArray[np.float32]

ORDER: Final = ("drums", "bass", "other", "vocals")
"""The stems as the manifest and the tracks after the mixture have them."""

_ROWS = [STEMS.index(stem) for stem in ORDER]
_MASTERING: Final[dict[str, dict[str, float | bool]]] = {
    # What NI's tool writes, switched off: stems and mixture are at their levels already.
    "compressor": {
        "enabled": False,
        "input_gain": 0.5,
        "output_gain": 0.5,
        "threshold": 0,
        "ratio": 3,
        "attack": 0.003,
        "release": 0.3,
        "hp_cutoff": 300,
        "dry_wet": 50,
    },
    "limiter": {"enabled": False, "threshold": 0, "ceiling": -0.35, "release": 0.05},
}
_LARGEST_MANIFEST = 2**20  # bytes; they have about one thousand


@dataclass(frozen=True, slots=True)
class StemInfo:
    """What the manifest says of a stem: its name and its colour, as "#RRGGBB"."""

    name: str
    colour: str


class StemMp4Encoder:
    """Writes one stem file. Not atomic by itself: `StemWriter` sees to that.

    Args:
        path: where to write; its folder must exist.
        output_format: of the name `STEM_MP4`; AAC at 256 kbit/s a track, or ALAC of its depth.
        sample_rate: Hz; one that `output_format.nearest_rate` leaves as it is.
        tags: tags and cover to carry.

    Raises:
        OSError: as `Encoder`.
    """

    def __init__(
        self, path: Path, output_format: OutputFormat, sample_rate: int, tags: Tags | None = None
    ) -> None:
        self._path = path
        names = ["Mix", *(stem.capitalize() for stem in ORDER)]
        self._encoder = Encoder(path, output_format, sample_rate, tags, track_names=names)

    def write(self, stems: Samples) -> None:
        """Append (4, 2, n) samples, in the order of `STEMS`; the mixture is their sum."""
        # In double precision, so that the sum of rounded stems is exact.
        mixture = stems.sum(axis=0, dtype=np.float64).astype(np.float32)
        self._encoder.write(mixture, *(stems[row] for row in _ROWS))

    def close(self) -> None:
        """Complete the file and bring it to the disk."""
        self._encoder.close()
        with self._path.open("rb+") as file:
            _add_manifest(file, _manifest())
            file.flush()
            os.fsync(file.fileno())

    def abandon(self) -> None:
        """Close without completing the file."""
        self._encoder.abandon()


def read_manifest(path: Path) -> tuple[StemInfo, ...]:
    """The stems of a stem file, in the order of the tracks after the first.

    Raises:
        AudioError: it is no stem file, or its manifest is damaged.
    """
    try:
        with path.open("rb") as file:
            atom = _find(file, (b"moov", b"udta", b"stem"))
            if atom is None:
                raise AudioError(f"{path}: is no stem file; make one with --stem-mp4")
            if atom.size > _LARGEST_MANIFEST:
                raise AudioError(f"{path}: its stem manifest is damaged; make the file again")
            file.seek(atom.content)
            text = file.read(atom.end - atom.content)
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror}; check its name and permissions") from error
    try:
        # Some writers end the text with a zero byte, as C strings end.
        manifest = json.loads(text.rstrip(b"\0").decode("utf-8"))
        return tuple(_info(stem) for stem in manifest["stems"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise AudioError(f"{path}: its stem manifest is damaged; make the file again") from None


def _info(stem: Any) -> StemInfo:
    name, colour = stem["name"], stem["color"]
    if not isinstance(name, str) or not isinstance(colour, str):
        raise TypeError
    return StemInfo(name, colour)


def _manifest() -> bytes:
    stems = [{"name": stem.capitalize(), "color": COLOURS[stem]} for stem in ORDER]
    manifest = {"mastering_dsp": _MASTERING, "version": 1, "stems": stems}
    return json.dumps(manifest, separators=(",", ":")).encode("ascii")


# The boxes of ISO/IEC 14496-12, 4.2, called atoms in QuickTime's specification.


@dataclass(frozen=True, slots=True)
class _Atom:
    kind: bytes
    start: int  # of its size field
    content: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


def _atoms(file: BinaryIO, start: int, end: int) -> Iterator[_Atom]:
    """The atoms between two positions, up to the first that cannot be true."""
    while start + 8 <= end:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8).ljust(8, b"\0"))
        content = start + 8
        if size == 1:  # a 64-bit size follows
            (size,) = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))
            content += 8
        elif size == 0:  # to the end of the file
            size = end - start
        if not content - start <= size <= end - start:
            return
        yield _Atom(kind, start, content, start + size)
        start += size


def _find(file: BinaryIO, path: tuple[bytes, ...]) -> _Atom | None:
    found: _Atom | None = None
    start, end = 0, file.seek(0, os.SEEK_END)
    for kind in path:
        found = next((atom for atom in _atoms(file, start, end) if atom.kind == kind), None)
        if found is None:
            return None
        start, end = found.content, found.end
    return found


def _add_manifest(file: BinaryIO, manifest: bytes) -> None:
    """Append the manifest to the tags' atom, the last of the index, the last of the file."""
    index, tags = _find(file, (b"moov",)), _find(file, (b"moov", b"udta"))
    stem = struct.pack(">I4s", 8 + len(manifest), b"stem") + manifest
    n_bytes = file.seek(0, os.SEEK_END)
    file.write(stem)
    for atom in (index, tags):
        assert atom is not None
        assert atom.end == n_bytes
        file.seek(atom.start)
        file.write(struct.pack(">I", atom.size + len(stem)))
