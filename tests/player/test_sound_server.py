"""Through a real sound server: what is recorded at a null sink's monitor is what was promised."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sound_server import RATE, SoundServer, aligned, missing
from unbraid.demo.clip import load_clip
from unbraid.player.engine import Player
from unbraid.player.output import SoundDeviceOutput
from unbraid.player.transport import Motion
from unbraid.separation.separator import Separator

Samples = NDArray[np.float32]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing() or "all is here"),
]

PATIENCE_S = 60.0
"""Where nothing comes of it the test fails; no speed is asserted by it."""

EXACT = 1e-3
"""-60 dB."""

N_TRIES = 3
"""On a busy machine the sound server runs dry itself, whoever plays."""

MOSTLY = 0.8
PIECE = RATE // 10


@pytest.fixture(scope="module")
def server() -> Iterator[SoundServer]:
    with tempfile.TemporaryDirectory() as folder, SoundServer(Path(folder)) as running:
        try:
            if not SoundDeviceOutput().devices():
                pytest.skip("PortAudio sees no PulseAudio: install libasound2-plugins")
        except Exception as error:
            pytest.skip(str(error))
        yield running


@pytest.fixture(scope="module")
def mixture() -> Samples:
    """(2, 24 s): the demo's song."""
    return load_clip(RATE).mixture


@pytest.fixture(scope="module")
def stems(mixture: Samples) -> Samples:
    """(4, 2, 24 s): what `unbraid separate` makes of it."""
    separated = Separator().separate(mixture, RATE)
    return np.stack([separated[stem] for stem in ("vocals", "drums", "bass", "other")])


