"""The progress bar of one song, on stderr, only where somebody looks at it."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from unbraid.separation.offline import Progress as Done


def clock_time(seconds: float) -> str:
    """Seconds as people read them: 3:07, 1:02:07."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class SongBar:
    """One song's fraction, time to go and speed; vanishes when the song is done."""

    def __init__(self, label: str, *, shown: bool = True) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.fields[state]}"),
            console=console,
            transient=True,
            disable=not (shown and console.is_terminal),
        )
        self._task = self._bar.add_task(label, total=1.0, state="reading")

    def show(self, done: Done) -> None:
        """Move on; what `separate` calls after each tile."""
        to_go = f"{clock_time(done.eta_s)} to go, " if done.eta_s is not None else ""
        self._bar.update(
            self._task,
            completed=done.fraction,
            state=f"{to_go}{done.times_real_time:.1f}x real time",
        )

    def finishing(self) -> None:
        """All is separated; files are being completed."""
        self._bar.update(self._task, state="writing")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
