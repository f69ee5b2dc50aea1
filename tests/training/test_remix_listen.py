from dataclasses import replace

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import OutputError  # noqa: E402
from unbraid.spectral.stft import stft  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training.data.listen import examples, write  # noqa: E402
from unbraid.training.recipe import load_recipe  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("one_thread")]

RECIPE = replace(load_recipe("unet-0.1"), batch_size=2, crop_frames=32)


def test_what_is_heard_is_what_the_net_is_taught(small_pools):
    """The magnitudes of the trainer's own targets, in the frames that the sound wholly covers."""
    from unbraid.training.examples import Examples

    spec = RECIPE.spec
    theirs = Examples(RECIPE, small_pools, torch.device("cpu"))
    targets = [theirs.targets(theirs.draw(step), step) for step in (0, 1)]
    n_edge = spec.n_fft // spec.hop - 1
    for index, ours in enumerate(examples(RECIPE, small_pools, 3)):
        wanted = targets[index // 2].magnitude[index % 2][..., n_edge:-n_edge].numpy()
        for heard, magnitude in zip(ours.stems, wanted, strict=True):
            error = np.abs(stft(heard, spec)[:, : spec.n_bins]) - magnitude
            # No waveform has just an equalised spectrum: overlapping frames contradict a little.
            assert np.square(error).sum() <= 3e-3 * np.square(magnitude).sum()


def test_the_page_shows_every_file_and_how_it_was_made(small_pools, tmp_path):
    page = write(RECIPE, small_pools, tmp_path / "out", 3)
    text = page.read_text()
    for number in (1, 2, 3):
        for name in (*STEMS, "mixture"):
            assert f'src="{number:02d}-{name}.flac"' in text
            assert (page.parent / f"{number:02d}-{name}.png").stat().st_size > 100
    assert "one.drums at" in text or "two.drums at" in text
    stems = [soundfile.read(page.parent / f"01-{name}.flac")[0] for name in STEMS]
    mixture, _ = soundfile.read(page.parent / "01-mixture.flac")
    assert np.abs(sum(stems) - mixture).max() < 1e-6
    write(RECIPE, small_pools, tmp_path / "out", 1)  # its own folder is written again


def test_a_folder_with_something_else_in_it_is_left_alone(small_pools, tmp_path):
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        write(RECIPE, small_pools, tmp_path, 1)
    assert (tmp_path / "index.html").read_text() == "mine"
