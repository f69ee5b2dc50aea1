"""Encoder: stereo float32 into one file of any output format, from its first sample on."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from unbraid.audio.tags import Tags, write_tags
from unbraid.errors import UsageError

Samples = NDArray[np.float32]

FORMATS: Final = ("wav", "flac", "mp3", "m4a", "opus")
DEPTHS: Final = ("16", "24", "32f")
STEM_MP4: Final = "stem.mp4"
"""The format that holds the mixture and all stems in one file; see `audio.stem_mp4`."""

_DEPTHS_OF: Final = {"wav": ("16", "24", "32f"), "flac": ("16", "24"), STEM_MP4: ("16", "24")}
_CODECS: Final = {
    ("wav", "16"): ("pcm_s16le", "s16"),
    ("wav", "24"): ("pcm_s24le", "s32"),
    ("wav", "32f"): ("pcm_f32le", "flt"),
    ("flac", "16"): ("flac", "s16"),
    ("flac", "24"): ("flac", "s32"),
    ("mp3", None): ("libmp3lame", "fltp"),
    ("m4a", None): ("aac", "fltp"),
    ("opus", None): ("libopus", "flt"),
    (STEM_MP4, None): ("aac", "fltp"),
    (STEM_MP4, "16"): ("alac", "s16p"),
    (STEM_MP4, "24"): ("alac", "s32p"),
}
_MUXERS: Final = {"wav": "wav", "flac": "flac", "mp3": "mp3", "opus": "ogg"}  # else mp4
_BIT_RATES: Final = {"mp3": 320_000, "m4a": 256_000, "opus": 192_000, STEM_MP4: 256_000}
_MP3_RATES: Final = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_AAC_RATES: Final = (*_MP3_RATES, 64_000, 88_200, 96_000)
_RATES: Final = {"mp3": _MP3_RATES, "m4a": _AAC_RATES, STEM_MP4: _AAC_RATES, "opus": (48_000,)}
_MUXER_OPTIONS: Final[dict[str, dict[str, str]]] = {
    "wav": {"rf64": "auto"},  # a wav grows past 4 GiB as RF64 (EBU Tech 3306)
    "mp3": {"id3v2_version": "3"},
    "m4a": {"movflags": "+faststart", "brand": "M4A "},
    STEM_MP4: {"brand": "M4A "},  # the index stays last: the stem atom can grow it in place
}
_PIECE = 4_096  # samples in a frame for codecs that take any number


@dataclass(frozen=True)
class OutputFormat:
    """A file format and, for lossless ones, its sample depth.

    Attributes:
        name: one of `FORMATS`, or `STEM_MP4`.
        depth: "16", "24" or "32f" (wav only); None for mp3, m4a and opus, and "24" if left out
            for wav and flac. A stem file is AAC without a depth and lossless ALAC with one.

    Raises:
        UsageError: there is no such format, or not with that depth; the valid ones are listed.
    """

    name: str
    depth: str | None = None

    def __post_init__(self) -> None:
        if self.name not in (*FORMATS, STEM_MP4):
            raise UsageError(f"no output format {self.name!r}; choose from {', '.join(FORMATS)}")
        depths = _DEPTHS_OF.get(self.name, ())
        if self.depth is None and depths and self.name != STEM_MP4:
            object.__setattr__(self, "depth", "24")
        elif self.depth is not None and self.depth not in depths:
            allowed = f"choose from {', '.join(depths)}" if depths else "it is lossy, name none"
            raise UsageError(f"{self.name} has no depth {self.depth!r}; {allowed}")

    @property
    def extension(self) -> str:
        """The file name's ending, with its dot."""
        return f".{self.name}"

    @property
    def is_float(self) -> bool:
        """Whether samples above full scale survive: only in 32-bit float wav."""
        return self.depth == "32f"

    def nearest_rate(self, sample_rate: int) -> int:
        """The rate nearest to the wanted one that the format can hold.

        Opus is always 48 kHz, mp3 knows nine rates up to 48 kHz, AAC twelve up to 96 kHz, which
        go for ALAC in stem files as well; wav and flac take any up to 655 350 Hz.
        """
        rates = _RATES.get(self.name)
        if rates is None:
            return sample_rate
        return min(rates, key=lambda rate: (abs(rate - sample_rate), -rate))


