"""Muon: even steps in all directions of a matrix, resumable, chosen by a recipe."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from torch import nn  # noqa: E402

from unbraid.errors import TrainingError  # noqa: E402
from unbraid.training.checkpoint import read_checkpoint  # noqa: E402
from unbraid.training.optimiser import Muon, make_optimiser, matrices, orthogonal  # noqa: E402
from unbraid.training.recipe import OptimiserConfig  # noqa: E402
from unbraid.training.trainer import Trainer  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("one_thread")]

MUON = OptimiserConfig(kind="muon")


@pytest.mark.parametrize("shape", [(24, 24), (12, 40), (40, 12), (3, 16, 20)])
def test_singular_values_are_brought_near_one(shape):
    torch.manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    values = torch.logspace(0, -1.5, min(shape[-2:]))
    after = torch.linalg.svdvals(orthogonal(u * values @ v))
    assert after.max() < 1.3
    assert after.min() > 0.2


def test_kernels_gates_and_stacks_are_matrices_and_nothing_else_is():
    net = nn.ModuleDict(
        {
            "conv": nn.Sequential(nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8)),
            "gru": nn.GRU(6, 5, bidirectional=True),
            "bands": nn.ParameterList([torch.zeros(7, 3, 2)]),
            "linear": nn.Linear(3, 2),
            "tables": nn.ParameterDict({"shift": torch.zeros(4, 9), "bias": torch.zeros(8, 9, 1)}),
        }
    )
    names = {p: name for name, p in net.named_parameters()}
    shapes = {names[p]: shape for p, shape in matrices(net).items()}
    assert shapes.pop("conv.0.weight") == (8, 36)
    assert shapes.pop("bands.0") == (7, 3, 2)
    assert shapes.pop("linear.weight") == (2, 3)
    assert shapes.pop("gru.weight_ih_l0") == (3, 5, 6)
    assert shapes.pop("gru.weight_hh_l0") == (3, 5, 5)
    assert set(shapes) == {"gru.weight_ih_l0_reverse", "gru.weight_hh_l0_reverse"}


def test_a_step_is_as_long_as_one_of_adamw_and_rests_decay():
    torch.manual_seed(0)
    net = nn.Linear(64, 32)
    for p in net.parameters():
        p.grad = torch.randn_like(p)
    before = [p.detach().clone() for p in net.parameters()]
    Muon(net, lr=0.01, weight_decay=0.0).step()
    weight, bias = (p.detach() - q for p, q in zip(net.parameters(), before, strict=True))
    # Orthogonal rows of unit length, times 0.2 sqrt(64): 0.2 a weight.
    assert weight.square().mean().sqrt().item() == pytest.approx(0.002, rel=0.3)
    torch.testing.assert_close(bias.abs(), torch.full_like(bias, 0.01), rtol=1e-3, atol=0)


def test_it_learns_what_lies_in_weak_directions():
    """Inputs whose directions differ a thousandfold in strength, as spectra's do."""

    def loss_after(kind: str) -> float:
        torch.manual_seed(0)
        net, scale = nn.Linear(24, 24, bias=False), torch.logspace(0, -3, 24)
        nn.init.zeros_(net.weight)
        turn = torch.linalg.qr(torch.randn(24, 24))[0]
        wanted = torch.linalg.qr(torch.randn(24, 24))[0]
        steps = make_optimiser(net, OptimiserConfig(kind=kind, weight_decay=0.0))
        for step in range(150):
            for group in steps.param_groups:
                group["lr"] = 0.05 * (1 - step / 150)
            x = torch.randn(64, 24) * scale @ turn
            loss = (net(x) - x @ wanted).square().mean()
            net.zero_grad()
            loss.backward()
            steps.step()
        return (net.weight.T - wanted).square().mean().item()

    assert loss_after("muon") < 0.7 * loss_after("adamw")


def test_a_run_goes_on_where_it_stopped(small_recipe, small_pools, tmp_path):
    recipe = replace(small_recipe, optimiser=MUON)
    Trainer(recipe, small_pools, tmp_path / "whole", device="cpu").run(None, max_steps=6)
    Trainer(recipe, small_pools, tmp_path / "halves", device="cpu").run(None, max_steps=3)
    again = Trainer(recipe, small_pools, tmp_path / "halves", device="cpu")
    assert again.resume()
    again.run(None, max_steps=6)
    whole, halves = (read_checkpoint(tmp_path / name) for name in ("whole", "halves"))
    assert whole["step"] == halves["step"] == 6
    for name, value in whole["net"].items():
        torch.testing.assert_close(halves["net"][name], value, msg=name)


def test_a_run_may_go_on_with_another_optimiser(small_recipe, small_pools, tmp_path):
    Trainer(small_recipe, small_pools, tmp_path, device="cpu").run(None, max_steps=2)
    again = Trainer(replace(small_recipe, optimiser=MUON), small_pools, tmp_path, device="cpu")
    assert again.resume()
    again.run(None, max_steps=4)
    assert read_checkpoint(tmp_path)["step"] == 4


def test_unknown_optimisers_are_refused():
    with pytest.raises(TrainingError, match="kind must be one of adamw, muon"):
        OptimiserConfig(kind="sgd")
