"""Each control, by real clicks, drags and wheels."""

import math

import pytest

from tests.desktop.conftest import Desk
from unbraid.stems import STEMS

pytestmark = pytest.mark.slow

RATE = 44_100


def test_play_pauses_and_stop_goes_to_the_start(desk: Desk) -> None:
    desk.play()
    desk.player.advance(3)
    desk.look()
    desk.hand.click("play")
    assert not desk.player.transport.playing
    desk.hand.click("stop")
    assert desk.second == 0
    desk.hand.click("play")
    assert desk.player.transport.playing


def test_next_and_previous_go_through_the_list(desk: Desk) -> None:
    desk.play("one", "two")
    desk.hand.click("next")
    assert desk.hand.text("title") == "two"
    desk.hand.click("previous")
    assert desk.hand.text("title") == "one"


@pytest.mark.parametrize("stem", STEMS)
def test_mute_and_solo_of_each_lane(desk: Desk, stem: str) -> None:
    i = STEMS.index(stem)
    desk.play()
    desk.hand.click(f"mute-{stem}")
    assert desk.player.mixer.strips[i].mute
    assert desk.hand.value(f"mute-{stem}", "on") is True
    desk.hand.click(f"mute-{stem}")
    assert not desk.player.mixer.strips[i].mute
    desk.hand.click(f"solo-{stem}")
    assert desk.player.mixer.strips[i].solo


@pytest.mark.parametrize("stem", STEMS)
def test_faders_go_from_silence_to_twelve_db_and_back_by_a_double_click(
    desk: Desk, stem: str
) -> None:
    i, fader = STEMS.index(stem), f"fader-{stem}"
    desk.play()
    desk.hand.drag(desk.hand.at(fader, 0.745), desk.hand.at(fader, 0.5))
    assert -12 < desk.player.mixer.strips[i].gain_db < -3
    desk.hand.drag(desk.hand.at(fader, 0.5), desk.hand.at(fader, 0.0))
    assert desk.player.mixer.strips[i].gain_db == -math.inf
    desk.hand.drag(desk.hand.at(fader, 0.01), desk.hand.at(fader, 1.0))
    assert desk.player.mixer.strips[i].gain_db == pytest.approx(12)
    desk.hand.double_click(fader, 0.985)
    assert desk.player.mixer.strips[i].gain_db == 0


def test_pan_moves_and_snaps_to_the_centre(desk: Desk) -> None:
    desk.play()
    desk.hand.drag(desk.hand.at("pan-bass", 0.5), desk.hand.at("pan-bass", 0.05))
    assert desk.player.mixer.strips[2].pan < -0.8
    desk.hand.double_click("pan-bass", 0.05)
    assert desk.player.mixer.strips[2].pan == 0


def test_reset_puts_all_faders_to_rest(desk: Desk) -> None:
    desk.play()
    assert not desk.hand.shows("reset")
    desk.hand.click("solo-drums")
    desk.hand.drag(desk.hand.at("pan-other", 0.5), desk.hand.at("pan-other", 1.0))
    desk.hand.click("reset")
    assert desk.player.mixer.is_unity
    assert not desk.hand.shows("reset")


def test_a_click_in_a_lane_seeks_and_so_does_a_drag(desk: Desk) -> None:
    desk.play()
    desk.hand.click("lanes", 0.5, 0.4)
    assert desk.second == pytest.approx(30, abs=0.1)
    desk.hand.drag(desk.hand.at("lanes", 0.5, 0.7), desk.hand.at("lanes", 0.25, 0.1))
    assert desk.second == pytest.approx(15, abs=0.1)


def test_pressing_in_a_lane_separates_there_first(desk: Desk) -> None:
    desk.play()
    desk.hand.hover("lanes", 0.5)
    desk.hand.click("lanes", 0.5)
    assert ("prepare", pytest.approx(30 * RATE, abs=RATE / 5)) in desk.player.asked


def test_a_click_on_the_ruler_seeks(desk: Desk) -> None:
    desk.play()
    desk.hand.click("ruler", 0.75)
    assert desk.second == pytest.approx(45, abs=0.1)


def test_a_drag_on_the_ruler_loops_its_ends_move_and_a_double_click_clears_it(desk: Desk) -> None:
    desk.play()
    desk.hand.drag(desk.hand.at("ruler", 0.25), desk.hand.at("ruler", 0.5))
    start, end = desk.player.transport.loop or (0, 0)
    assert (start / RATE, end / RATE) == pytest.approx((15, 30), abs=0.1)
    desk.look()
    desk.hand.drag(desk.hand.at("ruler", 0.5), desk.hand.at("ruler", 0.6))
    start, end = desk.player.transport.loop or (0, 0)
    assert (start / RATE, end / RATE) == pytest.approx((15, 36), abs=0.1)
    desk.look()
    desk.hand.drag(desk.hand.at("ruler", 0.25), desk.hand.at("ruler", 0.3))
    start, end = desk.player.transport.loop or (0, 0)
    assert (start / RATE, end / RATE) == pytest.approx((18, 36), abs=0.1)
    desk.look()
    desk.hand.double_click("ruler", 0.4)
    assert desk.player.transport.loop is None