class Encoder:
    """Writes one file, of one stereo track or several. Not atomic: `StemWriter` sees to that.

    Every frame carries its time stamp and time base, so that the containers know about the
    encoder's delay and decoders cut it off: what is decoded starts at the first sample written.
    Integer formats are rounded to nearest, without dither; see `round_together`.

    Args:
        path: where to write; its folder must exist.
        output_format: what to write.
        sample_rate: Hz; one that `output_format.nearest_rate` leaves as it is.
        tags: tags and cover to carry, as far as the container can.
        bit_rate: bits a second and track of a lossy format; None is the high one of our stems.
        track_names: of several tracks (mp4 only); players play the first unless told otherwise.

    Raises:
        OSError: the file cannot be made or the disk is full; also from `write` and `close`.
    """

    def __init__(
        self,
        path: Path,
        output_format: OutputFormat,
        sample_rate: int,
        tags: Tags | None = None,
        *,
        bit_rate: int | None = None,
        track_names: Sequence[str] = ("",),
    ) -> None:
        name = output_format.name
        self._file = path.open("wb")  # a Python file: its errors come through as OSError
        try:
            self._container = av.open(
                self._file,
                "w",
                format=_MUXERS.get(name, "mp4"),
                container_options=_muxer_options(name, sample_rate),
            )
            bit_rate = (bit_rate or _bit_rate(name, sample_rate)) if name in _BIT_RATES else None
            self._tracks = [
                _EncodedTrack(self._container, output_format, sample_rate, bit_rate, track_name)
                for track_name in track_names
            ]
            for track in self._tracks[1:]:
                track.stream.disposition = av.stream.Disposition(0)
            write_tags(self._container, self._tracks[0].stream, name, tags or Tags())
            for track in self._tracks:
                track.begin()
        except BaseException:
            self._file.close()
            raise

    def write(self, *tracks: Samples) -> None:
        """Append (2, n) samples to each track, full scale 1.0; integer formats clip beyond it."""
        for track, samples in zip(self._tracks, tracks, strict=True):
            track.write(samples)

    def close(self) -> None:
        """Write what is left and the file's index, and bring all of it to the disk."""
        try:
            for track in self._tracks:
                track.end()
            self._container.close()
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close without completing the file."""
        self._file.close()


class _EncodedTrack:
    """One stereo track of a file."""

    def __init__(
        self,
        container: av.container.OutputContainer,
        output_format: OutputFormat,
        sample_rate: int,
        bit_rate: int | None,
        name: str,
    ) -> None:
        codec, self._sample_format = _CODECS[output_format.name, output_format.depth]
        self._container, self._rate, self._depth = container, sample_rate, output_format.depth
        self._n_written = 0
        self._pending = np.zeros((2, 0), np.float32)
        self.stream: av.AudioStream = container.add_stream(codec, rate=sample_rate, layout="stereo")
        self.stream.format = self._sample_format
        self.stream.time_base = Fraction(1, sample_rate)
        if bit_rate and self._sample_format.startswith("flt"):
            self.stream.bit_rate = bit_rate
        if codec == "flac" and output_format.depth == "24":
            self.stream.codec_context.options = {"bits_per_raw_sample": "24"}
        if name:
            self.stream.metadata.update({"title": name, "handler_name": name})

    def begin(self) -> None:
        """The codec is open now and knows its frames' length."""
        self._piece = self.stream.codec_context.frame_size or _PIECE

    def write(self, samples: Samples) -> None:
        samples = np.concatenate([self._pending, samples], axis=1)
        n_whole = samples.shape[1] - samples.shape[1] % self._piece
        for at in range(0, n_whole, self._piece):
            self._encode(samples[:, at : at + self._piece])
        self._pending = samples[:, n_whole:].copy()

    def end(self) -> None:
        if self._pending.shape[1]:
            self._encode(self._pending)
        self._container.mux(self.stream.encode(None))

    def _encode(self, samples: Samples) -> None:
        frame = av.AudioFrame.from_ndarray(
            self._to_codec(samples), format=self._sample_format, layout="stereo"
        )
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._n_written
        self._n_written += samples.shape[1]
        self._container.mux(self.stream.encode(frame))

    def _to_codec(self, samples: Samples) -> NDArray[Any]:
        """Samples in the type and order that the codec takes."""
        if not self._sample_format.endswith("p"):
            samples = np.ascontiguousarray(samples.T).reshape(1, -1)
        if self._sample_format.startswith("flt"):
            return np.ascontiguousarray(samples)
        n_bits = 16 if self._depth == "16" else 24
        full = 2.0 ** (n_bits - 1)
        whole: Samples = np.clip(np.rint(samples * np.float32(full)), -full, full - 1)
        if n_bits == 16:
            return whole.astype(np.int16)
        return np.left_shift(whole.astype(np.int32), 8)  # 24-bit samples sit at the top of 32


def round_together(stems: Samples, output_format: OutputFormat) -> Samples:
    """Round stems to an integer format's steps so that their sum is rounded only once.

    Each stem's rounding error is added to the next stem before that is rounded. So the sum of all
    is off by half a step at most (-96 dBFS at 16 bits) instead of half a step for each stem
    (-84 dBFS for four). A stem is off by one step at most, without dither: the same input always
    gives the same file, and digital silence stays silent.

    Args:
        stems: float32, (n_stems, 2, n).
        output_format: float and lossy formats are left as they are.

    Returns:
        float32, (n_stems, 2, n): whole steps, within what the format can hold.
    """
    if output_format.depth not in ("16", "24"):
        return stems
    full = np.float32(2.0 ** (int(output_format.depth) - 1))
    rounded = np.empty_like(stems)
    error: NDArray[np.float64] = np.zeros(stems.shape[1:])
    for stem, out in zip(stems, rounded, strict=True):
        wanted = stem * np.float64(full) + error
        whole = np.clip(np.rint(wanted), -full, full - 1)
        error = np.clip(wanted - whole, -0.5, 0.5)  # clipping is not passed on
        np.divide(whole, full, out=out, casting="same_kind")
    return rounded


def _muxer_options(name: str, sample_rate: int) -> dict[str, str]:
    options = _MUXER_OPTIONS.get(name, {})
    # The default of milliseconds would round AAC's edit list, and with it the length.
    return options | {"movie_timescale": str(sample_rate)} if name not in _MUXERS else options


def _bit_rate(name: str, sample_rate: int) -> int:
    if name == "mp3" and sample_rate < 32_000:  # the most that MPEG-2 and 2.5 layer III know
        return 160_000 if sample_rate >= 16_000 else 64_000
    return min(_BIT_RATES[name], 6 * sample_rate)
