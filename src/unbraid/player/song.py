"""A song that is open: its facts, its decoded samples, and its stems by each model asked for."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.track import Track
from unbraid.errors import AudioError, ModelError
from unbraid.player.overview import Overview
from unbraid.separation.model import Model, SetModel, named_model
from unbraid.separation.separator import N_CLAIMED
from unbraid.separation.store import PLAIN, SongStems, Store
from unbraid.separation.tile_file import TileFile
from unbraid.separation.tiles import TileGrid
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

SAMPLE_RATE = 44_100
"""Hz at which everything is played, whatever the file has."""

WHOLLY_HASHED = 64 * 2**20
"""Files up to so many bytes (0.1 s) are known by all their content, larger ones by parts of it."""

MOST_FAILURES = 3
"""Of a model in a row, after which it is asked no more."""

_PART = 2**20
_N_PARTS = 64


class StemModel:
    """A model as the player uses it; loaded by the thread that first needs it.

    Args:
        name: a set's or peer's name, or a path; None for the default.

    Raises:
        ModelError: there is none.
    """

    def __init__(self, name: str | None = None) -> None:
        self._found = named_model(name or "")
        self.name = self._found.name
        self.label = self._found.label
        self.is_whole = self._found.is_peer
        """Takes songs apart as a whole, not by tiles."""
        self.key = hashlib.sha256(f"{self._found.sha256} {_numerics()}".encode()).hexdigest()[:20]
        self.is_warm = False
        """Somebody has loaded it, or is about to."""
        self.tile_s = 0.0
        """Seconds that a tile takes, lately."""
        self._model: Model | None = None
        self._lock = threading.Lock()
        self.grid = PLAIN
        if not self.is_whole:
            from unbraid.models.catalog import find_model

            spec = find_model(name).spec
            self.grid = TileGrid(spec)
            self._check_rate(spec.sample_rate)

    @property
    def model(self) -> Model:
        """Loaded.

        Raises:
            ModelError: it is damaged.
        """
        with self._lock:
            if self._model is None:
                self._model = self._found.open(1)
                self._check_rate(self._model.sample_rate)
        return self._model

    def load(self, *, warm_up: bool) -> None:
        """Load it before it is needed.

        Args:
            warm_up: have it separate silence as well, so that the first tile is no slower.

        Raises:
            ModelError: it is damaged.
        """
        model = self.model
        if warm_up and isinstance(model, SetModel):
            model.separator.warm_up()

    def separate_tile(self, mixture: Samples) -> Samples:
        """As `Separator.separate_tile`.

        Raises:
            ModelError: the model is damaged, or knows whole songs only.
        """
        model = self.model
        if not isinstance(model, SetModel):
            raise ModelError(
                f"{self.name}: takes songs apart as a whole; wait until it has done this one"
            )
        return model.separator.separate_tile(mixture)

    def note_pace(self, tile_s: float) -> None:
        """A tile took so long."""
        self.tile_s = tile_s if not self.tile_s else 0.7 * self.tile_s + 0.3 * tile_s

    def _check_rate(self, rate: int) -> None:
        if rate != SAMPLE_RATE:
            raise ModelError(
                f"{self.name}: works at {rate} Hz, the player at {SAMPLE_RATE}; choose another"
            )


class Lane:
    """A song's stems by one model, as far as they are there.

    Args:
        model: what separates.
        stems: its place in the store.
        n_samples: the song's length.
    """

    def __init__(self, model: StemModel, stems: SongStems, n_samples: int) -> None:
        self.model, self.stems, self.grid = model, stems, stems.grid
        self.ready = bytearray(self.grid.n_tiles(n_samples))
        """By tile, 1 where it can be played. Replaced by a longer one, never shortened."""
        self.overview = Overview(n_samples)
        self.powers: dict[int, NDArray[np.float64]] = {}
        """By tile, (4,): the mean square of each stem."""
        self.n_failures = 0
        """Tiles in a row on which the model failed."""

    @property
    def failed(self) -> bool:
        """The model gave up on this song."""
        return self.n_failures >= MOST_FAILURES

    def set_length(self, n_samples: int) -> None:
        """The song is longer than was thought, or shorter."""
        n_more = self.grid.n_tiles(n_samples) - len(self.ready)
        if n_more > 0:
            self.ready = self.ready + bytearray(n_more)
        self.overview.set_length(n_samples)

    def ready_until(self, sample: int, n_samples: int) -> int:
        """The first sample from this one on that cannot be played; `n_samples` if there is none."""
        grid = self.grid
        first = max(0, (sample - grid.fade // 2) // grid.step)
        n_tiles = grid.n_tiles(n_samples)
        missing = self.ready.find(0, first, n_tiles)
        if missing < 0:
            return n_samples
        return min(
            n_samples, max(sample, grid.output_start(missing)) if missing > first else sample
        )

    def take(self, tile: int, mixture: Samples) -> None:
        """A tile is in the store: measure it, then let it be played.

        Args:
            tile: its index.
            mixture: float32, (2, grid.step), of its core.
        """
        grid = self.grid
        core = slice(grid.fade // 2, grid.fade // 2 + grid.step)
        stems = np.empty((len(STEMS), 2, grid.step), np.float32)
        stems[:N_CLAIMED] = self.stems.file.get(tile)[..., core]
        np.subtract(mixture, stems[:N_CLAIMED].sum(axis=0), out=stems[N_CLAIMED])
        self.powers[tile] = np.array([np.dot(s, s) / s.size for s in stems.reshape(len(STEMS), -1)])
        self.overview.add_stems(tile * grid.step, stems)
        self.n_failures = 0
        self.ready[tile] = 1

    def done_fraction(self, n_samples: int) -> float:
        """How much of a song of this length can be played, 0 to 1."""
        n_tiles = self.grid.n_tiles(n_samples)
        return self.ready.count(1, 0, n_tiles) / max(1, n_tiles)


class Song:
    """A song that is open. The reader's thread alone opens, decodes and closes; all others read.

    Args:
        path: the file.
        store: where samples and stems are kept.
        serial: counts songs opened.
        item: the playlist's serial of it.

    Raises:
        AudioError: it cannot be read.
        OutputError: the store cannot be written to.
    """

    def __init__(self, path: Path, store: Store, serial: int, item: int) -> None:
        self.path, self.serial, self.item = path, serial, item
        self._store = store
        self._track = Track(path, sample_rate=SAMPLE_RATE)
        try:
            tags = {name.lower(): text for name, text in self._track.tags.items()}
            self.title = tags.get("title") or path.stem
            self.artist, self.album = tags.get("artist", ""), tags.get("album", "")
            self.cover = self._track.cover
            self.key = audio_key(path)
            self.file: TileFile = store.mixture(self.key)
            known = self.file.note.get("n_samples")
            self.n_samples = known or self._track.n_samples
        except BaseException:
            self._track.close()
            raise
        self.is_length_exact = known is not None
        self.decoded = bytearray(PLAIN.n_tiles(self.n_samples))
        """By piece of PLAIN, 1 where samples are there."""
        self.overview = Overview(self.n_samples)
        self.lanes: dict[str, Lane] = {}
        self.lost: set[str] = set()
        """Keys of models whose stems cannot be kept."""
        self._lanes_lock = threading.Lock()

    @property
    def is_decoded(self) -> bool:
        """Whether all samples are there."""
        return self.is_length_exact and 0 not in self.decoded

    @property
    def jumps(self) -> bool:
        """Whether far samples are decoded as quickly as near ones."""
        return self._track.jumps

    @property
    def files(self) -> list[TileFile]:
        """What of it is on the disk."""
        return [self.file, *(lane.stems.file for lane in list(self.lanes.values()))]

    def lane(self, model: StemModel) -> Lane:
        """The stems by a model.

        Raises:
            OutputError: the store cannot be written to.
        """
        with self._lanes_lock:
            lane = self.lanes.get(model.key)
            if lane is None:
                stems = self._store.stems(self.key, model.key, model.grid)
                lane = self.lanes[model.key] = Lane(model, stems, self.n_samples)
                self._share(lane)
            return lane

    def read(self, start: int, n_samples: int) -> Samples:
        """The mixture, as far as it is decoded; zeros elsewhere. For any thread.

        Returns:
            float32, (2, n_samples).
        """
        out = np.zeros((2, n_samples), np.float32)
        end = min(start + n_samples, self.n_samples)
        for piece in range(max(0, start) // PLAIN.step, -(-end // PLAIN.step)):
            at = piece * PLAIN.step
            first, last = max(start, at), min(end, at + PLAIN.step)
            if first < last and self.file.has(piece):
                out[:, first - start : last - start] = self.file.get(piece)[
                    :, first - at : last - at
                ]
        return out

    def decoded_until(self, sample: int) -> int:
        """The first sample from this one on that is not decoded; `n_samples` if all are."""
        first = max(0, sample) // PLAIN.step
        missing = self.decoded.find(0, first)
        if missing < 0:
            return self.n_samples
        return min(self.n_samples, max(sample, missing * PLAIN.step))

    # The reader's

    def decode(self, piece: int) -> None:
        """Decode a piece into the store, or find it there.

        Raises:
            AudioError: the file went away.
            OutputError: the store is full.
        """
        if not self.file.has(piece):
            self.file.put(piece, self._track.read(piece * PLAIN.step, PLAIN.step))
        start = piece * PLAIN.step
        n_counted = min(PLAIN.step, self.n_samples - start)
        self.overview.add_mixture(start, self.file.get(piece)[:, :n_counted])
        self.decoded[piece] = 1
        with self._lanes_lock:
            for lane in self.lanes.values():
                lane.overview.version += 1
        if 0 not in self.decoded and not self.is_length_exact:
            self._find_length()

    def give_up(self) -> None:
        """The file cannot be read any more: what is not decoded is silence."""
        self.decoded = bytearray(b"\1") * len(self.decoded)
        self.is_length_exact = True

    @property
    def warnings(self) -> list[str]:
        """What was found wrong with the file, a line each."""
        return [f"{self.path}: {warning}" for warning in self._track.warnings]

    def close(self) -> None:
        """Close the file; what is decoded can still be read."""
        self._track.close()

    def _share(self, lane: Lane) -> None:
        """The mixture's peaks are the same for all models."""
        lane.overview.mixture = self.overview.mixture
        lane.overview.decoded = self.overview.decoded

    def _find_length(self) -> None:
        """All that the header claims is decoded: is that all there is?"""
        end = len(self.decoded) * PLAIN.step
        while not self._track.is_length_exact:
            self._track.read(end, PLAIN.step)
            end += PLAIN.step
        self.n_samples = self._track.n_samples
        n_more = PLAIN.n_tiles(self.n_samples) - len(self.decoded)
        if n_more > 0:
            self.decoded = self.decoded + bytearray(n_more)
        self.overview.set_length(self.n_samples)
        with self._lanes_lock:
            for lane in self.lanes.values():
                lane.set_length(self.n_samples)
                self._share(lane)
        self.is_length_exact = True
        self.file.set_note(n_samples=self.n_samples)


