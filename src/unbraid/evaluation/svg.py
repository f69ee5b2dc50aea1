"""Figures as inline SVG: box plots, a scatter with its Pareto line, bars. Print in any colour."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final

import numpy as np

MINUS: Final = "\N{MINUS SIGN}"
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 26, 40


def number(value: float | None, n_decimals: int = 2) -> str:
    """A number with a true minus sign; a dash for none."""
    if value is None:
        return "–"
    rounded = round(value, n_decimals) + 0.0
    return f"{rounded:.{n_decimals}f}".replace("-", MINUS)


def ticks(low: float, high: float, n: int = 6) -> list[float]:
    """Round values that span an interval."""
    span = max(high - low, 1e-6)
    raw = span / n
    power = 10.0 ** np.floor(np.log10(raw))
    step = float(next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw - 1e-12))
    first = int(np.floor(low / step + 1e-9))
    last = int(np.ceil(high / step - 1e-9))
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


class Plot:
    """Axes with a grid; the rest is drawn by the functions below."""

    def __init__(
        self, width: int, height: int, marks: Sequence[float], title: str, *, left: int = _LEFT
    ) -> None:
        self.width, self.height, self.left = width, height, left
        self.right = width - _RIGHT
        self.bottom = height - _BOTTOM
        self._low, self._high = marks[0], marks[-1]
        self.parts: list[str] = [
            f'<text class="t" x="{left}" y="15">{escape(title)}</text>',
        ]
        for mark in marks:
            y = self.y(mark)
            zero = ' class="z"' if mark == 0 else ' class="g"'
            self.parts.append(f'<line{zero} x1="{left}" x2="{self.right}" y1="{y}" y2="{y}"/>')
            label = f"{mark:g}".replace("-", MINUS)
            self.parts.append(f'<text class="e" x="{left - 6}" y="{y + 4}">{label}</text>')

    def y(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return round(self.bottom - share * (self.bottom - _TOP), 1)

    def text(self, x: float, y: float, words: str, kind: str = "m") -> None:
        self.parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>')

    def svg(self, label: str, *, wide: bool = False) -> str:
        size = f' class="wide" style="min-width:{self.width}px"' if wide else ""
        return (
            f'<svg{size} viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(label)}">{"".join(self.parts)}</svg>'
        )


def box_plot(
    values: Mapping[str, Sequence[float]], colours: Callable[[str], str], title: str
) -> str:
    """Quartiles, median, whiskers to the ends; every song a dot, the mean a diamond.

    A row a name: names are longer than columns are wide.
    """
    shown = {name: np.asarray(v) for name, v in values.items() if len(v)}
    if not shown:
        return ""
    everything = np.concatenate(list(shown.values()))
    marks = ticks(min(0, float(everything.min())), max(0, float(everything.max())))
    left, top, step = 112, 26, 22.0
    right, bottom = 428, top + step * len(shown) + 4

    def x(value: float) -> float:
        share = (value - marks[0]) / (marks[-1] - marks[0])
        return round(left + share * (right - left), 1)

    parts = [f'<text class="t" x="0" y="15">{escape(title)}</text>']
    for mark in marks:
        kind = "z" if mark == 0 else "g"
        label = f"{mark:g}".replace("-", MINUS)
        parts.append(
            f'<line class="{kind}" x1="{x(mark)}" x2="{x(mark)}" y1="{top}" y2="{bottom}"/>'
            f'<text class="m" x="{x(mark)}" y="{bottom + 14}">{label}</text>'
        )
    for index, (name, songs) in enumerate(shown.items()):
        y, colour = top + step * (index + 0.5) + 2, colours(name)
        short = name if len(name) <= 18 else name[:17] + "…"
        parts.append(f'<text class="e" x="{left - 8}" y="{y + 4}">{escape(short)}</text>')
        low, first, median, third, high = (
            x(float(v)) for v in np.percentile(songs, (0, 25, 50, 75, 100))
        )
        if len(songs) > 2:
            parts.append(
                f'<line x1="{low}" x2="{high}" y1="{y}" y2="{y}" stroke="{colour}"/>'
                f'<rect x="{first}" y="{y - 7}" width="{third - first:.1f}" height="14" '
                f'fill="{colour}" fill-opacity=".18" stroke="{colour}"/>'
                f'<line x1="{median}" x2="{median}" y1="{y - 7}" y2="{y + 7}" '
                f'stroke="{colour}" stroke-width="2.5"/>'
            )
        for place, song in zip(np.linspace(-5, 5, len(songs)), songs, strict=True):
            parts.append(
                f'<circle cx="{x(float(song))}" cy="{y + place:.1f}" r="2" '
                f'fill="{colour}" fill-opacity=".75"/>'
            )
        mean = x(float(songs.mean()))
        parts.append(
            f'<path d="M{mean} {y - 4.5}l4.5 4.5l-4.5 4.5l-4.5-4.5z" fill="#fff" '
            f'stroke="{colour}" stroke-width="1.6"/>'
        )
    return (
        f'<svg viewBox="0 0 440 {bottom + 20}" role="img" '
        f'aria-label="{escape(title)}: box plot by model">{"".join(parts)}</svg>'
    )


def bars(
    values: dict[str, dict[str, float]],
    songs: Sequence[str],
    colours: Callable[[str], str],
    title: str,
) -> str:
    """A group a song, a bar a name; values beyond the axis are never hidden."""
    everything = [v for row in values.values() for v in row.values()]
    if not everything:
        return ""
    width = max(900, 60 + 8 * len(songs) * len(values))
    plot = Plot(width, 200, ticks(min(0, *everything), max(0, *everything)), title)
    slot = (plot.right - plot.left) / len(songs)
    thick = min(28.0, slot * 0.8 / len(values))
    for i, song in enumerate(songs):
        for j, (name, row) in enumerate(values.items()):
            if song not in row:
                continue
            x = plot.left + slot * (i + 0.5) + thick * (j - len(values) / 2)
            top, zero = plot.y(max(row[song], 0)), plot.y(min(row[song], 0))
            plot.parts.append(
                f'<rect x="{x:.1f}" y="{top}" width="{thick * 0.88:.1f}" '
                f'height="{max(zero - top, 0.8):.1f}" fill="{colours(name)}">'
                f"<title>{escape(song)}, {escape(name)}: {number(row[song])}</title></rect>"
            )
        room = int(slot / 6)
        short = song if len(song) <= room else song[: max(1, room - 1)] + "…"
        plot.text(plot.left + slot * (i + 0.5), plot.bottom + 15, short, "m s")
    return plot.svg(f"{title}: bars by song", wide=True)


def scatter(
    points: dict[str, tuple[float, float]],
    colours: Callable[[str], str],
    title: str,
    floor: tuple[str, float] | None = None,
) -> str:
    """Quality over cost on a logarithmic axis, and the line that no model is above and left of.

    Nothing for a single point, which says no more than the table.

    Args:
        points: cost and quality by name.
        colours: by name.
        title: of the figure.
        floor: name and quality of what costs nothing, as a dashed line.
    """
    if len(points) < 2:
        return ""
    costs = np.array([max(cost, 1e-4) for cost, _ in points.values()])
    heights = [value for _, value in points.values()] + ([floor[1]] if floor else [])
    plot = Plot(440, 250, ticks(min(0, *heights), max(0, *heights) + 0.5), title)
    low = float(np.floor(np.log10(costs.min()) - 0.3))
    high = float(np.ceil(np.log10(costs.max()) + 0.3))

    def x(cost: float) -> float:
        share = (np.log10(max(cost, 1e-4)) - low) / (high - low)
        return round(float(plot.left + share * (plot.right - plot.left)), 1)

    add = plot.parts.append
    for power in range(int(low), int(high) + 1):
        at = x(10.0**power)
        add(f'<line class="g" x1="{at}" x2="{at}" y1="{_TOP}" y2="{plot.bottom}"/>')
        plot.text(at, plot.bottom + 15, f"{10.0**power:g}", "m")
    plot.text((plot.left + plot.right) / 2, plot.bottom + 31, "CPU s for a second of audio", "m s")
    if floor:
        y = plot.y(floor[1])
        add(f'<line class="d" x1="{plot.left}" x2="{plot.right}" y1="{y}" y2="{y}"/>')
        plot.text(plot.right - 3, y - 4, floor[0], "e s")
    best, front = -np.inf, []
    for name, (cost, value) in sorted(points.items(), key=lambda p: (p[1][0], -p[1][1])):
        if value > best:
            best = value
            front.append((x(cost), plot.y(value), name))
    steps = f"M{front[0][0]} {plot.bottom}" + "".join(f"H{a}V{b}" for a, b, _ in front)
    add(f'<path class="p" d="{steps}H{plot.right}"/>')
    for name, (cost, value) in points.items():
        at, y = x(cost), plot.y(value)
        add(f'<circle cx="{at}" cy="{y}" r="5" fill="{colours(name)}"/>')
        right = at < (plot.left + plot.right) / 2
        plot.text(at + (9 if right else -9), y - 7, name, "b s" if right else "e s")
    return plot.svg(f"{title}: cost and quality of each model")
