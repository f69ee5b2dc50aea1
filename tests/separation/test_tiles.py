import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbraid.errors import SpecError
from unbraid.separation.tiles import TileGrid
from unbraid.spec import Spec

specs = st.builds(
    Spec, n_frames=st.integers(32, 256), context=st.integers(4, 15), n_bins=st.just(64)
)


@given(spec=specs)
def test_weights_of_neighbours_sum_to_one(spec):
    grid = TileGrid(spec)
    total = np.zeros(4 * grid.step, np.float64)
    for index in range(5):
        start = grid.output_start(index)
        low, high = max(0, start), min(len(total), start + grid.n_output)
        total[low:high] += grid.weights[low - start : high - start]
    np.testing.assert_allclose(total[grid.fade // 2 : -grid.fade // 2], 1, atol=1e-6)


@given(spec=specs)
def test_a_tile_reads_all_that_its_output_needs(spec):
    grid = TileGrid(spec)
    clean = spec.n_fft - spec.hop
    assert grid.input_start(3) + clean <= grid.output_start(3)
    end = grid.input_start(3) + grid.n_input - clean
    assert grid.output_start(3) + grid.n_output <= end


@given(spec=specs, n_samples=st.integers(1, 10**7))
def test_tiles_cover_the_track_and_no_tile_lies_beyond_it(spec, n_samples):
    grid = TileGrid(spec)
    n_tiles = grid.n_tiles(n_samples)
    assert grid.output_start(n_tiles) >= n_samples
    if n_tiles > 1:
        assert grid.output_start(n_tiles - 1) < n_samples


def test_too_little_context_is_refused():
    with pytest.raises(SpecError, match="context must be at least 2 frames"):
        _ = TileGrid(Spec(context=1)).fade
