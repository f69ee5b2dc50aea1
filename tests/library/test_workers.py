"""Workers under limits: whatever a song does, only its worker dies of it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import write_song
from tests.library.rogue import serve_rogue
from unbraid.library.batch import run_batch
from unbraid.library.inputs import find_inputs
from unbraid.library.song import SongOptions
from unbraid.library.work import Work
from unbraid.library.worker import Limits, Setup
from unbraid.models.catalog import find_model
from unbraid.separation.outputs import stem_outputs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits are kept as Linux keeps them"),
]

TOLD = {
    "crashes": "crashed the process that read it, twice (SIGSEGV)",
    "spins": "s of the processor a minute of audio",
    "waits": "nothing happened for",
    "eats": "needs more than 1500 MB of memory; raise --memory-mb",
}


def test_a_rogue_song_takes_down_its_worker_alone(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unbraid.library.pool.serve", serve_rogue)
    for number, name in enumerate((*TOLD, "crashes once", "eats once", "honest")):
        write_song(str(tmp_path / f"{name}.wav"), seconds=0.5 + number / 10)
    # Long enough for a busy machine to load a model in, as that counts as well.
    limits = Limits(memory_mb=1_500, cpu_s_per_minute=10, stall_s=8)
    work = Work(
        "tiny",
        find_model(tiny_model).sha256,
        SongOptions(stem_outputs("bass"), tmp_path / "out"),
    )
    summary = run_batch(
        find_inputs([str(tmp_path)]), work, Setup(str(tiny_model), 1, limits), n_jobs=2
    )
    assert summary.states == {"done": 3, "failed": 4}
    for path, error in summary.failures.items():
        assert TOLD[path.stem] in error
        assert error.startswith(str(path))
        assert "\n" not in error
    stems = sorted(path.parent.name for path in (tmp_path / "out").rglob("*.wav"))
    assert stems == ["crashes once", "eats once", "honest"]


def test_a_worker_whose_parent_was_killed_ends(tmp_path: Path, tiny_model: Path) -> None:
    write_song(str(tmp_path / "a.wav"), seconds=300)
    command = ["batch", str(tmp_path / "a.wav"), "-o", str(tmp_path / "out")]
    batch = subprocess.Popen(
        [sys.executable, "-m", "unbraid", *command, "--model", str(tiny_model)],
        start_new_session=True,
    )
    while not list((tmp_path / "out").rglob("*.partial")):
        assert batch.poll() is None
        time.sleep(0.02)
    batch.kill()
    batch.wait()
    deadline_s = time.monotonic() + 120
    while _members(batch.pid):
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def _members(session: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z" and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found
