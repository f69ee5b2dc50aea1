"""`unbraid train` refuses what cannot work, in one line, before it makes anything."""

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from unbraid.cli.app import run

pytestmark = pytest.mark.training


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "nosuch: no such recipe"),
        (["unet-0.1", "--data", "nowhere"], "nowhere: no such folder; run `unbraid data build"),
        (["unet-0.1", "--data", "."], "holds neither pools nor shards"),
        (["unet-0.1", "--init", "none.safetensors"], "none.safetensors: cannot be read"),
        (["unet-0.1", "--device", "tpu"], "no device 'tpu'"),
        (["unet-0.1", "--device", "cuda"], "--device cuda: this torch"),
        (["unet-0.1", "--validate", "empty"], "empty: holds no songs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_work_is_one_line(
    arguments, message, small_pools, tmp_path, capsys, monkeypatch
):
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    place = [] if "--data" in arguments else ["--data", str(small_pools)]
    code = run(["train", *arguments, *place, "--out", "run", "--steps", "1"])
    error = capsys.readouterr().err
    assert code == 1
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "run").exists()
