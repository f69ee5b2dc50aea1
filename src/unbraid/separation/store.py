"""Stems by tile, on disk: what was separated once is there at once, now and after a restart.

A `TileFile` holds arrays of one shape by index. It is read through memory maps of one array each,
few at a time, so memory does not grow with the song; written by plain writes, because a full disk
is an error there and a crash in a map. Arrays lie in the order they came; an index at the file's
head tells where, with a checksum. Whatever interrupts a write, an array is either found whole or
not at all: the index is written after the array, and whoever opens the file again believes an
entry only once its checksum is right.

The samples are float32, as the file path has them: float16 would take half the room, but then the
player and `unbraid separate` would not give the same numbers, nor stems that sum to the song.
Instead `other`, which is what the rest leave of the mixture, is not kept but subtracted anew.
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
from unbraid.separation.separator import N_CLAIMED
from unbraid.separation.tiles import TileGrid
from unbraid.spec import Spec
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

SUFFIX: Final = ".tiles"
MAGIC: Final = b"unbraid tiles 1\n"

PLAIN: Final = TileGrid(Spec(n_fft=3072, hop=1024, n_bins=1024, n_frames=66, context=1))
"""Pieces of 65 536 samples (1.5 s) side by side: of mixtures, and of stems of whole-song models."""

_HEAD = 4096  # bytes of magic and note
_N_ENTRIES = 65_280  # 27 h of PLAIN pieces
_ENTRY = struct.Struct("<II")  # place + 1, or 0 for none; CRC-32
_BASE = 2**20  # where arrays begin; places are multiples of what any system can map
_GRAIN = 2**16
_N_MAPS = 12


def default_folder() -> Path:
    """Where stems are kept: `$UNBRAID_CACHE`, or unbraid's place in the user's cache folder."""
    named = os.environ.get("UNBRAID_CACHE")
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
        return base / "unbraid" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "unbraid"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unbraid"


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


class SongStems:
    """A song's stems by one model.

    Args:
        file: of arrays (3, 2, grid.n_output): vocals, drums and bass, not yet faded.
        grid: where the model's tiles lie.
    """

    def __init__(self, file: TileFile, grid: TileGrid) -> None:
        self.file, self.grid = file, grid
        weights = grid.weights.copy()
        weights[: grid.fade] = 1  # nothing is before the first tile
        self._first_weights = weights

    def has(self, tile: int, /) -> bool:
        """Whether a tile is there."""
        return self.file.has(tile)

    def put(self, tile: int, stems: Samples, /) -> None:
        """Keep what `Separator.separate_tile` gave, (4, 2, grid.n_output).

        Raises:
            OutputError: the disk is full, or gone.
        """
        self.file.put(tile, stems[:N_CLAIMED])

    def read(self, start: int, mixture: Samples, /) -> Samples:
        """Stems as `unbraid.separation.offline.separate` gives them, to the bit.

        Args:
            start: first sample.
            mixture: float32, (2, n), of the song from there on.

        Returns:
            float32, (4, 2, n); silent where tiles are missing.
        """
        grid = self.grid
        end = start + mixture.shape[-1]
        out = np.zeros((len(STEMS), *mixture.shape), np.float32)
        first_tile = max(0, (start - grid.fade // 2) // grid.step)
        for tile in range(first_tile, (end - 1 + grid.fade // 2) // grid.step + 1):
            at = grid.output_start(tile)
            first, last = max(start, at), min(end, at + grid.n_output)
            if first >= last or not self.file.has(tile):
                continue
            part = out[..., first - start : last - start]
            stems = np.empty_like(part)
            stems[:N_CLAIMED] = self.file.get(tile)[..., first - at : last - at]
            np.subtract(
                mixture[:, first - start : last - start],
                stems[:N_CLAIMED].sum(axis=0),
                out=stems[N_CLAIMED],
            )
            weights = grid.weights if tile else self._first_weights
            stems *= weights[first - at : last - at]
            part += stems
        return out


_open_files: weakref.WeakValueDictionary[Path, TileFile] = weakref.WeakValueDictionary()
_opening = threading.Lock()


class Store:
    """A folder of tile files, of which those unused for longest make room for new ones.

    Args:
        folder: made when needed.
        limit: bytes that all files may take; those in use stay even beyond it.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder.absolute(), limit

    def mixture(self, song: str) -> TileFile:
        """A song's samples, (2, PLAIN.step) a piece.

        Args:
            song: names its exact samples, such as the hash of its file.

        Raises:
            OutputError: the folder cannot be written to.
        """
        return self._file(song, (2, PLAIN.step))

    def stems(self, song: str, model: str, grid: TileGrid) -> SongStems:
        """A song's stems by a model.

        Args:
            song: as for `mixture`.
            model: names the model's exact numbers.
            grid: of the model.

        Raises:
            OutputError: the folder cannot be written to.
        """
        return SongStems(self._file(f"{song}-{model}", (N_CLAIMED, 2, grid.n_output)), grid)

    def trim(self, limit: int | None = None) -> None:
        """Remove files, the longest unused first, until the rest keep within the limit."""
        bound = self.limit if limit is None else limit
        found = []
        with suppress(OSError):
            for path in self.folder.glob(f"*{SUFFIX}"):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        n_bytes = sum(size for _, size, _ in found)
        in_use = {file.path for file in list(_open_files.values())}
        for _, size, path in sorted(found):
            if n_bytes <= bound:
                return
            if path not in in_use and _is_free(path):
                with suppress(OSError):
                    path.unlink()
                    n_bytes -= size

    def _file(self, key: str, shape: tuple[int, ...]) -> TileFile:
        path = self.folder / f"{key}{SUFFIX}"
        with _opening:
            file = _open_files.get(path)
            if file is None:
                file = _open_files[path] = TileFile(path, shape)
                with suppress(OSError):
                    os.utime(file.path)  # used now
        self.trim()
        return file


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


def _is_free(path: Path) -> bool:
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
