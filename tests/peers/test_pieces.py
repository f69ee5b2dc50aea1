"""Any `Model` on a track: stems sum to it, long ones in pieces, bad ones named in one line."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from unbraid.audio.track import Track
from unbraid.errors import Cancelled, ModelError
from unbraid.separation.pieces import separate_pieces
from unbraid.stems import STEMS

Samples = NDArray[np.float32]
RATE = 8_000  # for speed


@dataclass
class Made:
    """A model made of a function."""

    given: Callable[[Samples], Samples]
    stems: tuple[str, ...] = ("vocals",)
    name: str = "made"
    licence: str = "CC0"
    sample_rate: int = RATE
    sha256: str = ""

    def separate(self, samples: Samples) -> Samples:
        return self.given(samples)


def taken_apart(model: Made, song: Samples, piece_s: float = 600.0) -> Samples:
    parts: list[Samples] = []
    with Track.from_array(song, RATE, model_rate=RATE) as track:
        report = separate_pieces(track, model, parts.append, piece_s=piece_s)
    assert report.n_samples == song.shape[-1]
    assert report.sum_error_dbfs < -120
    return np.concatenate([np.zeros((len(STEMS), 2, 0), np.float32), *parts], axis=-1)


def noise(seconds: float) -> Samples:
    rng = np.random.default_rng(2)
    return 0.1 * rng.standard_normal((2, round(seconds * RATE)), np.float32)


@pytest.mark.parametrize("seconds", [0.5, 3])
def test_what_no_stem_claims_goes_to_other(seconds: float) -> None:
    song = noise(seconds)
    model = Made(lambda s: np.stack([0.25 * s, 0.5 * s]), ("bass", "vocals"))
    vocals, drums, bass, other = taken_apart(model, song)
    np.testing.assert_allclose(vocals, 0.5 * song)
    assert not drums.any()
    np.testing.assert_allclose(bass, 0.25 * song)
    np.testing.assert_allclose(other, 0.25 * song, atol=1e-6)


@pytest.mark.parametrize("seconds", [12, 29.9, 30.1, 41])
def test_a_long_song_goes_in_pieces_without_seams(seconds: float) -> None:
    song, lengths = noise(seconds), []

    def half(samples: Samples) -> Samples:
        lengths.append(samples.shape[-1] / RATE)
        return 0.5 * samples[None]

    stems = taken_apart(Made(half), song, piece_s=10)
    np.testing.assert_allclose(stems[0], 0.5 * song, atol=1e-6)
    assert max(lengths) < 10 + 2 * 10 + 10  # a piece, its context, a block of the track's 8 s
    assert (len(lengths) > 1) == (seconds > 29)


def failing(samples: Samples) -> Samples:
    raise RuntimeError("out of\nmemory")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (failing, "made: fails: RuntimeError: out of memory"),
        (lambda s: s, r"made: gives an array of \(2, 8000\), not \(1, 2, 8000\)"),
        (lambda s: s[None, :, 1:], r"gives an array of \(1, 2, 7999\)"),
        (lambda s: np.full_like(s[None], np.nan), "made: gives NaN or infinity in vocals"),
    ],
)
def test_a_peer_that_fails_is_named_in_one_line(
    given: Callable[[Samples], Samples], message: str
) -> None:
    with pytest.raises(ModelError, match=f"^.*{message}.*$"):
        taken_apart(Made(given), noise(1))


def test_a_peer_at_work_can_be_cancelled() -> None:
    cancel, end = threading.Event(), threading.Event()

    def wait(samples: Samples) -> Samples:
        cancel.set()
        end.wait(10)
        return samples[None]

    with Track.from_array(noise(1), RATE, model_rate=RATE) as track, pytest.raises(Cancelled):
        separate_pieces(track, Made(wait), lambda _: None, cancel=cancel)
    end.set()
