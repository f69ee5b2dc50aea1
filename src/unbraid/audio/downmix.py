"""Any number of channels to two, by ITU-R BS.775.

The coefficients are those of ITU-R BS.775-4, annex 4 (two-channel stereo from 3/2 sound): the
centre goes to both sides at 1/sqrt(2), each surround to its own side at 1/sqrt(2), a single rear
centre to both sides at 1/2. The low-frequency effects channel is left out, as the recommendation
allows. Channels that BS.775 does not know (height, wide, front-of-centre) follow the nearest one
that it does.

So that the result cannot clip, all coefficients are divided by the larger row sum of their
absolute values: with every input channel at full scale the output is at full scale. For 5.1 that
divides by 1 + 2/sqrt(2) = 2.414, that is -7.7 dB. Stereo passes through untouched; mono becomes
two equal channels at unchanged level.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_CENTRE = 0.5**0.5
_GAINS: dict[str, tuple[float, float]] = {  # channel: (to the left, to the right)
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "DL": (1.0, 0.0),
    "DR": (0.0, 1.0),
    "WL": (1.0, 0.0),
    "WR": (0.0, 1.0),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
    "FC": (_CENTRE, _CENTRE),
    "BL": (_CENTRE, 0.0),
    "BR": (0.0, _CENTRE),
    "SL": (_CENTRE, 0.0),
    "SR": (0.0, _CENTRE),
    "SDL": (_CENTRE, 0.0),
    "SDR": (0.0, _CENTRE),
    "TFL": (_CENTRE, 0.0),
    "TFR": (0.0, _CENTRE),
    "TBL": (_CENTRE, 0.0),
    "TBR": (0.0, _CENTRE),
    "TSL": (_CENTRE, 0.0),
    "TSR": (0.0, _CENTRE),
    "BC": (0.5, 0.5),
    "TC": (0.5, 0.5),
    "TFC": (0.5, 0.5),
    "TBC": (0.5, 0.5),
    "BFC": (0.5, 0.5),
    "BFL": (_CENTRE, 0.0),
    "BFR": (0.0, _CENTRE),
    "LFE": (0.0, 0.0),
    "LFE2": (0.0, 0.0),
}

_USUAL_ORDER: dict[int, tuple[str, ...]] = {  # for files that do not name their channels
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}


@lru_cache(maxsize=32)
def downmix_matrix(channels: tuple[str, ...]) -> NDArray[np.float32]:
    """The two rows that turn named channels into left and right.

    Args:
        channels: ffmpeg's channel names in the file's order, e.g. ("FL", "FR", "FC", "LFE").

    Returns:
        float32, (2, len(channels)); the absolute values of each row sum to at most 1.
    """
    if len(channels) == 1:
        return np.ones((2, 1), np.float32)
    named = channels
    if not any(name in _GAINS for name in channels):
        named = _USUAL_ORDER.get(len(channels), channels)
    gains = np.array([_GAINS.get(name, (0.0, 0.0)) for name in named]).T
    loudest = np.abs(gains).sum(axis=1).max()
    if loudest == 0:  # nothing but unknown channels: their mean
        return np.full((2, len(channels)), 1 / len(channels), np.float32)
    return np.asarray(gains / loudest, np.float32)


def to_stereo(samples: NDArray[np.float32], channels: Sequence[str]) -> NDArray[np.float32]:
    """Mix any number of channels down to two.

    Args:
        samples: float32, (n_channels, n).
        channels: their names in ffmpeg's spelling.

    Returns:
        float32, (2, n); the same numbers whatever n was.
    """
    names = tuple(channels)
    if names == ("FL", "FR") or (len(names) == 2 and not any(n in _GAINS for n in names)):
        return samples
    matrix = downmix_matrix(names)
    if len(names) == 1:
        return np.repeat(samples, 2, axis=0)
    # Added up channel by channel: a matrix product may round differently for different lengths.
    mixed = np.zeros((2, samples.shape[1]), np.float32)
    for side in (0, 1):
        for channel in np.flatnonzero(matrix[side]):
            mixed[side] += matrix[side, channel] * samples[channel]
    return mixed
