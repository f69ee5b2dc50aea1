import json

import numpy as np
import pytest


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
