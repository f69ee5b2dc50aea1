"""Several processes train one net."""

import subprocess
import sys
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import TrainingError  # noqa: E402
from unbraid.training.checkpoint import read_checkpoint  # noqa: E402
from unbraid.training.examples import Examples  # noqa: E402
from unbraid.training.weights import load_weights  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("one_thread")]

CPU = torch.device("cpu")

SHARED_RUN = """
import os, sys, torch
from dataclasses import replace
from pathlib import Path
from unbraid.training.data.remix import Batch
from unbraid.training.examples import Examples
from unbraid.training.recipe import recipe_from_dict
from unbraid.training.trainer import Trainer
from unbraid.training.weights import save_weights

pools, out, table = Path(sys.argv[1]), Path(sys.argv[2]), eval(sys.argv[3])
rank, draw = int(os.environ["RANK"]), Examples.draw

def spoiled(self, step):  # one process alone gets nonsense
    batch = draw(self, step)
    return Batch(batch.stems * torch.nan, batch.known) if (step, rank) == (2, 1) else batch

Examples.draw = spoiled
trainer = Trainer(recipe_from_dict(table), pools, out, device="cpu")
trainer.run(None, max_steps=5)
assert (trainer.step, trainer.n_skipped) == (5, 1)
parameters = {name: value for name, value in trainer.net.named_parameters()}
save_weights(parameters, out / f"rank{rank}.safetensors")
"""


def test_processes_share_a_batch_and_none_sees_what_another_does(small_recipe, small_pools):
    parts = [Examples(small_recipe, small_pools, CPU, rank, 2) for rank in (0, 1)]
    drawn = [part.draw(step).stems for step in range(4) for part in parts]
    assert all(len(stems) == small_recipe.batch_size // 2 for stems in drawn)
    for place, stems in enumerate(drawn):
        assert not any(torch.equal(stems, other) for other in drawn[:place])


def test_a_batch_that_cannot_be_shared_is_refused(small_recipe, small_pools):
    with pytest.raises(TrainingError, match="a batch of 3 cannot be shared by 2 processes"):
        Examples(replace(small_recipe, batch_size=3), small_pools, CPU, 0, 2)


@pytest.mark.slow
def test_two_processes_keep_one_net_and_skip_together(small_recipe, small_pools, tmp_path):
    script = tmp_path / "run.py"
    script.write_text(SHARED_RUN)
    run = tmp_path / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-port", "29533", script, small_pools, run, repr(small_recipe.to_dict())]
    found = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    first, second = (load_weights(run / f"rank{rank}.safetensors") for rank in (0, 1))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert all(value.isfinite().all() for value in first.values())
    assert read_checkpoint(run)["n_skipped"] == 1
