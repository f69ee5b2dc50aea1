"""Pools at a lower rate, and augmentation that does there what it does at 44.1 kHz."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.audio.resample import resample  # noqa: E402
from unbraid.cli.app import run  # noqa: E402
from unbraid.errors import TrainingError  # noqa: E402
from unbraid.training.data.augmentation import AugmentationConfig, equaliser  # noqa: E402
from unbraid.training.data.dynamics import compressor_gain, limiter_gain  # noqa: E402
from unbraid.training.data.lower_rate import lower_rate  # noqa: E402
from unbraid.training.data.manifest import read_manifest  # noqa: E402
from unbraid.training.data.pools import Pools  # noqa: E402
from unbraid.training.data.reverb import reverberate, rooms  # noqa: E402
from unbraid.training.examples import Examples  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("one_thread")]

LOW = 11_025


@pytest.fixture(scope="module")
def low_pools(small_pools, tmp_path_factory):
    out = tmp_path_factory.mktemp("low")
    assert lower_rate(small_pools, out, LOW) == 8
    return out


def test_stems_keep_their_place_and_level_and_are_written_once(small_pools, low_pools):
    for before, after in zip(read_manifest(small_pools), read_manifest(low_pools), strict=True):
        assert replace(after, rate=44_100) == before
        high, low = (
            np.load(folder / before.file).T.astype(np.float32) / 32_768
            for folder in (small_pools, low_pools)
        )
        assert low.shape == (2, high.shape[1] // 4)
        assert np.abs(resample(high, 44_100, LOW) - low).max() < 1e-4
    assert lower_rate(small_pools, low_pools, LOW) == 0


def test_the_command_says_how_many_files_it_wrote(small_pools, tmp_path, capsys):
    assert run(["data", "lower", str(small_pools), "--out", str(tmp_path / "low")]) == 0
    assert "8 files written" in capsys.readouterr().err
    assert run(["data", "lower", str(tmp_path), "--out", str(tmp_path / "none")]) != 0
    assert "unbraid data build" in capsys.readouterr().err


def test_what_cannot_be_lowered_is_refused(small_pools, low_pools, tmp_path):
    with pytest.raises(TrainingError, match="not above 44100 Hz"):
        lower_rate(small_pools, tmp_path / "high", 44_100)
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="cannot be made"):
        lower_rate(small_pools, tmp_path / "file", LOW)
    both = tmp_path / "both"
    both.mkdir()
    lines = [(folder / "manifest.jsonl").read_text() for folder in (small_pools, low_pools)]
    (both / "manifest.jsonl").write_text("".join(lines))
    with pytest.raises(TrainingError, match="several sample rates"):
        Pools(both)


def test_a_recipe_takes_pools_of_its_own_rate_only(small_recipe, low_pools):
    with pytest.raises(TrainingError, match="recipe wants 44100"):
        Examples(small_recipe, low_pools, torch.device("cpu"))
    spec = replace(small_recipe.spec, sample_rate=LOW, n_fft=1024, hop=256)
    examples = Examples(replace(small_recipe, spec=spec), low_pools, torch.device("cpu"))
    targets = examples.targets(examples.draw(0), 0)
    assert targets.stems.shape == (2, 4, 2, 128, 32)


def low_music(n_samples=88_200):
    """A bass in the making: (1, 2, n_samples) at 44.1 kHz with nothing above 2 kHz."""
    times = torch.arange(n_samples) / 44_100
    swell = torch.exp(-4 * (times % 0.5))
    return (0.3 * torch.sin(2 * torch.pi * 80 * times) * swell).expand(1, 2, -1).clone()


def test_dynamics_take_as_long_at_any_rate():
    high = low_music()
    low = high[..., ::4].contiguous()
    above_db, ratio, release = torch.tensor([-3.0]), torch.tensor([4.0]), torch.tensor([60.0])
    for gain_of in (
        lambda x, rate: compressor_gain(x, above_db, ratio, release, rate),
        lambda x, rate: limiter_gain(x, torch.tensor([0.1]), release, rate),
    ):
        of_high, of_low = gain_of(high, 44_100)[..., ::4], gain_of(low, LOW)
        assert of_high.min() < 0.7
        torch.testing.assert_close(of_high, of_low, atol=0.02, rtol=0)


def test_a_room_rings_as_long_at_any_rate():
    decay_s = torch.tensor([0.4])
    energies = []
    for rate in (44_100, LOW):
        response = rooms(decay_s, torch.zeros(1), torch.Generator().manual_seed(0), rate)
        assert response.shape[-1] == pytest.approx(0.3 * rate, abs=1)
        click = torch.zeros(1, 2, rate // 2)
        click[..., 0] = 1
        wet = reverberate(click, response, torch.zeros(1), lows=True, rate=rate) - click
        power = wet.square().sum(1)[0]
        energies.append(float((power[rate // 10 :]).sum() / power.sum()))
    # At the lower rate what dies out in half of the time lies above what is left of it.
    assert 0.01 < energies[0] < energies[1] < 0.2


def test_the_equaliser_bends_the_same_frequencies():
    config = AugmentationConfig(lows=1.0)
    curves = [
        equaliser(
            (2, 4), n_rows, config, torch.Generator().manual_seed(1), torch.device("cpu"), rate
        )[..., :512, 0]
        for n_rows, rate in ((2049, 44_100), (513, LOW))
    ]
    # But for the level of the whole, which is that of a mixture with nothing above.
    level_db = 20 * torch.log10(curves[0] / curves[1])[..., 2:]
    assert level_db.std(dim=-1).max() < 0.1
