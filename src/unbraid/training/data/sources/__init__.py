"""Where training material comes from: one small file a source."""

from unbraid.training.data.sources.album import Album
from unbraid.training.data.sources.source import Song, Source
from unbraid.training.data.sources.voices import (
    Berklee,
    Dorodoro,
    Erithacus,
    HeldOutSongs,
    Iona,
    Kumi,
    ProducerSpace,
    Yuki,
)

__all__ = ["SOURCES", "Song", "Source"]

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Album(),
        ProducerSpace(),
        Kumi(),
        Yuki(),
        Dorodoro(),
        Iona(),
        Berklee(),
        Erithacus(),
        HeldOutSongs(),
    )
}
"""By name, the most valuable first: the order of a build."""
