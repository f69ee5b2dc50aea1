"""From what a model says to masks over the whole band, and from masks to stems."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbraid.spec import Spec

CARRY_FROM_FRACTION = 0.73
"""The band above a model's top copies the masks of the band from here to the top: 8 to 11 kHz."""


def ratio_masks(magnitudes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power ratio masks: each stem's share of the power that all claim.

    Args:
        magnitudes: float32, (stems, channels, bins, frames), not negative.

    Returns:
        The same shape; the stems' masks sum to one in every bin.

    Source: Liutkus & Badeau 2015, with exponent 2.
    """
    power = np.square(magnitudes) + np.float32(1e-10)
    power /= power.sum(axis=0)
    return power


def carry_upward(
    masks: NDArray[np.float32] | NDArray[np.complex64],
    spectrum: NDArray[np.complex64],
    spec: Spec,
) -> NDArray[np.float32] | NDArray[np.complex64]:
    """Extend masks from the bins a model sees to all rows of the spectrum.

    Above the model's top each frame goes on with the gain that its last quarter has on average,
    weighted by the mixture's power, so that a cymbal's or a voice's air stays with it.

    Args:
        masks: (stems, channels, n_bins, frames), real or complex.
        spectrum: the mixture's, complex64, (channels, n_bins, frames).
        spec: the analysis settings.

    Returns:
        (stems, channels, n_rows, frames).
    """
    n_bins = spec.n_bins
    if n_bins == spec.n_rows:
        return masks
    bottom = int(n_bins * CARRY_FROM_FRACTION)
    weight = np.square(np.abs(spectrum[:, bottom:])) + np.float32(1e-12)
    weight /= weight.sum(axis=1, keepdims=True)
    # Frame by frame in memory, as `stft` gives spectra and `istft` wants them: products and
    # transforms of arrays of unlike order take two to three times as long.
    n_stems, n_channels, _, n_frames = masks.shape
    shape = (n_stems, n_channels, n_frames, spec.n_rows)
    whole: NDArray[Any] = np.empty(shape, masks.dtype).swapaxes(-1, -2)
    whole[:, :, :n_bins] = masks
    carried = np.einsum("scbf,cbf->scf", masks[:, :, bottom:], weight)
    whole[:, :, n_bins:] = carried[:, :, None]
    return whole
