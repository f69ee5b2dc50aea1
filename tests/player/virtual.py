"""A player on a virtual clock: songs, models of any speed, and what should have been heard."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.models_made import CARD, write_graph
from unbraid.player import Player, Playlist, VirtualOutput
from unbraid.player.playback import BLOCK, FADE
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

RATE = 44_100
N_SAMPLES = 12 * RATE + 55  # of the first of two songs; the second has a second less
LATENCY = 151
"""Samples by which the mixer delays."""

SHARES = {
    "left": ((0.9, 0.05), (0.05, 0.5), (0.03, 0.3)),  # vocals, drums, bass of left and right
    "right": ((0.1, 0.8), (0.5, 0.05), (0.3, 0.1)),
}
"""What two models give of each channel; `other` is the rest."""


def write_model(folder: Path, name: str) -> Path:
    """A model set that separates in no time: fixed parts of each channel."""
    card = replace(CARD, name=name, input="waveform", output="waveform", stems=STEMS[:3])
    weights = np.array(SHARES[name], np.float32)[None, :, :, None]
    folder.mkdir(parents=True, exist_ok=True)
    return write_graph(folder / f"{name}.onnx", card, weights)


def stems_of(mixture: Samples, name: str) -> Samples:
    """What such a model makes of a whole song, (4, 2, n)."""
    claimed = np.array(SHARES[name], np.float32)[:, :, None] * mixture
    return np.concatenate([claimed, (mixture - claimed.sum(axis=0))[None]])


def write_song(path: Path, n_samples: int, seed: int = 0) -> Samples:
    """A song whose channels have little in common; smooth, so that a click is seen."""
    rng = np.random.default_rng(seed)
    times = np.arange(n_samples) / RATE
    samples = np.zeros((2, n_samples), np.float32)
    for channel in samples:
        for _ in range(12):
            frequency, phase = rng.uniform(60, 900), rng.uniform(0, 6)
            channel += 0.04 * np.sin(2 * np.pi * frequency * times + phase).astype(np.float32)
    samples[:, : RATE // 50] *= np.linspace(0, 1, RATE // 50, dtype=np.float32)
    soundfile.write(path, samples.T, RATE, subtype="FLOAT")
    return samples


@dataclass
class Worker:
    """A separator's thread on the virtual clock."""

    job: Callable[[], None] | None = None
    done_at_s: float = 0.0


@dataclass
class Clock:
    """Runs a driven player block by block; separation takes virtual time.

    Attributes:
        cost_s: what the next tile costs.
        n_workers: tiles at once.
    """

    player: Player
    output: VirtualOutput
    cost_s: Callable[[], float] = lambda: 0.0
    n_workers: int = 1
    now_s: float = 0.0
    heard: list[Samples] = field(default_factory=list)
    each: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._workers = [Worker() for _ in range(self.n_workers)]
        self.output.before_block = self._before
        self.player._deck.model.is_warm = True  # loading takes no virtual time
        self.player._deck.crew.clock = lambda: self.now_s

    def run_s(self, seconds: float) -> Samples:
        """Play on for so long; what came, (2, n)."""
        heard = self.output.run(round(seconds * RATE / BLOCK))
        self.heard.append(heard)
        return heard

    def finish(self) -> None:
        """All work there is, in no time."""
        self.player.step()
        while self.player.work():
            self.player.step()

    def _before(self) -> None:
        self.now_s += BLOCK / RATE
        crew = self.player._deck.crew
        while (job := crew.next_reading()) is not None:
            job()
            self.player.step()
        for worker in self._workers:
            if worker.job is not None and self.now_s >= worker.done_at_s:
                worker.job()
                worker.job = None
            if worker.job is None:
                worker.job = crew.next_separation()
                worker.done_at_s = self.now_s + self.cost_s()
        self.each()
        self.player.step()


def driven(folder: Path, songs: list[Path], model: Path, **clock) -> Clock:
    """A player without threads, and its clock."""
    output = VirtualOutput(BLOCK)
    player = Player(
        model=str(model),
        output=output,
        store=folder / "store",
        playlist=Playlist(songs),
        is_driven=True,
    )
    return Clock(player, output, **clock)


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where a mask is true: [start, end) of each run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True))


def roughness(samples: Samples) -> float:
    """The largest second difference: what a click is made of."""
    return float(np.abs(np.diff(samples, n=2, axis=-1)).max())


__all__ = ["BLOCK", "FADE", "LATENCY", "RATE", "Clock", "driven"]


def found_at(
    heard: Samples, expected: Samples, at: int, *, n_samples: int = 2_000, within: float = 2e-5
) -> int:
    """Where in what was heard the sample `at` and `n_samples` from it lie; -1 if they were not."""
    piece = expected[:, at : at + n_samples]
    n_places = heard.shape[1] - piece.shape[1] + 1
    found = np.ones(n_places, np.bool_)
    for i in range(0, piece.shape[1], 99):
        found &= (np.abs(heard[:, i : i + n_places] - piece[:, i : i + 1]) < within).all(axis=0)
    places = np.flatnonzero(found)
    return int(places[0]) if len(places) else -1
