"""Each key does what the sheet of keys says."""

import math

import pytest

from tests.desktop.conftest import Desk
from unbraid.stems import STEMS

pytestmark = pytest.mark.slow


def test_space_plays_and_pauses(desk: Desk) -> None:
    desk.play()
    assert desk.player.transport.playing
    desk.hand.press("Space")
    assert not desk.player.transport.playing
    desk.hand.press("Space")
    assert desk.player.transport.playing


@pytest.mark.parametrize(
    ("key", "shift", "seconds"),
    [("Left", False, 15), ("Right", False, 25), ("Left", True, 19), ("Right", True, 21)],
)
def test_arrows_seek(desk: Desk, key: str, shift: bool, seconds: float) -> None:
    desk.play()
    desk.player.seek(20 * 44_100)
    desk.look()
    desk.hand.press(key, shift=shift)
    assert desk.second == pytest.approx(seconds)


def test_brackets_and_l_loop(desk: Desk) -> None:
    desk.play()
    for key, second in (("BracketLeft", 10), ("BracketRight", 14)):
        desk.player.seek(second * 44_100)
        desk.look()
        desk.hand.press(key)
    assert desk.player.transport.loop == (441_000, 617_400)
    desk.hand.press("L")
    assert desk.player.transport.loop is None
    desk.hand.press("L")
    assert desk.player.transport.loop == (441_000, 617_400)


def test_l_without_a_loop_says_how_to_make_one(desk: Desk) -> None:
    desk.play()
    desk.hand.press("L")
    assert "[ and ]" in desk.hand.text("bar-text")


@pytest.mark.parametrize("index", range(4))
def test_digits_mute_and_shift_solos(desk: Desk, index: int) -> None:
    desk.play()
    desk.hand.press(str(index + 1))
    assert [strip.mute for strip in desk.player.mixer.strips] == [i == index for i in range(4)]
    desk.hand.press(str(index + 1), shift=True)
    assert [strip.solo for strip in desk.player.mixer.strips] == [i == index for i in range(4)]
    assert desk.hand.value(f"solo-{STEMS[index]}", "on") is True


def test_up_and_down_are_the_volume(desk: Desk) -> None:
    desk.hand.press("Down")
    desk.hand.press("Down")
    assert desk.player.mixer.volume_db == pytest.approx(-2)
    desk.hand.press("Up")
    assert desk.player.mixer.volume_db == pytest.approx(-1)


def test_volume_ends_in_silence_and_comes_back(desk: Desk) -> None:
    desk.player.mixer.set_volume_db(-59.5)
    desk.hand.press("Down")
    assert desk.player.mixer.volume_db == -math.inf
    desk.hand.press("Up")
    assert desk.player.mixer.volume_db == pytest.approx(-59)


def test_m_takes_the_next_model_and_a_and_b_compare(desk: Desk) -> None:
    desk.play()
    desk.hand.press("M")
    assert desk.player.shot.model == "mdx"
    desk.hand.press("B")
    assert desk.player.shot.model == "original"
    desk.hand.press("B")
    assert desk.player.shot.model == "original"
    desk.hand.press("A")
    assert desk.player.shot.model == "mdx"


def test_tempo_and_key_have_keys(desk: Desk) -> None:
    desk.play()
    desk.hand.press("Comma")
    assert desk.player.transport.tempo == pytest.approx(0.95)
    desk.hand.press("Period")
    desk.hand.press("Period")
    assert desk.player.transport.tempo == pytest.approx(1.05)
    desk.hand.press("Less", shift=True)
    assert desk.player.transport.key == -1


def test_e_opens_the_export_and_escape_closes_it(desk: Desk) -> None:
    desk.play()
    desk.hand.press("E")
    assert desk.hand.shows("export-start")
    desk.hand.press("Escape", ms=300)
    assert not desk.hand.shows("export-start")


def test_the_question_mark_shows_all_keys(desk: Desk) -> None:
    desk.hand.press("Question", shift=True)
    assert desk.hand.shows("close-sheet")
    desk.hand.press("Question", shift=True, ms=300)
    assert not desk.hand.shows("close-sheet")


def test_f_is_full_screen_and_escape_leaves_it(desk: Desk) -> None:
    from PySide6.QtQuick import QQuickWindow

    desk.hand.press("F")
    assert desk.desktop.window.visibility() == QQuickWindow.Visibility.FullScreen
    desk.hand.press("Escape")
    assert desk.desktop.window.visibility() == QQuickWindow.Visibility.Windowed


def test_n_goes_to_the_next_song_and_back(desk: Desk) -> None:
    desk.play("one", "two")
    desk.hand.press("N")
    assert desk.hand.text("title") == "two"
    desk.hand.press("N", shift=True)
    assert desk.hand.text("title") == "one"


def test_p_hides_the_playlist(desk: Desk) -> None:
    assert desk.hand.shows("playlist")
    desk.hand.press("P")
    assert not desk.hand.shows("playlist")


def test_plus_minus_and_nought_zoom(desk: Desk) -> None:
    desk.play()

    def scale() -> float:
        return float(desk.hand.evaluate("stage", "view.scale"))

    whole = scale()
    assert whole == pytest.approx(desk.hand.item("ruler").width() / 60)
    desk.hand.press("Plus")
    assert scale() == pytest.approx(1.6 * whole)
    desk.hand.press("Minus")
    assert desk.hand.evaluate("stage", "view.fitted")
    desk.hand.press("Plus", "Plus")
    desk.hand.press("0")
    assert scale() == pytest.approx(whole)


def test_o_asks_for_songs(desk: Desk) -> None:
    desk.hand.press("O", ms=600)
    dialog = desk.hand.dialog()
    assert dialog is not None
    assert dialog.property("visible")
    dialog.setProperty("visible", False)


def test_keys_rest_while_a_sheet_is_open(desk: Desk) -> None:
    desk.play()
    desk.hand.press("E")
    desk.hand.press("1")
    desk.hand.press("Space")
    assert not desk.player.mixer.strips[0].mute
    assert desk.player.transport.playing


def test_arrows_belong_to_a_slider_that_has_the_focus(desk: Desk) -> None:
    desk.play()
    desk.player.seek(20 * 44_100)
    desk.look()
    desk.hand.item("fader-vocals").forceActiveFocus()
    desk.hand.press("Left")
    assert desk.second == pytest.approx(20)
    assert desk.player.mixer.strips[0].gain_db < 0
    desk.hand.press("Escape")
    desk.hand.press("Left")
    assert desk.second == pytest.approx(15)


def test_return_presses_what_has_the_focus_and_space_still_plays(desk: Desk) -> None:
    desk.play()
    desk.hand.item("mute-drums").forceActiveFocus()
    desk.hand.press("Return")
    assert desk.player.mixer.strips[1].mute
    desk.hand.press("Space")
    assert desk.player.mixer.strips[1].mute
    assert not desk.player.transport.playing
