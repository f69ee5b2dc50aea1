"""The player's state as one `Snapshot`, read without stopping it."""

from unbraid.player.blind import Blind
from unbraid.player.deck import Deck
from unbraid.player.keeper import Keeper
from unbraid.player.snapshot import Notice, Snapshot
from unbraid.player.song import SAMPLE_RATE, Lane, Song
from unbraid.separation.planner import playing_order

ORIGINAL = "original"
"""The name of the model that is none: the mixture on its own, without faders but the volume."""


def take_snapshot(
    deck: Deck, keeper: Keeper, blind: Blind | None, notices: tuple[Notice, ...]
) -> Snapshot:
    """Look at everything once; what two looks give may be a block apart."""
    playback, pace = deck.playback, deck.crew.pace
    transport, song, voice, wanted = (
        playback.transport,
        playback.song,
        playback.voice,
        playback.wanted,
    )
    lane = voice.lane
    model = ORIGINAL if playback.is_original else (lane.model if lane else deck.model).name
    model_wanted = wanted.lane.model.name if wanted is not None and wanted.lane else None
    if blind is not None and not blind.is_revealed:  # names are hidden
        model = blind.letter_of(model) or ""
        model_wanted = blind.letter_of(model_wanted) if model_wanted else None
    shown = deck.shown
    position = playback.heard if playback.seeking is None else playback.seeking
    return Snapshot(
        motion=deck.motion,
        position=position,
        n_samples=song.n_samples if song else 0,
        loop=transport.loop,
        tempo=transport.tempo,
        key=transport.key,
        is_seeking=playback.is_waiting,
        song=song.serial if song else 0,
        index=deck.playlist.place_of(song.item) if song else None,
        path=song.path if song else None,
        is_opening=deck.is_opening,
        title=song.title if song else "",
        artist=song.artist if song else "",
        album=song.album if song else "",
        duration_s=song.n_samples / SAMPLE_RATE if song else 0.0,
        cover=song.cover if song else None,
        model=model,
        model_wanted=model_wanted,
        is_mixture=playback.share < 1 and not playback.mixer.is_unity,
        ahead_s=_ahead_s(song, shown, position, transport.loop),
        done_fraction=shown.done_fraction(song.n_samples) if shown and song else 0.0,
        times_real_time=pace.times_real_time,
        n_late=playback.counts.n_late,
        n_waited=playback.counts.n_waited,
        n_underruns=keeper.n_underruns,
        n_separated=pace.n_tiles,
        limiter_acts=playback.mixer.limiter.acting,
        device=keeper.name,
        device_lost=keeper.is_lost,
        latency_s=keeper.latency_s,
        store_bytes=sum(file.n_bytes for file in song.files) if song else 0,
        notices=notices,
    )


def _ahead_s(
    song: Song | None, lane: Lane | None, position: int, loop: tuple[int, int] | None
) -> float:
    """Seconds that are ready in playing order."""
    if song is None or lane is None:
        return 0.0
    n_ready = 0
    for start, end in playing_order(position, song.n_samples, loop):
        if start < position and not (loop and loop[0] <= start < loop[1]):
            break  # what was heard before is not ahead
        until = min(end, lane.ready_until(start, song.n_samples))
        n_ready += until - start
        if until < end:
            break
    return n_ready / SAMPLE_RATE
