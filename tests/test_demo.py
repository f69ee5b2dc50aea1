"""`unbraid demo`: its files, its page, its manners."""

import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from unbraid.audio.track import Track
from unbraid.cli.demo import demo
from unbraid.demo import run
from unbraid.demo.clip import Clip, load_clip
from unbraid.errors import OutputError
from unbraid.pages.picture import colour_map, palette_png, spectrogram_png
from unbraid.stems import COLOURS, STEMS


@pytest.fixture(scope="module")
def folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a demo in it, of four seconds of the clip to save time."""
    made = tmp_path_factory.mktemp("demo") / "unbraid-demo"
    clip = load_clip()
    short = Clip(clip.stems[..., : 4 * clip.sample_rate], clip.sample_rate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "load_clip", lambda sample_rate: short)
        demo(output=made, model=str(tiny_model), threads=2)
    return made


def whole(path: Path) -> np.ndarray:
    with Track(path) as track:
        return np.concatenate(list(track.blocks()), axis=-1)


def test_demo_writes_what_it_promises(folder: Path) -> None:
    names = {"index.html", *(f"{name}.wav" for name in ("mixture", *STEMS))}
    assert {path.name for path in folder.iterdir()} == names


def test_stems_of_the_demo_sum_to_the_mixture(folder: Path) -> None:
    total = sum(whole(folder / f"{stem}.wav") for stem in STEMS)
    assert np.abs(total - whole(folder / "mixture.wav")).max() < 10 ** (-120 / 20)


def test_page_fetches_nothing(folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert len(page) < 3e6  # four seconds: the pictures weigh the same, the sound a sixth
    assert not re.search(r"https?:|@import|url\(", page)
    assert "{{" not in page
    sources = re.findall(r'src="([^"]{5})', page)
    assert sources == ["data:"] * 18  # a picture and a sound of the mixture and eight stems


def test_page_has_players_without_javascript(folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count("<audio controls") == 9


def test_demo_replaces_its_own_folder_but_nothing_foreign(
    folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    run.check_folder(folder, force=False)
    foreign = tmp_path / "vocals.wav"
    foreign.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"vocals\.wav"):
        demo(output=tmp_path, model=str(tiny_model))
    assert foreign.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [foreign]


def test_every_stem_of_the_clip_is_heard() -> None:
    clip = load_clip()
    assert clip.stems.shape == (4, 2, 24 * 44_100)
    assert (np.sqrt(np.mean(clip.stems**2, axis=(1, 2))) > 10 ** (-40 / 20)).all()
    assert np.abs(clip.mixture).max() < 1


def test_a_tone_is_drawn_at_its_frequency() -> None:
    times = np.arange(2 * 44_100) / 44_100
    tone = np.tile(0.5 * np.sin(2 * np.pi * 800 * times), (2, 1)).astype(np.float32)
    picture = decoded(spectrogram_png(tone, 44_100, COLOURS["bass"], width=60, height=201))
    assert abs(int(picture[:, 30].argmax()) - 100) <= 1  # 800 Hz is halfway from 40 to 16 000


def test_pictures_get_lighter_with_level() -> None:
    for colour in (*COLOURS.values(), "#9aa0a6"):
        luminance = colour_map(colour) @ np.array([0.2126, 0.7152, 0.0722])
        assert (np.diff(luminance) > -1).all()
        assert luminance[-1] - luminance[0] > 200


def test_png_holds_the_pixels_given() -> None:
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4)
    png = palette_png(indices, colour_map("#56B4E9"))
    np.testing.assert_array_equal(decoded(png), indices)


def decoded(png: bytes) -> np.ndarray:
    """The indices of an unfiltered palette PNG."""
    width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))
    start = png.index(b"IDAT")
    size = int.from_bytes(png[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(png[start + 4 : start + 4 + size]), np.uint8)
    return rows.reshape(height, width + 1)[:, 1:]


@pytest.mark.slow
def test_page_draws_itself_in_a_browser(folder: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium here; install it to look at the page")
    command = [
        *(browser, "--headless", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update", "--disable-quic"),
        *(["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []),
        *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=3000", "--dump-dom"),
        (folder / "index.html").as_uri(),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    # The script ran to its end: it marked which takes are heard and freed their buttons.
    assert len(re.findall(r'<button type="button" title="Hear[^>]*aria-pressed="true"', shown)) == 4
