"""Peers as users meet them: found cheaply, named, refused, and written like our own models."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import Command, write_song
from tests.cli.conftest import here as here
from tests.cli.conftest import unbraid as unbraid
from tests.peers.graphs import write_gains
from unbraid.separation.model import named_model

GUIDE = Path(__file__).parents[2] / "docs" / "peers.md"


@pytest.fixture
def halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plug-in of docs/peers.md, installed."""
    block = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    points = re.search(r"(halves = .*)\n", GUIDE.read_text(encoding="utf-8"))
    assert block
    assert points
    site = tmp_path / "site"
    about = site / "my_halves-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "my_halves.py").write_text(block[1])
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-halves\nVersion: 1.0\n")
    quoted = points[1].replace('"', "")
    (about / "entry_points.txt").write_text(f"[unbraid.models]\n{quoted}\n")
    monkeypatch.syspath_prepend(str(site))


@pytest.mark.usefixtures("halves")
def test_the_plug_in_of_the_guide_works(unbraid: Command) -> None:
    song = write_song("song.wav", seconds=1, rate=48_000)
    exit_code, _, err = unbraid("separate", "song.wav", "--model", "halves", "--depth", "32f")
    assert (exit_code, err) == (0, "unbraid: halves: weights: CC0\n")
    written = sorted(path.stem for path in Path("separated/song").iterdir())
    assert written == ["bass", "other", "vocals"]
    total = sum(soundfile.read(path)[0] for path in Path("separated/song").iterdir())
    np.testing.assert_allclose(total, soundfile.read(song)[0], atol=3e-5)
    peer = next(entry for entry in json.loads(unbraid("models", "--json")[1])
                if entry["name"] == "halves")  # fmt: skip
    assert (peer["origin"], peer["package"]) == ("peer", "my-halves 1.0")
    assert "my-halves" in unbraid("models", "show", "halves")[1]


def test_a_peer_gives_only_what_it_gives(unbraid: Command, here: Path) -> None:
    write_song("song.wav", seconds=1)
    name = f"onnx:{write_gains(here / 'v.onnx', [1, 2, 16_384], [0.5])},stems=vocals"
    for wanted in (["--stems", "drums"], ["--two-stems", "bass"], ["--mix", "all-drums"]):
        exit_code, _, err = unbraid("separate", "song.wav", "--model", name, *wanted)
        assert exit_code == 2
        assert re.search("onnx:v gives no (drums|bass); it gives vocals, other", err)
    assert not Path("separated").exists()
    exit_code, out, _ = unbraid("separate", "song.wav", "--model", name, "--json", "--two-stems",
                                "vocals")  # fmt: skip
    assert exit_code == 0
    assert list(json.loads(out)["paths"]) == ["vocals", "no_vocals"]


def test_a_peer_that_gives_nan_leaves_nothing_behind(unbraid: Command, here: Path) -> None:
    write_song("song.wav", seconds=1)
    name = f"onnx:{write_gains(here / 'n.onnx', [1, 2, 16_384], [np.nan])},stems=vocals"
    exit_code, _, err = unbraid("separate", "song.wav", "-q", "--model", name)
    assert (exit_code, err) == (1, "unbraid: onnx:n: gives NaN or infinity in vocals\n")
    assert not [path for path in Path("separated").rglob("*") if path.is_file()]


def test_every_peer_is_listed_with_its_licence(unbraid: Command) -> None:
    peers = {entry["name"]: entry for entry in json.loads(unbraid("models", "--json")[1])}
    assert peers["demucs"]["licence"] == "personal and research use only"
    assert peers["spleeter"]["licence"] == "MIT"
    assert {"mdx", "onnx", "open-unmix"} <= peers.keys()
    assert "research use only" in re.sub(r"\s+", " ", unbraid("models", "show", "demucs")[1])


def test_what_is_to_be_typed_for_a_peer_is_in_one_piece(
    unbraid: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = unbraid("models")[1]
    assert "--model onnx:FILE.onnx,stems=drums+bass+other+vocals\n" in out
    assert "weights: personal and research use only\n" in out


def test_a_peer_without_its_package_says_what_to_install(
    unbraid: Command, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("torch", "openunmix", "demucs", "torchaudio"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "unbraid.training.data.teacher", raising=False)
    (here / "file.th").touch()
    for peer, argument in (("demucs", "file.th"), ("open-unmix", "."), ("spleeter", "file.th")):
        _, _, err = unbraid("separate", "file.th", "--model", f"{peer}:{argument}")
        assert f'pip install "unbraid[peers-{peer}]"' in err
        assert len(err.splitlines()) == 1


def test_finding_peers_imports_none_of_them() -> None:
    program = (
        "import sys; from unbraid.separation.model import plugins; assert 'demucs' in plugins(); "
        "from unbraid.cli.models import _peers; _peers(); "
        "assert not {'torch', 'demucs', 'openunmix', 'onnxruntime', 'unbraid.peers.demucs'} "
        "& sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_peer_is_another_when_its_file_or_options_change(tmp_path: Path) -> None:
    # `unbraid evaluate` keeps the rows of models that have not changed.
    file = tmp_path / "net.onnx"
    folder = tmp_path / "umx"
    folder.mkdir()
    known = []
    for content in ("one", "another"):
        file.write_text(content)
        (folder / "vocals.pth").write_text(content)
        names = (f"onnx:{file}", f"onnx:{file},stems=bass", f"open-unmix:{folder}")
        known += [named_model(name).sha256 for name in names]
    assert len(set(known)) == 6
    copy = tmp_path / "copy.onnx"
    copy.write_text("another")
    assert named_model(f"onnx:{copy},stems=bass").sha256 == known[4]
