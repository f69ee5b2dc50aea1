"""unbraid takes a song apart into vocals, drums, bass and the rest.

    >>> import numpy as np
    >>> import unbraid
    >>> song = np.zeros((2, 44_100), np.float32)  # or the path of any sound file
    >>> stems = unbraid.separate(song, 44_100)
    >>> stems["vocals"].shape
    (2, 44100)
    >>> bool(np.abs(stems.mixture - song).max() < 3e-5)  # the stems sum to the song
    True

Importing it is cheap: numpy, ONNX Runtime and the decoder are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unbraid.stems import STEMS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from unbraid.audio.track import Track
    from unbraid.separation.offline import Progress, Stems
    from unbraid.separation.separator import Separator

__version__ = "0.1.0"

__all__ = ["STEMS", "Separator", "Stems", "Track", "__version__", "separate"]

_HOMES = {
    "Separator": "unbraid.separation.separator",
    "Stems": "unbraid.separation.offline",
    "Track": "unbraid.audio.track",
}


def separate(
    audio: str | Path | NDArray[np.float32],
    sample_rate: int | None = None,
    *,
    model: str | Path | None = None,
    n_threads: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Stems:
    """Separate one song, wholly in memory.

    For several songs make one `Separator` and call its `separate`, which loads the model once.
    For songs of any length in flat memory see `unbraid.separation.offline.separate`.

    Args:
        audio: the path of a sound file, or samples of shape (channels, n_samples) or
            (n_samples,), full scale 1.0.
        sample_rate: of the array, in Hz; the model's (44 100) if not given.
        model: a name that `unbraid models` lists, or the path of a model set; None for the
            default.
        n_threads: tiles separated at once; None for one a core, at most two. The numbers do
            not depend on it.
        progress: called after each tile.

    Returns:
        The stems at the model's rate; `stems["drums"]` is float32, (2, n_samples).

    Raises:
        AudioError: the file cannot be read as audio.
        ModelError: there is no such model, or it is damaged.

    Example:
        >>> import numpy as np
        >>> stems = separate(np.zeros(22_050, np.float32), 22_050)  # a second of mono
        >>> stems.samples.shape, stems.sample_rate
        ((4, 2, 44100), 44100)
    """
    from unbraid.separation.separator import Separator

    separator = Separator(model, n_threads=n_threads)
    return separator.separate(audio, sample_rate, progress=progress)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
