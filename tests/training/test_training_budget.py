"""The budget, the schedule fitted to it, and what a run writes down."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import TrainingError  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training import curves, records  # noqa: E402
from unbraid.training.recipe import OptimiserConfig  # noqa: E402
from unbraid.training.schedule import Budget, learning_rate  # noqa: E402
from unbraid.training.selection import BEST  # noqa: E402
from unbraid.training.trainer import LAST, Trainer  # noqa: E402
from unbraid.training.weights import load_weights, save_weights  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("one_thread")]


class SlowValidation:
    """Takes its time, and finds the nets worse and worse."""

    def __init__(self, seconds, estimate_s):
        self.seconds, self._estimate_s, self.scores = seconds, estimate_s, []

    def __call__(self, net):
        assert not net.training
        time.sleep(self.seconds)
        self.scores.append(5.0 - len(self.scores))
        return {"songs": dict.fromkeys(STEMS, self.scores[-1])}

    def estimate_s(self, net):
        return self._estimate_s


def test_the_last_validation_lies_within_the_time_budget(small_recipe, small_pools, tmp_path):
    validation = SlowValidation(2.0, estimate_s=2.0)
    run = Trainer(small_recipe, small_pools, tmp_path, device="cpu", validate=validation)
    started_s = time.monotonic()
    assert run.run(0.15)
    # Nine seconds: two for validation, some for steps; the machine may be busy, so not exact.
    assert run.elapsed_s < 9 - 2
    assert time.monotonic() - started_s < 9 + 10
    assert run.step > 0
    assert len(validation.scores) == 1
    assert float(records.read(tmp_path / records.LOG)[-1]["learning_rate"]) < 2e-3


def test_a_validation_longer_than_the_run_is_left_out(small_recipe, small_pools, tmp_path):
    validation = SlowValidation(0, estimate_s=1000.0)
    run = Trainer(small_recipe, small_pools, tmp_path, device="cpu", validate=validation)
    run.run(0.05)
    assert not validation.scores
    assert (tmp_path / LAST).is_file()


def test_the_best_weights_are_kept_and_every_validation_noted(small_recipe, small_pools, tmp_path):
    recipe = replace(small_recipe, validate_minutes=1e-6)
    validation = SlowValidation(0, estimate_s=0)
    run = Trainer(recipe, small_pools, tmp_path, device="cpu", validate=validation)
    run.run(None, max_steps=3)
    rows = records.read(tmp_path / records.VALIDATION)
    assert [row["step"] for row in rows] == ["1", "2", "3"]
    assert [float(row["mean"]) for row in rows] == [5, 4, 3]
    best, last = load_weights(tmp_path / BEST), load_weights(tmp_path / LAST)
    assert any(not torch.equal(best[name], last[name]) for name in best)
    again = Trainer(recipe, small_pools, tmp_path, device="cpu", validate=validation)
    again.resume()
    again.run(None, max_steps=4)
    after = load_weights(tmp_path / BEST)
    assert all(torch.equal(best[name], after[name]) for name in best)


@pytest.mark.parametrize("n_steps", [10, 1000, 100_000])
def test_the_rate_rises_stays_and_falls_to_nothing_in_any_budget(n_steps):
    config, budget = OptimiserConfig(), Budget(steps=n_steps)
    rates = [learning_rate(config, i, budget.spent(i, 0.0)) for i in range(n_steps)]
    top = config.learning_rate
    assert max(rates) == top
    assert rates[0] < top / 4 or n_steps == 10
    assert rates[round(0.2 * n_steps)] == rates[round(0.6 * n_steps)] == top
    assert rates[-1] < 0.3 * top
    assert learning_rate(config, n_steps, 1.0) == pytest.approx(0)


def test_what_is_spent_first_ends_a_budget():
    assert Budget(minutes=1).spent(10**6, 30) == 0.5
    assert Budget(minutes=1).spent(1, 40, reserve_s=20) == 1
    assert Budget(minutes=1, steps=10).spent(9, 30) == 0.9
    assert Budget(minutes=1, steps=10).spent(1, 54) == 0.9
    assert Budget(steps=10).spent(5, 1e9) == 0.5


def test_weights_are_those_of_the_safetensors_library(tmp_path):
    library = pytest.importorskip("safetensors.torch")
    kinds = (torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool)
    tensors = {str(kind): torch.randn(3, 1, 5).to(kind) for kind in kinds}
    tensors |= {
        "scalar": torch.tensor(7),
        "strided": torch.randn(4, 6).T,
        "none": torch.zeros(0, 2),
    }
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    save_weights(tensors, ours)
    library.save_file({k: v.contiguous() for k, v in tensors.items()}, theirs)
    torch.testing.assert_close(library.load_file(ours), tensors, rtol=0, atol=0)
    torch.testing.assert_close(load_weights(theirs), tensors, rtol=0, atol=0)


def test_damaged_weights_are_one_line(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights({"a": torch.zeros(100), "b": torch.ones(3)}, path)
    whole = path.read_bytes()
    for damaged in (b"", b"1234567", whole[:50], whole[:-1], b"\xff" * 100, whole[:8] + b"[]" * 80):
        path.write_bytes(damaged)
        with pytest.raises(TrainingError, match=r"w\.safetensors: no safetensors file"):
            load_weights(path)
    with pytest.raises(TrainingError, match="cannot be read: No such file"):
        load_weights(tmp_path / "none")


def test_rows_of_steps_that_are_made_again_are_left_out(tmp_path):
    path = tmp_path / "log.csv"
    for step in (50, 100, 150):
        records.append(path, ("step", "loss"), {"step": step, "loss": 1})
    records.forget_after(path, 100)
    assert [row["step"] for row in records.read(path)] == ["50", "100"]
    records.forget_after(path, 0)
    assert not path.exists()


def test_curves_are_drawn_from_what_a_run_wrote_down(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(TrainingError, match=r"holds no log\.csv"):
        curves.draw_curves(tmp_path)
    rng = np.random.default_rng(0)
    for step in range(50, 2050, 50):
        row = {"step": step, "minutes": step / 40, "audio_s": step * 9, "skipped": 0}
        row |= {"loss": 1 / step**0.2 + rng.normal() / 50, "sdr_db": "nan" if step == 100 else 3}
        records.append(tmp_path / "log.csv", records.LOG_COLUMNS, row | {"learning_rate": 1e-3})
    for step, panel in itertools.product((500, 1000), ("one", "two")):
        row = {"step": step, "minutes": 1, "audio_s": step * 9, "panel": panel, "mean": 1}
        row |= {"vocals": 1, "drums": 2, "bass": "", "other": 0}
        records.append(tmp_path / "validation.csv", records.VALIDATION_COLUMNS, row)
    picture = curves.draw_curves(tmp_path)
    from matplotlib.image import imread

    pixels = imread(picture)
    assert pixels.shape[:2] == (700, 1100)
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 50
