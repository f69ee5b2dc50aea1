"""Export and blind test, from their buttons to their ends."""

from pathlib import Path

import pytest

from tests.desktop.conftest import Desk
from unbraid.errors import Cancelled, OutputError, UsageError
from unbraid.player.export import ExportResult

pytestmark = pytest.mark.slow


def export(desk: Desk) -> None:
    """Open the sheet with a folder of the test's."""
    if desk.player.shot.path is None:
        desk.play()
    desk.hand.click("export")
    desk.hand.type("export-folder", str(desk.folder / "out"))


def test_stems_are_exported_as_chosen(desk: Desk) -> None:
    export(desk)
    desk.hand.click("export-drums", 0.1)
    desk.hand.click("export-format-1")
    desk.hand.click("export-depth-2")
    desk.hand.click("export-start")
    (request,) = desk.player.requests
    assert request.folder == desk.folder / "out"
    assert request.stems == ("vocals", "bass", "other")
    assert (request.mix, request.loop_only, request.stretched) == (False, False, False)
    assert (request.format, request.depth, request.force) == ("flac", "24", False)


def test_the_mix_is_exported_as_heard(desk: Desk) -> None:
    desk.play()
    desk.player.set_tempo(0.8)
    desk.player.set_loop(0, 44_100)
    desk.look()
    export(desk)
    for stem in ("vocals", "drums", "bass", "other"):
        desk.hand.click(f"export-{stem}", 0.1)
    assert not desk.hand.item("export-start").isEnabled()
    desk.hand.click("export-mix", 0.05)
    desk.hand.click("export-part-1")
    desk.hand.click("export-force", 0.05)
    desk.hand.click("export-start")
    (request,) = desk.player.requests
    assert (request.stems, request.mix, request.stretched) == ((), True, True)
    assert (request.loop_only, request.force) == (True, True)


def test_lossy_formats_have_no_depth(desk: Desk) -> None:
    export(desk)
    assert desk.hand.shows("export-depth")
    desk.hand.click("export-format-2")
    assert not desk.hand.shows("export-depth")
    desk.hand.click("export-start")
    assert (desk.player.requests[0].format, desk.player.requests[0].depth) == ("mp3", None)


def test_an_export_shows_how_far_it_is_while_the_song_plays_and_tells_its_end(desk: Desk) -> None:
    export(desk)
    desk.hand.click("export-start")
    assert desk.player.job is not None
    desk.player.job.fraction = 0.42
    desk.hand.wait_for(lambda: desk.hand.text("export-result").startswith("42 %"))
    desk.hand.press("Escape", ms=300)
    desk.hand.press("Space")
    assert not desk.player.transport.playing
    desk.player.job.result = ExportResult({"vocals": Path("/music/out/vocals.wav")}, -1.3)
    desk.hand.wait_for(lambda: desk.hand.shows("bar-text"))
    told = desk.hand.text("bar-text")
    assert told == "Exported 1 file in /music/out, -1.3 dB so that none clips"


def test_an_export_is_cancelled(desk: Desk) -> None:
    export(desk)
    desk.hand.click("export-start")
    desk.hand.click("export-cancel")
    assert desk.player.job is not None
    assert desk.player.job.is_cancelled
    desk.player.job.error = Cancelled("cancelled")
    desk.hand.wait_for(lambda: desk.hand.shows("export-start"))
    desk.hand.wait_for(lambda: desk.hand.shows("bar-text"))
    assert "nothing is left behind" in desk.hand.text("bar-text")


def test_closing_the_window_gives_an_export_up_only_when_asked_twice(desk: Desk) -> None:
    export(desk)
    desk.hand.click("export-start")
    assert desk.player.job is not None
    desk.desktop.window.close()
    desk.hand.wait_for(lambda: desk.hand.shows("bar-text"))
    assert "close again" in desk.hand.text("bar-text")
    assert desk.desktop.window.isVisible()
    assert not desk.player.job.is_cancelled
    desk.desktop.window.close()
    assert not desk.desktop.window.isVisible()
    assert desk.player.job.is_cancelled


@pytest.mark.parametrize("is_late", [False, True])
def test_an_export_that_fails_says_why(desk: Desk, is_late: bool) -> None:
    export(desk)
    error = OutputError("/out/vocals.wav: exists already; choose another folder")
    if is_late:
        desk.hand.click("export-start")
        assert desk.player.job is not None
        desk.player.job.error = error
    else:
        desk.player.export_error = UsageError(str(error))
        desk.hand.click("export-start")
    desk.hand.wait_for(lambda: desk.hand.shows("bar-text"))
    assert desk.hand.text("bar-text") == str(error)


def test_folder_and_format_are_kept(desk: Desk) -> None:
    export(desk)
    desk.hand.click("export-format-3")
    desk.hand.click("export-start")
    assert desk.player.job is not None
    desk.player.job.error = Cancelled("cancelled")
    desk.desktop.save()
    kept = (desk.folder / "settings" / "player.json").read_text()
    assert '"export_format": "m4a"' in kept
    assert str(desk.folder / "out") in kept


def test_a_blind_test_hides_names_counts_choices_and_reveals(desk: Desk) -> None:
    desk.play()
    desk.hand.click("blind")
    desk.hand.wait_for(lambda: desk.hand.shows("blind-mdx"))
    assert not desk.hand.item("blind-start").isEnabled()
    desk.hand.click("blind-mdx", 0.05)
    desk.hand.click("blind-unet-0.1", 0.05)
    desk.hand.click("blind-start")
    test = desk.player.blind
    assert test is not None
    assert "mdx" not in desk.hand.text("model")
    assert "unet" not in desk.hand.text("model")

    for letter in ("A", "B"):
        desk.hand.click(f"hear-{letter}")
        assert desk.player.shot.model == test.hidden(letter)
    desk.hand.press("A")
    assert desk.player.shot.model == test.hidden("A")
    desk.hand.press("Space")
    assert not desk.player.transport.playing

    for _ in range(9):
        best = next(letter for letter in "AB" if test.hidden(letter) == "mdx")
        desk.hand.click(f"prefer-{best}")
    assert desk.hand.text("blind-n") == "9 choices"
    desk.hand.click("blind-reveal")
    assert test.reveal().counts == {"mdx": 9, "unet-0.1": 0}
    assert desk.hand.text("blind-verdict").startswith("p = 0.004")
    desk.hand.click("blind-close")
    desk.hand.settle(300)
    assert desk.player.blind is None


def test_a_blind_test_that_is_closed_is_over(desk: Desk) -> None:
    desk.play()
    desk.hand.click("blind")
    desk.hand.wait_for(lambda: desk.hand.shows("blind-mdx"))
    desk.hand.click("blind-mdx", 0.05)
    desk.hand.click("blind-original", 0.05)
    desk.hand.click("blind-start")
    desk.hand.click("close-sheet")
    desk.hand.settle(300)
    assert desk.player.blind is None
    assert desk.hand.item("model").isEnabled()
