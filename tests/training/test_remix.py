import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from scipy import signal

torch = pytest.importorskip("torch", reason="needs the train extra")

from unbraid.errors import TrainingError  # noqa: E402
from unbraid.stems import STEMS  # noqa: E402
from unbraid.training.data.augmentation import (  # noqa: E402
    AugmentationConfig,
    augment_samples,
    equaliser,
)
from unbraid.training.data.pools import Pools  # noqa: E402
from unbraid.training.data.remix import RemixConfig, Remixer  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.usefixtures("one_thread")]


def remixer(folder, seed=0, **config):
    return Remixer(Pools(folder), RemixConfig(**config), 30_000, 6, seed)


def test_same_seed_and_step_same_batch(small_pools):
    one, two = remixer(small_pools).batch(7), remixer(small_pools).batch(7)
    np.testing.assert_array_equal(one.stems, two.stems)
    assert (remixer(small_pools).batch(8).stems != one.stems).any()
    assert (remixer(small_pools, seed=1).batch(7).stems != one.stems).any()


def test_absent_stems_are_silent_as_often_as_asked(small_pools):
    batches = [remixer(small_pools, absent=0.5, absent_vocals=0.5).batch(s) for s in range(20)]
    silent = np.mean([~b.stems.numpy().any(axis=(2, 3)) for b in batches])
    assert 0.4 < silent < 0.6


def test_coherent_examples_come_from_one_song_at_one_position(small_pools):
    batch = remixer(
        small_pools, coherent=1, absent=0, absent_vocals=0, resampled=0, stretched=0
    ).batch(0)
    pools = Pools(small_pools)
    for example in batch.stems:
        matched = 0
        for song in pools.songs:
            positions = set()
            for index, stem in enumerate(("vocals", "bass", "other")):
                wanted = example[(0, 2, 3)[index], 0, :2000].numpy()
                samples = np.asarray(song[stem].samples[:, 0], np.float32)
                lags = signal.fftconvolve(samples, wanted[::-1], "valid")
                energy = signal.fftconvolve(samples**2, np.ones(len(wanted)), "valid") ** 0.5
                score = lags / (energy * np.linalg.norm(wanted))
                positions.add(score.max() > 0.999)
            matched += positions == {True}
        assert matched == 1


def test_a_pool_without_a_stem_is_refused(small_pools, tmp_path):
    lines = (small_pools / "manifest.jsonl").read_text().splitlines()
    (tmp_path / "manifest.jsonl").write_text(
        "\n".join(
            line.replace('"file": "', f'"file": "{small_pools}/')
            for line in lines
            if '"bass"' not in line
        )
        + "\n"
    )
    with pytest.raises(TrainingError, match="no training material for bass"):
        Pools(tmp_path)


def test_a_folder_that_is_no_pool_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="unbraid data build"):
        Pools(tmp_path)


def test_augmentation_is_repeatable_and_keeps_silence_silent(small_pools):
    stems = remixer(small_pools).batch(0).stems
    stems[:, 2] = 0
    results = [
        augment_samples(stems, AugmentationConfig(), torch.Generator().manual_seed(3))
        for _ in range(2)
    ]
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)
    assert results[0].shape == stems.shape
    assert not results[0][:, 2].any()
    assert torch.isfinite(results[0]).all()


def test_bus_compression_keeps_stems_in_proportion(small_pools):
    stems = remixer(small_pools, absent=0, absent_vocals=0).batch(0).stems
    only_bus = AugmentationConfig(
        swap_channels=0,
        flip_polarity=0,
        balance_db=0,
        narrow=0,
        widen=0,
        saturate=(0.0, 0.0, 0.0, 0.0),
        compress=(0.0, 0.0, 0.0, 0.0),
        reverb=(0.0, 0.0, 0.0, 0.0),
        bus_compress=1,
        limit=1,
    )
    after = augment_samples(stems, only_bus, torch.Generator().manual_seed(0))
    audible = stems.abs().amin(dim=1, keepdim=True) > 1e-3
    gain = torch.where(audible, after / stems, torch.nan)
    spread = (gain - gain[:, :1]).abs().nan_to_num(0)
    assert spread.max() < 1e-3


def test_equaliser_curves_are_smooth_and_bounded():
    shape = (5, 4)
    curves = equaliser(
        shape, 2049, AugmentationConfig(), torch.Generator().manual_seed(0), torch.device("cpu")
    )
    assert curves.shape == (5, 4, 1, 2049, 1)
    curve_db = 20 * curves.log10()
    # Each within 15 dB; then all stems' of an example are moved so that music keeps its level.
    assert (curve_db.amax(dim=3) - curve_db.amin(dim=3)).max() <= 30.01
    assert curve_db.diff(dim=3)[..., 100:, :].abs().max() < 0.5


