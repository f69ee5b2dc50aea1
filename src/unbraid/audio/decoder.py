"""PcmReader: a file's sound as stereo float32 at its own rate, any sample, always the same numbers.

Where a decoder's output depends on what it decoded before, a jump into the middle must bring it
into the same state as a decode from the start. Two ways, by what was measured with 25 jumps in
two-minute files of noise and tones against a straight decode (FFmpeg 8.1):

- pre-roll: decode some packets before the wanted one and throw them away. Bit-exact for PCM,
  FLAC, ALAC, WavPack and TTA (each packet stands alone), MP3 (bit reservoir and filter bank;
  0.1 s was enough at 192 kbit/s, at most 1.5 s at 8 kbit/s; 2 s here) and Opus (prediction and
  filters forget; off by 3e-5 after 0.3 s, equal after 1 s; 8 s here).
- from the start: AAC's noise substitution, AC-3's dither and WMA's noise coding draw on a random
  generator that runs through the whole file, so no pre-roll is exact (2 of 25 jumps were off, by
  0.1, even after 10 s). These codecs, and any not named above, are decoded again from the start
  when a read goes back, and straight on when it goes forward; AAC does about 1000 times real time.
  So are containers whose time stamps are coarser than a sample (Matroska, WebM, ASF), and
  Vorbis, whose stamps run ahead by up to 448 samples wherever long blocks give way to short ones.

Damage is told where ffmpeg tells it: a packet that does not decode, a gap between time stamps, an
early end. Flipped bits in PCM cannot be seen; MP3 and WavPack decoders conceal some of them
silently; MP3 and raw AAC have no time stamps, so a lost stretch of more than a frame moves what
follows.
WMA as ffmpeg encodes it begins 2048 samples early: ffmpeg drops its first frame.
"""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from unbraid.audio.downmix import to_stereo
from unbraid.audio.opening import open_audio
from unbraid.audio.source import SAMPLE_TIMES, Claim, SourceFormat, describe, ends_early, read_claim
from unbraid.audio.tags import Tags, read_tags
from unbraid.errors import AudioError

Samples = NDArray[np.float32]

_PREROLL_S = {  # codecs that a pre-roll makes exact
    "flac": 0.2,
    "alac": 0.2,
    "wavpack": 0.2,
    "tta": 0.2,
    "mp3": 2.0,
    "mp3float": 2.0,
    "opus": 8.0,
}
_MOST_SILENCE_S = 60.0  # for lost stretches, beyond as much as there was sound before
_MOST_BAD_PACKETS = 1_000  # in a row, after which the rest of the file is given up
_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31}


