"""A comparison of a few seconds, made once for all tests."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.models_made import CARD, gains, write_graph
from unbraid.audio.writer import OutputFormat, StemWriter
from unbraid.cli.app import run
from unbraid.stems import STEMS

NASTY = "\"><img src=x onerror=alert(1)></script>{{script}}'&"
PEERS = """
import os
import numpy as np


class Peer:
    name, licence, sha256, sample_rate = "peer", "research use only", "", 44_100
    stems = ("vocals", "drums")

    def __init__(self, wanted):
        self.wanted = wanted

    def separate(self, samples):
        if self.wanted == "crash":
            os._exit(7)
        if self.wanted == "raise":
            raise RuntimeError("out of <b>memory</b>")
        given = np.stack([samples, samples])
        if self.wanted == "nan":
            given[1, 0, 5] = np.nan
        return given
"""


@dataclass(frozen=True)
class Compared:
    """What `unbraid compare` did."""

    folder: Path
    code: int

    @property
    def page(self) -> str:
        return (self.folder / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song's folder with its four stems, six seconds of noise bursts."""
    folder = tmp_path_factory.mktemp("panel") / NASTY.replace("/", "\N{FRACTION SLASH}")
    rng = np.random.default_rng(11)
    stems = (0.08 * rng.standard_normal((4, 2, 6 * 44_100))).astype(np.float32)
    with StemWriter(
        {stem: folder / f"{stem}.flac" for stem in STEMS},
        output_format=OutputFormat("flac", "16"),
        sample_rate=44_100,
        target_rate=44_100,
    ) as writer:
        writer.write(stems)
        writer.commit()
    return folder


@pytest.fixture(scope="session")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two sets of one name that separate badly, each in its own way."""
    root = tmp_path_factory.mktemp("sets")
    paths = []
    for i, power in enumerate((1.0, 6.0)):
        folder = root / f"set{i}"
        folder.mkdir()
        write_graph(folder / "all.onnx", CARD, gains(CARD.spec)[:, :: 1 - 2 * i] ** power)
        paths.append(str(folder))
    return paths[0], paths[1]


@pytest.fixture(scope="session")
def compared(
    song: Path, two_models: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Compared:
    """Two good models and one that crashes, from the song's second second on."""
    root = tmp_path_factory.mktemp("peers")
    (root / "fake_peers.py").write_text(PEERS)
    card = root / "fake_peers-1.0.dist-info"
    card.mkdir()
    (card / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-peers\nVersion: 1.0\n")
    (card / "entry_points.txt").write_text("[unbraid.models]\nfake = fake_peers:Peer\n")
    out = tmp_path_factory.mktemp("out") / "compared"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root))
        names = ["--models", *two_models, "--peers", "fake:ok", "fake:crash", "fake:nan"]
        code = run(["compare", str(song), *names, "--start", "1", "--length", "4", "-o", str(out)])
    return Compared(out, code)
