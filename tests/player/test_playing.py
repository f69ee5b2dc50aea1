"""What is heard, on a virtual clock: always the stems or the mixture, at the very sample."""

import random
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.player.virtual import (
    BLOCK,
    FADE,
    LATENCY,
    RATE,
    Clock,
    driven,
    found_at,
    roughness,
    runs,
    stems_of,
    write_model,
    write_song,
)
from unbraid.player import Motion
from unbraid.player.playback import JOIN
from unbraid.separation import store

N_SAMPLES = 30 * RATE + 77


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: write_model(folder, name) for name in ("left", "right")}


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    path = tmp_path_factory.mktemp("song") / "song.wav"
    return path, write_song(path, N_SAMPLES)


@pytest.fixture
def clock(tmp_path, song, models):
    clock = driven(tmp_path, [song[0]], models["left"])
    with clock.player:
        yield clock


def _ready(clock: Clock) -> None:
    """The song is open, separated and about to play."""
    clock.player.open(0, play=False)
    clock.finish()
    assert clock.player.snapshot().done_fraction == 1


def _mute(clock: Clock, stem: str = "vocals") -> None:
    clock.player.mixer.set_mute(stem, True)
    clock.player.mixer.settle()


def _without_vocals(mixture: np.ndarray, model: str = "left") -> np.ndarray:
    return stems_of(mixture, model)[1:].sum(axis=0)


def _place(heard: np.ndarray, expected: np.ndarray, at: int) -> int:
    """Where in what was heard the sample `at` of `expected` lies."""
    place = found_at(heard, expected, at, n_samples=4_000, within=1e-5)
    assert place >= 0, f"sample {at} was not heard"
    return place


def test_at_rest_the_player_plays_the_file(clock, song) -> None:
    _, mixture = song
    clock.player.open(0)
    heard = clock.run_s(12)
    at = _place(heard, mixture, 5_000)
    n_samples = heard.shape[1] - at
    assert np.abs(heard[:, at:] - mixture[:, 5_000 : 5_000 + n_samples]).max() < 1e-6
    assert clock.player.snapshot().n_late == 0


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0, None])
def test_heard_is_the_stems_or_the_mixture_with_fades_between(
    tmp_path, song, models, speed
) -> None:
    path, mixture = song
    rng = random.Random(7)

    def cost_s() -> float:
        return 3.7 / speed if speed else rng.choice([0.1, 0.5, 4.0, 8.0])

    clock = driven(tmp_path, [path], models["left"], cost_s=cost_s)
    with clock.player as player:
        if speed is None:  # some tiles fail at first
            model = player._deck.model
            right = model.separate_tile

            def fails_at_random(tile):
                if rng.random() < 0.3:
                    raise RuntimeError("out of luck")
                return right(tile)

            model.separate_tile = fails_at_random
        _mute(clock)
        player.open(0)
        heard = clock.run_s(28)
        counters = player.snapshot()
    start = _place(heard, mixture, 2_000) - 2_000
    n_samples = 27 * RATE
    heard = heard[:, start + JOIN : start + n_samples]
    stems = _without_vocals(mixture)[:, JOIN:n_samples]
    mixture = mixture[:, JOIN:n_samples]
    is_stems = (np.abs(heard - stems) < 1e-5).all(axis=0)
    is_mixture = (np.abs(heard - mixture) < 1e-5).all(axis=0)
    fades = runs(~(is_stems | is_mixture))
    assert fades
    for first, last in fades:
        # A tile that comes while its stems fade out turns the fade round.
        is_turned = is_stems[first - 1] == is_stems[last]
        assert last - first <= (2 * FADE + BLOCK if is_turned else FADE)
        # A power between the two: neither a dip nor a bump.
        powers = [np.square(x[:, first:last]).mean() for x in (heard, stems, mixture)]
        assert 0.6 * min(powers[1:]) < powers[0] < 1.5 * max(powers[1:])
    assert is_stems.any()
    # The left channel differs by 20 dB, so a switch without a fade would show.
    assert roughness(heard) < 1.3 * max(roughness(mixture), roughness(stems))
    n_windows = heard.shape[1] // RATE * 20
    windows = np.square(heard[:, : n_windows * 2_205]).reshape(2, n_windows, -1).mean(axis=(0, 2))
    assert windows.min() > 1e-4
    assert counters.n_underruns == 0
    if speed == 0.5:
        assert counters.n_late > 2
        assert 0.4 < is_mixture.mean() < 0.75
    if speed in (1.0, 2.0):  # tiles that cannot be ready in time are not waited for
        assert is_mixture.mean() < (0.3 if speed == 1 else 0.1)


