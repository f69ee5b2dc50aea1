"""`unbraid compare`: its files, its figures, its manners."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.comparison.conftest import Compared
from unbraid.audio.track import Track
from unbraid.cli.app import run
from unbraid.comparison.columns import Column, matching_gain_db
from unbraid.comparison.loudness import loudness_lufs
from unbraid.comparison.page import headroom
from unbraid.comparison.sounds import encode
from unbraid.separation.separator import Separator
from unbraid.stems import STEMS


def whole(path: Path) -> np.ndarray:
    with Track(path) as track:
        return np.concatenate(list(track.blocks()), axis=-1)


def facts(page: str) -> dict[str, Any]:
    found = re.search(r'id="facts">(.*?)</script>', page, re.DOTALL)
    assert found
    result: dict[str, Any] = json.loads(found[1])
    return result


def test_stems_of_every_model_lie_beside_each_other(compared: Compared) -> None:
    names = sorted(path.name for path in compared.folder.glob("vocals.*"))
    assert names == [
        "vocals.fake (ok).flac",
        "vocals.tiny (set0).flac",
        "vocals.tiny (set1).flac",
        "vocals.true stems.flac",
    ]
    assert (compared.folder / "mixture.flac").exists()


def test_a_model_that_fails_says_so_and_the_others_finish(compared: Compared) -> None:
    assert compared.code == 1
    assert "its process ended with exit code 7" in compared.page
    assert "gave NaN or infinity in 1 samples, first in drums" in compared.page
    columns = facts(compared.page)["columns"]
    assert [len(column["stems"]) for column in columns] == [4, 4, 2, 0, 0, 4]


def test_excerpt_is_what_separate_writes_there(
    compared: Compared, song: Path, two_models: tuple[str, str]
) -> None:
    mixture = sum(whole(song / f"{stem}.flac") for stem in STEMS)
    stems = Separator(two_models[0]).separate(np.asarray(mixture, np.float32), 44_100)
    ours = whole(compared.folder / "drums.tiny (set0).flac")
    assert np.abs(ours - stems["drums"][:, 44_100 : 5 * 44_100]).max() < 2**-22


def test_stems_are_as_loud_as_the_first_models(compared: Compared) -> None:
    for stem in STEMS:
        files = [compared.folder / f"{stem}.tiny (set{i}).flac" for i in (0, 1)]
        first, second = (loudness_lufs(whole(file), 44_100) for file in files)
        gain = facts(compared.page)["columns"][1]["stems"][stem]["gain_db"]
        assert abs(gain) <= 6
        assert abs(first - second) < 0.02 or abs(gain) == 6


def test_silence_is_not_matched() -> None:
    assert matching_gain_db(-20.0, -np.inf) == 0
    assert matching_gain_db(-20.0, -30.0) == 6
    assert matching_gain_db(-20.0, -19.0) == -1


def test_what_matching_leaves_is_said(compared: Compared) -> None:
    for column in facts(compared.page)["columns"][1:]:
        for given in column["stems"].values():
            assert abs(given["gain_db"]) == 6 or abs(given["short_db"]) < 0.001
            if given["short_db"] >= 0.05:
                assert f"still {given['short_db']:.1f} dB softer" in compared.page


def test_no_choice_of_stems_clips() -> None:
    rng = np.random.default_rng(5)
    stems = {s: rng.standard_normal((2, 50)).astype(np.float32) for s in STEMS}
    gains = dict.fromkeys(STEMS, 0.0) | {"bass": 6.0, "other": -6.0}
    column = Column("a", stems=stems, gain_db=gains)
    factor = headroom(np.zeros((2, 50), np.float32), [column])
    peaks = []
    for choice in range(16):
        for matched in (0, 1):  # with the gains and without
            chosen = [s for i, s in enumerate(STEMS) if choice >> i & 1]
            parts = [stems[s] * 10 ** (matched * gains[s] / 20) for s in chosen]
            peaks.append(np.abs(sum(parts, np.zeros((2, 50)))).max())
    assert factor * max(peaks) <= 1 + 1e-6
    assert factor * max(peaks) > 0.7  # and no softer than it must be
    assert headroom(np.full((2, 9), 0.5, np.float32), []) == 1


@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_loudness_is_the_standards(sample_rate: int) -> None:
    times = np.arange(8 * sample_rate) / sample_rate
    sine = (10 ** (-23 / 20) * np.sin(2 * np.pi * 1_000 * times)).astype(np.float32)
    # As in EBU Tech 3341, cases 1 and 3: a stereo sine at -23 dBFS; soft parts are gated out.
    assert abs(loudness_lufs(np.stack([sine, sine]), sample_rate) + 23) < 0.1
    soft = sine[: 2 * sample_rate] * np.float32(10 ** (-13 / 20))
    gated = np.concatenate([soft, sine, soft])
    assert abs(loudness_lufs(np.stack([gated, gated]), sample_rate) + 23) < 0.2
    assert loudness_lufs(np.zeros((2, 44_100), np.float32), sample_rate) == -np.inf


def test_no_name_becomes_html(compared: Compared) -> None:
    page = compared.page
    assert "<img src=x" not in page
    assert "{{script}}" in page  # braces of a name stay braces
    assert page.count("</script>") == page.count("<script")
    assert "onerror=alert(1)" in page.replace("&gt;", ">")


def test_page_fetches_nothing(compared: Compared) -> None:
    markup = re.sub(r"<script.*?</script>", "", compared.page, flags=re.DOTALL)
    assert not re.search(r"https?:|@import|url\(", markup)
    assert all(source == "data:" for source in re.findall(r'src="([^"]{5})', markup))
    assert "default-src 'none'" in markup


def test_short_sounds_are_lossless_and_long_ones_fit() -> None:
    noise = (0.3 * np.random.default_rng(1).standard_normal((2, 44_100))).astype(np.float32)
    assert encode({"a": noise}, n_bytes=400_000).says.startswith("FLAC")
    small = encode({"a": noise, "b": noise}, n_bytes=50_000)
    assert small.says.startswith("MP3")
    assert sum(map(len, small.files)) < 50_000 * 1.05
    assert small.scale > 1  # the noise passes full scale


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{song}", "--start", "99"], "cannot start at 99 s"),
        (["{song}", "--length", "0"], "--length 0"),
        (["{song}/nothing.wav"], "nothing.wav"),
        (["{song}", "--models", "nonsense"], "no such model"),
        (["{song}", "--reference", "{song}/vocals.flac"], "is no folder"),
        (["{empty}"], "has no stems"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    words: str,
    song: Path,
    two_models: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    line = [a.replace("{song}", str(song)).replace("{empty}", str(empty)) for a in arguments]
    if "--models" not in line:
        line += ["--models", two_models[0]]
    assert run(["compare", *line, "-o", str(tmp_path / "out")]) != 0
    said = capsys.readouterr().err.strip()
    assert words in said
    assert said.count("\n") == 0
    assert not (tmp_path / "out").exists()


def test_nothing_foreign_is_replaced(
    song: Path, two_models: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "index.html").write_text("mine")
    assert run(["compare", str(song), "--models", two_models[0], "-o", str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "index.html").read_text() == "mine"
