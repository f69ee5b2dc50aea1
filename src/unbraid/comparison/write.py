"""A comparison as files: stems of every model beside each other, and the page."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.writer import OutputFormat, StemWriter
from unbraid.comparison.columns import Column
from unbraid.comparison.song import RATE, Excerpt
from unbraid.library.naming import fill
from unbraid.pages.folder import check_folder, write_page
from unbraid.stems import STEMS

PAGE: Final = "index.html"
GENERATOR: Final = "unbraid compare"
"""The page's generator, by which a later comparison knows its own folder."""


def file_names(columns: list[Column]) -> dict[tuple[str, str], str]:
    """A name for each stem of each column: `vocals.unet-0.1.flac` sorts models side by side."""
    names: dict[tuple[str, str], str] = {}
    for stem in STEMS:
        for column in columns:
            if stem in column.stems:
                values = {"stem": stem, "model": column.name, "ext": "flac"}
                name = str(fill("{stem}.{model}.{ext}", values))
                while name.casefold() in (other.casefold() for other in names.values()):
                    name = name.removesuffix(".flac") + "_.flac"
                names[stem, column.name] = name
    return names


def check_output(folder: Path, *, force: bool) -> None:
    """Refuse, before any work, a folder with a page that is not an earlier comparison's.

    Raises:
        OutputError: see `unbraid.pages.folder.check_folder`.
    """
    others = sorted(folder.glob("*.flac")) if folder.is_dir() else []
    check_folder(folder / PAGE, others, GENERATOR, "an earlier comparison's", force=force)


def write_comparison(
    excerpt: Excerpt, columns: list[Column], folder: Path, *, matched: bool = True
) -> tuple[Path, float]:
    """Write a 24-bit flac for each stem and model, the mixture, and the page.

    Args:
        excerpt: what was compared.
        columns: of `compare`.
        folder: made if missing; see `check_output`.
        matched: with the gains that make a stem as loud as the first model's; the page starts
            with them, too.

    Returns:
        The page's path, and the one gain in dB that all files got so that none clips.

    Raises:
        OutputError: the folder cannot be written to.
    """
    from unbraid.comparison.page import render

    names = file_names(columns)
    by_name = {column.name: column for column in columns}
    waves: dict[str, NDArray[np.float32]] = {"mixture.flac": excerpt.mixture}
    for (stem, model), name in names.items():
        gain_db = by_name[model].gain_db[stem] if matched else 0.0
        waves[name] = by_name[model].stems[stem] * np.float32(10 ** (gain_db / 20))
    with StemWriter(
        {name: folder / name for name in waves},
        output_format=OutputFormat("flac", "24"),
        sample_rate=RATE,
        target_rate=RATE,
        tags={"album": f"{excerpt.title}: unbraid compare"},
        force=True,
    ) as writer:
        page = render(excerpt, columns, names, matched=matched)
        second = RATE
        for at in range(0, excerpt.n_samples, second):
            writer.write(np.stack([wave[:, at : at + second] for wave in waves.values()]))
        report = writer.commit()
    write_page(folder / PAGE, page)
    return folder / PAGE, report.gain_db