def test_a_batch_is_the_same_to_the_byte_in_any_order_and_process(small_pools):
    """Everything is moved here, so that no operation of the remixer is left out."""
    config = {"resampled": 0.4, "stretched": 0.4, "coherent": 0.5}
    ours = remixer(small_pools, seed=3, **config)
    batches = {step: ours.batch(step).stems.numpy().tobytes() for step in (5, 2, 9)}
    again = remixer(small_pools, seed=3, **config)
    for step in (2, 5, 9):
        assert again.batch(step).stems.numpy().tobytes() == batches[step]
    code = (
        "import sys, hashlib, pathlib\n"
        "from unbraid.training.data.pools import Pools\n"
        "from unbraid.training.data.remix import RemixConfig, Remixer\n"
        f"config = RemixConfig(**{config!r})\n"
        "remixer = Remixer(Pools(pathlib.Path(sys.argv[1])), config, 30_000, 6, 3)\n"
        "print(hashlib.sha256(remixer.batch(9).stems.numpy().tobytes()).hexdigest())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(small_pools)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == hashlib.sha256(batches[9]).hexdigest()


def test_stems_of_a_song_move_together(small_pools, tmp_path):
    """The same recording under all four names stays the same under all of them."""
    pools_with(tmp_path, small_pools, dict.fromkeys(STEMS, "one.other.npy"))
    config = {"coherent": 1, "absent": 0, "absent_vocals": 0, "resampled": 0, "stretched": 1}
    for example in remixer(tmp_path, **config).batch(0).stems:
        level = example.square().mean(dim=(1, 2), keepdim=True).sqrt()
        alike = example / level
        torch.testing.assert_close(alike, alike[:1].expand_as(alike), rtol=0, atol=1e-3)


def test_what_a_teacher_separated_is_never_parted(small_pools, tmp_path):
    files = {"vocals": "one.vocals.npy", "accompaniment": "one.other.npy"}
    pools_with(tmp_path, small_pools, files, source="teacher-made")
    ours = remixer(tmp_path, duet=0.3, accompaniment=0.3)
    assert not ours.pools.has("accompaniment")
    plans = [ours.plan(step) for step in range(20)]
    n_duets = 0
    for plan in plans:
        for example, known in enumerate(plan.known):
            crops = [crop for crop in plan.crops if crop.example == example]
            if any(crop.item.source == "teacher-made" for crop in crops):
                n_duets += 1
                assert known == [1, 0, 0, 0]
                voice, music = sorted(crops, key=lambda crop: crop.stem)
                assert (voice.stem, music.stem) == (0, 3)
                assert voice.item.song == music.item.song
                assert voice.start == music.start
                assert voice.motion is music.motion
            else:
                assert known == [1, 1, 1, 1]
    assert 0.2 < n_duets / 120 < 0.4


def test_a_twin_is_drawn_as_often_as_asked(small_pools, tmp_path):
    pools_with(tmp_path, small_pools, {"vocals": "one.vocals.npy"}, twin="two.vocals.npy")
    for coded in (0.0, 1.0):
        ours = remixer(tmp_path, coded=coded, coherent=0)
        drawn = [crop for crop in ours.plan(0).crops if crop.item.twin is not None]
        assert drawn
        for crop in drawn:
            assert crop.recording is (crop.item.twin if coded else crop.item.recording)


def test_what_lies_outside_a_recording_is_silence(small_pools):
    pools = Pools(small_pools)
    recording = pools.songs[0]["bass"].recording
    n_samples = len(recording.samples)
    gathered = pools.gather([(recording, -100), (recording, n_samples - 50)], 200).numpy()
    np.testing.assert_array_equal(gathered[0, 100:], recording.samples[:100])
    np.testing.assert_array_equal(gathered[1, :50], recording.samples[-50:])
    assert not gathered[0, :100].any()
    assert not gathered[1, 50:].any()


def test_a_batch_from_the_store_on_the_device_is_that_from_the_files(small_pools):
    from_files = remixer(small_pools, stretched=0.3).batch(4)
    stored = remixer(small_pools, stretched=0.3)
    stored.pools._store = stored.pools._stored(8 * 441_000)
    torch.testing.assert_close(stored.batch(4).stems, from_files.stems, rtol=0, atol=0)
    places = [(stored.pools.songs[0]["bass"].recording, first) for first in (-100, 440_950)]
    gathered = stored.pools.gather(places, 200)
    stored.pools._store = None
    torch.testing.assert_close(gathered, stored.pools.gather(places, 200), rtol=0, atol=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_batch_on_a_gpu_is_that_of_the_cpu(small_pools):
    on_cpu = remixer(small_pools, stretched=0.3).batch(4)
    pools = Pools(small_pools, device="cuda")
    assert pools._store is not None
    on_gpu = Remixer(pools, RemixConfig(stretched=0.3), 30_000, 6, 0).batch(4)
    torch.testing.assert_close(on_gpu.stems.cpu(), on_cpu.stems, rtol=0, atol=1e-4)
    config = AugmentationConfig()
    augmented = [
        augment_samples(b.stems, config, torch.Generator().manual_seed(1)).cpu()
        for b in (on_cpu, on_gpu)
    ]
    torch.testing.assert_close(*augmented, rtol=0, atol=1e-2)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00 cut", None])
def test_a_damaged_file_is_named(small_pools, tmp_path, content):
    pools_with(tmp_path, small_pools, {"vocals": "one.vocals.npy"})
    damaged = tmp_path / "one.vocals.npy"
    damaged.unlink()
    damaged.write_bytes(
        (small_pools / damaged.name).read_bytes()[:5_000] if content is None else content
    )
    with pytest.raises(TrainingError, match=r"one\.vocals\.npy: cannot be read"):
        Pools(tmp_path)


def pools_with(folder, small_pools, files, **fields):
    """The small pools, and a third song made of some of their files."""
    text = (small_pools / "manifest.jsonl").read_text()
    entry = json.loads(text.splitlines()[0])
    for kind, file in files.items():
        third = entry | {"item": "third", "song": "third", "class": kind, "file": file} | fields
        third["seconds"] = 1e5  # drawn nearly always
        text += json.dumps(third) + "\n"
    for file in small_pools.glob("*.npy"):
        (folder / file.name).symlink_to(file)
    (folder / "manifest.jsonl").write_text(text)
