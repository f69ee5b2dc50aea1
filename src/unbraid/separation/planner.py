"""Which tile next: the playhead's first, then ahead in playing order. Pure; no threads, no I/O."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from unbraid.separation.tiles import TileGrid

JOIN = 1_024
"""Samples beyond a loop's end that its join with the start still sounds."""


K = TypeVar("K", bound=Hashable)


class Task(NamedTuple, Generic[K]):
    """A tile to separate."""

    key: K
    tile: int


@dataclass(frozen=True, slots=True)
class Demand(Generic[K]):
    """Stems that are wanted.

    Attributes:
        key: which: of a song by a model, say.
        grid: of the model.
        n_samples: the song's length.
        position: from where on.
        loop: its first sample and the first behind it; its tiles come before what lies behind.
        horizon: samples that count, in playing order; None for the whole song.
        lead: samples that the playhead moves on while a tile is separated. What is passed by
            then comes last: it would be late in any case, and make the next one late as well.
    """

    key: K
    grid: TileGrid
    n_samples: int
    position: int = 0
    loop: tuple[int, int] | None = None
    horizon: int | None = None
    lead: int = 0


def plan(demands: Sequence[Demand[K]], is_done: Callable[[Task[K]], bool]) -> Iterator[Task[K]]:
    """What is to be separated, the most urgent first, each tile once.

    Nothing is remembered from call to call: who asks anew after a seek gets the new order, and
    what was only of use to the old place comes last.

    Args:
        demands: the first one's tiles come before the second one's.
        is_done: tiles that need no more work.
    """
    given: set[Task[K]] = set()
    for demand in demands:
        for tile in tiles_in_order(demand):
            task = Task(demand.key, tile)
            if task not in given and not is_done(task):
                given.add(task)
                yield task


def tiles_in_order(demand: Demand[K]) -> Iterator[int]:
    """A demand's tiles in the order in which they are heard, each once.

    Without a horizon that is every tile of the song: what is behind the playhead, or passed within
    the lead, comes last.
    """
    grid, n_tiles = demand.grid, demand.grid.n_tiles(demand.n_samples)
    n_left = demand.n_samples if demand.horizon is None else demand.lead + demand.horizon
    n_passed = demand.lead
    passed: list[tuple[int, int]] = []
    given: set[int] = set()

    def tiles(start: int, end: int) -> Iterator[int]:
        # Near a border a sample belongs to two tiles.
        first = max(0, (start - grid.fade // 2) // grid.step)
        last = (end - 1 + grid.fade // 2) // grid.step
        for tile in range(first, min(last + 1, n_tiles)):
            if tile not in given:
                given.add(tile)
                yield tile

    for start, whole_end in playing_order(demand.position, demand.n_samples, demand.loop):
        if n_left <= 0:
            break
        end = min(whole_end, start + n_left)
        n_left -= end - start
        begin = min(end, start + n_passed)
        n_passed -= begin - start
        if start < begin:
            passed.append((start, begin))
        if begin < end:
            yield from tiles(begin, end)
    for start, end in passed:
        yield from tiles(start, end)


def playing_order(
    position: int, n_samples: int, loop: tuple[int, int] | None = None
) -> Iterator[tuple[int, int]]:
    """The stretches of a song, [start, end), in the order in which they are heard next.

    With a loop ahead: to its end, then from its start; then, should the loop be cleared, what is
    behind it; then the song's beginning.
    """
    position = min(max(0, position), n_samples)
    at = position
    if loop is not None and position < loop[1]:
        at = min(loop[1] + JOIN, n_samples)
        yield position, at
        if loop[0] < position:
            yield loop[0], position
    if at < n_samples:
        yield at, n_samples
    before = position if loop is None or position >= loop[1] else min(position, loop[0])
    if before > 0:
        yield 0, before
