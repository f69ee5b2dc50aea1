"""The adversary: what it sees, that it learns, and that a killed run does not forget it."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import TrainingError  # noqa: E402
from unbraid.training.adversary import Adversary, PatchNet  # noqa: E402
from unbraid.training.checkpoint import read_checkpoint  # noqa: E402
from unbraid.training.losses import LossConfig, Targets, total_loss  # noqa: E402
from unbraid.training.losses.spectra import magnitude_l1  # noqa: E402
from unbraid.training.nets.pix2pix import Pix2PixConfig  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402
from unbraid.training.trainer import Trainer  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("one_thread")]

CPU = torch.device("cpu")


@pytest.fixture
def targets():
    generator = torch.Generator().manual_seed(0)
    stems = torch.randn(3, 4, 2, 64, 32, 2, generator=generator)
    return Targets.of(torch.view_as_complex(stems), torch.ones(3, 4)).only(("vocals",))


@pytest.fixture
def adversarial_recipe(small_recipe):
    net = Pix2PixConfig(filters=(4, 6, 8, 8), time_levels=3, dropout_levels=2)
    loss = load_recipe("pix2pix").loss
    return replace(small_recipe, net=net, stems=("vocals",), loss=loss)


def test_a_patch_is_70_by_70_pixels():
    net = PatchNet(4)
    for layer in net.layers:  # The statistics of a batch are of all its patches.
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.forward = lambda x: x
    picture = torch.randn(1, 4, 256, 256, requires_grad=True)
    logits = net(picture)
    assert logits.shape == (1, 1, 30, 30)
    logits[0, 0, 15, 15].backward()
    seen = picture.grad.abs().sum(dim=(0, 1)).nonzero()
    assert (seen.amax(dim=0) - seen.amin(dim=0) + 1).tolist() == [70, 70]


def test_it_learns_to_tell_true_stems_from_a_half_of_the_mixture(targets):
    torch.manual_seed(0)
    adversary = Adversary(1, 2, CPU)
    estimate = torch.full_like(targets.magnitude, 0.5)
    before = adversary.cost(estimate, targets).item()
    losses = [adversary.learn(estimate, targets) for _ in range(40)]
    assert losses[-1] < losses[0] / 2
    assert adversary.cost(estimate, targets).item() > before


def test_the_separator_learns_from_it_and_it_does_not_from_being_asked(targets):
    adversary = Adversary(1, 2, CPU)
    estimate = torch.full_like(targets.magnitude, 0.5).requires_grad_()
    adversary.cost(estimate, targets).backward()
    assert estimate.grad.abs().sum() > 0
    assert all(p.grad is None for p in adversary.net.parameters())


def test_examples_of_unknown_stems_teach_nothing(targets):
    unknown = replace(targets, known=torch.zeros(3, 1))
    estimate = torch.full_like(targets.magnitude, 0.5)
    assert Adversary(1, 2, CPU).cost(estimate, unknown) == 0


def test_a_run_left_and_taken_up_ends_as_one_that_was_not(
    adversarial_recipe, small_pools, tmp_path
):
    def run(folder, *ends):
        for end in ends:
            trainer = Trainer(adversarial_recipe, small_pools, tmp_path / folder, device="cpu")
            assert trainer.resume() == (end != ends[0])
            trainer.run(None, max_steps=end)
        state = read_checkpoint(tmp_path / folder)
        return {k: state[k] for k in ("net", "average", "adversary")}

    left, whole = run("left", 2, 4), run("whole", 4)
    torch.testing.assert_close(left, whole, rtol=0, atol=0)
    first = read_checkpoint(tmp_path / "whole")["adversary"]["net"]
    torch.manual_seed(0)
    untrained = Adversary(1, 2, CPU).net.state_dict()
    assert any(not torch.equal(first[name], untrained[name]) for name in untrained)


def test_several_processes_are_refused(adversarial_recipe, small_pools, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="adversarial training runs in one process"):
        Trainer(adversarial_recipe, small_pools, tmp_path, device="cpu")


def test_magnitudes_may_match_where_phases_do_not(targets):
    turned = targets.stems * torch.exp(torch.tensor(1j))
    assert magnitude_l1(turned, targets).max() < 1e-4
    half = magnitude_l1(targets.stems * 0.5, targets)
    wanted = targets.magnitude.mean((2, 3, 4)) / 2
    floor = 0.4 * targets.mixture.mean((2, 3, 4))
    torch.testing.assert_close(
        half, wanted / torch.maximum(2 * wanted, floor), rtol=1e-4, atol=1e-4
    )
    config = LossConfig(complex_l1=0.0, compressed=0.0, magnitude_l1=2.0)
    spec = load_recipe("unet-0.1").spec
    torch.testing.assert_close(
        total_loss(targets.stems * 0.5, targets, config, spec), 2 * half.mean()
    )


@pytest.mark.parametrize("weight", [-1.0, float("inf")])
def test_an_adversary_of_no_sensible_weight_is_refused(weight):
    with pytest.raises(TrainingError, match="adversarial must be 0 or more"):
        LossConfig(adversarial=weight)
