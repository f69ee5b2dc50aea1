import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from tests.models_made import write_set
from unbraid.cli.app import run
from unbraid.errors import AudioError
from unbraid.evaluation.layouts import find_songs
from unbraid.evaluation.panel import open_panel

RATE = 44_100

PEERS = """
import os
import pathlib
import time
import numpy as np

class Peer:
    name, licence, sample_rate, sha256 = "peer", "research use only", 44_100, "1"
    stems = ("vocals",)

    def __init__(self, how):
        self.how = how

    def separate(self, samples):
        print("chatter on stdout")
        if self.how == "crash":
            os.abort()
        if self.how == "sleep":
            pathlib.Path(os.environ["PEER_PID"]).write_text(str(os.getpid()))
            time.sleep(600)
        return np.full((1, *samples.shape), np.nan if self.how == "nan" else 0, np.float32)
"""


@pytest.fixture
def panel(tmp_path):
    """One song of a second: drums at half the rate, bass 0.2 s short, no other."""
    song = tmp_path / "panel" / "song"
    song.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for stem, rate, seconds in (("vocals", RATE, 1), ("drums", RATE // 2, 1), ("bass", RATE, 0.8)):
        samples = 0.1 * rng.standard_normal((int(rate * seconds), 2))
        soundfile.write(song / f"{stem}.wav", samples, rate)
    return tmp_path / "panel"


@pytest.fixture
def peers(tmp_path, monkeypatch):
    """Three installed peers."""
    site = tmp_path / "site"
    info = site / "peers-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "peers_made.py").write_text(PEERS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: peers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[unbraid.models]\npeer = peers_made:Peer\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))


class Page(HTMLParser):
    """Finds what a page would fetch."""

    fetched: tuple[str, ...] = ()

    def handle_starttag(self, tag, attrs):
        found = [v for k, v in attrs if k in ("src", "href") and v and not v.startswith("data:")]
        self.fetched = (*self.fetched, *found)


@pytest.mark.slow
def test_models_peers_and_failures_stand_in_one_table_that_goes_on(panel, peers, tmp_path, capsys):
    model = write_set(tmp_path / "tiny")
    out = tmp_path / "out"
    words = ["evaluate", str(panel), "--models", str(model), "oracle:ratio", "--peers", "peer"]
    words += ["peer:nan", "peer:crash", "--out", str(out), "--json"]
    assert run(words) == 1
    found = json.loads(capsys.readouterr().out)
    assert set(found["means"]["tiny"]) == {"vocals", "drums", "bass"}
    assert set(found["means"]["peer"]) == {"vocals"}
    assert found["licence"]["peer"] == "research use only"
    assert found["cost"]["tiny"]["cpu_s_per_audio_s"] > 0
    assert "NaN or infinity" in found["failures"][0]
    assert "killed by signal 6" in found["failures"][1]
    assert len(found["failures"]) == 2
    assert found["notes"] == [
        "song: bass ends 0.2 s early; silence is put there",
        "song: no other",
    ]
    page = Page()
    text = (out / "report.html").read_text(encoding="utf-8")
    page.feed(text)
    assert not page.fetched
    assert not re.search(r"\{\{|nan|http", text.replace("NaN or infinity", "").replace("(nan)", ""))
    assert (out / "results.csv").read_text().count("tiny,model,vocals") == 1

    rows = (out / "rows.jsonl").read_bytes()
    (out / "rows.jsonl").write_bytes(rows + b'{"key": {"cut off')
    assert run(["evaluate", str(panel), "--model", str(model), "--out", str(out)]) == 0
    again = (out / "rows.jsonl").read_bytes()
    assert again == rows + b'{"key": {"cut off\n'  # nothing was done again


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kill is another thing there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_an_evaluation(number, panel, peers, tmp_path, monkeypatch):
    told = tmp_path / "pid"
    monkeypatch.setenv("PEER_PID", str(told))
    command = [sys.executable, "-m", "unbraid", "evaluate", str(panel), "--peers", "peer:sleep"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as evaluation:
        until(lambda: told.exists() and told.read_text())
        evaluation.send_signal(number)
        said = evaluation.stderr.read().decode()
        code = evaluation.wait(20)
    if number != signal.SIGKILL:
        assert code == 130
        assert said.count("\n") == 1
    until(lambda: not alive(int(told.read_text())))


def test_a_worker_ends_quietly_while_its_stdin_is_open(tmp_path):
    """The thread that waits for the parent's end once made the interpreter abort at its own."""
    task = tmp_path / "task.json"
    result = tmp_path / "result.json"
    np.save(tmp_path / "mixture.npy", np.zeros((2, 10), np.float32))
    words = {"model": "none", "mixture": str(tmp_path / "mixture.npy"), "result": str(result)}
    task.write_text(json.dumps(words))
    command = [sys.executable, "-m", "unbraid.evaluation.worker", str(task)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
        assert worker.stderr.read() == b""
        assert worker.wait(20) == 0
    assert "none: no such model" in json.loads(result.read_text())["error"]


def until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = pathlib.Path(f"/proc/{pid}/stat")  # one that waits for its parent's word is dead
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["nowhere", "--models", "none"], "none: no such model"),
        (["nowhere", "--models", "oracle:x"], "no such oracle"),
        (["nowhere", "--metrics", "pesq"], "no metric 'pesq'"),
        (["cc0-validation"], "cc0-validation: lies in the data pack"),
    ],
)
def test_what_cannot_be_is_one_line(words, said, capsys, monkeypatch):
    monkeypatch.delenv("UNBRAID_DATA", raising=False)
    assert run(["evaluate", *words]) != 0
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_stem_of_another_songs_length_is_refused(panel):
    soundfile.write(panel / "song" / "other.wav", np.zeros((100, 2)), RATE)
    with pytest.raises(AudioError, match="other ends 1"):
        open_panel(panel).songs[0].read()


def test_of_a_divided_set_the_test_songs_are_the_panel(tmp_path):
    for part in ("train", "test"):
        song = tmp_path / part / "Someone - Something"
        song.mkdir(parents=True)
        for name in ("mixture", "vocals", "drums", "bass", "other"):
            soundfile.write(song / f"{name}.wav", np.zeros((10, 2)), RATE)
    layout, found = find_songs(tmp_path)
    assert (layout.name, len(found.songs)) == ("musdb18-hq", 2)
    assert [song.files.part for song in open_panel(tmp_path).songs] == ["test"]
