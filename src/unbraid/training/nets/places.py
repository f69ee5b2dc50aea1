"""Where a sound stands between the channels, bin by bin, however loud it is."""

import torch
from torch import Tensor


def places(spectrum: Tensor, n_bins: int) -> Tensor:
    """How far a bin is from the middle, and to which side.

    With the channels' spectra L and R, |L - R|^2 / (|L|^2 + |R|^2) is 0 for a sound in the middle,
    1 for one on one side or for two that have nothing in common, 2 for one of opposite signs; and
    (|L|^2 - |R|^2) / (|L|^2 + |R|^2) tells the side. A sound that is panned gives the same pair in
    all bins that are its own, and in those that it shares with what stands in the middle nearly its
    share of the first, which levels alone hardly tell (Jourjine, Rickard & Yilmaz 2000 separate by
    nothing else).

    Args:
        spectrum: (batch, 4, bins, n_frames), real and imaginary parts of left and right.
        n_bins: how many of them, from 0 Hz up.

    Returns:
        (batch, 2, n_bins, n_frames); 0 where nothing sounds.
    """
    low = spectrum[:, :, :n_bins]
    left, right = low[:, :2], low[:, 2:]
    left_power, right_power = left.square().sum(dim=1), right.square().sum(dim=1)
    apart = (left - right).square().sum(dim=1)  # |L|^2 + |R|^2 - 2 Re(L conj(R))
    power = left_power + right_power + 1e-3
    return torch.stack([apart / power, (left_power - right_power) / power], dim=1)
