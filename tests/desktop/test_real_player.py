"""The window with the real player on a virtual clock: what is clicked is heard, and written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("soundfile")

from tests.desktop.conftest import Desk
from tests.player.virtual import RATE, Clock, driven, stems_of, write_model, write_song

pytestmark = pytest.mark.slow

N_SAMPLES = 20 * RATE


class Bench:
    """The window, its clock, and the song."""

    def __init__(self, desk: Desk, clock: Clock, song: Path, mixture: Any) -> None:
        self.desk, self.clock, self.song, self.mixture = desk, clock, song, mixture

    def run(self, seconds: float) -> Any:
        """Let the song go on; what was heard, (2, n)."""
        heard = self.clock.run_s(seconds)
        self.clock.player.step()
        self.desk.look()
        return heard


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complaints: list[str]
) -> Iterator[Bench]:
    from tests.desktop.driving import Hand, settle
    from unbraid.desktop.application import Desktop

    models = tmp_path / "models"
    for name in ("left", "right"):
        write_model(models, name)
    monkeypatch.setenv("UNBRAID_MODELS", str(models))
    song = tmp_path / "a song.wav"
    mixture = write_song(song, N_SAMPLES)
    clock = driven(tmp_path, [], models / "left.onnx")
    with clock.player:
        desktop = Desktop(clock.player, tmp_path / "settings")
        settle()
        desk = Desk(desktop, clock.player, Hand(desktop.window), tmp_path)  # type: ignore[arg-type]
        yield Bench(desk, clock, song, mixture)
        desktop.close()
        settle()


def dropped(bench: Bench) -> None:
    """The song is dropped on the window, plays, and is separated."""
    bench.desk.hand.drop([bench.song])
    bench.desk.hand.wait_for(lambda: len(bench.clock.player.playlist) == 1)
    bench.desk.look()
    bench.clock.finish()
    bench.run(1.0)


def test_a_dropped_song_plays_and_fills_its_lanes(bench: Bench) -> None:
    dropped(bench)
    hand = bench.desk.hand
    assert hand.text("title") == "a song"
    assert hand.text("state") == "Taken apart"
    assert hand.text("time")[:5] in ("0:00.", "0:01.")
    assert hand.value("song-0", "duration") == pytest.approx(20, abs=0.01)
    heard = bench.run(2.0)
    assert np.abs(heard).max() > 0.05


def test_what_is_muted_in_the_window_is_not_heard(bench: Bench) -> None:
    dropped(bench)
    bench.desk.hand.press("1")
    heard = bench.run(1.0)
    stems = stems_of(bench.mixture, "left")
    wanted = stems[1:].sum(axis=0)
    piece = heard[:, -4_096:]
    start = bench.clock.player.snapshot().position
    errors = [
        np.abs(wanted[:, at : at + 4_096] - piece).max()
        for at in range(max(0, start - 12_000), start + 2_000)
    ]
    assert min(errors) < 1e-5


def test_a_click_in_a_lane_is_heard_at_that_second(bench: Bench) -> None:
    dropped(bench)
    bench.desk.hand.click("lanes", 0.5)
    bench.clock.player.step()
    bench.run(0.5)
    position = bench.clock.player.snapshot().position / RATE
    assert position == pytest.approx(10.5, abs=0.3)


def test_another_model_takes_over_by_a_key(bench: Bench) -> None:
    dropped(bench)
    bench.desk.hand.press("M")
    bench.clock.finish()
    bench.run(1.0)
    assert bench.clock.player.snapshot().model != "left"
    bench.desk.hand.press("B")
    bench.run(0.5)
    assert bench.clock.player.snapshot().model == "original"
    assert bench.desk.hand.evaluate("ab", "current") == 1


def test_an_export_has_the_numbers_that_are_heard(bench: Bench) -> None:
    import soundfile

    dropped(bench)
    hand = bench.desk.hand
    hand.click("export")
    hand.type("export-folder", str(bench.desk.folder / "out"))
    hand.click("export-format-0")
    hand.click("export-depth-3")
    for stem in ("drums", "bass", "other"):
        hand.click(f"export-{stem}", 0.1)
    hand.click("export-start")
    hand.wait_for(lambda: hand.shows("bar-text"))
    assert hand.text("bar-text").startswith("Exported 1 file in ")
    written, rate = soundfile.read(bench.desk.folder / "out" / "a song" / "vocals.wav")
    assert rate == RATE
    assert np.abs(written.T - stems_of(bench.mixture, "left")[0]).max() < 1e-6


def test_a_file_that_is_no_song_is_told_by_name(bench: Bench) -> None:
    broken = bench.desk.folder / "broken.mp3"
    broken.write_bytes(b"no sound at all" * 100)
    bench.desk.hand.drop([broken])
    bench.desk.hand.wait_for(lambda: len(bench.clock.player.playlist) == 1)
    bench.clock.finish()
    bench.desk.look()
    bench.desk.hand.wait_for(lambda: bench.desk.hand.shows("bar-text"))
    assert "broken.mp3" in bench.desk.hand.text("bar-text")
    assert "Traceback" not in bench.desk.hand.text("bar-text")


def test_a_blind_test_of_real_models(bench: Bench) -> None:
    dropped(bench)
    hand = bench.desk.hand
    hand.click("blind")
    hand.wait_for(lambda: hand.shows("blind-right"))
    hand.click("blind-left", 0.03)
    hand.click("blind-right", 0.03)
    assert hand.value("blind-left", "on")
    assert hand.value("blind-right", "on")
    hand.click("blind-start")
    bench.clock.finish()
    bench.run(0.5)
    assert bench.clock.player.snapshot().model in ("A", "B")
    for _ in range(3):
        hand.click("prefer-B")
        bench.clock.finish()
        bench.run(0.2)
    hand.click("blind-reveal")
    assert hand.text("blind-verdict").startswith("p = ")
    hand.click("blind-close")
    hand.settle(300)
    bench.run(0.2)
    assert bench.clock.player.snapshot().model in ("left", "right")
