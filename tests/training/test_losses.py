"""Each spectral term against its formula, written out stem by stem in complex numbers."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import TrainingError  # noqa: E402
from unbraid.spec import Spec  # noqa: E402
from unbraid.spectral.masks import ratio_masks  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training.losses import (  # noqa: E402
    LossConfig,
    Targets,
    audible_sdr_db,
    total_loss,
)
from unbraid.training.losses.hearing import masked_error  # noqa: E402
from unbraid.training.losses.spectra import complex_l1, compressed_magnitude, energy  # noqa: E402
from unbraid.training.losses.targets import QUIET_FLOOR  # noqa: E402

pytestmark = pytest.mark.training

SPEC = Spec(sample_rate=8_000, n_fft=128, hop=32, n_bins=33, n_frames=24, context=2)
EVERYTHING = LossConfig(energy=0.5, masked=0.5, multi_resolution=0.2, waveform_l1=0.3, si_sdr=0.02,
                        resolutions=(64, 128))  # fmt: skip


@pytest.fixture
def example():
    generator = torch.Generator().manual_seed(1)
    stems = torch.randn(3, 4, 2, 33, 24, dtype=torch.complex64, generator=generator) * 5
    stems[0, 2] = 0
    known = torch.ones(3, 4)
    known[1, 1:] = 0
    masks = torch.rand(3, 4, 2, 33, 24, generator=generator)
    return stems, known, masks


def slowly(stems, masks, distance, size):
    """The same by the formula in the docstrings, one stem after another, in complex numbers."""
    stems, masks = stems.numpy().astype(complex), masks.numpy()
    ratios = np.zeros(stems.shape[:2])
    for example, stem in np.ndindex(ratios.shape):
        mixture, target = stems[example].sum(axis=0), stems[example, stem]
        error = distance(masks[example, stem] * mixture, target).sum()
        floor = QUIET_FLOOR * size(mixture).sum()
        ratios[example, stem] = error / max(size(target).sum(), floor)
    return ratios


def test_complex_l1_is_its_formula(example):
    stems, known, masks = example
    found = complex_l1(masks, Targets.of(stems, known)).numpy()
    expected = slowly(stems, masks, lambda e, s: np.abs(e - s), np.abs)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("power", [0.3, 0.5, 1.0])
def test_compressed_magnitude_is_its_formula(example, power):
    stems, known, masks = example

    def root(x):
        return np.abs(x) ** power

    found = compressed_magnitude(masks, Targets.of(stems, known), power).numpy()
    expected = slowly(stems, masks, lambda e, s: np.abs(root(e) - root(s)), root)
    np.testing.assert_allclose(found, expected, rtol=2e-2 if power < 0.5 else 2e-3)


def test_energy_is_its_formula(example):
    stems, known, masks = example
    found = energy(masks, Targets.of(stems, known)).numpy()
    expected = np.zeros((3, 4))
    for one, stem in np.ndindex(expected.shape):
        mixture, target = stems[one].sum(0).numpy(), stems[one, stem].numpy()
        error = np.sum(np.abs(masks[one, stem].numpy() * mixture - target) ** 2)
        floor = (QUIET_FLOOR * np.linalg.norm(mixture)) ** 2
        expected[one, stem] = np.sqrt(error / max(np.linalg.norm(target) ** 2, floor))
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_the_sdr_of_the_progress_line_is_that_of_the_spectra(example):
    stems, known, masks = example
    mixture = stems.sum(dim=1, keepdim=True)
    error = (masks * mixture - stems).abs().square().sum(dim=(2, 3, 4))
    sdr_db = 10 * torch.log10(stems.abs().square().sum(dim=(2, 3, 4)) / error)
    heard = (stems.abs().sum(dim=(2, 3, 4)) > 0) & (known > 0)
    expected = sdr_db[heard].mean().item()
    assert audible_sdr_db(masks, Targets.of(stems, known)).item() == pytest.approx(expected, 1e-3)


def test_the_total_is_the_weighted_mean_over_known_stems(example):
    stems, known, masks = example
    targets = Targets.of(stems, known)
    config = LossConfig(complex_l1=0.7, compressed=0.2, masked=0.4)
    sums = (
        0.7 * complex_l1(masks, targets)
        + 0.2 * compressed_magnitude(masks, targets)
        + 0.4 * masked_error(masks, targets, SPEC)
    )
    expected = sums[known > 0].mean().item()
    assert total_loss(masks, targets, config, SPEC).item() == pytest.approx(expected, rel=1e-5)


def test_what_is_unknown_changes_nothing(example):
    stems, known, masks = example
    masks = masks.clone().requires_grad_()
    total_loss(masks, Targets.of(stems, known), EVERYTHING, SPEC).backward()
    assert (masks.grad[1, 1:] == 0).all()
    assert (masks.grad[1, 0] != 0).any()


def test_where_nothing_is_known_the_loss_is_nothing(example):
    stems, known, masks = example
    targets = Targets.of(stems, torch.zeros_like(known))
    assert total_loss(masks, targets, EVERYTHING, SPEC).item() == 0


def test_a_perfect_mask_costs_nothing_and_gradients_are_finite():
    stems = torch.zeros(1, 4, 2, 33, 24, dtype=torch.complex64)
    stems[:, 0] = 3 + 4j
    masks = torch.zeros(1, 4, 2, 33, 24)
    masks[:, 0] = 1
    masks.requires_grad_()
    config = LossConfig(masked=0.5, multi_resolution=0.2, waveform_l1=0.3, resolutions=(64, 128))
    loss = total_loss(masks, Targets.of(stems, torch.ones(1, 4)), config, SPEC)
    loss.backward()
    assert loss.item() < 0.02
    assert torch.isfinite(masks.grad).all()


@pytest.mark.parametrize("n_silent", [3, 4])
def test_gradients_are_finite_at_silence(n_silent):
    stems = torch.randn(2, 4, 2, 33, 24, dtype=torch.complex64)
    stems[:, :n_silent] = 0
    masks = torch.rand(2, 4, 2, 33, 24, requires_grad=True)
    loss = total_loss(masks, Targets.of(stems, torch.ones(2, 4)), EVERYTHING, SPEC)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(masks.grad).all()


def test_an_accompaniment_known_only_as_a_sum_teaches_by_its_vocals_alone(example):
    """Masks sum to one, so the error of the three others' sum is minus the vocals' error."""
    stems, _, magnitudes = example
    stems = stems.clone()
    stems[:, 0] = 0
    masks = torch.stack([torch.from_numpy(ratio_masks(m.numpy())) for m in magnitudes])
    mixture = stems.sum(dim=1)
    of_vocals = masks[:, 0] * mixture - stems[:, 0]
    of_the_rest = masks[:, 1:].sum(dim=1) * mixture - stems[:, 1:].sum(dim=1)
    torch.testing.assert_close(of_the_rest, -of_vocals, rtol=1e-4, atol=1e-4)


def test_the_default_terms_have_no_complex_numbers_in_their_gradients(example):
    stems, known, masks = example
    loss = total_loss(masks.requires_grad_(), Targets.of(stems, known), LossConfig(), SPEC)
    seen, left = set(), [loss.grad_fn]
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        for name in (n for n in dir(node) if n.startswith("_saved")):
            saved = getattr(node, name)
            assert not (isinstance(saved, torch.Tensor) and saved.is_complex())
        left += [parent for parent, _ in node.next_functions]
    assert len(seen) > 10


@pytest.mark.parametrize(
    ("share", "weights"),
    [(0.0, [1, 1, 1, 1]), (0.25, [1, 0, 1, 1]), (0.375, [1, 0, 0.5, 1]), (0.1, [1, 0.6, 1, 1])],
)
def test_the_worst_share_of_examples_does_not_count(share, weights):
    stems = torch.ones(4, 4, 2, 33, 24, dtype=torch.complex64)
    errors = torch.tensor([0.1, 0.6, 0.4, 0.2])  # the second is the worst, then the third
    # Of a stem that is a quarter of the mixture, and counts as 0.4 of it.
    masks = (0.25 + 0.4 * errors)[:, None, None, None, None].expand(4, 4, 2, 33, 24)
    config = LossConfig(compressed=0.0, drop_worst=share)
    loss = total_loss(masks, Targets.of(stems, torch.ones(4, 4)), config, SPEC)
    expected = np.average(errors.numpy(), weights=weights)
    assert loss.item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("stems", [STEMS, ("drums", "bass")])
def test_a_stem_counts_by_its_weight_whichever_stems_a_net_gives(stems):
    errors = dict(zip(STEMS, (0.1, 0.2, 0.3, 0.4), strict=True))
    weights = dict(zip(STEMS, (0.5, 1.0, 2.5, 1.0), strict=True))
    of = Targets.of(torch.ones(2, 4, 2, 33, 24, dtype=torch.complex64), torch.ones(2, 4))
    masks = 0.25 + 0.4 * torch.tensor([errors[s] for s in stems])[None, :, None, None, None]
    config = LossConfig(compressed=0.0, stem_weights=tuple(weights.values()))
    masks = masks.expand(2, -1, 2, 33, 24)
    loss = total_loss(masks, of.only(stems), config, SPEC, stems)
    expected = np.average([errors[s] for s in stems], weights=[weights[s] for s in stems])
    assert loss.item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"si_sdr": -0.1}, "si_sdr must be 0 or more"),
        ({"complex_l1": 0.0, "compressed": 0.0}, "nothing to learn from"),
        ({"power": 0.0}, "power must be above 0"),
        ({"drop_worst": 1.0}, "drop_worst must be from 0"),
        ({"resolutions": ()}, "resolutions must be"),
        ({"resolutions": (510,)}, "resolutions must be"),
        ({"stem_weights": (1.0, 1.0)}, "stem_weights must be 4 numbers"),
        ({"stem_weights": (1.0, 1.0, 0.0, 1.0)}, "stem_weights must be 4 numbers"),
    ],
)
def test_a_loss_that_makes_no_sense_is_refused(fields, words):
    with pytest.raises(TrainingError, match=words):
        LossConfig(**fields)
