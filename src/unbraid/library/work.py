"""What a batch does to each song, and the name of it in logs."""

import hashlib
import json
from dataclasses import asdict, dataclass

from unbraid.library.song import SongOptions


@dataclass(frozen=True, slots=True)
class Work:
    """What is done to each song.

    Attributes:
        model: the model's name, as templates spell it.
        numbers: names the model's exact numbers.
        options: what is written; its folder is the output folder.
    """

    model: str
    numbers: str
    options: SongOptions

    @property
    def key(self) -> str:
        """Names the work: the same song and key give the same bytes, under whatever names."""
        options = asdict(self.options)
        for name in ("folder", "template", "force"):
            del options[name]
        text = json.dumps([self.model, self.numbers, options], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
