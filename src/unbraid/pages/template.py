"""Templates that escape whatever is not HTML already, and small parts of pages."""

import base64
import re
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

from unbraid.pages.picture import HIGHEST_HZ, LOWEST_HZ

TICKS_HZ: Final = {100: "100 Hz", 1_000: "1 kHz", 10_000: "10 kHz"}
_MINUS: Final = "\N{MINUS SIGN}"


class Html(str):
    """Text that is HTML and goes into a page as it is."""

    __slots__ = ()


BASE_STYLE: Final = Html((Path(__file__).parent / "base.css").read_text(encoding="utf-8"))
"""Colours of the light and the dark page, type, buttons and sliders."""


def fill(template: Path, **values: str) -> Html:
    """A template with its {{names}} filled in, each escaped unless it is `Html`.

    Filled in once: braces in a value stay braces.

    Raises:
        KeyError: the template has a name that is not given.
    """

    def value(match: re.Match[str]) -> str:
        text = values[match[1]]
        return text if isinstance(text, Html) else escape(text)

    return Html(re.sub(r"\{\{(\w+)\}\}", value, template.read_text(encoding="utf-8")))


def join(parts: list[Html]) -> Html:
    """Parts one after the other."""
    return Html("".join(parts))


def as_url(kind: str, content: bytes) -> str:
    """A data: address of a MIME type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def number(value: float, n_decimals: int) -> str:
    """A number with a true minus sign; silence is an infinity."""
    if np.isinf(value):
        return f"{_MINUS if value < 0 else ''}∞"
    rounded = round(value, n_decimals) + 0.0  # a negative zero becomes a positive one
    return f"{rounded:.{n_decimals}f}".replace("-", _MINUS)


def clock(seconds: float) -> str:
    """1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def frequency_labels() -> Html:
    """Beside a spectrogram."""
    return Html(
        "".join(
            f'<span style="top:{_height_of(hz):.2f}%">{label}</span>'
            for hz, label in TICKS_HZ.items()
        )
    )


def time_labels(duration_s: float, step_s: float, start_s: float = 0.0) -> Html:
    """Under a spectrogram; `start_s` is the time at its left edge."""
    return Html(
        "".join(
            f'<span class="{"end" if at > 0.98 * duration_s else "tick"}"'
            f' style="left:{100 * at / duration_s:.2f}%">{clock(start_s + at)}</span>'
            for at in _times(duration_s, step_s)
        )
    )


def grid_lines(duration_s: float, step_s: float) -> Html:
    """Lines over a spectrogram, as the inside of an <svg>."""
    heights = [f"{_height_of(hz):.2f}%" for hz in TICKS_HZ]
    times = [at for at in _times(duration_s, step_s) if 0 < at < duration_s]
    places = [f"{100 * at / duration_s:.2f}%" for at in times]
    across = [f'<line x1="0" x2="100%" y1="{y}" y2="{y}"/>' for y in heights]
    upward = [f'<line x1="{x}" x2="{x}" y1="0" y2="100%"/>' for x in places]
    return Html("".join(across + upward))


def _times(duration_s: float, step_s: float) -> list[float]:
    return [i * step_s for i in range(int(duration_s / step_s) + 1)]


def _height_of(frequency_hz: float) -> float:
    """Where a frequency lies in a picture, in per cent from the top."""
    return float(100 * np.log(HIGHEST_HZ / frequency_hz) / np.log(HIGHEST_HZ / LOWEST_HZ))