class DecodedSong:
    """A decoded song as `unbraid.separation.pieces` reads it."""

    def __init__(self, song: Song) -> None:
        self._song = song
        self.n_samples = song.n_samples
        self.warnings: list[str] = []

    def blocks(self, n_samples: int = 65_536, start: int = 0) -> Iterator[Samples]:
        """As `Track.blocks`."""
        for at in range(start, self.n_samples, n_samples):
            yield self._song.read(at, min(n_samples, self.n_samples - at))


def audio_key(path: Path) -> str:
    """Names a file's exact samples.

    Content names it, so that a song that was moved is known again; of a large file the time of
    its last change and 64 parts of the content.

    Raises:
        AudioError: it cannot be read.
    """
    try:
        status = path.stat()
        digest = hashlib.sha256(f"{status.st_size} {_numerics()}\n".encode())
        with path.open("rb") as file:
            if status.st_size <= WHOLLY_HASHED:
                while part := file.read(_PART):
                    digest.update(part)
            else:
                digest.update(str(status.st_mtime_ns).encode())
                for i in range(_N_PARTS):
                    file.seek(i * (status.st_size - _PART) // (_N_PARTS - 1))
                    digest.update(file.read(_PART))
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror}); check the disk") from error
    return digest.hexdigest()[:20]


@cache
def _numerics() -> str:
    """What the numbers depend on besides file and model."""
    names = ("unbraid", "numpy", "av", "soxr", "onnxruntime", "onnxruntime-gpu")
    versions = []
    for name in names:
        with suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    return ", ".join(versions)
