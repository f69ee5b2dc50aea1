"""Arrays by index in a file: what was written once is there at once, now and after a restart.

A `TileFile` holds arrays of one shape by index. It is read through memory maps of one array each,
few at a time, so memory does not grow with the song; written by plain writes, because a full disk
is an error there and a crash in a map. Arrays lie in the order they came; an index at the file's
head tells where, with a checksum. Whatever interrupts a write, an array is either found whole or
not at all: the index is written after the array, and whoever opens the file again believes an
entry only once its checksum is right.
"""

import json
import mmap
import os
import struct
import sys
import threading
import weakref
import zlib
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import OutputError

Samples = NDArray[np.float32]

SUFFIX: Final = ".tiles"
MAGIC: Final = b"unbraid tiles 1\n"

_HEAD = 4096  # bytes of magic and note
_N_ENTRIES = 65_280  # 27 h of pieces of 1.5 s
_ENTRY = struct.Struct("<II")  # place + 1, or 0 for none; CRC-32
_BASE = 2**20  # where arrays begin; places are multiples of what any system can map
_GRAIN = 2**16
_N_MAPS = 12


class TileFile:
    """Float32 arrays of one shape by index; see the module's text. May be shared by threads.

    Closed when nothing refers to it any more.

    Args:
        path: made if it is not there, or made anew if it is damaged or of another shape.
        shape: of each array.

    Raises:
        OutputError: it cannot be made.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._n_values = int(np.prod(shape))
        self._stride = -(-4 * self._n_values // _GRAIN) * _GRAIN
        self._writing = threading.Lock()
        self._mapping = threading.Lock()
        self._maps: OrderedDict[int, Samples] = OrderedDict()
        self._known: set[int] = set()  # written or checked by us
        self._note: dict[str, int] = {}
        self._entries: dict[int, tuple[int, int]] = {}
        self._n_places = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.path, self._fd, is_ours = _opened(path)
            self._end = weakref.finalize(self, _closed, self._fd, None if is_ours else self.path)
            if not self._read_head():
                self._make_anew()
        except OSError as error:
            raise _no_room(path, error) from error

    @property
    def n_bytes(self) -> int:
        """What it takes on the disk."""
        return os.fstat(self._fd).st_size

    @property
    def note(self) -> dict[str, int]:
        """Facts that were left with `set_note`."""
        return dict(self._note)

    def set_note(self, **facts: int) -> None:
        """Keep a few whole numbers with the arrays, such as a song's exact length."""
        with self._writing:
            self._note |= facts
            with suppress(OSError):  # it can be found out again
                self._write_head()

    def has(self, index: int) -> bool:
        """Whether an array is there, whole. Reads it the first time: some milliseconds."""
        if index in self._known:
            return True
        place, checksum = self._entries.get(index, (0, 0))
        if not place:
            return False
        if zlib.crc32(self._mapped(place).data) == checksum:
            self._known.add(index)
            return True
        with self._writing:
            self._entries.pop(index, None)
        return False

    def put(self, index: int, array: Samples) -> None:
        """Keep an array; the same index again changes nothing.

        Raises:
            OutputError: the disk is full, or gone.
        """
        if self.has(index):
            return
        content = np.ascontiguousarray(array, np.float32)
        if content.shape != self.shape or not 0 <= index < _N_ENTRIES:
            raise ValueError(f"{content.shape} at {index} is not kept in {self.path}")
        checksum = zlib.crc32(content.data)
        with self._writing:
            if index in self._known:
                return
            place = self._n_places + 1
            try:
                _write(self._fd, self._offset(place), content.data.cast("B"))
                # Maps need the whole of their last page.
                if os.fstat(self._fd).st_size < self._offset(place) + self._stride:
                    os.ftruncate(self._fd, self._offset(place) + self._stride)
                _write(self._fd, _HEAD + _ENTRY.size * index, _ENTRY.pack(place, checksum))
            except OSError as error:
                raise _no_room(self.path, error) from error
            self._n_places = place
            self._entries[index] = (place, checksum)
            self._known.add(index)

    def get(self, index: int) -> Samples:
        """An array that is there: a view of the file, not to be written to.

        Raises:
            KeyError: it is not there.
        """
        if index not in self._known:
            raise KeyError(index)
        return self._mapped(self._entries[index][0])

    def _mapped(self, place: int) -> Samples:
        with self._mapping:
            array = self._maps.pop(place, None)
            if array is None:
                found = mmap.mmap(
                    self._fd, self._stride, access=mmap.ACCESS_READ, offset=self._offset(place)
                )
                array = np.frombuffer(found, np.float32, self._n_values).reshape(self.shape)
                if len(self._maps) >= _N_MAPS:
                    self._maps.popitem(last=False)
            self._maps[place] = array
            return array

    def _offset(self, place: int) -> int:
        return _BASE + (place - 1) * self._stride

    def _read_head(self) -> bool:
        """Take over what a file has; False if it has nothing that can be believed."""
        head = _read(self._fd, 0, _HEAD)
        try:
            if not head.startswith(MAGIC):
                return False
            facts = json.loads(head[len(MAGIC) :].rstrip(b"\0"))
            self._note = {str(name): int(fact) for name, fact in facts["note"].items()}
            if tuple(facts["shape"]) != self.shape:
                return False
        except (ValueError, TypeError, KeyError, AttributeError):
            return False
        size = os.fstat(self._fd).st_size
        table = _read(self._fd, _HEAD, _ENTRY.size * _N_ENTRIES)
        whole = table[: len(table) // _ENTRY.size * _ENTRY.size]
        self._entries = {
            index: (place, checksum)
            for index, (place, checksum) in enumerate(_ENTRY.iter_unpack(whole))
            if place and self._offset(place) + self._stride <= size
        }
        self._n_places = max((place for place, _ in self._entries.values()), default=0)
        return True

    def _make_anew(self) -> None:
        os.ftruncate(self._fd, 0)
        self._note, self._entries, self._n_places = {}, {}, 0
        self._write_head()
        os.ftruncate(self._fd, self._offset(1))

    def _write_head(self) -> None:
        facts = json.dumps({"shape": self.shape, "note": self._note}).encode()
        _write(self._fd, 0, (MAGIC + facts).ljust(_HEAD, b"\0"))


def _opened(path: Path) -> tuple[Path, int, bool]:
    """Open for us alone; while another process has it, a file of our own that goes with us."""
    for attempt in range(100):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        if not _lock(fd):
            os.close(fd)
            path = path.with_name(f"{path.stem.split('.')[0]}.{os.getpid()}-{attempt}{SUFFIX}")
            continue
        with suppress(OSError):
            # Removed by another's trim between our opening and locking it?
            if os.stat(path).st_ino == os.fstat(fd).st_ino:  # noqa: PTH116
                return path, fd, attempt == 0
        os.close(fd)
    raise OSError(f"{path} is locked")


def _closed(fd: int, remove: Path | None) -> None:
    with suppress(OSError):
        os.close(fd)
    if remove is not None:
        with suppress(OSError):
            remove.unlink()


def is_free(path: Path) -> bool:
    """Whether no process has a file open."""
    try:
        fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        return _lock(fd)
    finally:
        os.close(fd)


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> bool:
        os.lseek(fd, 2**40, os.SEEK_SET)  # beyond all content, for locked bytes cannot be read
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _write(fd: int, offset: int, content: bytes | memoryview) -> None:
    os.lseek(fd, offset, os.SEEK_SET)
    left = memoryview(content)
    while left:
        left = left[os.write(fd, left) :]


def _read(fd: int, offset: int, n_bytes: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    parts = []
    while n_bytes and (part := os.read(fd, n_bytes)):
        parts.append(part)
        n_bytes -= len(part)
    return b"".join(parts)


def _no_room(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path.parent}: stems cannot be kept there ({error.strerror or error}); "
        "make room, or set UNBRAID_CACHE to another folder"
    )
