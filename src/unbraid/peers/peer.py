"""What the adapters share: the facts of a `Model`, and how users name files and options."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import ModelError
from unbraid.models.catalog import file_sha256
from unbraid.stems import STEMS

Samples = NDArray[np.float32]


@dataclass
class Peer:
    """The facts that `unbraid.separation.model.Model` asks for."""

    name: str
    licence: str
    stems: tuple[str, ...]
    sha256: str
    sample_rate: int = 44_100


@dataclass(frozen=True)
class Argument:
    """`FILE,option=value,...` as typed after a peer's name and a colon.

    Attributes:
        peer: that it was given to.
        path: a file or folder that exists.
        options: as text.
    """

    peer: str
    path: Path
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls, peer: str, text: str | None, *, known: Sequence[str] = (), remedy: str
    ) -> Argument:
        """Take an argument apart.

        Raises:
            ModelError: no file named, none there, or an option that the peer does not know.
        """
        if not text:
            raise ModelError(f"{peer}: brings no weights; {remedy}")
        # A file whose own name has a comma is taken as it is.
        name, *pairs = [text] if Path(text).expanduser().exists() else text.split(",")
        options = {}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if key not in known or not equals or not value:
                known_ones = ", ".join(f"{option}=" for option in known)
                raise ModelError(f"{peer}: no option {pair!r}; it knows {known_ones or 'none'}")
            options[key] = value
        path = Path(name).expanduser()
        if not path.exists():
            raise ModelError(f"{peer}: {path}: no such file; {remedy}")
        return cls(peer, path, options)

    def number(self, option: str, otherwise: float | str | None = None) -> float:
        """An option as a number above zero.

        Raises:
            ModelError: it is missing and has no default, or is no such number.
        """
        given = self.options.get(option, otherwise)
        if given is None:
            raise ModelError(f"{self.peer}: {self.path.name} needs {option}=, a number")
        try:
            number = float(given)
        except (TypeError, ValueError):
            number = 0.0
        if not 0 < number < 1e9:
            raise ModelError(f"{self.peer}: {option}={given} is no number above zero")
        return number

    def sha256(self, *files: Path) -> str:
        """Of files' contents and of the options, for both change the numbers."""
        total = hashlib.sha256(repr(sorted(self.options.items())).encode())
        for file in files:
            total.update(bytes.fromhex(file_sha256(file)))
        return total.hexdigest()


def of_our_stems(names: Sequence[str], parts: Samples) -> tuple[tuple[str, ...], Samples]:
    """Rows by a peer's names as our stems.

    What it calls neither vocals, drums nor bass is part of our `other` (guitar, piano), if it
    gives an `other` at all.

    Args:
        names: of the rows; some of STEMS among them.
        parts: (rows, 2, n_samples).

    Returns:
        The stems, and their samples.
    """
    stems = tuple(name for name in names if name in STEMS)
    result = parts[[index for index, name in enumerate(names) if name in STEMS]]
    if "other" in stems and len(stems) < len(names):
        rest = [index for index, name in enumerate(names) if name not in STEMS]
        result[stems.index("other")] += parts[rest].sum(axis=0)
    return stems, result
