"""What a batch tells while it goes on, and at its end."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

State = Literal["done", "skipped", "moved", "copied", "failed"]


@dataclass(frozen=True, slots=True)
class SongEvent:
    """What came of one song.

    Attributes:
        state: done; skipped, as its files are there; moved or copied, as they were elsewhere;
            or failed.
        source: the song.
        paths: its files by output.
        error: why it failed, and what to do.
        warnings: what was wrong with it, and files of ours that were set aside.
        facts: of a separated song: audio_s, wall_s, cpu_s and so on, as `SongResult`.
    """

    state: State
    source: Path
    paths: dict[str, Path] = field(default_factory=dict)
    error: str | None = None
    warnings: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is."""

    n_songs: int
    n_ended: int
    n_failed: int
    fraction: float  # by the songs' bytes
    audio_s: float  # separated in this run
    times_real_time: float
    eta_s: float | None  # None before anything was separated


@dataclass(slots=True)
class Summary:
    """What came of a batch.

    Attributes:
        states: how many songs ended in each state.
        failures: what failed, and why, in one line each.
        n_untried: songs that were not begun, for `halted`, or as the user asked to stop.
        halted: why the batch could not go on.
        audio_s, wall_s: separated, and time taken.
    """

    states: Counter[State] = field(default_factory=Counter)
    failures: dict[Path, str] = field(default_factory=dict)
    n_untried: int = 0
    halted: str | None = None
    audio_s: float = 0.0
    wall_s: float = 0.0
