"""The player: a song on four faders, while it is still being taken apart. No Qt, no torch.

Importing it is cheap: `Player` and the rest are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unbraid.player.blind import Blind, Trial, Verdict
    from unbraid.player.engine import ORIGINAL, Player
    from unbraid.player.export import ExportJob, ExportRequest, ExportResult
    from unbraid.player.mixer import Levels, Meter, Mixer, Strip
    from unbraid.player.output import Device, system_output
    from unbraid.player.overview import COLUMN, Overview
    from unbraid.player.playlist import Item, Playlist
    from unbraid.player.snapshot import Notice, Snapshot
    from unbraid.player.transport import Motion
    from unbraid.player.virtual import VirtualOutput

_HOMES = {
    "blind": ("Blind", "Trial", "Verdict"),
    "engine": ("ORIGINAL", "Player"),
    "export": ("ExportJob", "ExportRequest", "ExportResult"),
    "mixer": ("Levels", "Meter", "Mixer", "Strip"),
    "output": ("Device", "system_output"),
    "overview": ("COLUMN", "Overview"),
    "playlist": ("Item", "Playlist"),
    "snapshot": ("Notice", "Snapshot"),
    "transport": ("Motion",),
    "virtual": ("VirtualOutput",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "COLUMN",
    "ORIGINAL",
    "Blind",
    "Device",
    "ExportJob",
    "ExportRequest",
    "ExportResult",
    "Item",
    "Levels",
    "Meter",
    "Mixer",
    "Motion",
    "Notice",
    "Overview",
    "Player",
    "Playlist",
    "Snapshot",
    "Strip",
    "Trial",
    "Verdict",
    "VirtualOutput",
    "system_output",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(f"unbraid.player.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
