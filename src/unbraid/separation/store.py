"""Stems by tile, on disk: what was separated once is there at once, now and after a restart.

The samples are float32, as the file path has them: float16 would take half the room, but then the
player and `unbraid separate` would not give the same numbers, nor stems that sum to the song.
Instead `other`, which is what the rest leave of the mixture, is not kept but subtracted anew.
"""

import os
import sys
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from unbraid.separation.separator import N_CLAIMED
from unbraid.separation.tile_file import SUFFIX, Samples, TileFile, is_free
from unbraid.separation.tiles import TileGrid
from unbraid.spec import Spec
from unbraid.stems import STEMS

PLAIN: Final = TileGrid(Spec(n_fft=3072, hop=1024, n_bins=1024, n_frames=66, context=1))
"""Pieces of 65 536 samples (1.5 s) side by side: of mixtures, and of stems of whole-song models."""


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
            if path not in in_use and is_free(path):
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
