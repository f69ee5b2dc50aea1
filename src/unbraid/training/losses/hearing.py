"""The seed's auditory-masking loss: an error counts as far as it can be heard beside the stem.

The model is Johnston's: the stem's power in critical bands, spread along the ear, less an offset
that depends on how tonal the frame is, is the noise it hides; nothing below the threshold in
quiet is heard either. The seed's author found that such a loss changes the colour of the sound,
not the bleed; it is here to repeat that.

Sources: Johnston 1988, "Transform coding of audio signals using perceptual noise criteria";
Schroeder, Atal & Hall 1979 (spreading); Terhardt 1979 (threshold in quiet); Zwicker & Terhardt
1980 (the Bark scale).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unbraid.spec import Spec
from unbraid.training.losses.targets import Targets, relative

FULL_SCALE_DB_SPL = 96.0
"""How loud a sine of full scale is played, as in MPEG-1's model."""

TONAL_FLATNESS_DB = -60.0
"""Spectral flatness at which a frame counts as wholly tonal."""

Values = NDArray[np.float64]


def masked_error(estimate: Tensor, targets: Targets, spec: Spec) -> Tensor:
    """sum (sqrt(|mX - S|^2 + T) - sqrt(T)) / max(sum |S|, 0.4 sum |X|).

    T is the power a bin of error may have without being heard beside S. Errors far below it count
    by their square, next to nothing; errors far above it as in `complex_l1`.

    Args:
        estimate: masks or spectra, (batch, 4, 2, n_bins, n_frames).
        targets: the same batch's.
        spec: the analysis settings.

    Returns:
        (batch, 4); 0 for a perfect estimate.
    """
    threshold = masked_threshold(targets.magnitude.square(), spec)
    heard = (targets.squared_error(estimate) + threshold).sqrt() - threshold.sqrt()
    return relative(heard, targets.magnitude, targets.mixture, (-3, -2, -1))


@torch.no_grad()
def masked_threshold(power: Tensor, spec: Spec) -> Tensor:
    """The power that each bin of a sound hides from the ear.

    Args:
        power: |S|^2, (..., n_bins, n_frames).
        spec: the analysis settings.

    Returns:
        The same shape, above zero.
    """
    ear = _ear(spec, power.device)
    # Spectral flatness: geometric to arithmetic mean, 0 dB for noise, very low for tones.
    floored = power + ear.quiet[:, None]
    flatness_db = 10 / np.log(10) * (floored.log().mean(-2) - floored.mean(-2).log())
    tonality = (flatness_db / TONAL_FLATNESS_DB).clamp(max=1.0)[..., None, :]
    offset_db = tonality * (14.5 + ear.bark[:, None]) + (1 - tonality) * 5.5
    in_bands = torch.matmul(ear.spread, power) * 10 ** (-offset_db / 10)
    # A band's share is spread evenly over its bins.
    return torch.maximum((in_bands / ear.n_bins[:, None])[..., ear.band, :], ear.quiet[:, None])


@dataclass(frozen=True, slots=True)
class _Ear:
    """What depends only on the spec; a band is one Bark wide."""

    band: Tensor  # (n_bins,), int64: each bin's
    n_bins: Tensor  # (n_bands,)
    bark: Tensor  # (n_bands,): their centres
    spread: Tensor  # (n_bands, n_bins): a bin's power to bands
    quiet: Tensor  # (n_bins,): power of the threshold in quiet


@lru_cache(maxsize=4)
def _ear(spec: Spec, device: torch.device) -> _Ear:
    frequencies = np.arange(spec.n_bins) * spec.sample_rate / spec.n_fft
    _, band, n_bins = np.unique(
        np.floor(bark(frequencies)), return_inverse=True, return_counts=True
    )
    member = band == np.arange(len(n_bins))[:, None]
    centres = np.floor(bark(frequencies))[np.argmax(member, axis=1)] + 0.5
    spread = 10 ** (spreading_db(centres[:, None] - centres) / 10)
    # As loud after as before: Johnston's renormalisation, for bands of equal power.
    spread /= spread.sum(axis=1, keepdims=True)
    # The power that a sine of full scale has in its highest bin.
    full_scale = (spec.n_fft / 4) ** 2
    # Bin 0 has no threshold; the formula is good from 20 Hz on.
    quiet = full_scale * 10 ** (
        (quiet_db_spl(np.maximum(frequencies, 20.0)) - FULL_SCALE_DB_SPL) / 10
    )

    def tensor(values: Values) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(device)

    return _Ear(
        torch.from_numpy(band).to(device),
        tensor(n_bins.astype(float)),
        tensor(centres),
        tensor(spread @ member),
        tensor(quiet),
    )


def bark(frequency_hz: Values) -> Values:
    """Place along the ear, in critical bands: 13 atan(0.76 f) + 3.5 atan((f / 7.5)^2), f in kHz."""
    f = frequency_hz / 1000
    place: Values = 13 * np.arctan(0.76 * f) + 3.5 * np.arctan((f / 7.5) ** 2)
    return place


def spreading_db(distance_bark: Values) -> Values:
    """Level at a place that lies so many Bark above the masker's; steeper downwards.

    15.81 + 7.5 (d + 0.474) - 17.5 sqrt(1 + (d + 0.474)^2).
    """
    d = distance_bark + 0.474
    level: Values = 15.81 + 7.5 * d - 17.5 * np.sqrt(1 + d**2)
    return level


def quiet_db_spl(frequency_hz: Values) -> Values:
    """Threshold in quiet: 3.64 f^-0.8 - 6.5 exp(-0.6 (f - 3.3)^2) + 0.001 f^4, f in kHz."""
    f = frequency_hz / 1000
    level: Values = 3.64 * f**-0.8 - 6.5 * np.exp(-0.6 * (f - 3.3) ** 2) + 1e-3 * f**4
    return level
