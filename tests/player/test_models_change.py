"""Models that change while a song plays, seen and blind; on a virtual clock."""

from pathlib import Path

import numpy as np
import pytest

from tests.player.virtual import FADE, RATE, found_at, roughness, stems_of
from unbraid.errors import ModelError, UsageError
from unbraid.player import ORIGINAL, ExportRequest
from unbraid.player.playback import JOIN


def test_models_change_at_the_same_sample_within_a_fade(clock, songs, models) -> None:
    player, mixture = clock.player, songs[0][1]
    player.mixer.set_mute("vocals", True)
    player.mixer.settle()
    player.open(0)
    clock.run_s(2)
    player.set_model(str(models["right"]))
    clock.run_s(0.1)
    assert player.snapshot().model == "right"
    assert player.snapshot().model_wanted is None
    clock.run_s(4)
    heard = clock.output.heard
    stems = [stems_of(mixture, name)[1:].sum(axis=0) for name in ("left", "right")]
    at = found_at(heard, stems[0], RATE) - RATE
    heard = heard[:, at + RATE : at + 6 * RATE]
    before, after = (part[:, RATE : RATE + heard.shape[1]] for part in stems)
    is_before = (np.abs(heard - before) < 1e-5).all(axis=0)
    is_after = (np.abs(heard - after) < 1e-5).all(axis=0)
    first, last = np.flatnonzero(~is_before)[0], np.flatnonzero(~is_after)[-1]
    # The fade, then two seconds in which the levels glide.
    assert last - first == pytest.approx(2 * RATE, abs=2 * FADE)
    assert roughness(heard) < 0.01
    assert player.snapshot().n_late == 0


def test_levels_are_matched_after_a_change_and_let_go(clock, models) -> None:
    player = clock.player
    player.mixer.set_solo("vocals", True)
    player.open(0)
    clock.run_s(2)
    player.set_model(str(models["right"]))
    clock.run_s(0.2)
    gains_db = player._playback.voice.gains_db
    left, right = player._playback.song.lanes.values()
    for old, new, gain_db in zip(left.powers[0], right.powers[0], gains_db, strict=True):
        wanted = max(-6.0, min(6.0, 10 * np.log10(old / new)))
        assert gain_db == pytest.approx(wanted, abs=0.7)  # it glides already
    clock.run_s(2.5)
    assert player._playback.voice.gains_db == (0, 0, 0, 0)


def test_at_unity_a_change_of_model_changes_nothing(clock, songs, models) -> None:
    player, mixture = clock.player, songs[0][1]
    player.open(0)
    clock.run_s(1)
    player.set_model(str(models["right"]))
    clock.run_s(1)
    player.set_model(ORIGINAL)
    clock.run_s(1)
    player.set_model(str(models["left"]))
    clock.run_s(1)
    heard = clock.output.heard
    at = found_at(heard, mixture, 5_000) - 5_000
    n_samples = heard.shape[1] - at
    assert np.abs(heard[:, at + JOIN :] - mixture[:, JOIN:n_samples]).max() < 1e-6


def test_the_original_is_the_mixture_whatever_the_faders_say(clock, songs, models) -> None:
    player, mixture = clock.player, songs[0][1]
    player.mixer.set_solo("bass", True)
    player.open(0)
    clock.run_s(1)
    player.set_model(ORIGINAL)
    heard = clock.run_s(1)
    at = found_at(heard, mixture, 2 * RATE - 10_000)
    assert at > 0
    snapshot = player.snapshot()
    assert snapshot.model == ORIGINAL
    assert snapshot.is_mixture
    with pytest.raises(UsageError, match="choose a model"):
        player.export(ExportRequest(Path("x")))
    player.set_model(str(models["right"]))
    clock.run_s(1)
    assert player.snapshot().model == "right"
    assert not player.snapshot().is_mixture
    assert roughness(clock.output.heard) < 0.01


def test_a_model_is_changed_while_nothing_plays_or_is_open(clock, models) -> None:
    player = clock.player
    player.set_model(str(models["right"]))
    player.step()
    player.open(0, play=False)
    clock.finish()
    assert player.snapshot().model == "right"
    player.set_model(str(models["left"]))
    clock.finish()
    clock.run_s(0.1)
    assert player.snapshot().model == "left"
    with pytest.raises(ModelError, match="no such model"):
        player.set_model("nobody")


def test_a_blind_test_hides_names_logs_choices_and_reveals(tmp_path, clock, models) -> None:
    player = clock.player
    player.mixer.set_solo("vocals", True)
    player.open(0)
    clock.run_s(1)
    names = [str(path) for path in models.values()]
    blind = player.start_blind(names)
    for _ in range(6):
        for letter in blind.letters:
            player.set_model(letter)
            clock.run_s(0.3)
            shown = player.snapshot()
            assert shown.model == letter
            assert shown.model_wanted is None
            assert player._playback.voice.lane.model.name == blind.hidden(letter)
            assert all(abs(gain) < 6.1 for gain in player._playback.voice.gains_db)
        player.choose(blind.letter_of("left"))
        clock.run_s(0.1)
    with pytest.raises(UsageError, match="no letter"):
        player.set_model("Z")
    verdict = blind.reveal()
    assert verdict.n_trials == 6
    assert verdict.favourite == "left"
    assert verdict.p_value == pytest.approx(2 * 0.5**6)
    log = (tmp_path / "store" / "blind-tests.jsonl").read_text().splitlines()
    assert len(log) == 7
    player.stop_blind()
    clock.run_s(3)
    assert player._playback.voice.gains_db == (0, 0, 0, 0)
    assert player.snapshot().model in ("left", "right")
    with pytest.raises(UsageError, match="start one"):
        player.choose("A")
