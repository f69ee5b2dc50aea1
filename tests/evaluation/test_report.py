import json
import re

import pytest

from unbraid.evaluation.report import page
from unbraid.evaluation.run import Candidate, Results
from unbraid.evaluation.summary import AVERAGE, Tables

ROLES = {"mixture*gain": "trivial", "small": "model", "singer": "peer", "broken": "peer"}
GIVEN = {"singer": ("vocals",), "broken": ()}


@pytest.fixture
def tables():
    """Four songs: a model of two stems, a peer of vocals alone, one that fails."""
    rows = []
    for number in range(4):
        for name, role in ROLES.items():
            stems = {
                stem: {"usdr": number + len(name) + i, "false_drums": -30.0 - number}
                for i, stem in enumerate(GIVEN.get(name, ("vocals", "drums")))
            }
            cost = {"cpu_s_per_audio_s": len(name) / 100, "peak_mb": 100.0}
            rows.append(
                {
                    "song": f"song {number} <&>",
                    "estimate": name,
                    "role": role,
                    "licence": "MIT",
                    "stems": stems,
                    "sum_error_dbfs": None,
                    "cost": cost | {"wall_s_per_audio_s": 1.0}
                    if stems and role != "trivial"
                    else None,
                    "error": None if stems else "no weights",
                }
            )
    candidates = [Candidate(name, role, "", name) for name, role in ROLES.items()]
    return Tables(Results("panel", ("levels",), candidates, rows, ["a note"]))


def test_a_peer_of_one_stem_has_no_average_and_one_that_fails_is_told(tables):
    means = tables.summaries("usdr")
    assert set(means["singer"]) == {"vocals"}
    assert means["small"][AVERAGE].mean == 7
    assert means["broken"] == {}
    assert len(tables.failures()) == 4


def test_what_sounds_where_a_stem_rests_is_in_every_file(tables):
    found = json.loads(tables.to_json())
    assert found["summary"]["false_drums"]["small"]["vocals"]["mean"] == -31.5
    assert "false_drums" in tables.to_csv().splitlines()[0].split(",")
    assert "false drums, dB" in page(tables)


def test_the_page_draws_every_model_and_the_line_of_the_best(tables):
    text = page(tables)
    assert text.count("box plot by model") == 3  # vocals, drums, their average
    # Two models give vocals; one point would be no figure.
    assert re.findall("([a-z]+), dB, and its price: cost", text) == ["vocals"]
    assert "stepped line" in text
    assert "song 0 &lt;&amp;&gt;" in text
    assert "<&>" not in text
    assert "no weights" in text
    assert "{{" not in text


def test_a_line_that_is_not_drawn_is_not_explained(tables):
    known = tables.results
    rows = [row for row in known.rows if row["estimate"] != "singer"]
    alone = [c for c in known.candidates if c.name != "singer"]
    text = page(Tables(Results(known.panel, known.groups, alone, rows, [])))
    assert "and its price: cost" not in text
    assert "stepped line" not in text
