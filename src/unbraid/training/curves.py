"""A run's curves as one picture, drawn from its CSV files."""

import math
from pathlib import Path

from unbraid.errors import TrainingError
from unbraid.stems import COLOURS, STEMS
from unbraid.training import records

CURVES = "curves.png"


def draw_curves(run: Path) -> Path | None:
    """Draw training loss, SDR, validation uSDR and learning rate against the audio trained on.

    Args:
        run: the run's folder.

    Returns:
        `curves.png` in it; None where matplotlib is not installed, as on a bare GPU machine.

    Raises:
        TrainingError: there is no log to draw.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        return None
    log = records.read(run / records.LOG)
    if not log:
        raise TrainingError(f"{run}: holds no {records.LOG} with steps to draw")
    # By itself, without pyplot: no window, no global state.
    figure = Figure(figsize=(11, 7), layout="constrained")
    (loss, sdr), (usdr, rate) = figure.subplots(2, 2, sharex=True)
    hours = [float(row["audio_s"]) / 3600 for row in log]
    for axes, column, title, colour in (
        (loss, "loss", "training loss", "#0072B2"),
        (sdr, "sdr_db", "SDR on training mixes, dB", "#0072B2"),
        (rate, "learning_rate", "learning rate", "#666666"),
    ):
        values = [float(row[column]) for row in log]
        if column != "learning_rate":
            axes.plot(hours, values, color=colour, alpha=0.3, linewidth=1)
            values = _smoothed(values)
        axes.plot(hours, values, color=colour, marker="." if len(hours) < 20 else "")
        axes.set_title(title)
    validation = records.read(run / records.VALIDATION)
    panels = list(dict.fromkeys(row["panel"] for row in validation))
    for number, panel in enumerate(panels):
        rows = [row for row in validation if row["panel"] == panel and row.get("audio_s")]
        for stem, colour in (*((s, COLOURS[s]) for s in STEMS), ("mean", "black")):
            points = [(float(r["audio_s"]) / 3600, float(r[stem])) for r in rows if r[stem]]
            name = stem if len(panels) == 1 else f"{Path(panel).name}: {stem}"
            style = ("-", "--", ":", "-.")[number % 4]
            usdr.plot(*zip(*points, strict=True), style, color=colour, marker=".", label=name)
    usdr.set_title("uSDR on validation songs, dB")
    if panels:
        usdr.legend(fontsize="small", ncols=len(panels))
    else:
        usdr.text(0.5, 0.5, "not validated", ha="center", transform=usdr.transAxes)
        usdr.set_yticks([])
    for axes in (usdr, rate):
        axes.set_xlabel("hours of audio trained on")
    for axes in (loss, sdr, usdr, rate):
        axes.grid(alpha=0.3)
    last = log[-1]
    figure.suptitle(
        f"{run.absolute().name}: {int(last['step']):,} steps in {float(last['minutes']):.1f} min, "
        f"{last['skipped']} skipped"
    )
    partial = run / f".{CURVES}.partial"
    figure.savefig(partial, format="png", dpi=100)
    return partial.replace(run / CURVES)


def _smoothed(values: list[float], share: float = 0.05) -> list[float]:
    """Means over a twentieth of the run about each value; what is no number is left out."""
    reach = round(len(values) * share / 2)
    smooth = []
    for place in range(len(values)):
        near = values[max(0, place - reach) : place + reach + 1]
        known = [value for value in near if math.isfinite(value)]
        smooth.append(sum(known) / len(known) if known else math.nan)
    return smooth