class PcmReader:
    """Reads a file's sound at its own sample rate. Not thread-safe.

    Args:
        path: the file.

    Raises:
        AudioError: the file holds nothing that decodes; the message names it and the remedy.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._history = path, 0
        self.warnings: list[str] = []
        self._bad_values: dict[int, int] = {}  # frame position: NaN and infinite samples in it
        self.length: int | None = None
        """Exact number of samples; None until the end of the file was reached."""
        self._origin: int | None = None  # the time stamp of sample 0
        self._chunks: deque[tuple[int, Samples]]  # decoded and still kept: position, samples
        self._container, self._stream = open_audio(path)
        try:
            self.tags: Tags = read_tags(self._container, self._stream)
            self.source: SourceFormat = describe(self._container, self._stream)
            self.rate = self.source.sample_rate
            self._preroll = self._preroll_samples()
            self.claim: Claim = read_claim(self._container, self._stream)
            ticks = (self._stream.time_base or Fraction(1, self.rate)) * self.rate
            self._samples_a_tick: Fraction = ticks
            self._start_over()
            self._pull()
            if not self._chunks:
                raise AudioError(self._nothing_decodes())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file. Reading afterwards is an error."""
        self._container.close()

    def keep_history(self, n_samples: int) -> None:
        """Keep what precedes the end of each read: a next read may begin there for free."""
        self._history = n_samples

    def read(self, start: int, n_samples: int) -> Samples:
        """Read any stretch of the track.

        Args:
            start: first sample, at the file's own rate; may be negative.
            n_samples: how many.

        Returns:
            float32, (2, n_samples), zeros before the start, after the end and in gaps. A view's
            numbers never depend on earlier reads.
        """
        stop = start + n_samples
        self._go_to(start, stop)
        while self._next < stop and self._pull():
            pass
        out = np.zeros((2, n_samples), np.float32)
        for at, chunk in self._chunks:
            first, last = max(start, at), min(stop, at + chunk.shape[1])
            if first < last:
                out[:, first - start : last - start] = chunk[:, first - at : last - at]
        self._forget(stop - self._history)
        return out

    @property
    def jumps(self) -> bool:
        """Whether it reads far away without decoding all before."""
        return self._preroll is not None

    @property
    def n_bad_values(self) -> int:
        """NaN and infinite samples met so far; they read as 0."""
        return sum(self._bad_values.values())

    # Where to go on decoding

    def _go_to(self, start: int, stop: int) -> None:
        start = max(0, start)
        if start < self._kept_from:
            if stop <= 0:
                return
            self._jump(start)
        elif (
            self._preroll is not None
            and start > self._next + self._preroll + self.rate
            and start < (self.length or start + 1)
        ):
            self._jump(start)

    def _jump(self, start: int) -> None:
        if self._preroll is not None and start > self._preroll + self.rate:
            # Some decoders swallow their first packet: a little more than the pre-roll.
            target = start - self._preroll - self.rate // 4
            if self._seek(target) and self._next <= start - self._preroll:
                self._kept_from = start
                return
        self._start_over()

    def _seek(self, target: int) -> bool:
        """Move the file to a packet before the target; tells whether that worked."""
        ticks = int(target / self._samples_a_tick) + (self._origin or 0)
        try:
            self._container.seek(ticks, stream=self._stream, backward=True)
        except av.FFmpegError:
            return False
        self._chunks = deque()
        self._packets = self._demux()
        self._next, self._lost_place, self._n_silent = 0, True, 0
        self._at_end = False
        return self._pull() and not self._lost_place

    def _start_over(self) -> None:
        """Open the file afresh: no decoder forgets all by a seek to 0."""
        self._container.close()
        self._container, self._stream = open_audio(self._path)
        for other in self._container.streams:
            if other.index != self._stream.index:
                other.discard = av.stream.Discard.all  # an mp4's pictures are not even read
        self._chunks = deque()
        self._packets = self._demux()
        self._next = 0  # the position after the last sample decoded
        self._kept_from = 0  # all from here to _next is in _chunks
        self._n_silent = 0  # samples of lost stretches, since the last jump
        self._drift = 0  # by how much coarse time stamps run ahead of the samples
        self._lost_place = False  # after a seek, until a frame tells where it belongs
        self._at_end = False

    def _forget(self, before: int) -> None:
        while self._chunks and self._chunks[0][0] + self._chunks[0][1].shape[1] <= before:
            self._chunks.popleft()
        self._kept_from = max(self._kept_from, min(before, self._next))

    # Decoding

    def _pull(self) -> bool:
        """Decode one packet that yields sound; False at the end of the file."""
        n_bad = 0
        while not self._at_end:
            packet = next(self._packets, None)
            if packet is None:
                self._finish()
                return False
            try:
                frames = packet.decode()
            except av.FFmpegError:
                n_bad += 1
                self._damaged(self._next, "a packet does not decode", "at")
                if n_bad > _MOST_BAD_PACKETS:
                    self._finish()
                    return False
                continue
            before = len(self._chunks)
            for frame in frames:
                self._take(frame)
            if len(self._chunks) > before:
                return True
        return False

    def _demux(self) -> Iterator[av.Packet]:
        """The stream's packets; a damaged stretch is skipped if the container can."""
        for _ in range(_MOST_BAD_PACKETS):
            try:
                yield from self._container.demux(self._stream)
                return
            except av.EOFError:
                return
            except av.FFmpegError:
                self._damaged(self._next, "the container is broken")

    def _take(self, frame: av.AudioFrame) -> None:
        """Put a decoded frame in its place on the track's timeline."""
        n_samples = frame.samples
        if frame.sample_rate != self.rate:
            self._damaged(self._next, f"the sample rate changes to {frame.sample_rate} Hz")
            return
        at = self._place(frame)
        if at is None:
            return
        self._lost_place = False
        if frame.is_corrupt:
            self._damaged(at, "a packet decodes with errors", "at")
        if self.claim.end is not None and at < self.claim.end < at + n_samples:
            n_samples = self.claim.end - at
        cut = max(0, self._next - at) if self._chunks or self._next else max(0, -at)
        if cut >= n_samples:
            if cut > n_samples + self.rate:  # chained Ogg, for one
                self._damaged(self._next, "the time stamps go back; the rest is left out")
            return
        samples = to_stereo(self._to_float(frame, at), [c.name for c in frame.layout.channels])
        if self._chunks and at > self._next:
            lost_ms = 1000 * (at - self._next) / self.rate
            self._damaged(self._next, f"{lost_ms:.0f} ms are missing and read as silence", "at")
            self._n_silent += at - self._next
        self._chunks.append((at + cut, samples[:, cut:n_samples]))
        self._next = at + n_samples

    def _place(self, frame: av.AudioFrame) -> int | None:
        """The frame's first sample on the timeline; None if it can't be told.

        Where time stamps are exact they alone decide. Elsewhere they jitter and drift by their
        coarseness: a frame follows the one before unless its stamp leaps by half a frame more.
        """
        if frame.pts is None:
            return None if self._lost_place else self._next
        if self._origin is None:
            self._origin = self._first_tick(frame.pts)
        ratio = self._samples_a_tick
        tick = int(frame.pts) - self._origin
        at = (2 * tick * ratio.numerator + ratio.denominator) // (2 * ratio.denominator)
        if self._preroll is None and not self._lost_place:
            tolerance = max(frame.samples // 2, int(2 * ratio))
            if self.source.codec == "vorbis":
                # Where long blocks give way to short ones ffmpeg's stamps run up to half a long
                # block ahead, on the soundest file.
                tolerance = max(tolerance, 2_048)
            leap = at - self._next - self._drift
            if leap <= tolerance:
                self._drift = at - self._next
                return self._next
            at = self._next + leap
        if self.claim.n_samples and at > self.claim.n_samples + 60 * self.rate:
            return None if self._lost_place else self._next  # no sane stamp
        most = self._next - 2 * self._n_silent + round(_MOST_SILENCE_S * self.rate)
        if at - self._next > most and not self._lost_place:
            # A few bytes must not become days of silence.
            self._damaged(self._next, "the time stamps leap; what follows is set close")
            self._preroll = None  # for whoever jumps by such stamps lands elsewhere
            return self._next
        return at

    def _first_tick(self, pts: int) -> int:
        """The stamp of the track's first sample: usually that of the first frame."""
        # Where the container knows when its sound begins, damaged first frames shift nothing.
        tick: int | None = None
        if self.source.container in {"mov", "matroska"}:
            tick = self._stream.start_time
        elif self.source.container in {"wav", "w64", "aiff", "au", "caf", "flac"}:
            tick = 0
        longest = (self.claim.n_samples or 0) / self._samples_a_tick
        return tick if tick is not None and 0 <= pts - tick < longest else pts

    def _to_float(self, frame: av.AudioFrame, at: int) -> Samples:
        samples: Samples
        name = frame.format.name
        try:
            array = frame.to_ndarray()
        except ValueError as error:  # 64-bit integers
            raise AudioError(
                f"{self._path}: its samples ({name}) cannot be read; convert it to wav or flac"
            ) from error
        if not frame.format.is_planar:
            array = array.reshape(-1, frame.layout.nb_channels).T
        scale = _FULL_SCALE.get(name.rstrip("p"))
        if scale is not None:
            samples = array.astype(np.float32)
            if name.startswith("u8"):
                samples -= np.float32(scale)
            samples *= np.float32(1 / scale)
            return samples
        with np.errstate(over="ignore", invalid="ignore"):
            samples = array.astype(np.float32)
            suspicious = not np.isfinite(samples.sum())
        if suspicious:
            bad = ~np.isfinite(samples)
            samples[bad] = 0
            if n_bad := int(bad.sum()):
                self._bad_values[at] = n_bad
        return samples

    def _finish(self) -> None:
        self._at_end = True
        if self._lost_place:
            return
        self.length = self._next
        claimed, slack = self.claim.n_samples, self.claim.slack
        if claimed and slack is not None and self._next < claimed - slack:
            missing_s = (claimed - self._next) / self.rate
            self._damaged(self._next, f"the file ends {missing_s:.1f} s early")
        elif ends_early(self._path, self.source.container):
            self._damaged(self._next, "the file ends early")

    def _damaged(self, at: int, what: str, where: str = "from") -> None:
        on = " on" if where == "from" else ""
        warning = f"damaged {where} {at / self.rate:.1f} s{on}: {what}"
        if len(self.warnings) < 20 and warning not in self.warnings:
            self.warnings.append(warning)

    # What the header says

    def _preroll_samples(self) -> int | None:
        """Samples to decode before the wanted one; None where only a straight decode is exact."""
        codec = self.source.codec
        preroll_s = 0.1 if codec.startswith("pcm_") else _PREROLL_S.get(codec)
        if preroll_s is None or self.source.container not in SAMPLE_TIMES:
            return None
        if self.source.container == "mov" and not codec.startswith("pcm_"):
            stamps = [entry.timestamp for entry in self._stream.index_entries]
            steps = set(np.diff(stamps[:-1]).tolist())
            if len(steps) > 1 or self._stream.time_base != Fraction(1, self.rate):
                return None  # stamps copied from a coarser container jitter
        return round(preroll_s * self.rate)

    def _nothing_decodes(self) -> str:
        if self.warnings:
            return (
                f"{self._path}: its {self.source.codec} sound does not decode; "
                "the file is damaged or encrypted, get a fresh copy"
            )
        return f"{self._path}: holds no sound (zero length); choose another file"
