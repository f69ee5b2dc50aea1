"""A run that is killed, stopped, or fed with nonsense goes on as if nothing had happened."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import OutputError, TrainingError  # noqa: E402
from unbraid.training import records, requirements, trainer  # noqa: E402
from unbraid.training.alone import alone  # noqa: E402
from unbraid.training.checkpoint import CHECKPOINT, CheckpointWriter, read_checkpoint  # noqa: E402
from unbraid.training.data.remix import Batch  # noqa: E402
from unbraid.training.examples import Examples  # noqa: E402
from unbraid.training.nets.unet import UNetConfig  # noqa: E402
from unbraid.training.trainer import Trainer  # noqa: E402
from unbraid.training.weights import load_weights  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("one_thread")]

KILLED_RUN = """
import sys, time, torch
from pathlib import Path
from unbraid.training import checkpoint
from unbraid.training.recipe import recipe_from_dict
from unbraid.training.trainer import Trainer
checkpoint.LEAST_S, checkpoint.SHARE = 0.0, 1.0
torch.set_num_threads(1)
pools, out, table = Path(sys.argv[1]), Path(sys.argv[2]), eval(sys.argv[3])
trainer = Trainer(recipe_from_dict(table), pools, out, device="cpu")
trainer.run(None, max_steps=12, progress=lambda now: (print(now.step, flush=True), time.sleep(0.1)))
"""


def state_of(run):
    """Everything a checkpoint holds but times."""
    state = read_checkpoint(run)
    state["optimiser"] = state["optimiser"]["state"]
    return {k: state[k] for k in ("net", "average", "optimiser", "step", "n_skipped", "best")}


def test_a_killed_run_ends_as_one_that_never_was(small_recipe, small_pools, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    Trainer(small_recipe, small_pools, whole, device="cpu").run(None, max_steps=12)
    recipe = repr(small_recipe.to_dict())
    command = [sys.executable, "-c", KILLED_RUN, str(small_pools), str(killed), recipe]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if int(line) == 7:
                break
        time.sleep(int.from_bytes(os.urandom(1)) / 1000)
        child.send_signal(signal.SIGKILL)
    again = Trainer(small_recipe, small_pools, killed, device="cpu")
    assert again.resume()
    assert 4 <= again.step <= 10
    assert again.elapsed_s > 0
    again.run(None, max_steps=12)
    torch.testing.assert_close(state_of(killed), state_of(whole), rtol=0, atol=0)
    steps = [row["step"] for row in records.read(killed / records.LOG)]
    assert steps == ["12"]


def test_a_stopped_run_is_saved_at_once(small_recipe, small_pools, tmp_path):
    cancel = threading.Event()
    run = Trainer(small_recipe, small_pools, tmp_path, device="cpu")
    done = run.run(
        None, max_steps=100, cancel=cancel, progress=lambda now: now.step == 2 and cancel.set()
    )
    assert not done
    assert read_checkpoint(tmp_path)["step"] == run.step == 2


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is held on Windows")
def test_a_folder_in_which_another_run_trains_is_left_alone(small_recipe, small_pools, tmp_path):
    Trainer(small_recipe, small_pools, tmp_path, device="cpu").run(None, max_steps=1)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with alone(tmp_path, wait=False), pytest.raises(OutputError, match="another unbraid process"):
        Trainer(small_recipe, small_pools, tmp_path, device="cpu").run(None, max_steps=2)
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_checkpoint_is_written_seldom_enough_to_cost_a_hundredth(tmp_path):
    writer = CheckpointWriter(tmp_path)
    assert not writer.is_due(60)
    assert writer.is_due(0)
    writer.save({"x": torch.zeros(10)}, wait=True)
    assert writer.interval_s == 10
    writer._cost_s = 0.5
    assert writer.interval_s == 50


def test_a_full_disk_is_one_line(tmp_path):
    writer = CheckpointWriter(tmp_path / "gone")
    with pytest.raises(OutputError, match=r"checkpoint\.pt: cannot be written: No such file"):
        writer.save({}, wait=True)


def test_a_checkpoint_of_the_first_format_still_loads(small_recipe, small_pools, tmp_path):
    Trainer(small_recipe, small_pools, tmp_path, device="cpu").run(None, max_steps=1)
    state = read_checkpoint(tmp_path)
    kept = ("net", "average", "optimiser", "step", "elapsed_s", "best")
    old = {**{key: state[key] for key in kept}, "recipe": {**state["recipe"], "loss": {"gone": 1}}}
    del old["recipe"]["precision"]
    for group in old["optimiser"]["param_groups"]:
        group["fused"] = None
    torch.save(old, tmp_path / CHECKPOINT)
    again = Trainer(small_recipe, small_pools, tmp_path, device="cpu")
    assert again.resume()
    again.run(None, max_steps=2)
    assert again.step == 2


def test_a_damaged_checkpoint_is_one_line(small_recipe, small_pools, tmp_path):
    (tmp_path / CHECKPOINT).write_bytes(b"PK\3\4 and no more")
    with pytest.raises(TrainingError, match=r"checkpoint\.pt: damaged .*new --out") as caught:
        Trainer(small_recipe, small_pools, tmp_path, device="cpu").resume()
    assert "\n" not in str(caught.value)


@pytest.fixture
def nonsense(monkeypatch):
    """Makes the batches of these steps NaN."""
    steps = set()
    draw = Examples.draw

    def spoiled(self, step):
        batch = draw(self, step)
        return Batch(batch.stems * torch.nan, batch.known) if step in steps else batch

    monkeypatch.setattr(Examples, "draw", spoiled)
    return steps


def test_a_step_without_a_finite_gradient_leaves_no_trace(
    small_recipe, small_pools, tmp_path, nonsense
):
    nonsense.add(2)
    run = Trainer(small_recipe, small_pools, tmp_path, device="cpu")
    run.run(None, max_steps=2)
    before = state_of(tmp_path)
    run = Trainer(small_recipe, small_pools, tmp_path, device="cpu")
    run.resume()
    run.run(None, max_steps=3)
    after = state_of(tmp_path)
    assert (after.pop("step"), after.pop("n_skipped")) == (3, 1)
    torch.testing.assert_close(after, {key: before[key] for key in after}, rtol=0, atol=0)
    shown = []
    run = Trainer(small_recipe, small_pools, tmp_path, device="cpu")
    run.resume()
    run.run(None, max_steps=4, progress=shown.append)
    assert shown[-1].n_skipped == run.n_skipped == 1
    weights = load_weights(tmp_path / trainer.LAST)
    assert all(value.isfinite().all() for value in weights.values())


def test_a_run_of_nonsense_is_given_up(small_recipe, small_pools, tmp_path, nonsense, monkeypatch):
    monkeypatch.setattr(trainer, "MOST_SKIPPED", 3)
    nonsense.update(range(1, 10))
    run = Trainer(small_recipe, small_pools, tmp_path, device="cpu")
    with pytest.raises(TrainingError, match="3 steps in a row without a finite gradient"):
        run.run(None, max_steps=10)


def test_what_a_machine_lacks_is_one_line_before_any_work(
    small_recipe, small_pools, tmp_path, monkeypatch
):
    def start(recipe=small_recipe, device="cpu"):
        Trainer(recipe, small_pools, tmp_path / "run", device=device)

    with pytest.raises(TrainingError, match="no device 'tpu'"):
        start(device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(TrainingError, match="--device cuda: this torch"):
            start(device="cuda")
    with pytest.raises(TrainingError, match=r"needs about .* MB of memory on cpu, .* are free"):
        start(replace(small_recipe, batch_size=10**6))
    free = SimpleNamespace(free=10**6)
    monkeypatch.setattr(requirements.shutil, "disk_usage", lambda _: free)
    with pytest.raises(TrainingError, match=r"needs .* MB of disk, 1 MB are free"):
        start()
    assert not (tmp_path / "run").exists()


def test_the_memory_asked_for_grows_with_net_and_batch(small_recipe):
    small = requirements.memory_bytes(small_recipe, 2)
    wider = replace(small_recipe, net=UNetConfig(filters=(24, 40, 56, 64, 72, 72)))
    assert requirements.memory_bytes(small_recipe, 4) > small
    assert requirements.memory_bytes(wider, 2) > small


def test_the_net_may_work_in_bf16_and_the_loss_does_not(small_recipe, small_pools, tmp_path):
    recipe = replace(small_recipe, precision="bf16")
    run = Trainer(recipe, small_pools, tmp_path, device="cpu")
    seen = set()
    run.net.nets["bass"].gain.register_forward_hook(lambda _, __, out: seen.add(out.dtype))
    losses = []
    run.run(None, max_steps=3, progress=lambda now: losses.append(now.loss))
    assert seen == {torch.bfloat16}
    assert run.n_skipped == 0
    assert losses[-1] == pytest.approx(losses[0], rel=0.5)
