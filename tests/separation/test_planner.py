"""The planner's promises, for any song, place and loop."""

from dataclasses import replace
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from unbraid.separation.planner import JOIN, Demand, Task, plan, playing_order, tiles_in_order
from unbraid.separation.store import PLAIN
from unbraid.separation.tiles import TileGrid
from unbraid.spec import Spec

GRIDS = (TileGrid(Spec()), TileGrid(Spec(n_frames=96)), PLAIN)


@st.composite
def demands(draw: st.DrawFn, *, key: str = "a") -> Demand[str]:
    n_samples = draw(st.integers(1, 3_000_000))
    loop = None
    if draw(st.booleans()):
        start = draw(st.integers(0, n_samples - 1))
        loop = (start, draw(st.integers(start + 1, n_samples)))
    return Demand(
        key,
        draw(st.sampled_from(GRIDS)),
        n_samples,
        draw(st.integers(0, n_samples)),
        loop,
        lead=draw(st.sampled_from([0, 0, 10_000, 400_000])),
    )


def _tiles_of(grid: TileGrid, sample: int, n_samples: int) -> set[int]:
    """All tiles that a sample is made of."""
    return {
        tile
        for tile in range(grid.n_tiles(n_samples))
        if grid.output_start(tile) <= sample < grid.output_start(tile) + grid.n_output
    }


@given(demands())
@settings(deadline=None, max_examples=40)
def test_every_tile_comes_once(demand) -> None:
    tiles = list(tiles_in_order(demand))
    assert sorted(tiles) == list(range(demand.grid.n_tiles(demand.n_samples)))


@given(demands())
@settings(deadline=None, max_examples=40)
def test_the_playheads_tiles_come_first(demand) -> None:
    demand = replace(demand, lead=0, position=min(demand.position, demand.n_samples - 1))
    needed = _tiles_of(demand.grid, demand.position, demand.n_samples)
    assert needed <= set(islice(tiles_in_order(demand), len(needed)))


@given(demands())
@settings(deadline=None, max_examples=40)
def test_what_is_heard_sooner_is_separated_sooner(demand) -> None:
    order = list(tiles_in_order(replace(demand, lead=0)))
    given_at = {tile: place for place, tile in enumerate(order)}
    worst = -1
    for start, end in playing_order(demand.position, demand.n_samples, demand.loop):
        for sample in range(start, end, 20_011):
            place = max(given_at[t] for t in _tiles_of(demand.grid, sample, demand.n_samples))
            # All that this sample needs comes no later than one tile after what was needed so far.
            assert place <= worst + 2
            worst = max(worst, place)


@given(st.integers(1, 10**7), st.data())
def test_the_playing_order_holds_every_sample(n_samples, data) -> None:
    position = data.draw(st.integers(0, n_samples))
    loop = None
    if data.draw(st.booleans()):
        start = data.draw(st.integers(0, n_samples - 1))
        loop = (start, data.draw(st.integers(start + 1, n_samples)))
    stretches = list(playing_order(position, n_samples, loop))
    assert all(start < end for start, end in stretches)
    covered = 0
    for start, end in sorted(stretches):
        assert start <= covered
        # Nothing twice, but for where a loop's end joins its start.
        assert covered - start <= JOIN
        covered = max(covered, end)
    assert covered == n_samples
    if position < n_samples:
        assert stretches[0][0] == position


@given(demands())
@settings(deadline=None, max_examples=40)
def test_a_loops_tiles_come_before_what_lies_behind_it(demand) -> None:
    if demand.loop is None or demand.position >= demand.loop[1]:
        return
    demand = replace(demand, lead=0)
    order = list(tiles_in_order(demand))
    start, end = demand.loop
    first, last = min(start, demand.position), min(end + JOIN, demand.n_samples) - 1
    fade, step = demand.grid.fade // 2, demand.grid.step
    n_needed = (last + fade) // step - max(0, (min(first, demand.position) - fade) // step) + 1
    needed = set(range(max(0, (start - fade) // step), (end - 1) // step + 1))
    # Those between the playhead and the loop are heard before.
    assert needed <= set(order[:n_needed])


@given(demands(), st.integers(1, 500_000))
@settings(deadline=None, max_examples=40)
def test_a_horizon_asks_for_no_more_than_is_heard_within_it(demand, horizon) -> None:
    whole = list(tiles_in_order(replace(demand, lead=0)))
    near = list(tiles_in_order(replace(demand, lead=0, horizon=horizon)))
    assert near == whole[: len(near)]
    assert len(near) <= horizon // demand.grid.step + 5


@given(demands())
@settings(deadline=None, max_examples=40)
def test_tiles_that_would_be_late_come_last_and_the_next_is_in_time(demand) -> None:
    demand = replace(demand, loop=None, lead=400_000)
    n_ahead = demand.n_samples - demand.position
    order = list(tiles_in_order(demand))
    if n_ahead > demand.lead:
        grid, reached = demand.grid, demand.position + demand.lead
        assert order[0] in _tiles_of(grid, reached, demand.n_samples)


@given(demands(), demands(key="b"), st.randoms())
@settings(deadline=None, max_examples=40)
def test_a_plan_has_each_open_task_once_and_the_first_demands_first(first, second, rng) -> None:
    def is_done(task: Task[str]) -> bool:
        return (task.tile * 7919 + len(task.key)) % 3 == 0

    tasks = list(plan([replace(first, horizon=300_000), second, first], is_done))
    assert len(tasks) == len(set(tasks))
    assert not any(is_done(task) for task in tasks)
    wanted = {
        Task(demand.key, tile)
        for demand in (first, second)
        for tile in range(demand.grid.n_tiles(demand.n_samples))
    }
    assert set(tasks) == {task for task in wanted if not is_done(task)}
    keys = [task.key for task in tasks]
    if "b" in keys:
        near = keys.index("b")
        assert [task.tile for task in tasks[:near]] == [
            tile
            for tile in tiles_in_order(replace(first, horizon=300_000))
            if not is_done(Task("a", tile))
        ]


@given(demands(), st.integers(0, 2_999_999))
@settings(deadline=None, max_examples=40)
def test_a_seek_replans_at_once(demand, target) -> None:
    demand = replace(demand, loop=None, lead=0)
    target = min(target, demand.n_samples - 1)
    done: set[Task[str]] = set(islice(plan([demand], lambda task: False), 3))
    after = list(plan([replace(demand, position=target)], lambda task: task in done))
    needed = _tiles_of(demand.grid, target, demand.n_samples)
    left = needed - {task.tile for task in done}
    assert left <= {task.tile for task in after[: len(left)]}
