"""The demo's page: one HTML file that holds its sound, its pictures and its mixer."""

import base64
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

import unbraid
from unbraid.demo.clip import ALBUM, ARTIST, LICENCE, TITLE
from unbraid.demo.picture import HIGHEST_HZ, LOWEST_HZ, spectrogram_png
from unbraid.demo.run import GENERATOR, Demo, as_m4a
from unbraid.stems import COLOURS, STEMS

_LOOKS: Final = Path(__file__).parent / "looks"
_WIDTH, _HEIGHT = 760, 224  # pixels of a picture
_GREY: Final = "#9aa0a6"  # the mixture's colour
_TICKS_HZ: Final = {100: "100 Hz", 1_000: "1 kHz", 10_000: "10 kHz"}
_TICKS_S: Final = 4
_MINUS: Final = "\N{MINUS SIGN}"


def render(demo: Demo) -> str:
    """The whole page, about 10 MB: sound as AAC, pictures as PNG, both in base64.

    It fetches nothing. Without JavaScript the browser's own players stand under the pictures.
    """
    clip = demo.clip
    waves = {"mixture": clip.mixture}
    for stem, separated, true in zip(STEMS, demo.stems, clip.stems, strict=True):
        waves |= {stem: separated, f"true {stem}": true}
    sounds = as_m4a(waves, clip.sample_rate)

    def take(name: str, caption: str, key: str) -> str:
        colour = COLOURS.get(name.removeprefix("true "), _GREY)
        png = spectrogram_png(waves[name], clip.sample_rate, colour, width=_WIDTH, height=_HEIGHT)
        return _fill(
            "take.html",
            key=key,
            caption=caption,
            label=f"{name}, spectrogram",
            picture=_as_url("image/png", png),
            sound=_as_url("audio/mp4", sounds[name]),
            lines=_grid_lines(demo.report.audio_s),
        )

    rows = [
        _fill(
            "stem.html",
            stem=stem,
            number=str(number),
            colour=COLOURS[stem],
            level=_number(figures.level_dbfs, 1),
            true_level=_number(figures.true_level_dbfs, 1),
            sdr=_number(figures.usdr_db, 1),
            baseline=_number(figures.baseline_db, 1),
            frequencies=_frequency_labels(),
            separated=take(stem, "separated", "separated"),
            true=take(f"true {stem}", "true stem", "true"),
        )
        for number, (stem, figures) in enumerate(demo.figures.items(), start=1)
    ]
    report = demo.report
    return _fill(
        "page.html",
        generator=f"{GENERATOR} {unbraid.__version__}",
        title=TITLE,
        artist=ARTIST,
        album=ALBUM,
        clip_licence=LICENCE,
        duration=f"{report.audio_s:.1f}",
        model=escape(demo.model),
        weights_licence=escape(demo.licence),
        wall=f"{report.wall_s:.1f}",
        speed=f"{demo.times_real_time:.1f}",
        error=_number(report.sum_error_dbfs, 0),
        frequencies=_frequency_labels(),
        mixture=take("mixture", "mixture", "mixture"),
        rows="".join(rows),
        times=_time_labels(report.audio_s),
        style=(_LOOKS / "page.css").read_text(encoding="utf-8"),
        script=(_LOOKS / "page.js").read_text(encoding="utf-8"),
    )


def _fill(template: str, **values: str) -> str:
    """A template with its {{names}} filled in."""
    text = (_LOOKS / template).read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def _as_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _number(value: float, n_decimals: int) -> str:
    """A number with a true minus sign; silence is an infinity."""
    if np.isinf(value):
        return f"{_MINUS if value < 0 else ''}∞"
    rounded = round(value, n_decimals) + 0.0  # a negative zero becomes a positive one
    return f"{rounded:.{n_decimals}f}".replace("-", _MINUS)


def _height_of(frequency_hz: float) -> float:
    """Where a frequency lies in a picture, in per cent from the top."""
    return float(100 * np.log(HIGHEST_HZ / frequency_hz) / np.log(HIGHEST_HZ / LOWEST_HZ))


def _frequency_labels() -> str:
    return "".join(
        f'<span style="top:{_height_of(hz):.2f}%">{label}</span>' for hz, label in _TICKS_HZ.items()
    )


def _times(duration_s: float) -> list[int]:
    return list(range(0, int(duration_s) + 1, _TICKS_S))


def _time_labels(duration_s: float) -> str:
    return "".join(
        f'<span style="left:{100 * at / duration_s:.2f}%">{at // 60}:{at % 60:02d}</span>'
        for at in _times(duration_s)
    )


def _grid_lines(duration_s: float) -> str:
    heights = [f"{_height_of(hz):.2f}%" for hz in _TICKS_HZ]
    places = [f"{100 * at / duration_s:.2f}%" for at in _times(duration_s) if 0 < at < duration_s]
    across = [f'<line x1="0" x2="100%" y1="{y}" y2="{y}"/>' for y in heights]
    upward = [f'<line x1="{x}" x2="{x}" y1="0" y2="100%"/>' for x in places]
    return "".join(across + upward)
