import numpy as np
import pytest

from unbraid.errors import UsageError
from unbraid.separation.outputs import mix_output, mixed, stem_outputs, two_stems


@pytest.mark.parametrize(
    ("expression", "gains"),
    [
        ("all-vocals", (0, 1, 1, 1)),
        ("drums + bass", (0, 1, 1, 0)),
        ("all", (1, 1, 1, 1)),
        ("-vocals+all", (0, 1, 1, 1)),
        ("Vocals", (1, 0, 0, 0)),
    ],
)
def test_a_mix_is_a_sum_of_stems(expression, gains):
    assert mix_output(expression).gains == gains


@pytest.mark.parametrize(
    "expression", ["", "vocal", "all--vocals", "vocals-vocals", "2*bass", "drums bass", "all-"]
)
def test_a_mix_that_cannot_be_read_is_refused(expression):
    with pytest.raises(UsageError):
        mix_output(expression)


def test_an_unknown_stem_lists_the_known_ones():
    with pytest.raises(UsageError, match="vocals, drums, bass, other"):
        stem_outputs("vocals,guitar")


def test_two_stems_sum_to_the_song():
    stems = np.random.default_rng(0).standard_normal((4, 2, 100)).astype(np.float32)
    one, rest = mixed(stems, two_stems("drums"))
    np.testing.assert_array_equal(one, stems[1])
    np.testing.assert_allclose(one + rest, stems.sum(axis=0), atol=1e-5)
