"""A set of songs that a user brought, as a source of training material."""

import re
from collections.abc import Sequence
from pathlib import Path

from unbraid.errors import UsageError
from unbraid.training.data.manifest import Kind, is_validation_song
from unbraid.training.data.sources import SOURCES, Song, Source

ALL_KINDS: tuple[Kind, ...] = ("vocals", "drums", "bass", "other")

_UNSAFE = re.compile(r'[\x00-\x1f\\/:*?"<>|]+')
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class SongSet(Source):
    """Songs of one set; those that our models are judged by are left out and named.

    Args:
        name: of the source in the pools.
        licence: of all of its songs.
        credit: whom it wants named.
        found: all songs of the set.
        kinds: what each is written as, at most.
        titles: what songs are called elsewhere, where their names in the pools do not tell.
        left_out: one line each: what is not read, and why.

    Raises:
        UsageError: the name cannot be a folder's, or is that of one of our sources.
    """

    obtained = "a folder of the user's"
    verified = "every recording decodes to its end and is not clipped"
    default_hours = 0.0

    def __init__(
        self,
        name: str,
        licence: str,
        credit: str,
        found: Sequence[Song],
        kinds: tuple[Kind, ...] = ALL_KINDS,
        titles: dict[str, str] | None = None,
        left_out: Sequence[str] = (),
    ) -> None:
        if not _SOURCE.fullmatch(name) or name in SOURCES:
            raise UsageError(
                f"--source {name}: choose another name, of letters, digits, '.', '_' and '-'"
            )
        self.name, self.licence, self.credit, self.kinds = name, licence, credit, kinds
        self.found: list[Song] = []
        self.left_out = list(left_out)
        for song in found:
            title = (titles or {}).get(song.name, song.name)
            if any(is_validation_song(text) for text in (song.name, title)):
                self.left_out.append(
                    f"{name}/{title}: models are judged by this song, so it is never trained on"
                )
            else:
                self.found.append(song)

    def missing(self, pack: Path | None) -> str | None:
        """Nothing: the songs were found."""
        return None

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        """All of them."""
        return self.found


def pool_name(title: str) -> str:
    """A song's name as a file's on any system."""
    return _UNSAFE.sub("_", title).strip(" .") or "_"