def test_the_device_never_waits_whatever_is_locked(clock) -> None:
    _ready(clock)
    clock.player.play()
    clock.run_s(0.5)
    player, frames = clock.player, np.zeros((BLOCK, 2), np.float32)
    song = player._playback.song
    locks = [
        player._lock,
        player._keeper._lock,
        player._deck.crew._changed,
        store._opening,
        player.playlist._lock,
        song._lanes_lock,
        *(lock for file in song.files for lock in (file._mapping, file._writing)),
    ]
    given: list[int] = []
    for lock in locks:
        lock.acquire()
    try:
        device = threading.Thread(target=lambda: given.append(player._feed.give(frames)))
        device.start()
        device.join(timeout=20)
    finally:
        for lock in locks:
            lock.release()
    assert given == [BLOCK]


@pytest.mark.parametrize("target", [163_840, 500_001, 1_000_000, 31])
def test_a_seek_lands_on_the_sample_without_a_click(clock, song, target) -> None:
    _ready(clock)
    _mute(clock)
    stems = _without_vocals(song[1])
    clock.player.play()
    clock.run_s(1)
    clock.player.seek(target)
    heard = clock.run_s(1)
    at = _place(heard, stems, target + JOIN + 10) - JOIN - 10
    n_samples = heard.shape[1] - at - JOIN
    expected = stems[:, target + JOIN : target + JOIN + n_samples]
    assert np.abs(heard[:, at + JOIN :] - expected).max() < 1e-5
    # Once the ring has played out: 3 blocks.
    assert at <= 3 * BLOCK + LATENCY
    assert roughness(clock.output.heard) < 1.3 * roughness(song[1])
    n_on = clock.player.snapshot().position - target
    assert abs(n_on - (heard.shape[1] - at)) <= BLOCK


def test_a_seek_into_new_ground_plays_the_mixture_then_the_stems(tmp_path, song, models) -> None:
    path, mixture = song
    clock = driven(tmp_path, [path], models["left"], cost_s=lambda: 0.4)
    with clock.player as player:
        _mute(clock)
        player.open(0)
        clock.run_s(2)
        player.seek(20 * RATE)
        heard = clock.run_s(2)
        # At most the tile under way, then the playhead's own.
        at = _place(heard, mixture, 20 * RATE + 1_000) - 1_000
        stems = _without_vocals(mixture)
        late = _place(heard[:, at + round(1.1 * RATE) :], stems, 20 * RATE + round(1.1 * RATE))
        assert late == 0
        assert player.snapshot().n_late == 0
        assert player.snapshot().n_waited >= 1
        assert roughness(clock.output.heard) < 1.3 * roughness(mixture)


