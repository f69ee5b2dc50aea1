"""Peers that are ONNX files: any waveform model, MDX-Nets, HTDemucs without its transforms."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.peers.graphs import write_gains, write_htdemucs_like
from unbraid.errors import ModelError
from unbraid.separation.model import Model, named_model

Samples = NDArray[np.float32]


@pytest.fixture
def song() -> Samples:
    return 0.1 * np.random.default_rng(1).standard_normal((2, 70_001)).astype(np.float32)


def opened(name: str) -> Model:
    model = named_model(name).open(1)
    assert isinstance(model, Model)
    return model


@pytest.mark.parametrize("size", [8_192, "n"])
def test_a_waveform_model_gives_the_stems_it_names(
    tmp_path: Path, song: Samples, size: int | str
) -> None:
    path = write_gains(tmp_path / "any.onnx", [1, 2, size], [0.5, 0.25])
    model = opened(f"onnx:{path},stems=bass+vocals,licence=MIT,segment_s=1")
    assert (model.stems, model.licence, model.sample_rate) == (("bass", "vocals"), "MIT", 44_100)
    np.testing.assert_allclose(model.separate(song), [0.5 * song, 0.25 * song], atol=1e-6)


def test_metadata_tell_stems_and_rate_and_what_is_no_stem_of_ours_joins_other(
    tmp_path: Path, song: Samples
) -> None:
    about = {"stems": '["other", "piano", "drums"]', "sample_rate": "48000", "licence": "CC0"}
    path = write_gains(tmp_path / "six.onnx", [1, 2, 8_192], [0.5, 0.25, 0.125], metadata=about)
    model = opened(f"onnx:{path}")
    assert (model.stems, model.licence, model.sample_rate) == (("other", "drums"), "CC0", 48_000)
    np.testing.assert_allclose(model.separate(song), [0.75 * song, 0.125 * song], atol=1e-6)


@pytest.mark.parametrize("n_fft", [6_144, 7_680])  # the latter is no multiple of the hop
def test_an_mdx_net_gives_its_stem(tmp_path: Path, song: Samples, n_fft: int) -> None:
    # All bins and a gain of one half: what comes out is half of what went in, above 20 Hz.
    shape = [1, 4, n_fft // 2 + 1, 64]
    path = write_gains(tmp_path / "net.onnx", shape, [0.5], unsqueeze=False)
    model = opened(f"mdx:{path},n_fft={n_fft},stem=drums,compensate=1.5")
    assert model.stems == ("drums",)
    assert "unknown" in model.licence
    drums = model.separate(song)
    assert drums.shape == (1, *song.shape)
    assert 20 * np.log10(np.std(drums[0] - 0.75 * song) / np.std(song)) < -25
    rest = opened(f"mdx:{path},n_fft={n_fft},stem=instrumental")
    np.testing.assert_allclose(rest.separate(song)[0], song - drums[0] / 1.5, atol=1e-6)
    assert rest.stems == ("vocals",)
    assert rest.sha256 != model.sha256  # options change the numbers


def test_htdemucs_spectra_and_waves_add_up(tmp_path: Path, song: Samples) -> None:
    path = write_htdemucs_like(tmp_path / "ht.onnx")
    model = opened(f"demucs:{path}")
    assert model.stems == ("drums", "bass", "other", "vocals")
    assert model.licence == "personal and research use only"
    stems = model.separate(song)
    # The highest bin, 22 050 Hz, is not in its spectra.
    assert np.std(stems - 0.5 * song) / np.std(song) < 0.02


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("onnx", "brings no weights"),
        ("onnx:nowhere.onnx", "no such file"),
        ("onnx:{wave}", "does not say what its stems are"),
        ("onnx:{wave},stems=vocals", "gives 2 stems, not 1"),
        ("onnx:{wave},stem=vocals", "no option 'stem=vocals'"),
        ("onnx:{wave},stems=vocals+bass,sample_rate=fast", "no number above zero"),
        ("onnx:{text}", "ONNX Runtime cannot load it"),
        ("onnx:{net}", "expected"),
        ("mdx:{wave}", "expected"),
        ("mdx:{net},stem=vocals", "needs n_fft="),
        ("mdx:{net},n_fft=512", "does not give its"),
        ("mdx:{net},n_fft=6144,dim_t=7", "its dim_t is"),
        ("mdx:{net},n_fft=6144", "stem= says"),
        ("demucs:{wave}", "expected"),
    ],
)
def test_a_wrong_file_or_option_is_one_line_that_names_it(
    tmp_path: Path, name: str, message: str
) -> None:
    wave = write_gains(tmp_path / "wave.onnx", [1, 2, 8_192], [1.0, 1.0])
    net = write_gains(tmp_path / "net.onnx", [1, 4, 2_048, 64], [1.0], unsqueeze=False)
    text = tmp_path / "text.onnx"
    text.write_text("no model")
    with pytest.raises(ModelError) as caught:
        opened(name.format(wave=wave, net=net, text=text))
    line = str(caught.value)
    assert message in line
    assert line.startswith(name.partition(":")[0])
    assert "\n" not in line
