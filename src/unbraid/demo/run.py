"""Separate the clip, measure the stems, write the files and the page."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.track import Track
from unbraid.audio.writer import OutputFormat, StemWriter
from unbraid.demo.clip import ARTIST, CREDIT, TITLE, Clip, load_clip
from unbraid.evaluation.metrics import level_dbfs, usdr
from unbraid.pages.folder import check_folder as _check_folder
from unbraid.pages.folder import write_page
from unbraid.separation.offline import Progress, Report, separate
from unbraid.separation.separator import Separator
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

PAGE: Final = "index.html"
GENERATOR: Final = "unbraid demo"
"""The page's generator, by which a later demo knows its own folder."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One stem's numbers."""

    level_dbfs: float  # RMS of the separated stem
    true_level_dbfs: float  # RMS of the true one
    usdr_db: float
    baseline_db: float  # uSDR of a quarter of the mixture


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo made."""

    clip: Clip
    stems: Samples  # separated, float32, (4, 2, n_samples)
    figures: dict[str, Figures]  # by stem
    report: Report
    model: str
    licence: str  # of the weights

    @property
    def times_real_time(self) -> float:
        """Seconds of audio separated in a second."""
        return self.report.audio_s / self.report.wall_s


def separate_clip(
    separator: Separator, *, progress: Callable[[Progress], None] | None = None
) -> Demo:
    """Separate the bundled clip and score the stems against the true ones."""
    clip = load_clip(separator.spec.sample_rate)
    mixture = clip.mixture
    pieces: list[Samples] = []
    separator.warm_up()  # the first call's allocations are no part of the speed
    with Track.from_array(mixture, clip.sample_rate, model_rate=clip.sample_rate) as track:
        report = separate(track, separator, pieces.append, progress=progress)
    stems = np.concatenate(pieces, axis=-1)
    figures = {
        stem: Figures(
            level_dbfs=level_dbfs(estimate),
            true_level_dbfs=level_dbfs(true),
            usdr_db=usdr(true, estimate),
            baseline_db=usdr(true, mixture / np.float32(4)),
        )
        for stem, true, estimate in zip(STEMS, clip.stems, stems, strict=True)
    }
    cards = separator.entry.cards
    licence = ", ".join(dict.fromkeys(card.licence for card in cards))
    return Demo(clip, stems, figures, report, separator.name, licence)


def check_folder(folder: Path, *, force: bool) -> None:
    """Make sure that nothing foreign would be replaced.

    Raises:
        OutputError: a file of a name that the demo writes is there, and no earlier demo's page.
    """
    names = [f"{name}.wav" for name in ("mixture", *STEMS)]
    others = [folder / name for name in names]
    _check_folder(folder / PAGE, others, GENERATOR, "an earlier demo's", force=force)


def write_demo(demo: Demo, folder: Path, *, force: bool = False) -> Path:
    """Write mixture.wav, a wav for each stem, and the page.

    Args:
        demo: what `separate_clip` made.
        folder: made if missing.
        force: replace files that no earlier demo wrote.

    Returns:
        The page's path.

    Raises:
        OutputError: see `check_folder`; or the folder cannot be written to.
    """
    from unbraid.demo.page import render

    check_folder(folder, force=force)
    # The mixture comes last: rounding errors are handed on from stem to stem (round_together).
    waves = np.concatenate([demo.stems, demo.clip.mixture[None]])
    rate = demo.clip.sample_rate
    with StemWriter(
        {name: folder / f"{name}.wav" for name in (*STEMS, "mixture")},
        output_format=OutputFormat("wav", "24"),
        sample_rate=rate,
        target_rate=rate,
        tags={"title": TITLE, "artist": ARTIST, "comment": CREDIT},
        force=True,
    ) as writer:
        writer.write(waves)
        page = render(demo)
        writer.commit()
    target = folder / PAGE
    write_page(target, page)
    return target


def as_m4a(waves: dict[str, Samples], sample_rate: int) -> dict[str, bytes]:
    """Each wave as the bytes of an .m4a file (AAC), with one common gain if any would clip."""
    with tempfile.TemporaryDirectory(prefix="unbraid-demo-") as scratch:
        targets = {name: Path(scratch) / f"{i}.m4a" for i, name in enumerate(waves)}
        with StemWriter(
            targets,
            output_format=OutputFormat("m4a"),
            sample_rate=sample_rate,
            target_rate=sample_rate,
        ) as writer:
            writer.write(np.stack(list(waves.values())))
            writer.commit()
        return {name: path.read_bytes() for name, path in targets.items()}