def test_random_seeks_and_loops_never_click_and_never_fall_silent(tmp_path, song, models) -> None:
    rng = random.Random(11)
    clock = driven(tmp_path, [song[0]], models["left"], cost_s=lambda: rng.choice([0.2, 2.0]))
    with clock.player as player:
        _mute(clock)
        player.open(0)
        clock.run_s(1)
        for _ in range(25):
            choice = rng.randrange(4)
            if choice == 0:
                at = rng.randrange(25 * RATE)
                player.set_loop(at, at + rng.randrange(RATE // 20, RATE))
                player.seek(at)
            elif choice == 1:
                player.clear_loop()
            else:
                player.seek(rng.randrange(25 * RATE))
            clock.run_s(rng.uniform(0.01, 0.8))
        heard = clock.output.heard[:, RATE // 2 :]
    assert roughness(heard) < 1.5 * roughness(song[1])
    windows = np.square(heard[:, : heard.shape[1] // 1_024 * 1_024]).reshape(2, -1, 1_024)
    assert windows.mean(axis=(0, 2)).min() > 1e-4


def test_a_loop_repeats_to_the_sample(clock, song) -> None:
    _ready(clock)
    _mute(clock)
    start, end = 2 * RATE + 5, 2 * RATE + 20_005
    clock.player.set_loop(start, end)
    clock.player.seek(start)
    clock.player.play()
    heard = clock.run_s(3)
    stems = _without_vocals(song[1])
    first = _place(heard, stems, start + JOIN + 10) - JOIN - 10
    for turn in range(4):
        at = first + turn * (end - start)
        loop = heard[:, at + JOIN : at + end - start]
        assert np.abs(loop - stems[:, start + JOIN : end]).max() < 1e-5
    assert roughness(heard[:, first + JOIN :]) < 1.3 * roughness(stems)
    assert start <= clock.player.snapshot().position < end


def test_a_pause_fades_and_goes_on_where_it_was(clock, song) -> None:
    _ready(clock)
    clock.player.play()
    before = clock.run_s(1)
    clock.player.pause()
    pause = clock.run_s(0.5)
    assert clock.player.snapshot().motion is Motion.PAUSED
    assert np.abs(pause[:, 4 * BLOCK :]).max() == 0
    clock.player.play()
    after = clock.run_s(1)
    whole = np.concatenate([before, pause, after], axis=1)
    assert roughness(whole) < 1.3 * roughness(song[1])
    sounding = np.concatenate([before, pause, after], axis=1)[:, np.abs(whole).max(axis=0) > 0]
    at = _place(sounding, song[1], 5_000) - 5_000
    # Nothing is lost and nothing heard twice but for what fades.
    late = _place(after, song[1], 60_000)
    assert (after.shape[1] - late) + 60_000 == pytest.approx(
        clock.player._playback.transport.position, abs=3 * BLOCK
    )
    assert at >= -JOIN


def test_the_last_sample_is_heard_and_the_song_ends(clock, song) -> None:
    _ready(clock)
    clock.player.seek(N_SAMPLES - RATE)
    clock.player.play()
    heard = clock.run_s(2)
    at = _place(heard, song[1], N_SAMPLES - 20_000)
    end = heard[:, at : at + 20_000]
    assert np.abs(end - song[1][:, N_SAMPLES - 20_000 :]).max() < 1e-6
    assert np.abs(heard[:, at + 20_000 :]).max() == 0
    assert clock.player.snapshot().motion is Motion.ENDED
    assert clock.player.snapshot().position == N_SAMPLES


@pytest.mark.parametrize(("tempo", "key"), [(0.5, 0), (1.5, 0), (1.0, 3)])
def test_tempo_and_key_keep_the_place_and_the_end(clock, tempo, key) -> None:
    _ready(clock)
    clock.player.set_tempo(tempo)
    clock.player.set_key(key)
    clock.player.seek(20 * RATE)
    clock.player.play()
    clock.run_s(2)
    assert clock.player.snapshot().position == pytest.approx(
        (20 + 2 * tempo) * RATE, abs=0.08 * RATE
    )
    clock.player.pause()
    clock.run_s(0.2)
    clock.player.seek(3 * RATE)
    clock.run_s(0.1)
    assert clock.player.snapshot().position == 3 * RATE
    clock.player.play()
    clock.run_s(1)
    assert clock.player.snapshot().position == pytest.approx((3 + tempo) * RATE, abs=0.08 * RATE)
