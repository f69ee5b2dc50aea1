"""What a child process does with one file: all that unbraid does with one of its kind."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from unbraid.audio.stem_mp4 import read_manifest
from unbraid.audio.track import Track
from unbraid.audio.writer import OutputFormat, StemWriter
from unbraid.errors import OutputError, UnbraidError
from unbraid.library.inputs import find_inputs
from unbraid.library.jobs import PRIVATE, JobLog
from unbraid.library.worker import Separate, Setup, _Bench, serve
from unbraid.models.catalog import find_model
from unbraid.models.manifest import Card

LONGEST_S = 600.0
"""No file of the corpus lasts a second; one that is read as longer than this is a find."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a file: read or refused, odd if it is neither; and what it took."""

    how: str
    told: str
    cpu_s: float


def read_sound(path: Path) -> None:
    """As for a batch: straight through; and as a player does: here and there. Tags written on."""
    with Track(path) as track:
        n_samples = 0
        for block in track.blocks():
            assert block.dtype == np.float32
            assert np.isfinite(block).all()
            n_samples += block.shape[1]
            assert n_samples < LONGEST_S * 44_100, "longer than any such file"
        assert n_samples == track.n_samples
        random = Random(n_samples)
        for _ in range(3):
            track.read(random.randrange(n_samples), 4_096)
        tags, cover = track.tags, track.cover
    stems = np.zeros((1, 2, 2_000), np.float32)
    for name in ("flac", "m4a", "mp3", "opus", "wav"):
        target = path.with_suffix(f".out.{name}")
        with StemWriter(
            {"vocals": target},
            output_format=OutputFormat(name),
            sample_rate=48_000,
            target_rate=48_000,
            tags=tags,
            cover=cover,
        ) as writer:
            writer.write(stems)
            writer.commit()
        target.unlink()


def read_stems(path: Path) -> None:
    """Names and colours; and the sound, as the file is a song as well."""
    with suppress(UnbraidError):
        read_manifest(path)
    read_sound(path)


def read_model(path: Path) -> None:
    """The card, then the graph, then a tile through it."""
    from unbraid.models.session import Graph

    entry = find_model(path)
    (card,) = entry.cards
    graph = Graph(path, card)
    graph(np.zeros(card.input_shape[1:], np.float32))


def read_log(path: Path) -> None:
    """A batch's beginning, questions and end in a folder of its own."""
    folder = path.with_suffix(".out")
    (folder / PRIVATE).mkdir(parents=True)
    shutil.copyfile(path, folder / PRIVATE / "jobs.sqlite")
    try:
        with JobLog(folder) as log:
            log.source(Path("/music/song.mp3"))
            log.owner(b"song/0.wav")
            for file in log.made_from("content", "work"):
                log.is_there(file)
    finally:
        shutil.rmtree(folder)


def read_playlist(path: Path) -> None:
    """Songs and problems, each in a line that can be printed."""
    found = find_inputs([str(path)])
    for told in found.problems.values():
        assert "\n" not in told
    assert all(song.path.is_absolute() for song in found.songs)


def read_card(path: Path) -> None:
    """Read, written and read again, a card is the same."""
    card = Card.from_json(path.read_bytes().decode("utf-8", "replace"))
    assert Card.from_json(card.to_json()) == card


READERS: dict[str, Callable[[Path], None]] = {
    "sound": read_sound,
    "stems": read_stems,
    "model": read_model,
    "log": read_log,
    "playlist": read_playlist,
    "card": read_card,
}


def read(path: Path) -> Outcome:
    """Read a file in a folder that is named as its kind."""
    started_s = time.process_time()
    how, told = "read", ""
    try:
        READERS[path.parent.name](path)
    except UnbraidError as error:
        how, told = "refused", str(error)
        # One line; and nothing that is read may keep stems from being written.
        if "\n" in told or (isinstance(error, OutputError) and path.parent.name != "log"):
            how = "odd"
    return Outcome(how, told, time.process_time() - started_s)


def serve_reader(connection: Connection, setup: Setup) -> None:
    """A batch's worker, its limits and signs of life, with our reading in place of separating."""

    def read_task(bench: _Bench, task: Separate) -> Any:
        return read(task.path)

    _Bench._separate = read_task  # type: ignore[method-assign]
    serve(connection, setup)
