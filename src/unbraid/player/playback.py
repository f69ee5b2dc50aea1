"""What the player's thread does: from the store's stems to the blocks that go to the device."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbraid.player.fades import fade, likeness
from unbraid.player.mixer import Mixer
from unbraid.player.ring import Ring
from unbraid.player.song import SAMPLE_RATE, Song
from unbraid.player.stretch import Stretch
from unbraid.player.timeline import Timeline
from unbraid.player.transport import Motion, Transport
from unbraid.player.voice import Voice
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

BLOCK = 512
"""Samples mixed at once: 11.6 ms."""

FADE = round(0.02 * SAMPLE_RATE)
"""Samples of a fade between stems and mixture, and between models: 20 ms."""

JOIN = round(0.01 * SAMPLE_RATE)
"""Samples of the fade where a seek or a loop joins two places, and of starts and pauses: 10 ms."""

LEAD = 16_384
"""Samples that must be decoded ahead to play: more than a stretch reads ahead."""

GRACE = SAMPLE_RATE
"""Samples after a start, seek or change of model in which a tile may be waited for."""


@dataclass(slots=True)
class Counts:
    """Tiles that were heard as the mixture; see `Snapshot`."""

    n_late: int = 0
    n_waited: int = 0


class Playback:
    """Mixes what is heard next. Owned by the player's thread; others only read its attributes.

    Stems are heard where they are ready; where they are not, the mixture, with a fade of equal
    power in time before and after. Where the listener seeks, and where a loop ends, the old place
    sounds on for 10 ms while the new one fades in.

    Args:
        mixer: the faders.
        follow: called where a song ends: opens the next by `start_song`, and tells if it did.
    """

    def __init__(self, mixer: Mixer, follow: Callable[[], bool]) -> None:
        self.mixer = mixer
        self.transport = Transport(0, SAMPLE_RATE)
        self.song: Song | None = None
        self.voice = Voice(None)
        """What is heard, or is as soon as it is ready."""
        self.wanted: Voice | None = None
        """What takes its place as soon as the playhead's stems are there."""
        self.is_original = False
        """The mixture is asked for."""
        self.seeking: int | None = None
        """Where a seek under way goes: it waits for the decoder while the old place sounds."""
        self.heard = 0
        """The sample that is heard now."""
        self.share = 0.0
        """Of the stems in what is heard, against the mixture."""
        self.counts = Counts()
        self._follow = follow
        self._stretch = Stretch(SAMPLE_RATE)
        self._timeline = Timeline()
        self._mark = (0, 0.0)  # samples written before this block, and the bus there
        self._leaving: Voice | None = None
        self._n_leaving = 0
        self._like = 1.0
        self._gate = 0.0  # 0 at rest, 1 sounding
        self._at_rest: Callable[[], None] | None = None  # what a pause does once it is silent
        self._expected: int | None = None  # where the song goes on; None: nothing sounded
        self._tail = np.zeros((2, 0), np.float32)  # the old place, sounding on
        self._tail_like: float | None = None
        self._end = 0.0  # on the bus, of what there was to play
        self._n_since = 0
        self._counted: tuple[int, bool] | None = None
        self._steps = np.arange(1, mixer.max_block + 1, dtype=np.float32)
        self._silence = np.zeros((len(STEMS), 2, mixer.max_block), np.float32)

    # Commands

    def start_song(self, song: Song, voice: Voice, position: int, *, play: bool) -> None:
        """Go over to another song."""
        if self._gate > 0 and self.transport.playing:
            self._leave()
        old = self.transport
        self.transport = Transport(song.n_samples, SAMPLE_RATE)
        self.transport.tempo, self.transport.key = old.tempo, old.key
        self.song, self.voice, self.wanted = song, voice, None
        self._leaving, self.seeking, self._at_rest = None, None, None
        self._land(position)
        if play:
            self.transport.play()

    def play(self) -> None:
        self._at_rest = None
        if self.transport.motion is Motion.ENDED or (
            self.transport.position >= self.transport.n_samples
        ):
            self.seek(0)
        self.transport.play()

    def pause(self) -> None:
        self._rest(self.transport.pause)

    def close(self) -> None:
        """Let go of what filters and resamplers hold."""
        self._stretch = Stretch(SAMPLE_RATE)

    def halt(self) -> None:
        """Pause without a fade: nobody hears it."""
        self._gate = 0.0
        self._rest(self.transport.pause)

    def stop(self) -> None:
        def stop() -> None:
            self.transport.stop()
            self._land(0)

        self._rest(stop)

    def seek(self, sample: int) -> None:
        """Go to a sample as soon as it is decoded."""
        self.seeking = min(max(0, sample), self.transport.n_samples)
        self._take_seek()

    @property
    def is_going(self) -> bool:
        """Whether it plays, or will once something is decoded."""
        return self.transport.playing and self._at_rest is None

    @property
    def is_waiting(self) -> bool:
        """Whether what is to be heard is still being decoded."""
        is_held = self._gate == 0 and self.is_going and not self._is_decoded(self.going_to)
        return self.seeking is not None or is_held

    @property
    def going_to(self) -> int:
        """The sample that is mixed next, or where a seek goes: what to separate first."""
        return self.transport.position if self.seeking is None else self.seeking

    def fill(self, ring: Ring, n_target: int, n_behind: int) -> None:
        """Write blocks until the ring holds so many samples.

        Args:
            ring: where to.
            n_target: samples it is to hold.
            n_behind: samples that were read from it and are not heard yet.
        """
        if self.song is not None and self.song.n_samples != self.transport.n_samples:
            self.transport.n_samples = self.song.n_samples
        self._take_seek()
        self._take_model_at_rest()
        while ring.n_filled < n_target and ring.n_free >= BLOCK:
            self._take_seek()
            self._mark = (ring.n_written, self._stretch.heard)
            self._timeline.mark(*self._mark)
            ring.write(self._block())
        position = self._timeline.position(ring.n_read - n_behind - self.mixer.latency)
        if position is not None and self.seeking is None:
            self.heard = position

    # Blocks

    def _block(self) -> Samples:
        is_wanted = self._is_wanted()
        if self._gate == 0 and not is_wanted:
            self._come_to_rest()
            out = np.zeros((2, BLOCK), np.float32)
        else:
            transport = self.transport
            if self._gate == 0:
                self._expected = None
                # A song's own beginning needs no fade.
                self._gate = float(transport.position == 0 and self._stretch.is_bypassed)
            out = self._stretch.pull(BLOCK, self._bus, tempo=transport.tempo, key=transport.key)
            if self._gate < 1 or not is_wanted:
                step = (1 if is_wanted else -1) / JOIN
                shares = np.clip(self._gate + step * self._steps[:BLOCK], 0, 1)
                out *= shares
                self._gate = float(shares[-1])
                if self._gate == 0:
                    self._come_to_rest()
        self.mixer.finish(out)
        return out

    def _is_wanted(self) -> bool:
        if self.song is None or self._at_rest is not None:
            return False
        if self.transport.motion is Motion.ENDED:
            return self._stretch.heard < self._end
        return self.transport.playing and self._is_decoded(self.transport.position)

    def _is_decoded(self, position: int) -> bool:
        song = self.song
        if song is None:
            return False
        end = song.decoded_until(position)
        return end - position >= LEAD or end >= song.n_samples

    def _rest(self, then: Callable[[], None]) -> None:
        self._at_rest = then
        if self._gate == 0:
            self._come_to_rest()

    def _come_to_rest(self) -> None:
        if self._at_rest is not None:
            then, self._at_rest = self._at_rest, None
            then()

    def _take_seek(self) -> None:
        target = self.seeking
        if target is None or (self._gate > 0 and not self._is_decoded(target)):
            return
        self.seeking = None
        if self._gate > 0:
            self._leave()
        elif self._stretch.n_read > round(self._stretch.heard):
            self._stretch.flush()
        self.transport.seek(target)
        self._land(target)

    def _leave(self) -> None:
        """Keep what would have been heard next, to fade it out under what is."""
        if self._stretch.n_read > round(self._stretch.heard):
            self._stretch.flush()  # which fades by itself
        elif self._expected is not None:
            self._set_tail(self._expected)

    def _land(self, position: int) -> None:
        """Be at another place, without a way from the old one."""
        self.transport.position = min(position, self.transport.n_samples)
        self._timeline = Timeline()
        self._timeline.mark(*self._mark)
        self._expected = None
        self._n_since = 0
        self.heard = position

    # The bus, before the stretch

    def _bus(self, n_samples: int) -> Samples:
        """The next samples of the song, mixed."""
        out = np.zeros((2, n_samples), np.float32)
        first = self._stretch.n_read
        at = 0
        while at < n_samples:
            n_most = min(n_samples - at, self.mixer.max_block)
            spans = self.transport.advance(n_most)
            if not spans and not (self.transport.motion is Motion.ENDED and self._follow()):
                self._end = first + at
                break
            for start, n_span in spans:
                if self._expected is None:
                    self._begin(start)
                elif start != self._expected:
                    self._set_tail(self._expected)
                    self._begin(start)
                self._sound(start, out[:, at : at + n_span])
                self._timeline.add(start, n_span, at=first + at)
                self._expected = start + n_span
                at += n_span
        return out

    def _begin(self, start: int) -> None:
        """Sound from here on: with the stems at once if they are there."""
        is_ready = self._room(self.voice, start) >= 2 * FADE
        self.share = float(is_ready and not self.is_original)

    def _set_tail(self, start: int) -> None:
        tail = np.zeros((2, JOIN), np.float32)
        self._sound(start, tail)
        self._tail, self._tail_like = tail, None

    def _sound(self, start: int, out: Samples) -> None:
        """The song from a sample on, with what is left of the place before."""
        self._mix(start, out)
        n_tail = min(self._tail.shape[1], out.shape[1])
        if n_tail:
            left = self._tail.shape[1]
            tail, self._tail = self._tail[:, :n_tail], self._tail[:, n_tail:]
            if self._tail_like is None:
                self._tail_like = likeness(tail, out[:, :n_tail])
            share = (JOIN - left + self._steps[:n_tail]) / np.float32(JOIN + 1)
            fade(tail, out[:, :n_tail], share, self._tail_like, out[:, :n_tail])

    def _mix(self, start: int, out: Samples) -> None:
        song = self.song
        if song is None:
            return
        n_samples = out.shape[1]
        mixture = song.read(start, n_samples)
        self._take_model(start, n_samples)
        before = self.share
        shares = self._shares(start, n_samples)
        self.share = float(shares[-1])
        self._count(start, n_samples)
        if before == 0 and self.share == 0:
            self.mixer.mix(self._silence[..., :n_samples], out)  # meters and ramps go on
            np.copyto(out, mixture)
            return
        n_there = n_samples - int(np.count_nonzero(shares == 0)) if self.share == 0 else n_samples
        stems = np.zeros((len(STEMS), 2, n_samples), np.float32)
        stems[..., :n_there] = self._stems(start, mixture[:, :n_there])
        self.mixer.mix(stems, out)
        if before < 1 or self.share < 1:
            if before in (0, 1):  # a fade begins
                self._like = likeness(mixture[:, :n_there], out[:, :n_there])
            fade(mixture, out, shares, self._like, out)

    def _shares(self, start: int, n_samples: int) -> Samples:
        """The stems' share of each sample: down to 0 where they end, up once they go on."""
        steps = self._steps[:n_samples]
        shares: Samples
        room = self._room(self.voice, start)
        if self._leaving is not None:
            room = min(room, self._room(self._leaving, start))
        if room >= n_samples + 2 * FADE and not self.is_original:
            shares = np.minimum(1, self.share + steps / np.float32(FADE))
        elif self.is_original:
            shares = np.maximum(0, self.share - steps / np.float32(FADE))
        else:
            shares = np.clip((room - steps) / np.float32(FADE), 0, self.share)
        return shares.astype(np.float32, copy=False)

    def _room(self, voice: Voice, start: int) -> int:
        """Samples from here on for which stems are ready; many if they are to the end."""
        if voice.lane is None or self.song is None:
            return 0
        n_samples = self.song.n_samples
        end = voice.lane.ready_until(start, n_samples)
        return 2**40 if end >= n_samples else end - start

    def _stems(self, start: int, mixture: Samples) -> Samples:
        stems = self.voice.read(start, mixture)
        if self._leaving is not None:
            n_fade = min(self._n_leaving, mixture.shape[1])
            old = self._leaving.read(start, mixture[:, :n_fade])
            share = (self._n_leaving - self._steps[:n_fade]) / np.float32(FADE)
            stems[..., :n_fade] += share * (old - stems[..., :n_fade])
            self._n_leaving -= n_fade
            if not self._n_leaving:
                self._leaving = None
        return stems

    # Models

    def _take_model(self, start: int, n_samples: int) -> None:
        """Go over to the model that is wanted, once it is ready, within what is heard."""
        wanted = self.wanted
        if wanted is None or self._leaving is not None:
            return
        needed = n_samples + 2 * FADE
        if not wanted.is_like(self.voice):
            if self._room(wanted, start) < needed:
                return
            if self.share > 0:
                if self.is_original or self._room(self.voice, start) < needed:
                    return  # its stems are fading out
                self._leaving, self._n_leaving = self.voice, FADE
                self._n_since = 0
            self._match(wanted, start)
            self.voice = wanted
        self.wanted, self.is_original = None, False

    def _take_model_at_rest(self) -> None:
        wanted, place = self.wanted, self.going_to
        if wanted is not None and self._gate == 0:
            if wanted.is_like(self.voice):
                self.wanted, self.is_original = None, False
            elif self._room(wanted, place) >= 2 * FADE:
                self._match(wanted, place)
                self.voice, self.wanted, self.is_original = wanted, None, False

    def _match(self, wanted: Voice, start: int) -> None:
        if wanted.reference is not None or not self.mixer.is_unity:  # else none is heard alone
            wanted.match(self.voice, start)

    def _count(self, start: int, n_samples: int) -> None:
        lane = self.voice.lane
        self._n_since += n_samples
        if lane is None or self.is_original or self.share > 0:
            self._counted = None if self.share == 1 else self._counted
            return
        tile = start // lane.grid.step
        is_late = self._n_since > GRACE
        if self._counted not in ((tile, is_late), (tile, True)):
            self._counted = (tile, is_late)
            if is_late:
                self.counts.n_late += 1
            else:
                self.counts.n_waited += 1
