"""The list of songs, and the arithmetic of blind tests."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from unbraid.errors import UsageError
from unbraid.player import Blind, Playlist
from unbraid.player.blind import binomial_p


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.mp3", "b.flac", "sub/c.ogg", "notes.txt"):
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "music"


def _names(playlist: Playlist) -> str:
    return "".join(item.title for item in playlist.items)


def test_folders_files_and_playlists_are_added_in_order(folder) -> None:
    playlist = Playlist([folder / "b.flac"])
    assert playlist.index == 0
    problems = playlist.add([folder, folder / "gone.mp3"], at=0)
    assert _names(playlist) == "abcb"
    assert playlist.index == 3
    assert playlist.current is not None
    assert playlist.current.title == "b"
    assert len({item.serial for item in playlist.items}) == 4
    assert len(problems) == 1
    assert "gone.mp3" in problems[0]


@given(st.data())
@settings(max_examples=60)
def test_whatever_is_moved_the_current_song_stays_current(data) -> None:
    playlist = Playlist()
    playlist.items = tuple(
        item for serial in range(data.draw(st.integers(1, 6))) for item in [_item(serial)]
    )
    playlist.index = data.draw(st.integers(0, len(playlist) - 1))
    for _ in range(data.draw(st.integers(0, 8))):
        current, n_changes = playlist.current, playlist.changes
        index = data.draw(st.integers(0, len(playlist) - 1))
        if data.draw(st.booleans()):
            playlist.move(index, data.draw(st.integers(0, len(playlist) - 1)))
            assert playlist.current == current
        else:
            removed = playlist.items[index]
            playlist.remove(index)
            assert removed not in playlist.items
            if removed != current:
                assert playlist.current == current
        assert playlist.changes > n_changes
        assert -1 <= playlist.index < max(1, len(playlist))
        if not len(playlist):
            assert playlist.index == -1
            break


def _item(serial: int):
    from unbraid.player import Item

    return Item(Path(f"{serial}.mp3"), serial, str(serial))


def test_a_list_is_remembered_whole_and_a_damaged_one_is_empty(folder, tmp_path) -> None:
    saved = tmp_path / "settings" / "list.json"
    playlist = Playlist([folder])
    playlist.select(1)
    playlist.save(saved)
    (folder / "a.mp3").unlink()
    again = Playlist.load(saved)
    assert _names(again) == "abc"
    assert again.index == 1
    assert again.items[0].problem is not None
    assert again.items[1].problem is None
    assert len({item.serial for item in again.items}) == 3
    again.add([folder / "b.flac"])
    assert len({item.serial for item in again.items}) == 4
    for content in ("", "{}", '{"songs": 3, "index": 0}', json.dumps({"songs": [], "index": 9})):
        saved.write_text(content)
        assert len(Playlist.load(saved)) == 0
    assert Playlist.load(tmp_path / "nowhere").index == -1


def test_wrong_places_are_refused(folder) -> None:
    playlist = Playlist([folder])
    for wrong in (-1, 3):
        with pytest.raises(UsageError, match="3 songs"):
            playlist.remove(wrong)
        with pytest.raises(UsageError, match="3 songs"):
            playlist.move(0, wrong)
    playlist.clear()
    assert playlist.current is None


@given(st.integers(0, 40), st.data(), st.integers(2, 8))
@settings(deadline=None, max_examples=60)
def test_p_values_are_those_of_an_exact_binomial_test(n_trials, data, n_models) -> None:
    n_hits = data.draw(st.integers(0, n_trials))
    expected = binomtest(n_hits, n_trials, 1 / n_models).pvalue if n_trials else 1.0
    assert binomial_p(n_hits, n_trials, 1 / n_models) == pytest.approx(expected, rel=1e-6)


def test_letters_are_dealt_evenly_and_anew(tmp_path) -> None:
    blind = Blind(["x", "y", "z"], log=tmp_path / "deep" / "log.jsonl", seed=3)
    seen = Counter()
    for _ in range(600):
        seen[blind.hidden("A")] += 1
        assert {blind.hidden(letter) for letter in blind.letters} == {"x", "y", "z"}
        assert blind.letter_of(blind.hidden("B")) == "B"
        blind.choose("A")
    assert min(seen.values()) > 150
    verdict = blind.reveal()
    assert verdict.counts == dict(seen) or sum(verdict.counts.values()) == 600
    assert verdict.counts == {name: seen[name] for name in ("x", "y", "z")}
    assert 0 < verdict.p_value <= 1
    assert blind.reveal() == verdict
    lines = (tmp_path / "deep" / "log.jsonl").read_text().splitlines()
    assert len(lines) == 601
    with pytest.raises(UsageError, match="over"):
        blind.choose("A")


@pytest.mark.parametrize("names", [[], ["one"], ["same", "same"], [str(i) for i in range(9)]])
def test_a_blind_test_needs_two_to_eight_models(names) -> None:
    with pytest.raises(UsageError, match="2 to 8"):
        Blind(names)
