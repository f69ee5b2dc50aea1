"""What only a process of its own shows: signals, pipes, and what gets imported."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import write_song

UNBRAID = [sys.executable, "-m", "unbraid"]
HEAVY = ("numpy", "onnxruntime", "av", "soxr", "torch")


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize(
    ("moment", "number"), [("separating", signal.SIGTERM), ("writing", signal.SIGINT)]
)
def test_a_signal_leaves_nothing_half_written(
    here: Path, moment: str, number: signal.Signals
) -> None:
    # Long enough to be caught at work on a busy machine: mp3 is encoded after all is separated.
    write_song("a.wav", seconds=120)
    run = subprocess.Popen(
        [*UNBRAID, "separate", "a.wav", "--model", "tiny", "--format", "mp3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def has_begun() -> bool:
        names = [path.name for path in Path().rglob("*.partial")]
        if moment == "separating":
            return bool(names)
        return any(".spool." not in name for name in names)

    while not has_begun():
        assert run.poll() is None, run.communicate()
        time.sleep(0.01)
    run.send_signal(number)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (130, "")
    assert err.splitlines() == ["unbraid: cancelled; nothing half-written is left"]
    assert not Path("separated").exists()


def test_a_reader_that_leaves_early_is_no_failure(here: Path) -> None:
    command = f"{sys.executable} -m unbraid models --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "statement",
    [
        "import unbraid",
        "from unbraid.cli.app import run; assert run(['--help']) == 0",
        "from unbraid.cli.app import run; assert run(['separate', '--help']) == 0",
    ],
)
def test_importing_and_helping_load_nothing_heavy(statement: str) -> None:
    check = f"import sys; {statement}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
