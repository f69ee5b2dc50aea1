"""What a run writes down about itself: a CSV of its steps and one of its validations."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from unbraid.stems import STEMS

LOG, VALIDATION = "log.csv", "validation.csv"
LOG_COLUMNS = ("step", "minutes", "audio_s", "loss", "sdr_db", "learning_rate", "skipped")
VALIDATION_COLUMNS = ("step", "minutes", "audio_s", "panel", *STEMS, "mean")


def append(path: Path, columns: Sequence[str], row: Mapping[str, object]) -> None:
    """Add a row to a CSV file; its first one writes the header."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        if new:
            writer.writeheader()
        writer.writerow(row)


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file; none if it is not there."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def forget_after(path: Path, step: int) -> None:
    """Leave out the rows of steps after this one, which a resumed run makes again."""
    rows = read(path)
    kept = [row for row in rows if int(row.get("step") or 0) <= step]
    if len(kept) == len(rows):
        return
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    for row in kept:
        append(partial, [*rows[0]], row)
    if kept:
        partial.replace(path)
    else:
        path.unlink()