def test_a_drag_the_other_way_loops_as_well(desk: Desk) -> None:
    desk.play()
    desk.hand.drag(desk.hand.at("ruler", 0.5), desk.hand.at("ruler", 0.25))
    start, end = desk.player.transport.loop or (0, 0)
    assert (start / RATE, end / RATE) == pytest.approx((15, 30), abs=0.1)


def test_the_loop_button_keeps_the_loop(desk: Desk) -> None:
    desk.play()
    desk.player.set_loop(5 * RATE, 9 * RATE)
    desk.look()
    desk.hand.click("loop")
    assert desk.player.transport.loop is None
    desk.hand.click("loop")
    assert desk.player.transport.loop == (5 * RATE, 9 * RATE)


def test_the_wheel_zooms_where_the_pointer_is_and_with_shift_scrolls(desk: Desk) -> None:
    desk.play()
    desk.hand.hover("lanes", 0.5)
    before = desk.hand.evaluate("stage", "view.secondAt(laneWidth / 2)")
    desk.hand.wheel("lanes", 6)
    assert desk.hand.evaluate("stage", "view.scale / view.fitScale") == pytest.approx(1.2**6)
    after = desk.hand.evaluate("stage", "view.secondAt(laneWidth / 2)")
    assert after == pytest.approx(before, abs=0.1)
    origin = desk.hand.evaluate("stage", "view.origin")
    desk.hand.wheel("lanes", -1, shift=True)
    assert desk.hand.evaluate("stage", "view.origin") > origin
    desk.hand.wheel("lanes", -20)
    assert desk.hand.evaluate("stage", "view.fitted")


def test_zoom_has_buttons(desk: Desk) -> None:
    desk.play()
    desk.hand.click("zoom-in")
    desk.hand.click("zoom-in")
    assert desk.hand.evaluate("stage", "view.scale / view.fitScale") == pytest.approx(1.6**2)
    desk.hand.click("zoom-out")
    assert desk.hand.evaluate("stage", "view.scale / view.fitScale") == pytest.approx(1.6)
    desk.hand.click("zoom-fit")
    assert desk.hand.evaluate("stage", "view.fitted")


def test_lanes_follow_the_playhead_unless_told_not_to(desk: Desk) -> None:
    desk.play()
    desk.hand.press("Plus", "Plus", "Plus")
    desk.player.advance(40)
    desk.look()
    desk.hand.settle(500)
    left = desk.hand.evaluate("stage", "view.origin")
    assert left < 40 < left + desk.hand.evaluate("stage", "view.span")
    desk.hand.click("follow")
    desk.player.seek(5 * RATE)
    desk.look()
    desk.hand.settle(500)
    assert desk.hand.evaluate("stage", "view.origin") == pytest.approx(left)


def test_tempo_key_and_volume(desk: Desk) -> None:
    desk.play()
    desk.hand.drag(desk.hand.at("tempo", 0.5), desk.hand.at("tempo", 0.25))
    assert 0.7 < desk.player.transport.tempo < 0.8
    desk.hand.double_click("tempo", 0.25)
    assert desk.player.transport.tempo == 1
    desk.hand.click("key-up")
    desk.hand.click("key-up")
    desk.hand.click("key-down")
    assert desk.player.transport.key == 1
    desk.hand.click("key-rest")
    assert desk.player.transport.key == 0
    desk.hand.drag(desk.hand.at("volume", 0.745), desk.hand.at("volume", 0.5))
    assert -12 < desk.player.mixer.volume_db < -3


def test_the_limiter_has_a_lamp(desk: Desk) -> None:
    from dataclasses import replace

    desk.play()
    desk.hand.click("limiter")
    assert desk.player.mixer.limiter.on
    rests = desk.hand.value("limiter-lamp", "color")
    desk.player.shot = replace(desk.player.shot, limiter_acts=True)
    desk.look()
    assert desk.hand.value("limiter-lamp", "color") != rests


def test_meters_move_with_the_sound_and_fall_back(desk: Desk) -> None:
    desk.play()
    desk.player.advance(2)
    desk.look()
    assert max(desk.hand.value("meter-vocals", name) for name in ("peak", "held")) > 0.4
    assert desk.hand.value("meter-vocals", "rms") > 0
    desk.player.pause()
    desk.hand.settle(3500)
    assert desk.hand.value("meter-vocals", "rms") < 0.1
    assert desk.hand.value("meter-vocals", "peak") < 0.1


