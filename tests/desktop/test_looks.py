"""What holds for all controls: names, focus, tips, and room for them in a small window."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.desktop.conftest import Desk

pytestmark = pytest.mark.slow

SHEETS = {"E": "close-sheet", "Question": "close-sheet"}


def controls(desk: Desk) -> Iterator[Any]:
    """Whatever in view can be pressed, moved or written into."""
    from tests.desktop.driving import items

    for item in items(desk.desktop.window.contentItem()):
        is_control = item.activeFocusOnTab() or item.property("pressed") is not None
        is_area = item.inherits("QQuickMouseArea")
        if is_control and item.isVisible() and item.width() > 0 and not is_area:
            yield item


def accessible(item: Any) -> str:
    """The name that a screen reader says."""
    from PySide6.QtQml import QQmlEngine, QQmlExpression

    context = QQmlEngine.contextForObject(item)
    assert context is not None
    return str(QQmlExpression(context, item, "Accessible.name").evaluate()[0])


def filled(desk: Desk) -> None:
    """Everything in view that may be."""
    desk.play("A song", "Another of a long name that will not fit")
    desk.player.separate(30)
    desk.player.set_loop(0, 441_000)
    desk.player.mixer.set_solo("vocals", True)
    desk.desktop.property("lanes").tell()
    desk.player.advance(3)
    desk.look()
    desk.hand.settle(300)


@pytest.mark.parametrize("opened", ["", "E", "Question", "blind", "model", "device"])
def test_every_control_has_a_name_and_a_tip(desk: Desk, opened: str) -> None:
    filled(desk)
    if opened in SHEETS:
        desk.hand.press(opened, shift=opened == "Question", ms=300)
    elif opened:
        desk.hand.click(opened)
        desk.hand.settle(400)
    found = list(controls(desk))
    assert len(found) > 40
    for item in found:
        where = f"{item} {item.objectName()}"
        said = accessible(item)
        assert said not in ("", "undefined"), where
        if item.inherits("QQuickAbstractButton") or item.inherits("QQuickSlider"):
            assert item.property("name"), where


def test_a_tip_names_the_control_and_its_key(desk: Desk) -> None:
    desk.play()
    desk.hand.hover("mute-drums")
    desk.hand.wait_for(lambda: desk.hand.shows("tip"))
    assert desk.hand.text("tip") == "Mute drums"


def test_tab_goes_through_all_controls_and_shows_where_it_is(desk: Desk) -> None:
    from tests.desktop.driving import items

    filled(desk)
    window, seen = desk.desktop.window, []
    for _ in range(200):
        desk.hand.press("Tab", ms=1)
        focused = window.activeFocusItem()
        if focused in seen:
            break
        seen.append(focused)
        rings = [
            item
            for item in items(focused)
            if item.objectName() == "focus-ring" and item.isVisible()
        ]
        assert rings, f"{focused.objectName()} does not show that it has the focus"
    names = {item.objectName() for item in seen}
    wanted = {"model", "play", "loop", "tempo", "volume", "limiter", "device", "song-0", "zoom-in"}
    lanes = {f"{what}-{stem}" for stem in ("vocals", "other") for what in ("mute", "fader", "pan")}
    assert wanted | lanes <= names


@pytest.mark.parametrize(
    "size", [(900, 600), (1280, 800), (1920, 1080)], ids=["small", "usual", "large"]
)
def test_everything_fits(desk: Desk, size: tuple[int, int]) -> None:
    from PySide6.QtCore import QRectF

    from tests.desktop.driving import items

    filled(desk)
    window = desk.desktop.window
    window.resize(*size)
    desk.hand.settle(300)
    inside = QRectF(0, 0, *size).adjusted(-0.5, -0.5, 0.5, 0.5)
    areas = []
    for item in controls(desk):
        if item.property("name") is None or item.objectName().startswith("remove-"):
            continue
        area = item.mapRectToScene(QRectF(0, 0, item.width(), item.height()))
        assert inside.contains(area), f"{item.objectName()} is cut off: {area}"
        areas.append((item.objectName(), area.adjusted(1, 1, -1, -1)))
    for i, (name, area) in enumerate(areas):
        for other, beside in areas[:i]:
            assert not area.intersects(beside), f"{name} lies over {other}"
    free = {"title", "bar-text"}  # what is the song's may be longer than its place
    for item in items(window.contentItem()):
        if item.property("truncated") and item.isVisible() and item.objectName() not in free:
            assert item.property("text").startswith("Another of"), item.property("text")


def test_lanes_share_the_height(desk: Desk) -> None:
    desk.play()
    heights = []
    for size in ((900, 600), (1280, 800)):
        desk.desktop.window.resize(*size)
        desk.hand.settle(200)
        heights.append(desk.hand.item("lanes").height() / 4)
    assert heights[0] > 88
    assert heights[1] > 130


@pytest.mark.parametrize("scale", ["1.25", "2"])
def test_everything_fits_when_the_screen_is_scaled(qt: object, scale: str) -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-m",
            "slow",
            "-k",
            "(fits and small) or share",
            __file__,
        ],
        env=os.environ | {"QT_SCALE_FACTOR": scale, "QT_QPA_PLATFORM": "offscreen"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-2000:]
