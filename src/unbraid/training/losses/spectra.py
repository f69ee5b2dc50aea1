"""Terms on masked spectra."""

from torch import Tensor

from unbraid.training.losses.targets import QUIET_FLOOR, Targets, relative

AXES = (-3, -2, -1)


def complex_l1(estimate: Tensor, targets: Targets) -> Tensor:
    """sum |mX - S| / max(sum |S|, 0.4 sum |X|).

    In the complex domain, so that a magnitude net learns the mask that is best with the
    mixture's phase (phase-sensitive; Erdogan et al. 2015): worth 1.5 to 2 dB of ceiling over
    matching |S|.

    Args:
        estimate: masks or spectra, (batch, 4, 2, n_bins, n_frames).
        targets: the same batch's.

    Returns:
        (batch, 4); 0 for a perfect estimate.
    """
    # The constant keeps the gradient of the root finite where the error is nothing.
    error = (targets.squared_error(estimate) + 1e-6).sqrt()
    return relative(error, targets.magnitude, targets.mixture, AXES)


def magnitude_l1(estimate: Tensor, targets: Targets) -> Tensor:
    """sum ||mX| - |S|| / max(sum |S|, 0.4 sum |X|).

    The seed's own target: the stem's magnitude, whether or not the mixture's phase fits it.

    Args:
        estimate: masks or spectra, (batch, 4, 2, n_bins, n_frames).
        targets: the same batch's.

    Returns:
        (batch, 4); 0 where all magnitudes agree.
    """
    error = (targets.magnitude_of(estimate) - targets.magnitude).abs()
    return relative(error, targets.magnitude, targets.mixture, AXES)


def energy(estimate: Tensor, targets: Targets) -> Tensor:
    """The square root of sum |mX - S|^2 / max(sum |S|^2, 0.16 sum |X|^2).

    uSDR's own ratio, as amplitudes: loud bins, where drums and bass have theirs, count as they do
    in the figure by which nets are judged. Mind that it lets quiet passages go.

    Args:
        estimate: masks or spectra, (batch, 4, 2, n_bins, n_frames).
        targets: the same batch's.

    Returns:
        (batch, 4); next to 0 for a perfect estimate.
    """
    floor = QUIET_FLOOR**2 * targets.mixture.square().mean(AXES)
    signal = targets.magnitude.square().mean(AXES).maximum(floor).clamp(min=1e-8)
    # The constant keeps the gradient of the root finite where the error is nothing.
    return (targets.squared_error(estimate).mean(AXES) / signal + 1e-4).sqrt()


def compressed_magnitude(estimate: Tensor, targets: Targets, power: float = 0.5) -> Tensor:
    """sum ||mX|^p - |S|^p| / max(sum |S|^p, 0.4 sum |X|^p).

    Hears quiet passages and highs, which the linear term leaves to luck (cf. Wilson et al. 2018).

    Args:
        estimate: masks or spectra, (batch, 4, 2, n_bins, n_frames).
        targets: the same batch's.
        power: p; the smaller, the more quiet bins count. 0.3 to 0.5 is customary.

    Returns:
        (batch, 4); 0 where all magnitudes agree.
    """
    target = _raised(targets.magnitude, power)
    error = (_raised(targets.magnitude_of(estimate) + 1e-4, power) - target).abs()
    return relative(error, target, _raised(targets.mixture, power), AXES)


def _raised(magnitude: Tensor, power: float) -> Tensor:
    # The gradient of a root costs two passes over memory less than that of a power.
    return magnitude.sqrt() if power == 0.5 else magnitude.pow(power)
