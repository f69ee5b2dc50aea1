"""What the adapters stand on: segments without seams, spectra that are torch's."""

import numpy as np
import pytest

from unbraid.peers.segments import in_segments
from unbraid.peers.spectra import centred_istft, centred_stft

RNG = np.random.default_rng(4)


@pytest.mark.parametrize("n_samples", [0, 1, 99, 100, 101, 777])
@pytest.mark.parametrize(("n_fade", "n_edge"), [(0, 0), (25, 0), (20, 7)])
def test_segments_leave_no_seams(n_samples: int, n_fade: int, n_edge: int) -> None:
    song = RNG.standard_normal((2, n_samples)).astype(np.float32)
    seen = []

    def halves(piece: np.ndarray) -> np.ndarray:
        seen.append(piece.shape[-1])
        found = np.stack([piece / 2, -piece])
        found[..., :n_edge] = np.nan  # context is not used
        return found

    stems = in_segments(song, halves, n_stems=2, n_segment=100, n_fade=n_fade, n_edge=n_edge)
    np.testing.assert_allclose(stems, [song / 2, -song], atol=1e-6)
    assert set(seen) <= {100}


@pytest.mark.parametrize(("n_fft", "hop"), [(4096, 1024), (7680, 1024), (512, 100)])
def test_spectra_invert(n_fft: int, hop: int) -> None:
    samples = RNG.standard_normal((2, 30_000)).astype(np.float32)
    spectrum = centred_stft(samples, n_fft, hop)
    assert spectrum.shape == (2, n_fft // 2 + 1, 1 + 30_000 // hop)
    n_whole = 30_000 // hop * hop
    back = centred_istft(spectrum, hop, n_whole)
    np.testing.assert_allclose(back, samples[:, :n_whole], atol=1e-5)


@pytest.mark.training
def test_spectra_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    samples = RNG.standard_normal((2, 30_000)).astype(np.float32)
    theirs = torch.stft(
        torch.from_numpy(samples), 7680, 1024, window=torch.hann_window(7680), return_complex=True
    )
    np.testing.assert_allclose(centred_stft(samples, 7680, 1024), theirs.numpy(), atol=1e-3)
