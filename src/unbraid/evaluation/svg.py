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

    def svg(self, label: str) -> str:
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(label)}">{"".join(self.parts)}</svg>'
        )


def box_plot(
    values: Mapping[str, Sequence[float]], colours: Callable[[str], str], title: str
) -> str:
    """Quartiles, median, whiskers to the ends; every song a dot, the mean a diamond."""
    shown = {name: np.asarray(v) for name, v in values.items() if len(v)}
    if not shown:
        return ""
    everything = np.concatenate(list(shown.values()))
    plot = Plot(
        440, 250, ticks(min(0, float(everything.min())), max(0, float(everything.max()))), title
    )
    slot = (plot.right - plot.left) / len(shown)
    half = min(22.0, slot * 0.3)
    for index, (name, songs) in enumerate(shown.items()):
        x = plot.left + slot * (index + 0.5)
        low, first, median, third, high = np.percentile(songs, (0, 25, 50, 75, 100))
        colour = colours(name)
        add = plot.parts.append
        if len(songs) > 2:
            y, height = plot.y(third), plot.y(first) - plot.y(third)
            add(
                f'<line x1="{x}" x2="{x}" y1="{plot.y(low)}" y2="{plot.y(high)}" '
                f'stroke="{colour}"/>'
                f'<rect x="{x - half:.1f}" y="{y}" width="{2 * half:.1f}" height="{height:.1f}" '
                f'fill="{colour}" fill-opacity=".18" stroke="{colour}"/>'
                f'<line x1="{x - half:.1f}" x2="{x + half:.1f}" y1="{plot.y(median)}" '
                f'y2="{plot.y(median)}" stroke="{colour}" stroke-width="2.5"/>'
            )
        for place, song in zip(np.linspace(-0.5, 0.5, len(songs)), songs, strict=True):
            add(
                f'<circle cx="{x + half * place:.1f}" cy="{plot.y(song)}" r="2.6" '
                f'fill="{colour}" fill-opacity=".75"/>'
            )
        y = plot.y(float(songs.mean()))
        add(
            f'<path d="M{x:.1f} {y - 5}l5 5l-5 5l-5-5z" fill="#fff" '
            f'stroke="{colour}" stroke-width="1.6"/>'
        )
        _label(plot, x, index, name, slot)
    return plot.svg(f"{title}: box plot by model")


def _label(plot: Plot, x: float, index: int, name: str, slot: float) -> None:
    """Names on two lines by turns where they would touch."""
    room = int(slot / 5.6)
    short = name if len(name) <= 2 * room else name[: 2 * room - 1] + "…"
    crowded = len(short) > room
    plot.text(x, plot.bottom + 15 + (13 if crowded and index % 2 else 0), short, "m s")


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
    width = max(440, 60 + 26 * len(songs) * len(values))
    plot = Plot(width, 250, ticks(min(0, *everything), max(0, *everything)), title)
    slot = (plot.right - plot.left) / len(songs)
    thick = slot * 0.8 / len(values)
    for i, song in enumerate(songs):
        for j, (name, row) in enumerate(values.items()):
            if song not in row:
                continue
            x = plot.left + slot * (i + 0.1) + thick * j
            top, zero = plot.y(max(row[song], 0)), plot.y(min(row[song], 0))
            plot.parts.append(
                f'<rect x="{x:.1f}" y="{top}" width="{thick * 0.88:.1f}" '
                f'height="{max(zero - top, 0.8):.1f}" fill="{colours(name)}">'
                f"<title>{escape(song)}, {escape(name)}: {number(row[song])}</title></rect>"
            )
        room = int(slot / 6)
        short = song if len(song) <= room else song[: max(1, room - 1)] + "…"
        plot.text(plot.left + slot * (i + 0.5), plot.bottom + 15, short, "m s")
    return plot.svg(f"{title}: bars by song")


def scatter(
    points: dict[str, tuple[float, float]],
    colours: Callable[[str], str],
    title: str,
    floor: tuple[str, float] | None = None,
) -> str:
    """Quality over cost on a logarithmic axis, and the line that no model is above and left of.

    Args:
        points: cost and quality by name.
        colours: by name.
        title: of the figure.
        floor: name and quality of what costs nothing, as a dashed line.
    """
    if not points:
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
