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


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize(
    ("package", "is_compiled"), [("typer", False), ("onnxruntime", False), ("soxr", True)]
)
def test_ctrl_c_while_packages_are_loaded_is_one_line(
    here: Path, package: str, is_compiled: bool
) -> None:
    write_song("a.wav")
    # A compiled module tells what stopped it as an ImportError.
    code = f"""
import os, runpy, signal, sys

class Signalling:
    def find_spec(self, name, path=None, target=None):
        if name == {package!r}:
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt as error:
                if {is_compiled}:
                    raise ImportError("initialization failed") from error
                raise

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Signalling())
sys.argv[1:] = ["separate", "a.wav", "--model", "tiny"]
runpy.run_module("unbraid", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("unbraid: cancelled")
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
