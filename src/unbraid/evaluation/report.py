"""An evaluation as files: CSV, JSON, and one HTML page that fetches nothing."""

import os
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Final

import unbraid
from unbraid.errors import OutputError
from unbraid.evaluation.estimates import BEST_GAIN, KNOWING
from unbraid.evaluation.scoring import METRICS, Metric
from unbraid.evaluation.summary import Tables
from unbraid.evaluation.svg import bars, box_plot, number, scatter

_LOOKS: Final = Path(__file__).parent / "looks"
# Okabe and Ito's colours without yellow, darkened where white paper needs it.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#7A5C00", "#5B3A8E")
_GREYS: Final = ("#b9bec5", "#8d949d", "#646b75")


def write_report(tables: Tables, folder: Path) -> list[Path]:
    """Write results.csv, results.json and report.html, each whole or not at all.

    Raises:
        OutputError: the folder cannot be written to.
    """
    contents = {
        "results.csv": tables.to_csv(),
        "results.json": tables.to_json(),
        "report.html": page(tables),
    }
    written = []
    for name, text in contents.items():
        target = folder / name
        partial = folder / f".{name}.unbraid-{os.getpid()}.partial"
        try:
            partial.write_text(text, encoding="utf-8", newline="\n")
            partial.replace(target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise OutputError(f"{target}: cannot be written ({error.strerror})") from None
        written.append(target)
    return written


def page(tables: Tables) -> str:
    """The whole page."""
    colours = _colours(tables)
    first = "usdr" if "levels" in tables.results.groups else tables.metrics()[0].name
    n = len(tables.songs)
    values = {
        "title": f"Evaluation: {escape(tables.results.panel)}",
        "panel": escape(tables.results.panel),
        "about": f"{n} song{'s' if n != 1 else ''}, "
        f"{len(tables.results.candidates)} estimates, unbraid {unbraid.__version__}, "
        f"{datetime.now(UTC):%Y-%m-%d}",
        "headline": _headline(tables, first),
        "legend": _legend(tables, colours),
        "figures": _figures(tables, colours, first),
        "differences": _differences(tables, first),
        "tables": "".join(_table(tables, m) for m in tables.metrics() if m.name != first),
        "songs": _songs(tables, first),
        "notes": _notes(tables),
        "style": (_LOOKS / "report.css").read_text(encoding="utf-8"),
    }
    text = (_LOOKS / "report.html").read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def _colours(tables: Tables) -> dict[str, str]:
    found: dict[str, str] = {}
    n_colours = n_greys = 0
    for name in tables.names:
        if tables.roles[name] in ("model", "peer"):
            found[name] = _COLOURS[n_colours % len(_COLOURS)]
            n_colours += 1
        elif tables.roles[name] == "trivial":
            found[name] = _GREYS[n_greys % len(_GREYS)]
            n_greys += 1
        else:
            found[name] = "#2b3038"
    return found


def _row(cells: list[str], kind: str = "td", attributes: str = "") -> str:
    head, *rest = cells
    scope = ' scope="row"' if kind == "td" else ""
    return (
        f"<tr{attributes}><th{scope}>{head}</th>"
        + "".join(f"<{kind}>{cell}</{kind}>" for cell in rest)
        + "</tr>"
    )


def _headline(tables: Tables, metric: str) -> str:
    """The first metric with its interval, and what each model costs."""
    summaries = tables.summaries(metric)
    rows = [_row(["estimate", *tables.columns, "CPU s/s", "MB", "licence"], "th")]
    for name in tables.names:
        cells = [f'<b class="{tables.roles[name]}">{escape(name)}</b>']
        for column in tables.columns:
            found = summaries[name].get(column)
            if found is None:
                cells.append("–")
                continue
            cell = number(found.mean)
            if found.low is not None:
                cell += f"<small>{number(found.low, 1)} … {number(found.high, 1)}</small>"
            cells.append(cell)
        cost = tables.cost(name)
        cells += [
            number(cost.get("cpu_s_per_audio_s"), 3),
            number(cost.get("peak_mb"), 0),
            escape(tables.licence(name)) if tables.roles[name] in ("model", "peer") else "",
        ]
        rows.append(_row(cells, attributes=f' class="{tables.roles[name]}"'))
    about = _about(METRICS[metric])
    return f"<h2>{about}</h2><div class=w><table>{''.join(rows)}</table></div>"


def _about(metric: Metric) -> str:
    unit = f", {metric.unit}" if metric.unit else ""
    says = f"{escape(metric.says)}; {metric.better} is better"
    return f"{escape(metric.label)}{unit} <small>{says}</small>"


def _legend(tables: Tables, colours: dict[str, str]) -> str:
    items = [
        f'<span><i style="background:{colours[name]}"></i>{escape(name)}'
        + (f" <em>{escape(KNOWING[name].says)}</em>" if name in KNOWING else "")
        + "</span>"
        for name in tables.names
    ]
    return f'<p class="legend">{"".join(items)}</p>'


def _figures(tables: Tables, colours: dict[str, str], metric: str) -> str:
    label = METRICS[metric].label
    unit = ", dB" if METRICS[metric].unit else ""
    summaries = tables.summaries(metric)
    figures = []
    prices = []  # drawn where two models or more have one
    for stem in tables.columns:
        values = {name: list(v.values()) for name, v in tables.values(metric, stem).items()}
        figures.append(box_plot(values, colours.__getitem__, f"{label}, {stem}{unit}"))
        points = {
            name: (cost["cpu_s_per_audio_s"], summaries[name][stem].mean)
            for name in tables.names
            if stem in summaries[name] and "cpu_s_per_audio_s" in (cost := tables.cost(name))
        }
        trivial = [
            (name, summaries[name][stem].mean)
            for name in tables.names
            if tables.roles[name] == "trivial" and stem in summaries[name]
        ]
        floor = max(trivial, key=lambda pair: pair[1]) if trivial else None
        words = f"{label}, {stem}{unit}, and its price"
        prices.append(scatter(points, colours.__getitem__, words, floor))
        figures.append(prices[-1])
    line = " No model is above and to the left of the stepped line." if any(prices) else ""
    return (
        f"{_side_by_side(figures)}"
        '<p class="fine">Dots are songs, diamonds means; boxes hold the middle half of the songs, '
        f"where there are three or more.{line}</p>"
    )


def _songs(tables: Tables, metric: str) -> str:
    """Bars of models beside the best constant gain, and tables of everything."""
    colours = _colours(tables)
    drawn = [n for n in tables.names if tables.roles[n] in ("model", "peer") or n == BEST_GAIN]
    label = METRICS[metric].label
    figures, parts = [], []
    for stem in tables.stems:
        known = tables.values(metric, stem)
        values = {name: known[name] for name in drawn if known[name]}
        figures.append(bars(values, tables.songs, colours.__getitem__, f"{label}, {stem}"))
    for song in tables.songs:
        rows = [_row(["estimate", *tables.stems], "th")]
        for name in tables.names:
            cells = [number(tables.values(metric, stem)[name].get(song)) for stem in tables.stems]
            rows.append(_row([escape(name), *cells], attributes=f' class="{tables.roles[name]}"'))
        parts.append(f"<div><h3>{escape(song)}</h3><table>{''.join(rows)}</table></div>")
    shown = "".join(f"<figure>{figure}</figure>" for figure in figures)
    return f'{shown}<div class="pair">{"".join(parts)}</div>'


def _side_by_side(figures: list[str]) -> str:
    shown = "".join(f"<figure>{figure}</figure>" for figure in figures if figure)
    return f'<div class="figures">{shown}</div>'


def _differences(tables: Tables, metric: str) -> str:
    rows = []
    least = None
    for stem in tables.columns:
        for d in tables.differences(metric, stem):
            least = d.p_least
            interval = "" if d.low is None else f"{number(d.low)} … {number(d.high)}"
            rows.append(
                _row(
                    [
                        f"{escape(d.first)} − {escape(d.second)}",
                        stem,
                        ("+" if d.mean > 0 else "") + number(d.mean),
                        interval or "–",
                        number(d.p, 4),
                        number(d.p_holm, 4),
                        str(d.n_songs),
                    ]
                )
            )
    if not rows:
        return ""
    head = _row(["pair", "stem", "mean dB", "95 % interval", "p", "p (Holm)", "songs"], "th")
    warning = (
        f'<p class="warn">With {len(tables.songs)} songs no difference, however large, can have '
        f"a p below {number(least, 3)}: nothing here is proved.</p>"
        if least is not None and least > 0.05
        else ""
    )
    return (
        "<h2>Who is better? <small>paired by song; two-sided permutation test of the mean, "
        "corrected within each stem</small></h2>"
        f"{warning}<div class=w><table>{head}{''.join(rows)}</table></div>"
    )


def _table(tables: Tables, metric: Metric) -> str:
    """Mean and median of one metric; no two metrics ever share a table."""
    summaries = tables.summaries(metric.name)
    if not any(summaries.values()):
        return ""
    digits = 2 if metric.unit else 1
    rows = [_row(["estimate", *tables.columns], "th")]
    for name in tables.names:
        cells = []
        for column in tables.columns:
            found = summaries[name].get(column)
            cells.append(
                "–"
                if found is None
                else f"{number(found.mean, digits)}<small>{number(found.median, digits)}</small>"
            )
        rows.append(_row([escape(name), *cells], attributes=f' class="{tables.roles[name]}"'))
    table = f"<div class=w><table>{''.join(rows)}</table></div>"
    return f"<section><h3>{_about(metric)}</h3>{table}</section>"


def _notes(tables: Tables) -> str:
    lines = [f'<li class="warn">{escape(line)}</li>' for line in tables.failures()]
    lines += [f"<li>{escape(line)}</li>" for line in tables.results.notes]
    errors = {
        row["estimate"]: max(
            r["sum_error_dbfs"]
            for r in tables.results.rows
            if r["estimate"] == row["estimate"] and r["sum_error_dbfs"] is not None
        )
        for row in tables.results.rows
        if row["sum_error_dbfs"] is not None and row["role"] in ("model", "peer")
    }
    lines += [
        f"<li>{escape(name)}: its stems sum to the mixture within {number(value, 0)} dBFS</li>"
        for name, value in errors.items()
    ]
    return f"<ul>{''.join(lines)}</ul>" if lines else "<p>none</p>"
