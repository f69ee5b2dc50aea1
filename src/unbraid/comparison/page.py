"""The page of a comparison: one HTML file that holds its sound, its pictures and its tests."""

import base64
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import unbraid
from unbraid.comparison.columns import MOST_GAIN_DB, TRUE, Column
from unbraid.comparison.song import RATE, Excerpt
from unbraid.comparison.sounds import Sounds, encode
from unbraid.comparison.write import GENERATOR
from unbraid.pages.picture import spectrogram_png
from unbraid.pages.template import (
    BASE_STYLE,
    Html,
    as_url,
    clock,
    fill,
    frequency_labels,
    grid_lines,
    join,
    number,
    time_labels,
)
from unbraid.stems import COLOURS, STEMS

PAGE_BYTES: Final = 25_000_000
"""What a page weighs at most, as long as 32 kbit/s a sound will do."""

_LOOKS: Final = Path(__file__).parent / "looks"
_WIDTH, _HEIGHT = 560, 200  # pixels of a picture
_GREY: Final = "#9aa0a6"
_SCRIPTS: Final = ("engine.js", "spectrum.js", "blind.js", "page.js")


def render(
    excerpt: Excerpt, columns: list[Column], names: dict[tuple[str, str], str], *, matched: bool
) -> str:
    """The whole page.

    Args:
        excerpt: what was compared.
        columns: of `compare`.
        names: of the files beside the page, by stem and column.
        matched: whether the stems are heard equally loud at first.
    """
    waves = {"mixture": excerpt.mixture} | {
        f"{i} {stem}": wave for i, c in enumerate(columns) for stem, wave in c.stems.items()
    }
    duration_s = excerpt.n_samples / RATE
    step_s = _tick_s(duration_s)
    lines = grid_lines(duration_s, step_s)

    def picture(key: str, stem: str, name: str) -> Html:
        colour = COLOURS.get(stem, _GREY)
        width = 2 * _WIDTH if key == "mixture" else _WIDTH
        png = spectrogram_png(waves[key], RATE, colour, width=width, height=_HEIGHT)
        return fill(
            _LOOKS / "picture.html",
            source=as_url("image/png", png),
            label=f"{stem}, {name}: spectrogram" if name else "mixture: spectrogram",
            lines=lines,
        )

    def take(i: int, column: Column, stem: str) -> Html:
        given = stem in column.stems
        values = {"column": str(i), "name": column.name, "picture": Html(), "figures": ""}
        if given:
            values |= {
                "picture": picture(f"{i} {stem}", stem, column.name),
                "figures": _figures(column, stem),
            }
        elif column.error:
            values["figures"] = "failed"
        elif column.name == TRUE:
            values["figures"] = "not known"
        else:
            values["figures"] = "not given by this model"
        return fill(_LOOKS / ("take.html" if given else "absent.html"), **values)

    rows = [
        fill(
            _LOOKS / "row.html",
            stem=stem,
            letter=stem[0].upper(),
            colour=COLOURS[stem],
            frequencies=frequency_labels(),
            takes=join([take(i, c, stem) for i, c in enumerate(columns)]),
        )
        for stem in STEMS
    ]
    heads = [
        fill(
            _LOOKS / "head.html",
            column=str(i),
            name=column.name,
            licence=_said(column),
            error=column.error or "",
        )
        for i, column in enumerate(columns)
    ]
    pictures = {"mixture": picture("mixture", "mixture", "")}
    room = PAGE_BYTES - sum(map(len, (*rows, *pictures.values()))) - 200_000
    sounds = encode(waves, n_bytes=room * 3 // 4)
    volume = headroom(excerpt.mixture, columns)
    facts = _facts(excerpt, columns, names, sounds, matched=matched) | {"volume": volume}
    end_s = (excerpt.start + excerpt.n_samples) / RATE
    return fill(
        _LOOKS / "page.html",
        generator=Html(f"{GENERATOR} {unbraid.__version__}"),
        title=excerpt.title,
        subtitle=f"{clock(excerpt.start / RATE)} to {clock(end_s)}, taken apart by "
        + ", ".join(column.name for column in columns if column.name != TRUE),
        n_columns=str(len(columns)),
        duration=f"{duration_s:.3f}",
        frequencies=frequency_labels(),
        mixture=pictures["mixture"],
        heads=join(heads),
        rows=join(rows),
        difference_lines=lines,
        times=time_labels(duration_s, step_s, excerpt.start / RATE),
        most_gain=f"{MOST_GAIN_DB:g}",
        first=columns[0].name,
        headroom=f"All is played {number(-20 * np.log10(volume), 1)} dB softer, so that no choice "
        "of stems clips."
        if volume < 1
        else "",
        codec=sounds.says,
        notes=" ".join(excerpt.notes) or "none",
        style=Html(BASE_STYLE + (_LOOKS / "page.css").read_text(encoding="utf-8")),
        facts=_as_json(facts),
        sounds=join(
            [
                Html(
                    '<script type="text/plain" class="sound">'
                    f"{base64.b64encode(sound).decode('ascii')}</script>\n"
                )
                for sound in sounds.files
            ]
        ),
        script=Html("".join((_LOOKS / name).read_text(encoding="utf-8") for name in _SCRIPTS)),
    )


def _facts(
    excerpt: Excerpt,
    columns: list[Column],
    names: dict[tuple[str, str], str],
    sounds: Sounds,
    *,
    matched: bool,
) -> dict[str, Any]:
    """What the page's script knows; the sounds are those of `sound`, in their order."""
    sound = iter(range(1, len(sounds.files)))
    return {
        "title": excerpt.title,
        "rate": RATE,
        "start_s": excerpt.start / RATE,
        "duration_s": excerpt.n_samples / RATE,
        "scale": sounds.scale,
        "matched": matched,
        "columns": [
            {
                "name": column.name,
                "isTrue": column.name == TRUE,
                "stems": {
                    stem: {
                        "sound": next(sound),
                        "gain_db": round(column.gain_db[stem], 3),
                        "short_db": round(column.short_db[stem], 3),
                        "file": names[stem, column.name],
                    }
                    for stem in column.stems
                },
            }
            for column in columns
        ],
    }


def _as_json(facts: dict[str, Any]) -> Html:
    """JSON that cannot end its <script>."""
    return Html(json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c"))


def _said(column: Column) -> str:
    if column.error:
        return "failed"
    return "as the song was made" if column.name == TRUE else column.licence


def _figures(column: Column, stem: str) -> str:
    gain = column.gain_db[stem]
    sign = "+" if gain > 0 else ""
    parts = [f"{number(column.level_dbfs[stem], 1)} dBFS"]
    if stem in column.usdr_db:
        parts.insert(0, f"uSDR {number(column.usdr_db[stem], 1)} dB")
    if abs(gain) >= 0.05:
        parts.append(f"matched {sign}{number(gain, 1)} dB")
    if abs(short := column.short_db[stem]) >= 0.05:
        parts.append(f"still {number(abs(short), 1)} dB {'softer' if short > 0 else 'louder'}")
    return " · ".join(parts)


def _tick_s(duration_s: float) -> float:
    """Between two labels of the time axis."""
    return float(next((s for s in (1, 2, 5, 10, 15, 30) if duration_s / s <= 9), 60))


def headroom(mixture: NDArray[np.float32], columns: list[Column]) -> float:
    """The factor, at most 1, with which nothing clips: no model's stems, whichever are heard.

    Clipping would be heard of the louder ones alone, and taken for what they did to the song.
    """
    most = float(np.abs(mixture).max(initial=0))
    for column in columns:
        # Of all choices of stems, the loudest at a sample is that of all positive or all negative.
        above, below = np.zeros_like(mixture), np.zeros_like(mixture)
        for stem, wave in column.stems.items():
            loudest = wave * np.float32(10 ** (max(0.0, column.gain_db[stem]) / 20))
            above += np.maximum(loudest, 0)
            below += np.minimum(loudest, 0)
        most = max(most, float(above.max(initial=0)), -float(below.min(initial=0)))
    return min(1.0, 1 / most) if most else 1.0
