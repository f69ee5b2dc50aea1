import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.training.losses import (  # noqa: E402
    QUIET_FLOOR,
    LossConfig,
    Targets,
    audible_sdr_db,
    complex_l1,
    compressed_magnitude,
    total_loss,
)

pytestmark = pytest.mark.training


@pytest.fixture
def example():
    generator = torch.Generator().manual_seed(1)
    stems = torch.randn(3, 4, 2, 16, 5, dtype=torch.complex64, generator=generator) * 5
    stems[0, 2] = 0
    known = torch.ones(3, 4)
    known[1, 1:] = 0
    masks = torch.rand(3, 4, 2, 16, 5, generator=generator)
    return stems, known, masks


def slowly(stems, known, masks, distance, size):
    """The same by the formula in the docstrings, one stem after another, in complex numbers."""
    stems, masks = stems.numpy().astype(complex), masks.numpy()
    ratios = []
    for example in range(3):
        mixture = stems[example].sum(axis=0)
        for stem in range(4):
            if not known[example, stem]:
                continue
            target = stems[example, stem]
            error = distance(masks[example, stem] * mixture, target).sum()
            floor = QUIET_FLOOR * size(mixture).sum()
            ratios.append(error / max(size(target).sum(), floor))
    return np.mean(ratios)


def test_complex_l1_is_its_formula(example):
    stems, known, masks = example
    expected = slowly(stems, known, masks, lambda e, s: np.abs(e - s), np.abs)
    assert complex_l1(masks, Targets.of(stems, known)).item() == pytest.approx(expected, rel=1e-4)


def test_compressed_magnitude_is_its_formula(example):
    stems, known, masks = example

    def root(x):
        return np.sqrt(np.abs(x))

    expected = slowly(stems, known, masks, lambda e, s: np.abs(root(e) - root(s)), root)
    found = compressed_magnitude(masks, Targets.of(stems, known)).item()
    assert found == pytest.approx(expected, rel=1e-3)


def test_the_sdr_of_the_progress_line_is_that_of_the_spectra(example):
    stems, known, masks = example
    mixture = stems.sum(dim=1, keepdim=True)
    error = (masks * mixture - stems).abs().square().sum(dim=(2, 3, 4))
    sdr_db = 10 * torch.log10(stems.abs().square().sum(dim=(2, 3, 4)) / error)
    heard = (stems.abs().sum(dim=(2, 3, 4)) > 0) & (known > 0)
    expected = sdr_db[heard].mean().item()
    assert audible_sdr_db(masks, Targets.of(stems, known)).item() == pytest.approx(expected, 1e-3)


def test_a_perfect_mask_costs_nothing_and_gradients_are_finite():
    stems = torch.zeros(1, 4, 2, 8, 4, dtype=torch.complex64)
    stems[:, 0] = 3 + 4j
    masks = torch.zeros(1, 4, 2, 8, 4)
    masks[:, 0] = 1
    masks.requires_grad_()
    loss = total_loss(masks, Targets.of(stems, torch.ones(1, 4)), LossConfig())
    loss.backward()
    assert loss.item() < 0.02
    assert torch.isfinite(masks.grad).all()
