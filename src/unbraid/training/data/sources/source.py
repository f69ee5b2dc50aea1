"""What a source of training material is."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unbraid.training.data.manifest import Kind
from unbraid.training.data.pool import Samples

Stems = Mapping[Kind, Samples]


@dataclass(frozen=True)
class Song:
    """Something that a worker can turn into stems, on its own."""

    name: str  # unique within its source
    make: Callable[[], Stems]  # a module's function, or a partial of one: it must pickle
    seconds: float  # how long it will be, roughly
    split: Literal["train", "holdout"] = "train"
    coherent: bool = True  # the stems sound together; else each stands alone


class Source(ABC):
    """One origin of material with one licence. The attributes are its declaration."""

    name: str
    licence: str
    credit: str
    kinds: tuple[Kind, ...]
    obtained: str  # how one gets it: data pack, package names, a program
    verified: str  # how we know that it is what it should be
    held_out: str = "nothing"
    default_hours: float = 1.0  # of songs; recordings end earlier by themselves

    on_request: bool = False  # built only when it is named

    @abstractmethod
    def missing(self, pack: Path | None) -> str | None:
        """What to install or to name so that this source can be built; None if all is here."""

    @abstractmethod
    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        """What to make, in a fixed order, about `hours` of it where the source has no end."""


def seed_of(*names: str | int) -> int:
    """A seed that depends on names alone, the same on every machine."""
    return zlib.crc32("/".join(str(name) for name in names).encode())


def missing_files(paths: Sequence[Path], remedy: str) -> str | None:
    """The remedy if one of the files is not there."""
    return None if all(path.exists() for path in paths) else remedy