def test_a_lane_shows_its_spectrogram(desk: Desk) -> None:
    desk.play()
    desk.player.separate(30)
    desk.look()
    waves = desk.hand.picture("lanes")
    desk.hand.click("spectrum-drums")
    desk.hand.settle(500)
    spectrum = desk.hand.picture("lanes")
    quarter = waves.height() // 4
    changed = [
        any(
            waves.pixel(x, y) != spectrum.pixel(x, y)
            for x in range(40, waves.width() - 40, 9)
            for y in range(lane * quarter + 12, (lane + 1) * quarter - 12, 3)
        )
        for lane in range(4)
    ]
    assert changed == [False, True, False, False]


def test_lanes_fill_in_as_tiles_arrive(desk: Desk) -> None:
    from PySide6.QtGui import QColor

    def is_coloured(second: float) -> bool:
        picture = desk.hand.picture("lanes")
        x = round(second / 60 * picture.width())
        middle = picture.height() // 8
        inks = [QColor(picture.pixel(x, middle + dy)) for dy in range(-3, 4)]
        return any(ink.saturation() > 60 for ink in inks)

    desk.play()
    desk.hand.hover("play")
    assert not is_coloured(5)
    desk.player.separate(10)
    desk.look()
    desk.hand.settle(300)
    assert is_coloured(5)
    assert not is_coloured(35)
    desk.player.separate(10)
    desk.look()
    desk.hand.settle(300)
    assert is_coloured(35)


def test_only_tiles_that_changed_are_drawn_anew(desk: Desk) -> None:
    desk.play()
    desk.hand.press("Plus", "Plus", "Plus", "Plus")
    desk.hand.settle(300)
    before = desk.desktop.images.n_drawn
    desk.player.separate(1)
    desk.look()
    n_drawn = desk.desktop.images.n_drawn - before
    assert 0 < n_drawn <= 8  # one tile of each lane, or two
    desk.look()
    assert desk.desktop.images.n_drawn == before + n_drawn


def test_the_mixture_is_seen_to_be_heard(desk: Desk) -> None:
    desk.play()
    desk.look()
    assert "mixture" not in desk.hand.text("state")
    desk.hand.click("mute-vocals")
    desk.look()
    assert "mixture is heard" in desk.hand.text("state")
    desk.player.separate(5)
    desk.look()
    assert "mixture" not in desk.hand.text("state")


def test_counters_are_in_view(desk: Desk) -> None:
    from dataclasses import replace

    desk.play()
    desk.player.separate(10)
    desk.player.shot = replace(
        desk.player.shot, n_late=2, n_underruns=1, times_real_time=8.25
    )  # fmt: skip
    desk.look()
    desk.hand.settle(300)
    assert desk.hand.text("figure-speed") == "8.3× real time"
    assert desk.hand.text("figure-ahead") == "0:20 ahead"
    assert desk.hand.text("figure-late") == "2 late tiles"
    assert desk.hand.text("figure-underruns") == "1 underrun"


def test_the_cover_is_shown(desk: Desk) -> None:
    from dataclasses import replace

    from PySide6.QtCore import QBuffer, QByteArray, QIODevice
    from PySide6.QtGui import QColor, QImage

    painted = QImage(60, 40, QImage.Format.Format_RGB32)
    painted.fill(QColor("#3060c0"))
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    painted.save(buffer, "PNG")
    desk.play("one", "two")
    desk.player.shot = replace(desk.player.shot, cover=bytes(data.data()))
    desk.hand.press("N", ms=200)
    seen = desk.hand.picture("cover")
    assert QColor(seen.pixel(seen.width() // 2, seen.height() // 2)).name() == "#3060c0"


def test_devices_are_listed_and_chosen(desk: Desk) -> None:
    desk.hand.click("device")
    desk.hand.wait_for(lambda: desk.hand.shows("device-Headphones"))
    desk.hand.click("device-Headphones")
    assert ("device", "Headphones") in desk.player.asked


def test_a_model_is_picked_by_its_card_and_b_is_what_it_is_compared_with(desk: Desk) -> None:
    desk.play()
    desk.hand.click("model")
    desk.hand.wait_for(lambda: desk.hand.shows("model-mdx"))
    desk.hand.hover("model-unet-0.1")
    assert "CC" in desk.hand.text("card-licence")
    desk.hand.hover("model-mdx")
    desk.hand.click("compare")
    desk.hand.click("model-unet-0.1", 0.3)
    desk.hand.settle(200)
    desk.hand.click("ab-1")
    assert desk.player.shot.model == "mdx"
    desk.hand.click("ab-0")
    assert desk.player.shot.model == "unet-0.1"


def test_the_switch_makes_it_dark_or_light(desk: Desk) -> None:
    seen = set()
    for _ in range(3):
        desk.hand.click("look")
        seen.add(desk.desktop.window.property("color").name())
    assert len(seen) == 2


def test_the_playhead_stands_where_the_song_is(desk: Desk) -> None:
    desk.play()
    for second in (10, 30, 50):
        desk.player.seek(second * RATE)
        desk.look()
        lanes = desk.hand.at("lanes", second / 60)
        assert desk.hand.at("playhead", 0).x() == pytest.approx(lanes.x(), abs=1)
    assert desk.hand.text("time") == "0:50.0"
