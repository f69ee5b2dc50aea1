"""What a file's header says about its sound: its format, and how long it claims to be."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

_LOSSLESS = {"flac", "alac", "wavpack", "tta", "ape", "tak", "wmalossless"}
SAMPLE_TIMES = {"wav", "w64", "aiff", "au", "caf", "flac", "mp3", "ogg", "wv", "tta", "mov"}
"""Containers that stamp packets, and tell their length, to the sample."""

_LONGEST_S = 7 * 24 * 3600


@dataclass(frozen=True)
class SourceFormat:
    """What the file holds, before unbraid turned it into stereo float32.

    Attributes:
        container: ffmpeg's short name, e.g. "flac", "mov" (also mp4 and m4a), "matroska".
        codec: ffmpeg's short name, e.g. "mp3", "pcm_s24le".
        sample_rate: Hz.
        n_channels: before the downmix.
        bits: 16, 24 or 32 for lossless codecs, None for lossy ones.
        is_float: whether those bits are floating point.
        layout: ffmpeg's name of the channel layout, e.g. "stereo", "5.1".
    """

    container: str
    codec: str
    sample_rate: int
    n_channels: int
    bits: int | None
    is_float: bool
    layout: str


@dataclass(frozen=True)
class Claim:
    """How long the header says that the sound is; believed for planning only.

    Attributes:
        n_samples: at the source's rate; None if the header says nothing, or nonsense.
        slack: a sound that ends more than this many samples before is damaged; None if the claim
            is only an estimate.
        end: where the sound is cut although packets go on: AAC's padding. None: nowhere.
    """

    n_samples: int | None
    slack: int | None = None
    end: int | None = None


def describe(container: av.container.InputContainer, stream: av.AudioStream) -> SourceFormat:
    """Sum up an open file's audio stream."""
    context = stream.codec_context
    codec = context.codec.canonical_name
    # Not known yet where the header is damaged.
    sample_format = context.format.name.rstrip("p") if context.format is not None else ""
    bits = _stored_bits(codec, sample_format, context.extradata or b"")
    return SourceFormat(
        container=container.format.name.split(",")[0],
        codec=codec,
        sample_rate=context.sample_rate,
        n_channels=context.layout.nb_channels,
        bits=bits and min(bound for bound in (16, 24, 32) if bits <= bound),
        is_float=bits is not None and sample_format in {"flt", "dbl"},
        layout=context.layout.name,
    )


def _stored_bits(codec: str, sample_format: str, extradata: bytes) -> int | None:
    """Bits of a lossless sample as stored, at most 32; None for lossy codecs."""
    if codec in {"pcm_alaw", "pcm_mulaw"} or not (codec.startswith("pcm_") or codec in _LOSSLESS):
        return None
    if codec.startswith("pcm_"):
        return min(32, int("".join(c for c in codec[4:7] if c.isdigit()) or 16))
    if sample_format in {"u8", "s16"}:
        return 16
    if sample_format in {"flt", "dbl"}:
        return 32
    if codec == "flac" and len(extradata) >= 14:  # STREAMINFO: RFC 9639, section 8.2
        return ((extradata[12] & 1) << 4 | extradata[13] >> 4) + 1
    if codec == "alac" and len(extradata) >= 18:
        return min(32, extradata[17])
    return 24


def read_claim(container: av.container.InputContainer, stream: av.AudioStream) -> Claim:
    """Find out how long the sound claims to be.

    Reads packets of some formats: open the file again before decoding it.
    """
    rate = stream.codec_context.sample_rate
    name = container.format.name.split(",")[0]
    if stream.duration:
        seconds = stream.duration * stream.time_base
    elif container.duration:
        seconds = Fraction(container.duration, av.time_base)
    else:
        seconds = Fraction(0)
    if not 0 < seconds <= _LONGEST_S:
        return Claim(None)
    n_samples = round(seconds * rate)
    if name in {"matroska", "asf"}:  # milliseconds, of the longest stream
        has_video = any(not _is_cover(video) for video in container.streams.video)
        return Claim(n_samples, None if has_video else rate // 2)
    if name == "mp3" and not _counts_frames(container, stream):
        return Claim(n_samples)
    if not stream.duration or name not in SAMPLE_TIMES:
        return Claim(n_samples)
    extradata = stream.codec_context.extradata or b""
    if name == "ogg" and extradata[:8] == b"OpusHead":
        n_samples -= int.from_bytes(extradata[10:12], "little")  # the encoder's delay
    if name == "mov":  # the edit list is often rounded to milliseconds: the last packet tells
        end = _end_of_last_packet(container, stream)
        if end is not None and abs(end - n_samples) <= rate // 1_000 + 1:
            n_samples = end
    n_samples = max(1, n_samples)
    return Claim(n_samples, rate // 20, n_samples if name in {"mov", "ogg"} else None)


def ends_early(path: Path, container: str) -> bool:
    """Whether a wav is shorter than its header says, or an Ogg's last page is not marked as such.

    ffmpeg tells the remaining length of such files without a word.
    """
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        if container == "wav":
            head = file.read(8)
            claimed = int.from_bytes(head[4:8], "little")
            streamed = claimed in (0, 0xFFFFFFFF)  # the writer could not come back to the header
            return head[:4] == b"RIFF" and not streamed and claimed + 8 > n_bytes + 1
        if container == "ogg":
            file.seek(max(0, n_bytes - 65_536 - 512))  # a page has 65 307 bytes at most
            tail = file.read()
            page = tail.rfind(b"OggS")
            return page < 0 or len(tail) < page + 6 or not tail[page + 5] & 4
    return False


def _is_cover(video: av.VideoStream) -> bool:
    return av.stream.Disposition.attached_pic in video.disposition


def _counts_frames(container: av.container.InputContainer, stream: av.AudioStream) -> bool:
    """Whether an mp3 begins with a frame that tells the number of frames (Xing, Info, VBRI)."""
    first = next(container.demux(stream), None)
    if first is None or not first.pos:
        return False
    with Path(container.name.removeprefix("file:")).open("rb") as file:
        file.seek(max(0, first.pos - 1_500))
        head = file.read(1_500)
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def _end_of_last_packet(
    container: av.container.InputContainer, stream: av.AudioStream
) -> int | None:
    entries = stream.index_entries
    if not len(entries):
        return None
    end = None
    try:
        container.seek(entries[len(entries) - 1].timestamp, stream=stream)
        for packet in container.demux(stream):
            if packet.pts is not None and packet.duration:
                end = packet.pts + packet.duration
    except av.FFmpegError:
        return None
    if end is None:
        return None
    seconds: Fraction = (end - (stream.start_time or 0)) * stream.time_base
    return round(seconds * int(stream.codec_context.sample_rate))
