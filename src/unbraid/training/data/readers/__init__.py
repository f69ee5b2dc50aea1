"""Sets of songs with stems that users bring: recognised, checked, and added to the pools."""

from pathlib import Path

from unbraid.errors import TrainingError, UsageError
from unbraid.training.data.readers.layouts import LAYOUTS
from unbraid.training.data.readers.song_set import SongSet, pool_name


def find_set(
    path: Path,
    *,
    layout: str = "auto",
    licence: str | None = None,
    source: str | None = None,
) -> SongSet:
    """The songs of a folder, as a source that `unbraid.training.data.build.build` takes.

    Args:
        path: of the set.
        layout: one of `LAYOUTS`, or auto.
        licence: instead of the set's own; `folders` have none of their own.
        source: its name in the pools; the layout's, or the folder's, if not given.

    Raises:
        UsageError: an unknown layout, no licence, or a name that is taken.
        TrainingError: no songs there.
    """
    if not path.is_dir():
        raise TrainingError(f"{path}: no such folder; name the one that holds the set")
    if layout not in ("auto", *LAYOUTS):
        raise UsageError(f"--layout {layout}: choose from auto, {', '.join(LAYOUTS)}")
    names = LAYOUTS if layout == "auto" else (layout,)
    chosen = next(
        LAYOUTS[name] for name in names if layout != "auto" or LAYOUTS[name].is_here(path)
    )
    found = chosen.find(path)
    if not found.songs:
        why = f" ({found.left_out[0]})" if found.left_out else ""
        raise TrainingError(f"{path}: no songs of the layout {chosen.name} there{why}")
    licence = licence or chosen.licence
    if licence is None:
        raise UsageError(f"{path}: under which licence? Say it with --licence TEXT")
    usual = pool_name(path.resolve().name).replace(" ", "-") if chosen.licence is None else None
    return SongSet(
        name=source or usual or chosen.name,
        licence=licence,
        credit=chosen.credit,
        found=found.songs,
        kinds=chosen.kinds,
        titles=found.titles,
        left_out=found.left_out,
    )
