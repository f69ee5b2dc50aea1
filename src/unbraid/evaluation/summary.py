"""From rows to tables: by metric, model and stem."""

import csv
import io
import json
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from unbraid.evaluation.estimates import BEST_GAIN
from unbraid.evaluation.run import Results
from unbraid.evaluation.scoring import METRICS, METRICS_VERSION, Metric
from unbraid.evaluation.statistics import Difference, Summary, compare, summarise
from unbraid.stems import STEMS

AVERAGE: Final = "average"
"""Of a song's stems; then over songs, as everything else."""


class Tables:
    """What an evaluation's tables and figures are made of.

    Args:
        results: of `evaluate_panel`.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        self.names = [candidate.name for candidate in results.candidates]
        self.roles = {candidate.name: candidate.role for candidate in results.candidates}
        self.songs = list(dict.fromkeys(row["song"] for row in results.rows))
        present = {stem for row in results.rows for stem in row["stems"]}
        self.stems = [stem for stem in STEMS if stem in present]
        self.columns = [*self.stems, AVERAGE] if len(self.stems) > 1 else self.stems

    def metrics(self) -> list[Metric]:
        """Those that were measured."""
        return [m for m in METRICS.values() if m.group in self.results.groups]

    def values(self, metric: str, stem: str) -> dict[str, dict[str, float]]:
        """A figure by model and song; songs where it is not defined are left out."""
        found: dict[str, dict[str, float]] = {name: {} for name in self.names}
        for row in self.results.rows:
            if stem == AVERAGE:
                known = [f[metric] for f in row["stems"].values() if f.get(metric) is not None]
                # An average over fewer stems than others have would be another figure.
                n_stems, n_defined = self._n_most(metric, row["song"])
                if known and (len(row["stems"]), len(known)) == (n_stems, n_defined):
                    found[row["estimate"]][row["song"]] = float(np.mean(known))
            else:
                value = row["stems"].get(stem, {}).get(metric)
                if value is not None:
                    found[row["estimate"]][row["song"]] = value
        return found

    def _n_most(self, metric: str, song: str) -> tuple[int, int]:
        """Of a song the most stems that anyone gives, and for how many the figure is defined."""
        rows = [row["stems"].values() for row in self.results.rows if row["song"] == song]
        return (
            max(len(stems) for stems in rows),
            max(sum(figures.get(metric) is not None for figures in stems) for stems in rows),
        )

    def summaries(self, metric: str) -> dict[str, dict[str, Summary]]:
        """By model and column."""
        found: dict[str, dict[str, Summary]] = {name: {} for name in self.names}
        for column in self.columns:
            for name, by_song in self.values(metric, column).items():
                if by_song:
                    found[name][column] = summarise(list(by_song.values()))
        return found

    def differences(self, metric: str, stem: str) -> list[Difference]:
        """Pairs of models and peers; trivial estimates and oracles are no rivals."""
        values = self.values(metric, stem)
        rivals = [name for name in self.names if self.roles[name] in ("model", "peer")]
        if len(rivals) < 2:  # then what it is worth beside the best constant gain
            rivals += [name for name in self.names if name == BEST_GAIN]
        return compare({name: values[name] for name in rivals})

    def cost(self, name: str) -> dict[str, float]:
        """CPU seconds a second of audio (median over songs), peak memory in MB (the greatest)."""
        rows = [r["cost"] for r in self.results.rows if r["estimate"] == name and r["cost"]]
        found: dict[str, float] = {}
        cpu = [c["cpu_s_per_audio_s"] for c in rows if c["cpu_s_per_audio_s"] is not None]
        peak = [c["peak_mb"] for c in rows if c["peak_mb"] is not None]
        if cpu:
            found["cpu_s_per_audio_s"] = float(np.median(cpu))
        if peak:
            found["peak_mb"] = float(max(peak))
        return found

    def licence(self, name: str) -> str:
        """Of a model's weights."""
        return next(
            (r["licence"] for r in self.results.rows if r["estimate"] == name and r["licence"]), ""
        )

    def failures(self) -> list[str]:
        """A line for each row without figures."""
        return [
            f"{row['song']}, {row['estimate']}: {row['error']}"
            for row in self.results.rows
            if row["error"]
        ]

    def to_json(self) -> str:
        """Everything, as JSON."""
        metrics = [m.name for m in self.metrics()]
        means = {
            name: {stem: s.mean for stem, s in row.items() if stem != AVERAGE}
            for name, row in self.summaries("usdr").items()
        }
        found: dict[str, Any] = {
            "panel": self.results.panel,
            "metrics_version": METRICS_VERSION,
            "n_songs": len(self.songs),
            "means": means,  # of uSDR in dB
            "summary": {
                metric: {
                    name: {column: asdict(s) for column, s in row.items()}
                    for name, row in self.summaries(metric).items()
                }
                for metric in metrics
            },
            "differences": {
                metric: {
                    column: [asdict(d) for d in self.differences(metric, column)]
                    for column in self.columns
                }
                for metric in metrics
            },
            "cost": {name: self.cost(name) for name in self.names},
            "licence": {name: self.licence(name) for name in self.names},
            "roles": self.roles,
            "notes": self.results.notes,
            "failures": self.failures(),
            "rows": self.results.rows,
        }
        return json.dumps(found, indent=2, ensure_ascii=False) + "\n"

    def to_csv(self) -> str:
        """A line for each song, model and stem."""
        metrics = [m.name for m in self.metrics()]
        cost = ("cpu_s_per_audio_s", "wall_s_per_audio_s", "peak_mb")
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        head = ("song", "estimate", "role", "stem", *metrics, "sum_error_dbfs", *cost, "error")
        table.writerow(head)
        for row in self.results.rows:
            shared = [row["sum_error_dbfs"], *((row["cost"] or {}).get(c) for c in cost)]
            for stem, figures in (row["stems"] or {"": {}}).items():
                known = [figures.get(metric) for metric in metrics]
                line = [row["song"], row["estimate"], row["role"], stem, *known, *shared]
                table.writerow(["" if v is None else v for v in [*line, row["error"]]])
        return text.getvalue()
