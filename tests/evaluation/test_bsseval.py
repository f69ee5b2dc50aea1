import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

from unbraid.audio.track import Track
from unbraid.evaluation.bsseval import bsseval
from unbraid.stems import STEMS

NAMES = ("sdr", "isr", "sir", "sar")


@pytest.fixture(scope="module")
def museval():
    """Its metrics alone: the package itself wants an ffmpeg program."""
    spec = importlib.util.find_spec("museval")
    if spec is None or spec.origin is None:
        pytest.skip("museval is not installed: pip install --no-deps museval")
    pytest.importorskip("scipy")
    path = Path(spec.origin).with_name("metrics.py")
    module_spec = importlib.util.spec_from_file_location("museval_metrics", path)
    module = importlib.util.module_from_spec(module_spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module_spec.loader.exec_module(module)
    return module


def theirs(museval, stems, estimates, window, n_taps):
    arrays = (signals.transpose(0, 2, 1).astype(np.float64) for signals in (stems, estimates))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = museval.bss_eval(*arrays, window=window, hop=window, filters_len=n_taps)
    return dict(zip(NAMES, found, strict=False))


def excerpt(rng, n_stems=3, n_samples=9_000):
    """Coloured noises, and estimates of them with every fault there is."""
    kernel = rng.standard_normal((n_stems, 2, 32))
    noise = rng.standard_normal((n_stems, 2, n_samples))
    stems = np.array(
        [
            [np.convolve(x, k, "same") for x, k in zip(*pair, strict=True)]
            for pair in zip(noise, kernel, strict=True)
        ]
    )
    estimates = 0.8 * stems + 0.2 * np.roll(stems, 5, axis=-1) + 0.1 * stems.sum(axis=0)
    estimates += 0.3 * rng.standard_normal(stems.shape)
    return stems.astype(np.float32), estimates.astype(np.float32)


def test_every_ratio_is_musevals(museval):
    stems, estimates = excerpt(np.random.default_rng(1))
    ours = bsseval(stems, estimates, window=2_000, n_taps=64)
    for name, expected in theirs(museval, stems, estimates, 2_000, 64).items():
        np.testing.assert_allclose(getattr(ours, name), expected, atol=1e-6)


def test_centred_stems_and_silent_windows_are_musevals(museval):
    stems, estimates = excerpt(np.random.default_rng(2))
    stems[1, 1] = stems[1, 0]  # left is right: a singular system
    stems[0, :, 2_000:4_000] = 0
    ours = bsseval(stems, estimates, window=2_000, n_taps=64)
    expected = theirs(museval, stems, estimates, 2_000, 64)
    for name in NAMES:
        np.testing.assert_allclose(getattr(ours, name), expected[name], atol=0.01)
    assert np.isnan(ours.sdr[:, 1]).all()
    assert np.isfinite(ours.sdr[:, [0, 2, 3]]).all()


def test_a_song_shorter_than_a_window_is_one_window():
    stems, estimates = excerpt(np.random.default_rng(3), n_samples=500)
    assert bsseval(stems, estimates, window=2_000, n_taps=16).sdr.shape == (3, 1)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_random_excerpts_agree_with_museval(museval, data_pack, number):
    """Real stems, musevals's own settings; two of the four stems, for its time grows with n^3."""
    rng = np.random.default_rng(number)
    songs = sorted(
        [*data_pack.glob("cc0-album/validation/*"), *data_pack.glob("real-bands-validation/*")]
    )
    folder = songs[number % len(songs)]
    chosen = rng.permutation(STEMS)[: 4 if number == 0 else 2]
    parts = []
    start = None
    for stem in chosen:
        with Track(next(folder.glob(f"{stem}.*")), sample_rate=44_100) as track:
            if start is None:
                start = int(rng.uniform(0.2, 0.7) * track.n_samples)
            parts.append(track.read(start, 3 * 44_100))
    stems = np.stack(parts) + 1e-4 * rng.standard_normal((len(parts), 2, 3 * 44_100)).astype("f4")
    leak = rng.uniform(0, 0.4, (len(parts), len(parts)))
    estimates = np.einsum("ij,jcn->icn", np.eye(len(parts)) + leak, stems)
    estimates += 0.002 * rng.standard_normal(stems.shape)
    estimates = np.roll(estimates, int(rng.integers(0, 3)), axis=-1).astype(np.float32)
    ours = bsseval(stems, estimates)
    expected = theirs(museval, stems, estimates, 44_100, 512)
    apart = max(float(np.abs(getattr(ours, name) - expected[name]).max()) for name in NAMES)
    print(f"greatest difference {apart:.1e} dB")  # pytest -rP shows it
    assert apart <= 0.01
