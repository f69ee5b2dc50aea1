"""Training examples as files: to hear and see what a net is taught."""

import html
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unbraid.audio.writer import OutputFormat, StemWriter
from unbraid.errors import OutputError
from unbraid.evaluation.metrics import level_dbfs
from unbraid.pages.picture import HIGHEST_HZ, LOWEST_HZ, spectrogram_png
from unbraid.spectral.stft import istft, n_samples_of, stft
from unbraid.stems import COLOURS, STEMS
from unbraid.training.data.augmentation import apply, decide, equaliser
from unbraid.training.data.pools import Pools
from unbraid.training.data.remix import Crop, Remixer
from unbraid.training.recipe import Recipe

GENERATOR = "unbraid data listen"
EQ_AT_HZ = (60, 250, 1_000, 4_000, 10_000)
WIDTH, HEIGHT = 300, 180  # pixels of a picture
GREY = "#9aa0a6"  # the mixture's colour


@dataclass(frozen=True, slots=True)
class Example:
    """One training example as the net gets it."""

    stems: NDArray[np.float32]  # (4, 2, n_samples)
    crops: list[str]  # what it was made of, one line each
    operations: list[str]  # what was done to it
    known: list[bool]  # by stem

    @property
    def mixture(self) -> NDArray[np.float32]:
        """The sum of the stems, (2, n_samples)."""
        total: NDArray[np.float32] = self.stems.sum(axis=0)
        return total


