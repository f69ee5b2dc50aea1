"""What a user wants to have written: stems, or sums of them."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import UsageError
from unbraid.stems import STEMS

_TERM = re.compile(r"\s*([+-]?)\s*([a-z]+)\s*")


@dataclass(frozen=True, slots=True)
class Output:
    """One file to be: a name and how much of each stem is in it."""

    name: str
    gains: tuple[float, ...]  # in the order of STEMS


def stem_outputs(names: str | None = None) -> list[Output]:
    """The stems themselves, all or those named: "vocals,drums".

    Raises:
        UsageError: there is no such stem.
    """
    wanted = list(STEMS) if names is None else [n.strip() for n in names.split(",") if n.strip()]
    for name in wanted:
        if name not in STEMS:
            raise UsageError(f"no stem {name!r}; choose from {', '.join(STEMS)}")
    return [
        Output(stem, tuple(float(stem == s) for s in STEMS)) for stem in STEMS if stem in wanted
    ]


def two_stems(stem: str) -> list[Output]:
    """A stem and everything but it: `vocals` and `no_vocals`."""
    one = stem_outputs(stem)[0]
    return [one, Output(f"no_{stem}", tuple(1 - gain for gain in one.gains))]


def mix_output(expression: str) -> Output:
    """A sum of stems, such as "all-vocals" or "drums+bass"; `all` is the song.

    Raises:
        UsageError: it cannot be read, or nothing is left of it.
    """
    gains = np.zeros(len(STEMS))
    position = 0
    text = expression.strip().lower()
    while position < len(text):
        term = _TERM.match(text, position)
        if term is None or (position > 0 and not term[1]):
            raise UsageError(f"cannot read the mix {expression!r}; write it like all-vocals")
        sign = -1 if term[1] == "-" else 1
        if term[2] == "all":
            gains += sign
        elif term[2] in STEMS:
            gains[STEMS.index(term[2])] += sign
        else:
            raise UsageError(
                f"no stem {term[2]!r} in the mix {expression!r}; "
                f"choose from {', '.join((*STEMS, 'all'))}"
            )
        position = term.end()
    if not gains.any():
        raise UsageError(f"nothing is left of the mix {expression!r}")
    return Output(re.sub(r"\s+", "", text), tuple(float(gain) for gain in gains))


def mixed(stems: NDArray[np.float32], outputs: list[Output]) -> NDArray[np.float32]:
    """The outputs' samples.

    Args:
        stems: float32, (4, 2, n).
        outputs: what to make of them.

    Returns:
        float32, (outputs, 2, n).
    """
    result = np.empty((len(outputs), *stems.shape[1:]), np.float32)
    for row, output in zip(result, outputs, strict=True):
        # One stem at a time, so that a lone stem is copied to the bit.
        parts = [
            s if g == 1 else s * np.float32(g)
            for s, g in zip(stems, output.gains, strict=True)
            if g
        ]
        row[:] = parts[0] if len(parts) == 1 else np.sum(parts, axis=0)
    return result
