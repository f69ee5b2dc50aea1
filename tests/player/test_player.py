"""The player as a whole: songs after songs, devices, exports; on a virtual clock."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.player.virtual import (
    BLOCK,
    N_SAMPLES,
    RATE,
    driven,
    found_at,
    roughness,
    stems_of,
)
from unbraid.errors import UsageError
from unbraid.player import ExportRequest, Motion, Player, Playlist, VirtualOutput


def _text(player: Player) -> str:
    return " | ".join(notice.text for notice in player.snapshot().notices)


def test_a_song_opened_again_is_there_at_once(tmp_path, songs, models) -> None:
    for n_expected in (4, 0):
        clock = driven(tmp_path, [songs[0][0]], models["left"])
        with clock.player as player:
            player.open(0, play=False)
            clock.finish()
            assert player.snapshot().n_separated == n_expected
            assert player.snapshot().done_fraction == 1
            assert player.snapshot().ahead_s == pytest.approx(N_SAMPLES / RATE)
    moved = tmp_path / "moved.wav"
    moved.write_bytes(songs[0][0].read_bytes())
    clock = driven(tmp_path, [moved], models["left"])
    with clock.player as player:
        player.open(0, play=False)
        clock.finish()
        assert player.snapshot().n_separated == 0
        assert player.snapshot().done_fraction == 1


def test_songs_follow_each_other_without_a_gap(clock, songs) -> None:
    player = clock.player
    player.open(0)
    heard = clock.run_s(24)
    first, second = songs[0][1], songs[1][1]
    at = found_at(heard, first, 5_000) - 5_000
    joined = np.concatenate([first, second], axis=1)
    n_samples = joined.shape[1]
    assert np.abs(heard[:, at + 5_000 : at + n_samples] - joined[:, 5_000:]).max() < 1e-6
    snapshot = player.snapshot()
    assert snapshot.motion is Motion.ENDED
    assert (snapshot.index, snapshot.title) == (1, "1")
    assert player.playlist.items[1].duration_s == pytest.approx(second.shape[1] / RATE)


def test_next_and_previous_walk_the_list(clock) -> None:
    player = clock.player
    player.open(0)
    clock.run_s(1)
    player.next()
    clock.run_s(1)
    assert player.snapshot().index == 1
    clock.run_s(3)
    player.previous()  # after three seconds: to the start
    clock.run_s(0.5)
    assert player.snapshot().index == 1
    assert player.snapshot().position < RATE
    player.previous()
    clock.run_s(1)
    assert player.snapshot().index == 0
    assert player.snapshot().motion is Motion.PLAYING
    assert roughness(clock.output.heard) < 0.01


def test_a_song_that_cannot_be_read_is_told_and_left_out(tmp_path, songs, models) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound at all")
    clock = driven(tmp_path, [songs[1][0], bad, tmp_path, songs[0][0]], models["left"])
    with clock.player as player:
        paths = [item.path for item in player.playlist.items]
        assert paths[:2] == [songs[1][0], bad]
        player.open(0)
        clock.run_s(14)
        snapshot = player.snapshot()
        assert snapshot.path == songs[0][0]
        assert "bad.wav" in _text(player)
        assert player.playlist.items[1].problem is not None
        player.open(1)  # asked for by name, it is an error, and what plays goes on
        clock.run_s(1)
        assert player.snapshot().path == songs[0][0]
        assert player.snapshot().motion is Motion.PLAYING


def test_a_lost_device_pauses_is_told_and_another_goes_on(clock) -> None:
    player, output = clock.player, clock.output
    player.open(0)
    clock.run_s(1)
    position = player.snapshot().position
    output.is_plugged = False
    clock.run_s(1)
    snapshot = player.snapshot()
    assert snapshot.device_lost
    assert snapshot.motion is Motion.PAUSED
    assert "is gone" in _text(player)
    output.is_plugged = True
    clock.run_s(0.1)
    clock.run_s(1)
    snapshot = player.snapshot()
    assert not snapshot.device_lost
    assert snapshot.motion is Motion.PLAYING
    assert "plays on" in _text(player)
    assert snapshot.position - position == pytest.approx(RATE, abs=0.2 * RATE)


def test_a_device_of_another_name_is_refused_and_the_old_one_plays_on(clock) -> None:
    player = clock.player
    player.open(0)
    clock.run_s(1)
    player.set_device("gramophone")
    clock.run_s(1)
    assert "gramophone" in _text(player)
    assert player.snapshot().device == "virtual"
    assert player.snapshot().motion is Motion.PLAYING


def test_exports_take_what_the_store_has(tmp_path, clock, songs) -> None:
    player = clock.player
    player.open(0)
    clock.finish()
    player.mixer.set_mute("drums", True)
    job = player.export(ExportRequest(tmp_path / "out", stems=("vocals",), mix=True, depth="32f"))
    assert job.wait(120)
    assert job.error is None
    assert job.result is not None
    stems = stems_of(songs[0][1], "left")
    vocals = soundfile.read(job.result.paths["vocals"], dtype="float32")[0].T
    assert np.abs(vocals - stems[0]).max() < 1e-6
    mix = soundfile.read(job.result.paths["mix"], dtype="float32")[0].T
    assert np.abs(mix - stems[[0, 2, 3]].sum(axis=0)).max() < 1e-5


def test_overview_and_spectrogram_show_what_is_there(clock, songs) -> None:
    player, mixture = clock.player, songs[0][1]
    assert player.overview().n_columns == 0
    player.open(0, play=False)
    clock.finish()
    overview = player.overview()
    assert overview.n_columns == -(-N_SAMPLES // 1024)
    assert overview.decoded.all()
    assert overview.available.all()
    mono = mixture.mean(axis=0)[: 1024 * 400].reshape(400, 1024)
    assert np.abs(overview.mixture[:400, 1] / 127 - mono.max(axis=1)).max() < 0.01
    vocals = stems_of(mixture, "left")[0].mean(axis=0)[: 1024 * 400].reshape(400, 1024)
    assert np.abs(overview.stems[0, :400, 0] / 127 - vocals.min(axis=1)).max() < 0.01
    picture, there = player.spectrogram("vocals", 0, N_SAMPLES, 50, n_rows=64)
    assert picture.shape == (64, 50)
    assert there.all()
    # The song has nothing above 1 kHz.
    assert picture[:20].max() < 60 < picture[40:].max()
    with pytest.raises(UsageError, match="no stem"):
        player.spectrogram("guitar", 0, 1, 1)


@pytest.mark.parametrize(
    "command",
    [
        lambda player: player.open(7),
        lambda player: player.set_loop(0, 5),
        lambda player: player.set_tempo(3),
        lambda player: player.set_key(13),
        lambda player: player.start_blind(["left"]),
        lambda player: player.export(ExportRequest(Path("x"))),
    ],
)
def test_wrong_commands_are_refused_at_once(clock, command) -> None:
    with pytest.raises(UsageError):
        command(clock.player)


def test_an_empty_list_plays_nothing_and_says_so(tmp_path, models) -> None:
    clock = driven(tmp_path, [], models["left"])
    with clock.player as player:
        with pytest.raises(UsageError, match="add one"):
            player.play()
        player.next()
        player.previous()
        player.stop()
        player.seek(5)
        player.step()
        assert player.snapshot().song == 0


def test_with_threads_it_plays_the_same(tmp_path, songs, models) -> None:
    output = VirtualOutput(BLOCK)
    path, mixture = songs[1]
    with Player(
        model=str(models["left"]),
        output=output,
        store=tmp_path / "store",
        playlist=Playlist([path]),
    ) as player:
        player.open(0)
        # As fast as the player's thread fills the ring: no clock is asked.
        while player.snapshot().position < 4.5 * RATE:
            if player._feed.ring.n_filled >= BLOCK and player.snapshot().device:
                output.run(1)
    at = found_at(output.heard, mixture, 5_000) - 5_000
    heard = output.heard[:, at:][:, : 4 * RATE]
    assert np.abs(heard - mixture[:, : 4 * RATE]).max() < 1e-6
    assert output.n_underruns == 0


def test_a_full_disk_plays_the_mixture_and_says_so(clock, songs, monkeypatch) -> None:
    from unbraid.errors import OutputError
    from unbraid.separation.store import SongStems

    def full(self, tile, stems) -> None:
        raise OutputError("store: stems cannot be kept there (full); make room")

    monkeypatch.setattr(SongStems, "put", full)
    player = clock.player
    player.mixer.set_mute("vocals", True)
    player.open(0)
    heard = clock.run_s(2)
    assert found_at(heard, songs[0][1], RATE) > 0
    assert "make room" in _text(player)
    assert player.snapshot().is_mixture


class _Peer:
    """Knows whole songs only: vocals are the left channel, drums half of the right."""

    name, licence, stems, sample_rate, sha256 = "peer", "none", ("vocals", "drums"), RATE, "0" * 64

    def __init__(self) -> None:
        self.n_samples: list[int] = []

    def separate(self, samples: np.ndarray) -> np.ndarray:
        self.n_samples.append(samples.shape[1])
        shares = np.array([[1, 0], [0, 0.5]], np.float32)
        return shares[:, :, None] * samples


def test_a_peer_takes_the_whole_song_apart_and_is_heard_and_exported(
    tmp_path, clock, songs, monkeypatch
) -> None:
    from unbraid.player import song as song_module
    from unbraid.separation.model import ModelName, named_model

    peer = _Peer()

    def named(name: str) -> ModelName:
        if name == "peer":
            return ModelName("peer", "0" * 64, True, lambda n_threads: peer)
        return named_model(name)

    monkeypatch.setattr(song_module, "named_model", named)
    player, mixture = clock.player, songs[0][1]
    player.mixer.set_solo("drums", True)
    player.open(0)
    clock.run_s(1)
    player.set_model("peer")
    heard = clock.run_s(4)
    assert peer.n_samples[0] == N_SAMPLES  # then the song that follows
    assert player.snapshot().model == "peer"
    assert player.snapshot().done_fraction == 1
    expected = np.array([[0], [0.5]], np.float32) * mixture
    assert found_at(heard, expected, 4 * RATE) > 0  # once the levels have glided
    job = player.export(ExportRequest(tmp_path / "out", depth="32f"))
    assert job.wait(120)
    assert job.error is None
    assert job.result is not None
    written = [soundfile.read(path, dtype="float32")[0].T for path in job.result.paths.values()]
    assert np.array_equal(written[0][0], mixture[0])
    assert not written[2].any()
    assert np.abs(np.sum(written, axis=0) - mixture).max() < 1e-6


def test_where_a_seek_is_likely_is_separated_before_the_rest(tmp_path, songs, models) -> None:
    clock = driven(tmp_path, [songs[0][0]], models["left"], cost_s=lambda: 0.4)
    with clock.player as player:
        player.open(0)
        clock.run_s(0.5)
        lane = player._playback.voice.lane
        assert lane.ready[0]
        assert not lane.ready[3]
        player.prepare(11 * RATE + RATE // 2)
        clock.run_s(0.75)
        assert lane.ready[3]
        assert not lane.ready[2]


def test_a_folder_that_cannot_be_written_to_is_told_and_it_plays(
    tmp_path, songs, models, monkeypatch
) -> None:
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("UNBRAID_CACHE", str(tmp_path / "taken" / "cache"))
    output = VirtualOutput(BLOCK)
    with Player(
        model=str(models["left"]),
        output=output,
        playlist=Playlist([songs[0][0]]),
        is_driven=True,
    ) as player:
        spare = player._store.folder
        assert "UNBRAID_CACHE" in _text(player)
        player.open(0)
        player.step()
        while player.work():
            player.step()
        assert player.snapshot().done_fraction == 1
    assert not spare.exists()


def test_a_damaged_song_plays_and_its_damage_is_told(tmp_path, songs, models) -> None:
    cut = tmp_path / "cut.wav"
    cut.write_bytes(songs[0][0].read_bytes()[: 8 * 5 * RATE])
    clock = driven(tmp_path, [cut], models["left"])
    with clock.player as player:
        player.open(0)
        heard = clock.run_s(7)
        assert "cut.wav: damaged" in _text(player)
        assert found_at(heard, songs[0][1], 4 * RATE) > 0
        assert player.snapshot().motion is Motion.ENDED
        assert player.snapshot().done_fraction == 1


def test_a_song_that_is_taken_out_plays_to_its_end_and_what_came_after_it_follows(
    clock, songs
) -> None:
    player = clock.player
    player.open(0)
    clock.run_s(1)
    player.playlist.remove(0)
    assert player.snapshot().index is None
    clock.run_s(12)
    assert player.snapshot().path == songs[1][0]
    assert player.snapshot().index == 0
    player.playlist.remove(0)
    clock.run_s(12)
    assert player.snapshot().motion is Motion.ENDED
    assert player.snapshot().path == songs[1][0]
