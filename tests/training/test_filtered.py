"""The filter behind the masks while training, beside the separator's."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.spectral.wiener import wiener  # noqa: E402
from unbraid.training.estimate import filtered  # noqa: E402
from unbraid.training.losses import Targets  # noqa: E402
from unbraid.training.trainer import Trainer  # noqa: E402

pytestmark = pytest.mark.training

PLACES = torch.tensor([[0.7, 0.7], [0.7, 0.7], [0.7, 0.7], [0.92, 0.38]])


@pytest.fixture
def targets():
    generator = torch.Generator().manual_seed(1)
    stems = 9 * torch.randn(2, 4, 1, 65, 32, dtype=torch.complex64, generator=generator)
    return Targets.of(stems * PLACES[:, :, None, None], torch.ones(2, 4))


@pytest.fixture
def masks():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(2, 4, 2, 65, 32, generator=generator).softmax(dim=1)


def test_it_is_the_separators(targets, masks):
    ours = filtered(masks, targets).numpy()
    for example, mask, mixture in zip(ours, masks, targets.spectrum[:, 0], strict=True):
        theirs = np.stack([s.copy() for s in wiener(mask.numpy(), mixture.numpy().copy())])
        np.testing.assert_allclose(example, theirs, atol=1e-3)


@pytest.mark.parametrize("is_mono", [False, True])
def test_gradients_lower_the_error(targets, masks, is_mono):
    if is_mono:
        stems = targets.stems.mean(dim=2, keepdim=True).expand(-1, -1, 2, -1, -1)
        targets = Targets.of(stems.contiguous(), torch.ones(2, 4))
    masks.requires_grad_()
    before = targets.squared_error(filtered(masks, targets)).mean()
    before.backward()
    assert torch.isfinite(masks.grad).all()
    with torch.no_grad():
        better = (masks - 0.02 * masks.grad / masks.grad.square().mean().sqrt()).clamp(0, 1)
        assert targets.squared_error(filtered(better, targets)).mean() < before


@pytest.mark.usefixtures("one_thread")
def test_a_net_learns_behind_it(small_recipe, small_pools, tmp_path):
    trainer = Trainer(replace(small_recipe, wiener=True), small_pools, tmp_path, device="cpu")
    before = {name: value.clone() for name, value in trainer.net.state_dict().items()}
    trainer.run(5, max_steps=2)
    assert trainer.n_skipped == 0
    assert any(not v.equal(before[name]) for name, v in trainer.net.state_dict().items())
