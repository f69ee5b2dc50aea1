"""What every separator is to those who only want stems: ours, and peers that plug in.

A package adds a peer with an entry point of the group `unbraid.models`:

    [project.entry-points."unbraid.models"]
    demucs = "unbraid_demucs:open_model"

The name left is what users type, alone or with an argument: `demucs`, `demucs:htdemucs_ft`. What it
names is called with that argument (or None) and gives a `Model`. Nothing is imported before it is
asked for.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import ModelError
from unbraid.models.catalog import file_sha256, find_model
from unbraid.separation.offline import separate
from unbraid.separation.separator import Separator

Samples = NDArray[np.float32]

PLUGIN_GROUP: Final = "unbraid.models"


@runtime_checkable
class Model(Protocol):
    """Takes songs apart.

    Attributes:
        name: as users type it and tables show it.
        licence: of its weights, as people read it: "CC BY 4.0", "research use only".
        stems: those it gives, of STEMS, in the order of its output; other stems are unknown.
        sample_rate: Hz, of what goes in and comes out; 44 100 unless it says otherwise.
        sha256: names its exact numbers: of its weights, or whatever changes when they do.
    """

    @property
    def name(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def stems(self) -> tuple[str, ...]: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def sha256(self) -> str: ...

    def separate(self, samples: Samples) -> Samples:
        """Stems of a whole song.

        Args:
            samples: float32, (2, n_samples), full scale 1.0; not to be written to.

        Returns:
            float32, (len(stems), 2, n_samples), aligned with the input to the sample.
        """
        ...


class SetModel:
    """A model set as a `Model`.

    Args:
        separator: loaded.
    """

    sample_rate: int

    def __init__(self, separator: Separator) -> None:
        self.separator = separator
        self.name = separator.name
        self.stems = separator.stems
        self.sample_rate = separator.spec.sample_rate
        self.sha256 = separator.entry.sha256
        self.licence = ", ".join(dict.fromkeys(card.licence for card in separator.entry.cards))

    def separate(self, samples: Samples) -> Samples:
        """See `Model`."""
        from unbraid.audio.track import Track
        from unbraid.stems import STEMS

        given = [STEMS.index(stem) for stem in self.stems]
        stems = np.empty((len(given), *samples.shape), np.float32)
        n_done = 0

        def keep(part: Samples) -> None:
            nonlocal n_done
            stems[..., n_done : n_done + part.shape[-1]] = part[given]
            n_done += part.shape[-1]

        rate = self.sample_rate
        with Track.from_array(samples, rate, model_rate=rate) as track:
            separate(track, self.separator, keep)
        return stems


@dataclass(frozen=True, slots=True)
class ModelName:
    """What a user named, found but not loaded."""

    name: str
    sha256: str  # names its exact numbers, as far as can be told without loading it
    is_peer: bool
    open: Callable[[int], Model]  # with the number of threads

    @property
    def label(self) -> str:
        """As pages show it: a peer by its file's name, for nobody need know its folders."""
        peer, _, argument = self.name.partition(":")
        if not self.is_peer or not argument:
            return self.name
        return f"{peer} ({Path(argument.split(',')[0]).stem})"


def plugins() -> dict[str, EntryPoint]:
    """Installed peers by name."""
    return {point.name: point for point in entry_points(group=PLUGIN_GROUP)}


def named_model(name: str) -> ModelName:
    """A peer or a model set by its name or path.

    Raises:
        ModelError: there is none.
    """
    peer, _, argument = name.partition(":")
    point = plugins().get(peer)
    if point is not None:
        return _peer(name, point, argument or None)
    try:
        entry = find_model(name)
    except ModelError as error:
        peers = ", ".join(plugins())
        raise ModelError(f"{error}; peers: {peers}" if peers else str(error)) from None
    return ModelName(
        entry.name,
        entry.sha256,
        False,
        lambda n_threads: SetModel(Separator(entry, n_threads=n_threads)),
    )


def _peer(name: str, point: EntryPoint, argument: str | None) -> ModelName:
    """A peer's numbers are its package's version's, and those of the files it was given."""
    version = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
    identity = hashlib.sha256(f"{version}\n{_given(argument or '')}".encode()).hexdigest()

    def open_peer(n_threads: int) -> Model:
        # The number of threads is the process's: peers read OMP_NUM_THREADS as torch does.
        model = point.load()(argument)
        if not isinstance(model, Model):
            raise ModelError(f"{name}: its package gives {type(model).__name__}, which is no Model")
        return model

    return ModelName(name, identity, True, open_peer)


def _given(argument: str) -> str:
    """What a peer's argument stands for: what is in the file it begins with, and its options."""
    name, _, options = argument.partition(",")
    if Path(argument).expanduser().exists():
        name, options = argument, ""  # its own name has a comma
    path = Path(name).expanduser()
    if path.is_file():
        return f"{file_sha256(path)},{options}"
    if not name or not path.is_dir():
        return argument
    # Not read: a folder may hold much else.
    facts = {file.name: file.stat() for file in sorted(path.iterdir()) if file.is_file()}
    listed = [f"{file} {fact.st_size} {fact.st_mtime_ns}" for file, fact in facts.items()]
    return "\n".join([*listed, options])
