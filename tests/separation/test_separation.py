"""The invariants of separation, on a tiny model: what each promises is in its name."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.models_made import CARD, write_graph, write_set
from unbraid.audio.track import Track
from unbraid.errors import Cancelled
from unbraid.separation.offline import separate
from unbraid.separation.separator import Separator
from unbraid.spec import Spec
from unbraid.stems import STEMS


@pytest.fixture(scope="module")
def separator(tiny_model):
    return Separator(tiny_model, n_threads=1)


class Blocks:
    """A source that hands out samples in blocks of its own choosing."""

    def __init__(self, noise, size):
        self.noise, self.size = noise, size
        self.n_samples = noise.shape[1]
        self.warnings = []

    def blocks(self, n_samples=0, start=0):
        for low in range(0, self.n_samples, self.size):
            yield self.noise[:, low : low + self.size]


def run(samples, separator, **options):
    pieces = []
    with Track.from_array(samples, 44_100, model_rate=44_100) as track:
        report = separate(track, separator, pieces.append, **options)
    return np.concatenate([np.zeros((4, 2, 0), np.float32), *pieces], axis=-1), report


@pytest.mark.parametrize("n_samples", [1, 1000, 159_744, 163_840, 529_200])
def test_stems_sum_to_the_mixture(separator, noise, n_samples):
    mixture = noise[:, :n_samples]
    stems, report = run(mixture, separator)
    assert stems.shape == (4, 2, n_samples)
    assert np.abs(stems.sum(axis=0) - mixture).max() < 10 ** (-120 / 20)
    assert report.sum_error_dbfs < -120


def test_number_of_threads_does_not_change_a_stem(separator, noise):
    one, _ = run(noise, separator, n_threads=1)
    three, _ = run(noise, separator, n_threads=3)
    np.testing.assert_array_equal(one, three)


def test_order_of_tiles_does_not_change_a_stem(separator, noise):
    whole, _ = run(noise, separator)
    grid = separator.grid
    n_samples = noise.shape[1]
    total = np.zeros((4, 2, n_samples + 2 * grid.n_output), np.float32)
    padded = np.pad(noise, ((0, 0), (grid.margin, grid.n_input)))
    order = np.random.default_rng(5).permutation(grid.n_tiles(n_samples))
    for index in order:
        start = grid.input_start(index) + grid.margin
        stems = separator.separate_tile(padded[:, start : start + grid.n_input])
        weights = grid.weights.copy()
        if index == 0:
            weights[: grid.fade] = 1
        low = grid.output_start(index) + grid.n_output
        total[:, :, low : low + grid.n_output] += stems * weights
    joined = total[:, :, grid.n_output : grid.n_output + n_samples]
    np.testing.assert_array_equal(joined, whole)


def test_size_of_the_decoders_blocks_does_not_change_a_stem(separator, noise):
    results = []
    for size in (1_000, 44_100, 10**6):
        pieces = []
        separate(Blocks(noise, size), separator, pieces.append)
        results.append(np.concatenate(pieces, axis=-1))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_one_file_a_stem_and_one_file_for_all_agree(separator, noise, tmp_path):
    several = Separator(write_set(tmp_path / "several", one_file_a_stem=True))
    np.testing.assert_allclose(run(noise, several)[0], run(noise, separator)[0], atol=1e-6)


def test_silence_in_silence_out(separator):
    stems, report = run(np.zeros((2, 200_000), np.float32), separator)
    assert not stems.any()
    assert report.sum_error_dbfs == -np.inf


def test_a_track_of_no_samples_gives_no_stems(separator):
    pieces = []
    report = separate(Blocks(noise=np.zeros((2, 0), np.float32), size=9), separator, pieces.append)
    assert pieces == []
    assert report.n_tiles == report.n_samples == 0


def test_no_click_where_tiles_join(separator):
    times = np.arange(9 * 44_100) / 44_100
    tone = np.tile(0.5 * np.sin(2 * np.pi * 100 * times), (2, 1)).astype(np.float32)
    stems, _ = run(tone, separator)
    # The tone's own largest step is 0.0071; the gains are at most one.
    assert np.abs(np.diff(stems, axis=-1)).max() < 0.02


def test_equal_claims_give_quarters_from_the_first_sample_to_the_last(tmp_path, noise):
    (tmp_path / "equal").mkdir()
    write_graph(tmp_path / "equal" / "all.onnx", CARD, np.ones((1, 4, 2, 1024, 1), np.float32))
    stems, _ = run(noise, Separator(tmp_path / "equal"))
    assert np.abs(stems - noise / 4).max() < 10 ** (-90 / 20)


def test_highs_above_the_models_top_go_to_who_has_the_band_below(tmp_path, noise):
    weights = np.zeros((1, 4, 2, 1024, 1), np.float32)
    weights[:, STEMS.index("drums")] = 1
    (tmp_path / "drums").mkdir()
    write_graph(tmp_path / "drums" / "all.onnx", CARD, weights)
    stems, _ = run(noise, Separator(tmp_path / "drums"))
    highs = np.abs(np.fft.rfft(stems[:, 0]))[:, (11_100 * 12) :]
    share = (highs**2).sum(axis=1) / (highs**2).sum()
    assert share[STEMS.index("drums")] > 0.999


def test_progress_is_one_monotone_fraction_from_nought_to_one(separator, noise):
    seen = []
    run(noise, separator, progress=seen.append)
    fractions = [p.fraction for p in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert seen[-1].done_s == pytest.approx(12.0)
    assert seen[-1].eta_s == 0


def test_cancel_stops_between_tiles(separator, noise):
    cancel = threading.Event()
    n_calls = 0

    def sink(stems):
        nonlocal n_calls
        n_calls += 1
        cancel.set()

    with Track.from_array(noise, 44_100, model_rate=44_100) as track, pytest.raises(Cancelled):
        separate(track, separator, sink, cancel=cancel)
    assert n_calls == 1


def test_a_net_gone_astray_never_reaches_the_stems(tmp_path, noise):
    weights = np.full((1, 4, 2, 1024, 1), np.nan, np.float32)
    (tmp_path / "astray").mkdir()
    write_graph(tmp_path / "astray" / "all.onnx", CARD, weights)
    stems, _ = run(noise, Separator(tmp_path / "astray"))
    assert np.isfinite(stems).all()


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (replace(CARD, output="mask"), 0.5),
        (replace(CARD, input="complex", output="complex_mask"), 0.5j),
    ],
)
def test_masks_and_complex_masks_multiply_the_mixtures_spectrum(tmp_path, card, expected):
    spec = replace(Spec(), n_bins=2049)
    card = replace(card, spec=spec)
    if card.output == "mask":
        # The graph multiplies magnitudes; a magnitude of one makes them the mask itself.
        spectrum = np.ones((2, 2049, spec.n_frames), np.complex64)
        weights = np.full((1, 4, 2, 2049, 1), 0.5, np.float32)
    else:
        spectrum = np.full((2, 2049, spec.n_frames), 1 + 1j, np.complex64)
        weights = np.tile(np.float32([0, 0.5, 0, 0.5])[:, None, None], (1, 4, 1, 2049, 1))
    (tmp_path / "set").mkdir()
    write_graph(tmp_path / "set" / "all.onnx", card, weights)
    masks = Separator(tmp_path / "set")._masks(spectrum)
    np.testing.assert_allclose(masks, np.full(masks.shape, expected), atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "stems"),
    [("magnitude", ("vocals",)), ("magnitude", ("vocals", "bass")), ("waveform", ("vocals",))],
)
def test_what_a_partial_set_does_not_know_is_silent_or_left_to_other(tmp_path, noise, kind, stems):
    card = replace(CARD, stems=stems, set_stems=stems, input=kind, output=kind)
    separator = Separator(write_set(tmp_path / "partial", card=card))
    assert separator.stems == stems
    given = separator.separate(noise, 44_100)
    mixture = np.asarray(noise, np.float32)
    total = sum(given[stem].astype(np.float64) for stem in STEMS)
    assert np.abs(total - mixture).max() < 1e-6
    for stem in STEMS:
        assert given[stem].any() == (stem in (*stems, "other"))


def test_a_waveform_graph_gives_its_samples_at_their_place(tmp_path, noise):
    card = replace(
        CARD, stems=("vocals",), set_stems=("vocals",), input="waveform", output="waveform"
    )
    separator = Separator(write_set(tmp_path / "quarter", card=card))
    np.testing.assert_allclose(separator.separate(noise, 44_100)["vocals"], noise / 4, atol=1e-6)
