"""Where the energy of stems lies along frequency: to compare pools with records."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from unbraid.errors import TrainingError
from unbraid.stems import STEMS
from unbraid.training.data.manifest import read_manifest

EDGES_HZ = (0, 80, 200, 800, 4000, 22_050)
FRAME = 4096  # samples: bins of 10.8 Hz at 44.1 kHz
EVERY = 6  # frame of a pool's item is read: enough for a share

Shares = NDArray[np.float64]
"""(5,), the fraction of an item's energy in each band of `EDGES_HZ`; sums to 1."""


def band_shares(samples: NDArray[np.floating], rate: int = 44_100) -> Shares:
    """Share of the energy by band.

    Args:
        samples: (n_samples, n_channels).
        rate: samples a second.
    """
    n_frames = len(samples) // FRAME
    frames = samples[: n_frames * FRAME].reshape(n_frames, FRAME, -1)
    window = np.hanning(FRAME).astype(np.float32)[:, None]
    power = np.zeros(FRAME // 2 + 1)
    for start in range(0, n_frames, 64):
        spectra = np.fft.rfft(frames[start : start + 64] * window, axis=1)
        power += np.square(np.abs(spectra)).sum(axis=(0, 2))
    bins = np.fft.rfftfreq(FRAME, 1 / rate)
    band = np.searchsorted(EDGES_HZ, bins, side="right") - 1
    shares = np.bincount(band, power, minlength=len(EDGES_HZ))[: len(EDGES_HZ) - 1]
    return np.asarray(shares / max(float(shares.sum()), 1e-20))


def spectra(folder: Path) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Shares of all items of a folder by (source, class), (n_items, 5).

    Args:
        folder: pools, or songs as `<song>/<stem>.<extension>`; a song then counts as a source.

    Raises:
        TrainingError: neither is there.
    """
    found: dict[tuple[str, str], list[Shares]] = defaultdict(list)
    for source, kind, samples, rate in _items(folder):
        found[source, kind].append(band_shares(samples, rate))
    if not found:
        raise TrainingError(f"{folder}: neither pools nor folders of <song>/<stem>.<extension>")
    return {key: np.array(rows) for key, rows in sorted(found.items())}


def _items(folder: Path) -> Iterable[tuple[str, str, NDArray[np.float32], int]]:
    for entry in read_manifest(folder):
        stored = np.load(folder / entry.file, mmap_mode="r")
        whole = stored[: len(stored) // FRAME * FRAME].reshape(-1, FRAME, 2)
        some = whole[::EVERY].reshape(-1, 2).astype(np.float32)
        yield entry.source, entry.kind, some / 32_768, 44_100
    for path in sorted(folder.glob("*/*")):
        if path.stem in STEMS and path.suffix[1:].upper() in soundfile.available_formats():
            with soundfile.SoundFile(path) as file:
                samples = file.read(dtype="float32", always_2d=True)
                yield path.parent.name, path.stem, samples, file.samplerate