@pytest.fixture(scope="module")
def song(mixture: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import soundfile

    path = tmp_path_factory.mktemp("song") / "francium.wav"
    soundfile.write(path, mixture.T, RATE, subtype="FLOAT")
    return path


@pytest.fixture
def player(server: SoundServer, song: Path, tmp_path: Path) -> Iterator[Player]:
    """With the song in its list, wholly separated."""
    with Player(output=SoundDeviceOutput(), store=tmp_path) as player:
        player.playlist.add([song])
        player.open(0, play=False)
        until(lambda: player.snapshot().done_fraction == 1)
        yield player


def until(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "it does not come"
        time.sleep(0.002)


def position_s(player: Player) -> float:
    return player.snapshot().position / RATE


def error_from(heard: Samples, at: int, wanted: Samples) -> float:
    """The largest difference between `wanted` and what was heard from `at` on."""
    part = heard[:, max(0, at) : max(0, at) + wanted.shape[1]]
    return float(np.abs(part - wanted).max()) if part.shape == wanted.shape else np.inf


def exact_share(heard: Samples, wanted: Samples) -> float:
    """How much of `wanted` was heard exactly, piece by piece: gaps between them are overlooked."""
    shift, n_exact = aligned(heard, wanted), 0
    starts = range(0, wanted.shape[1] - PIECE, PIECE)
    for start in starts:
        piece = wanted[:, start : start + PIECE]
        if error_from(heard, shift + start, piece) > EXACT:
            early = max(0, shift + start - RATE)
            shift = early + aligned(heard[:, early : early + 3 * RATE], piece) - start
        n_exact += error_from(heard, shift + start, piece) <= EXACT
    return n_exact / len(starts)


def assert_exact(share: float, error: float) -> None:
    """Gaps are the busy machine's and not the player's; all between them must be exact."""
    assert share >= MOSTLY
    if error > EXACT:
        pytest.skip(f"the device ran dry in each of {N_TRIES} tries; {share:.0%} was exact")


def test_at_unity_the_file_is_heard(server: SoundServer, player: Player, mixture: Samples) -> None:
    wanted = mixture[:, RATE // 2 : -RATE // 4]  # a server's stream starts with a gap
    shares, errors = [0.0], [np.inf]
    while len(errors) <= N_TRIES and errors[-1] > EXACT:
        with server.record() as recording:
            player.seek(0)
            player.play()
            until(lambda: player.snapshot().motion is Motion.ENDED)
            time.sleep(1.0)  # recordings run a second short
        errors.append(error_from(recording.heard, aligned(recording.heard, wanted), wanted))
        shares.append(exact_share(recording.heard, wanted))
    assert_exact(max(shares), min(errors))


def test_a_song_that_is_still_taken_apart_is_heard_as_the_file(
    server: SoundServer, song: Path, tmp_path: Path, mixture: Samples
) -> None:
    """Decoding, late tiles and the fades from the mixture to stems change nothing at unity."""
    wanted = mixture[:, RATE // 2 : 10 * RATE]
    shares, errors = [0.0], [np.inf]
    while len(errors) <= N_TRIES and errors[-1] > EXACT:
        store = tmp_path / str(len(errors))
        with (
            Player(output=SoundDeviceOutput(), store=store) as player,
            server.record() as recording,
        ):
            player.playlist.add([song])
            player.open(0)
            until(lambda player=player: position_s(player) > 10)
            time.sleep(1.0)
        errors.append(error_from(recording.heard, aligned(recording.heard, wanted), wanted))
        shares.append(exact_share(recording.heard, wanted))
    assert_exact(max(shares), min(errors))


def test_a_mute_is_heard_within_50_ms(
    server: SoundServer, player: Player, mixture: Samples, stems: Samples
) -> None:
    """After five seconds, by the recording's own clock; 50 ms include the monitor's."""
    delays_ms = []
    n_dry = 0
    while not delays_ms and n_dry < 2 * N_TRIES:
        player.mixer.set_mute("vocals", False)
        with server.record() as recording:
            player.seek(8 * RATE)  # the singer begins at 10 s
            player.play()
            until(lambda: position_s(player) >= 13)
            asked_s = time.monotonic()
            player.mixer.set_mute("vocals", True)
            until(lambda: position_s(player) >= 15)
            time.sleep(1.0)
            player.pause()
        heard = recording.heard
        start = 11 * RATE
        before = mixture[:, start : 13 * RATE]
        shift = aligned(heard, before) - start
        without = (mixture - stems[0])[:, 14 * RATE : 14 * RATE + RATE // 2]
        gaps = [
            error_from(heard, shift + start, before) > EXACT,
            error_from(heard, shift + 14 * RATE, without) > EXACT,  # or the wrong stems
        ]
        if any(gaps):
            n_dry += 1
            continue
        part = heard[:, shift + 13 * RATE : shift + 14 * RATE]
        difference = np.abs(part - mixture[:, 13 * RATE : 14 * RATE]).max(axis=0)
        changed = shift + 13 * RATE + int((difference > EXACT).argmax())
        delays_ms.append(1000 * (recording.start_s + changed / RATE - asked_s))
    if not delays_ms:
        pytest.skip(f"the device ran dry in each of {n_dry} tries")
    print(f"the mute was heard after {delays_ms[0]:.0f} ms, {n_dry} tries with gaps before")
    if delays_ms[0] > 50 and player.snapshot().n_underruns:
        pytest.skip(f"{delays_ms[0]:.0f} ms: buffers grew, for the device had run dry")
    assert 0 < delays_ms[0] <= 50


def test_a_seek_lands_on_the_sample(server: SoundServer, player: Player, mixture: Samples) -> None:
    target = 15 * RATE + 4_321
    landed: list[int | None] = [None]
    while len(landed) <= N_TRIES and landed[-1] is None:
        with server.record() as recording:
            player.seek(2 * RATE)
            player.play()
            until(lambda: position_s(player) >= 3)
            player.seek(target)
            until(lambda: player.snapshot().position >= 16.5 * RATE)
            time.sleep(1.0)
            player.pause()
        landed.append(landing(recording.heard, mixture, target))
    if landed[-1] is None:
        pytest.skip(f"the device ran dry in each of {N_TRIES} tries")
    assert abs(landed[-1]) <= 1


def landing(heard: Samples, mixture: Samples, target: int) -> int | None:
    """How far from `target` the song went on where it left what was heard before, in samples;
    None if the device ran dry in between."""
    start = 2 * RATE + RATE // 2
    before = aligned(heard, mixture[:, start : start + RATE // 4]) - start
    later = target + RATE // 2
    after = aligned(heard, mixture[:, later : later + RATE // 2]) - later
    # The last sample of what was heard before; there the fade begins.
    part = heard[:, before + start : before + start + 3 * RATE]
    difference = np.abs(part - mixture[:, start : start + part.shape[1]]).max(axis=0)
    left = before + start + int((difference > 1e-6).argmax())
    n_fade = RATE // 20
    behind = mixture[:, target + n_fade : target + n_fade + RATE]
    if error_from(heard, after + target + n_fade, behind) > EXACT or left < before + 2.9 * RATE:
        return None
    return left - (after + target)


def test_a_loop_is_as_long_as_it_was_asked_for(
    server: SoundServer, player: Player, mixture: Samples
) -> None:
    start, end = 8 * RATE + 77, 10 * RATE + 5
    n_loop, n_fade = end - start, RATE // 20
    inner = mixture[:, start + n_fade : end - n_fade]
    errors = [np.inf]
    while len(errors) <= N_TRIES and errors[-1] > EXACT:
        with server.record() as recording:
            player.seek(start - RATE)
            player.set_loop(start, end)
            player.play()
            time.sleep(1 + 3 * n_loop / RATE + 1.5)
            player.pause()
            player.clear_loop()
        heard = recording.heard
        first = aligned(heard[:, : 4 * RATE], mixture[:, start - RATE // 2 : start]) + RATE // 2
        turns = [first + turn * n_loop + n_fade for turn in range(3)]
        errors.append(max(error_from(heard, at, inner) for at in turns))
    if min(errors) > EXACT:
        first = aligned(heard, inner)
        assert exact_share(heard[:, first:], inner) >= MOSTLY
        pytest.skip(f"the device ran dry in each of {N_TRIES} tries")


def test_a_device_that_is_unplugged_pauses_and_another_goes_on(
    server: SoundServer, player: Player, mixture: Samples
) -> None:
    player.seek(2 * RATE)
    player.play()
    until(lambda: position_s(player) > 3)
    n_told = len(player.snapshot().notices)
    server.unplug("test_sink")
    try:
        until(lambda: player.snapshot().device_lost)
        lost = player.snapshot()
        assert lost.motion is not Motion.ENDED
        at_s = lost.position / RATE
        time.sleep(0.5)
        assert abs(position_s(player) - at_s) < 0.25  # it waits
        server.plug("other_sink")
        with server.record("other_sink") as recording:
            until(lambda: not player.snapshot().device_lost)
            until(lambda: position_s(player) > at_s + 2)
            time.sleep(1.0)
            player.pause()
        assert len(player.snapshot().notices) > n_told
        # It went on where it had stopped.
        went_on = mixture[:, round((at_s + 0.5) * RATE) : round((at_s + 2) * RATE)]
        assert exact_share(recording.heard, went_on) > 0.5
    finally:
        server.plug("test_sink")
        server.unplug("other_sink")
