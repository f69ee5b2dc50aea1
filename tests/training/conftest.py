import json
from dataclasses import replace

import numpy as np
import pytest


@pytest.fixture
def one_thread():
    """Sums in one order, so that runs can be compared; and tests that do not fight for cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small_recipe():
    """The shipped recipe with a net of a few thousand parameters, and short examples."""
    from unbraid.spec import Spec
    from unbraid.training.nets.unet import UNetConfig
    from unbraid.training.recipe import load_recipe

    return replace(
        load_recipe("unet-0.1"),
        spec=Spec(n_bins=128, n_frames=64),
        net=UNetConfig(filters=(4, 4, 6, 6, 8, 8)),
        batch_size=2,
        crop_frames=32,
    )


@pytest.fixture(scope="session")
def small_pools(tmp_path_factory):
    """Two made-up songs of ten seconds, in the format of the training pools."""
    folder = tmp_path_factory.mktemp("pools")
    rng = np.random.default_rng(0)
    times = np.arange(10 * 44_100) / 44_100
    made = {
        "vocals": lambda f: np.sin(2 * np.pi * f * times + 3 * np.sin(2 * np.pi * 5 * times)),
        "drums": lambda f: rng.standard_normal(len(times)) * np.exp(-12 * (times % 0.5)),
        "bass": lambda f: np.sign(np.sin(2 * np.pi * f / 8 * times)),
        "other": lambda f: sum(np.sin(2 * np.pi * f * k * times) for k in (0.5, 0.75, 1)) / 3,
    }
    lines = []
    for song, frequency in (("one", 440), ("two", 523)):
        for stem, make in made.items():
            samples = np.stack([make(frequency) * 0.2] * 2, axis=1)
            file = f"{song}.{stem}.npy"
            np.save(folder / file, (samples * 32_767).astype(np.int16))
            entry = {
                "item": song,
                "file": file,
                "source": "made",
                "licence": "CC0-1.0",
                "class": stem,
                "song": song,
                "split": "train",
                "seconds": 10.0,
                "level_dbfs": float(20 * np.log10(np.sqrt(np.mean(samples**2)))),
                "active": 1.0,
            }
            lines.append(json.dumps(entry))
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    return folder
