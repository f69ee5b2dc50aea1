"""Songs dropped, listed, moved, removed and remembered; what goes wrong in one quiet line."""

from pathlib import Path

import pytest

from tests.desktop.conftest import Desk
from tests.desktop.fake_player import FakePlayer

pytestmark = pytest.mark.slow


def titles(desk: Desk) -> list[str]:
    """The list as it is seen, from the top."""
    n = desk.desktop.property("songs").rowCount()
    return [str(desk.hand.item(f"song-{row}").property("title")) for row in range(n)]


def test_a_dropped_song_plays(desk: Desk) -> None:
    assert desk.hand.shows("empty-open")
    desk.hand.drop(desk.songs("a song with ü and #"))
    desk.hand.wait_for(lambda: desk.player.transport.playing)
    desk.look()
    assert desk.hand.text("title") == "a song with ü and #"
    assert not desk.hand.shows("empty-open")


def test_a_dropped_folder_is_searched(desk: Desk) -> None:
    folder = desk.folder / "album"
    folder.mkdir()
    for path in desk.songs("2 b", "1 a"):
        path.rename(folder / path.name)
    (folder / "cover.jpg").write_bytes(b"x")
    desk.hand.drop([folder])
    desk.hand.wait_for(lambda: desk.player.transport.playing)
    desk.look()
    assert titles(desk) == ["1 a", "2 b"]


def test_while_a_song_plays_others_are_only_added(desk: Desk) -> None:
    desk.play("first")
    desk.hand.drop(desk.songs("second"))
    desk.hand.wait_for(lambda: len(desk.player.playlist) == 2)
    desk.look()
    assert titles(desk) == ["first", "second"]
    assert desk.hand.text("title") == "first"


def test_songs_dropped_on_the_list_go_where_they_fall(desk: Desk) -> None:
    desk.play("one", "two", "three")
    desk.hand.drop(desk.songs("four", "five"), desk.hand.at("song-1", 0.5, 0.1))
    desk.hand.wait_for(lambda: len(desk.player.playlist) == 5)
    desk.look()
    assert titles(desk) == ["one", "four", "five", "two", "three"]
    assert desk.player.playlist.index == 0


def test_what_is_no_song_is_told(desk: Desk) -> None:
    empty = desk.folder / "nothing"
    empty.mkdir()
    desk.hand.drop([empty])
    desk.hand.wait_for(lambda: desk.hand.shows("bar-text"))
    assert "No songs there" in desk.hand.text("bar-text")


def test_a_song_that_is_gone_is_told_by_name(desk: Desk) -> None:
    desk.hand.drop([desk.folder / "gone.mp3"])
    desk.hand.wait_for(lambda: desk.hand.shows("bar-text"))
    assert "gone.mp3" in desk.hand.text("bar-text")
    desk.hand.click("bar-close")
    desk.hand.wait_for(lambda: not desk.hand.shows("bar-text"))


def test_a_song_that_cannot_be_read_is_told_and_marked(desk: Desk) -> None:
    good, bad = desk.songs("good", "bad")
    desk.player.broken.add(bad)
    desk.play("good", "bad")
    desk.hand.click("song-1", 0.3)
    desk.look()
    desk.hand.wait_for(lambda: desk.hand.shows("bar-text"))
    assert str(bad) in desk.hand.text("bar-text")
    assert desk.hand.item("song-1").property("problem").startswith(str(bad))
    assert desk.hand.text("title") == good.stem


def test_errors_stay_and_escape_closes_them(desk: Desk) -> None:
    desk.player.tell("/music/x.mp3: holds no sound; check the file", "error")
    desk.look()
    desk.hand.wait_for(lambda: desk.hand.shows("bar-text"))
    assert desk.hand.text("bar-text") == "/music/x.mp3: holds no sound; check the file"
    desk.hand.press("Escape", ms=300)
    assert not desk.hand.shows("bar-text")


def test_a_click_opens_a_song(desk: Desk) -> None:
    desk.play("one", "two", "three")
    desk.hand.click("song-2", 0.3)
    assert desk.player.shot.index == 2
    assert desk.hand.text("title") == "three"


