"""What the window remembers: a small JSON file in the user's folder for settings. No Qt."""

import json
import os
import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

N_RECENT = 12


def settings_folder() -> Path:
    """`$UNBRAID_SETTINGS`, or the platform's folder for settings."""
    named = os.environ.get("UNBRAID_SETTINGS")
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "unbraid"


@dataclass(slots=True)
class Settings:
    """What the listener chose; a value of the wrong kind in the file is the default again."""

    look: str = "system"  # or "dark", "light"
    volume_db: float = 0.0
    limiter: bool = False
    model: str = ""  # the default model's name may change between versions
    compared: str = "original"  # what B is
    has_playlist: bool = True  # whether its panel is open
    follows: bool = True
    width: int = 1280
    height: int = 800
    recent: list[str] = field(default_factory=list)
    export_folder: str = ""
    export_format: str = "wav"
    export_depth: str = ""

    def remember(self, path: str) -> None:
        """Put a song first among the recent ones."""
        self.recent = [path, *(other for other in self.recent if other != path)][:N_RECENT]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file; one that is missing or damaged counts as empty."""
        settings = cls()
        try:
            found: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return settings
        if not isinstance(found, dict):
            return settings
        for known in fields(cls):
            value, default = found.get(known.name), getattr(settings, known.name)
            if isinstance(default, float) and isinstance(value, int):
                value = float(value)
            if type(value) is type(default):
                setattr(settings, known.name, value)
        settings.recent = [entry for entry in settings.recent if isinstance(entry, str)]
        return settings

    def save(self, path: Path) -> None:
        """Write the file beside, then rename.

        Raises:
            OSError: the folder cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(path)
