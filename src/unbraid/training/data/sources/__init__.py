"""Where training material comes from: one small file a source."""

from unbraid.training.data.sources.album import Album
from unbraid.training.data.sources.bands import Bands
from unbraid.training.data.sources.chip import Chip
from unbraid.training.data.sources.frets import Muldjord, Sectoid
from unbraid.training.data.sources.games import Hedgewars, Shouts, Wesnoth
from unbraid.training.data.sources.kokoro import Kokoro
from unbraid.training.data.sources.lmms_projects import LmmsProjects
from unbraid.training.data.sources.loops import Loops
from unbraid.training.data.sources.midi_songs import Freedoom, OpenMsx
from unbraid.training.data.sources.mma import Mma
from unbraid.training.data.sources.source import Song, Source
from unbraid.training.data.sources.speech import SPEECH
from unbraid.training.data.sources.sung import Phrases, Sung
from unbraid.training.data.sources.trackers import Trackers
from unbraid.training.data.sources.voices import VOICES

__all__ = ["SOURCES", "Song", "Source"]

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Album(),
        *VOICES,
        Muldjord(),
        Sectoid(),
        Phrases(),
        Bands(),
        Sung(),
        Mma(),
        Freedoom(),
        OpenMsx(),
        Trackers(),
        LmmsProjects(),
        Loops(),
        Shouts(),
        Kokoro(),
        *SPEECH,
        Hedgewars(),
        Wesnoth(),
        Chip(),
    )
}
"""By name, the most valuable first: the order of a build."""