def test_a_drag_moves_a_song(desk: Desk) -> None:
    desk.play("one", "two", "three", "four")
    desk.hand.drag(desk.hand.at("song-0", 0.3), desk.hand.at("song-2", 0.3))
    desk.hand.settle(250)
    assert [item.title for item in desk.player.playlist.items] == ["two", "three", "one", "four"]
    assert titles(desk) == ["two", "three", "one", "four"]
    assert desk.player.playlist.index == 2
    desk.hand.drag(desk.hand.at("song-3", 0.3), desk.hand.at("song-0", 0.3))
    desk.hand.settle(250)
    assert titles(desk) == ["four", "two", "three", "one"]


def test_alt_and_arrows_move_a_song_and_delete_removes_it(desk: Desk) -> None:
    desk.play("one", "two", "three")
    desk.hand.item("song-0").forceActiveFocus()
    desk.hand.press("Down", alt=True)
    assert titles(desk) == ["two", "one", "three"]
    desk.hand.item("song-0").forceActiveFocus()
    desk.hand.press("Delete", ms=250)
    assert titles(desk) == ["one", "three"]


def test_a_cross_removes_a_song_and_another_clears_the_list(desk: Desk) -> None:
    desk.play("one", "two", "three")
    desk.hand.hover("song-1")
    desk.hand.click("remove-1")
    desk.hand.settle(250)
    assert titles(desk) == ["one", "three"]
    desk.hand.click("playlist-clear")
    assert not len(desk.player.playlist)
    assert desk.hand.text("title") == "one"


def test_recent_songs_are_offered_in_an_empty_window(desk: Desk, stems: object) -> None:
    from tests.desktop.driving import Hand, settle
    from unbraid.desktop.application import Desktop

    desk.play("one", "two")
    desk.hand.click("song-1", 0.3)
    desk.desktop.save()
    (desk.folder / "settings" / "playlist.json").unlink()
    player = FakePlayer(desk.player.stems)
    again = Desktop(player, desk.folder / "settings")
    settle()
    hand = Hand(again.window)
    assert hand.text("empty-recent-0") == "two"
    assert hand.text("empty-recent-1") == "one"
    hand.click("empty-recent-1")
    hand.wait_for(lambda: player.shot.path is not None)
    assert player.shot.title == "one"
    again.close()


def test_playlist_and_settings_come_back(desk: Desk) -> None:
    from tests.desktop.driving import Hand, settle
    from unbraid.desktop.application import Desktop

    desk.play("one", "two")
    desk.hand.click("song-1", 0.3)
    desk.hand.press("Down", "Down", "Down")
    desk.hand.click("limiter")
    desk.hand.click("follow")
    desk.hand.press("M")
    desk.hand.click("look")
    look = desk.desktop.property("look")
    desk.hand.press("P")
    desk.desktop.window.setWidth(1100)
    settle()
    desk.desktop.save()

    player = FakePlayer(desk.player.stems)
    again = Desktop(player, desk.folder / "settings")
    settle()
    hand = Hand(again.window)
    assert [item.path.stem for item in player.playlist.items] == ["one", "two"]
    assert player.playlist.index == 1
    assert player.mixer.volume_db == pytest.approx(-3)
    assert player.mixer.limiter.on
    assert player.shot.model == "mdx"
    assert player.shot.path is None
    assert again.property("look") == look != "system"
    assert not again.property("follows")
    assert not hand.shows("playlist")
    assert again.window.width() == 1100
    hand.press("Space")
    assert player.shot.path == desk.folder / "two.flac"
    again.close()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, complaints: list[str]) -> None:
    import numpy as np

    from tests.desktop.driving import Hand, settle
    from unbraid.desktop.application import Desktop

    (tmp_path / "file").write_bytes(b"")
    desktop = Desktop(FakePlayer(np.zeros((4, 2, 44_100), np.float32)), tmp_path / "file")
    settle()
    hand = Hand(desktop.window)
    hand.press("Down")
    desktop.save()
    hand.wait_for(lambda: hand.shows("bar-text"))
    assert "cannot be written" in hand.text("bar-text")
    desktop.close()