def examples(recipe: Recipe, pools: Path, n: int) -> list[Example]:
    """The first examples that a run of the recipe in one process draws.

    Args:
        recipe: of the run; its seed decides.
        pools: the material.
        n: how many.

    Returns:
        Their waveforms, without the `n_fft - hop` samples at both ends that not all frames cover.

    Raises:
        TrainingError: the pools are missing, damaged, or lack a stem.
    """
    spec = recipe.spec
    n_samples = n_samples_of(recipe.crop_frames, spec)
    remixer = Remixer(
        Pools(pools, recipe.source_weights), recipe.mix, n_samples, recipe.batch_size, recipe.seed
    )
    found: list[Example] = []
    for step in range(-(-n // recipe.batch_size)):
        plan = remixer.plan(step)
        # As `Examples.targets` in training/examples.py; a test holds the two together.
        generator = torch.Generator().manual_seed((recipe.seed << 40) + step)
        decisions = decide(recipe.batch_size, recipe.augmentation, generator)
        stems = apply(remixer.mix(plan).stems, decisions)
        shape = (stems.shape[0], stems.shape[1])
        curves = equaliser(
            shape, spec.n_rows, recipe.augmentation, generator, torch.device("cpu")
        ).numpy()
        for index in range(recipe.batch_size):
            flat = stems[index].numpy().reshape(-1, n_samples)
            spectrum = stft(flat, spec).reshape(len(STEMS), 2, spec.n_rows, -1) * curves[index]
            edge = spec.n_fft - spec.hop
            crops = [crop for crop in plan.crops if crop.example == index]
            heard = {"mixture", *(STEMS[crop.stem] for crop in crops)}
            operations = [
                *decisions.describe(index),
                *_describe_equaliser(curves[index, :, 0, :, 0], spec.sample_rate),
            ]
            found.append(
                Example(
                    stems=istft(spectrum, spec)[..., edge:-edge],
                    crops=[_describe(crop, remixer) for crop in crops],
                    operations=[line for line in operations if line.split(":")[0] in heard],
                    known=[bool(known) for known in plan.known[index]],
                )
            )
    return found[:n]


def _describe(crop: Crop, remixer: Remixer) -> str:
    text = f"{STEMS[crop.stem]}: {crop.item.name} at {crop.start / 44_100:.1f} s"
    text += f", {crop.gain_db:+.1f} dB"
    if crop.motion:
        pitch = crop.motion.n_in / remixer.n_out
        text += f", pitch ×{pitch:.3f}, tempo ×{pitch * crop.motion.tempo:.3f}"
    if crop.coded and crop.item.twin:
        text += ", coded"
    return text


def _describe_equaliser(curves: NDArray[np.float32], sample_rate: int) -> list[str]:
    """Gains of each stem at a few frequencies; curves are (4, n_rows)."""
    rows = [round(hz * 2 * (curves.shape[1] - 1) / sample_rate) for hz in EQ_AT_HZ]
    return [
        f"{stem}: equaliser "
        + ", ".join(
            f"{20 * np.log10(curve[row]):+.1f} dB at {hz} Hz"
            for row, hz in zip(rows, EQ_AT_HZ, strict=True)
        )
        for stem, curve in zip(STEMS, curves, strict=True)
        if np.abs(20 * np.log10(curve[rows])).max() > 0.1
    ]


def write(
    recipe: Recipe,
    pools: Path,
    out: Path,
    n: int = 20,
    *,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Write examples as FLAC and PNG files, and a page that shows and plays them.

    Args:
        recipe: see `examples`, as the next two.
        pools: the material.
        n: how many.
        out: a new or empty folder, or an earlier one's of this.
        progress: called with a line for each example: its stems' levels in dBFS.

    Returns:
        The page.

    Raises:
        OutputError: the folder holds something else, or cannot be written.
        TrainingError: the pools are missing, damaged, or lack a stem.
    """
    page = out / "index.html"
    if out.exists() and any(out.iterdir()) and not _is_own(page):
        raise OutputError(f"{out}: is not empty; choose another folder with --out")
    sections = []
    rate = recipe.spec.sample_rate
    for number, example in enumerate(examples(recipe, pools, n), 1):
        waves = dict(zip(STEMS, example.stems, strict=True)) | {"mixture": example.mixture}
        with StemWriter(
            {name: out / f"{number:02d}-{name}.flac" for name in waves},
            output_format=OutputFormat("flac", "24"),
            sample_rate=rate,
            target_rate=rate,
            force=True,
        ) as writer:
            writer.write(np.stack([*waves.values()]))
            gain_db = writer.commit().gain_db
        for name, wave in waves.items():
            colour = COLOURS.get(name, GREY)
            png = spectrogram_png(wave, rate, colour, width=WIDTH, height=HEIGHT)
            (out / f"{number:02d}-{name}.png").write_bytes(png)
        sections.append(_section(number, example, waves, gain_db))
        if progress is not None:
            levels = (f"{name} {level_dbfs(wave):.0f}" for name, wave in waves.items())
            progress(f"{number:02d}  {', '.join(levels)} dBFS")
    style = _STYLE.replace("WIDTH", str(WIDTH))
    title = html.escape(f"{n} training examples of {recipe.name}")
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="generator" content="{GENERATOR}"><title>{title}</title>'
        f"<style>{style}</style><h1>{title}</h1>"
        f"<p>Pictures reach from {LOWEST_HZ:.0f} Hz to {HIGHEST_HZ / 1000:.0f} kHz; "
        f"levels are RMS.</p>{''.join(sections)}</html>\n",
        encoding="utf-8",
    )
    return page


def _section(
    number: int, example: Example, waves: dict[str, NDArray[np.float32]], gain_db: float
) -> str:
    figures = []
    for name in ("mixture", *STEMS):
        wave, file = waves[name], f"{number:02d}-{name}"
        known = name == "mixture" or example.known[STEMS.index(name)]
        level = f"{level_dbfs(wave):.1f} dBFS, peak {20 * np.log10(np.abs(wave).max() + 1e-9):.1f}"
        caption = f"<b>{name}</b>{'' if known else ' (no target)'} {level}"
        figures.append(
            f'<figure><figcaption>{caption}</figcaption><img src="{file}.png" alt="{name}">'
            f'<audio controls preload="none" src="{file}.flac"></audio></figure>'
        )
    lines = [*example.crops, *example.operations]
    if gain_db:
        lines.append(f"files turned down by {-gain_db:.1f} dB, or they would clip")
    listed = "".join(f"<li>{html.escape(line)}" for line in lines)
    return f"<section><h2>{number}</h2><div>{''.join(figures)}</div><ul>{listed}</ul></section>"


_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color-scheme: light dark; }
section { border-top: 1px solid #8884; padding: .5rem 0 1rem; }
section div { display: flex; flex-wrap: wrap; gap: .6rem; }
figure { margin: 0; width: WIDTHpx; } img, audio { display: block; width: 100%; }
h1 { font-size: 1.4rem; } h2 { font-size: 1rem; margin: .3rem 0; }
ul { columns: 34rem; font-size: .8rem; padding-left: 1.2rem; margin: .6rem 0 0; }
"""


def _is_own(page: Path) -> bool:
    return page.is_file() and GENERATOR in page.read_text(encoding="utf-8", errors="replace")[:500]
