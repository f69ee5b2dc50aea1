"""Small sound files in every format, made on the spot, and plain decodes to compare with."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Recipe:
    """How to make a file: ending, codec, its sample format, and what else the encoder is told."""

    extension: str
    codec: str
    sample_format: str
    rate: int = 44_100
    bit_rate: int | None = None
    muxer: dict[str, str] = field(default_factory=dict)
    codec_options: dict[str, str] = field(default_factory=dict)
    video: str | None = None


FORMATS = {
    "wav-16": Recipe("wav", "pcm_s16le", "s16"),
    "wav-24": Recipe("wav", "pcm_s24le", "s32", rate=96_000),
    "wav-32f": Recipe("wav", "pcm_f32le", "flt"),
    "wav-u8": Recipe("wav", "pcm_u8", "u8", rate=22_050),
    "aiff": Recipe("aiff", "pcm_s16be", "s16"),
    "flac-16": Recipe("flac", "flac", "s16"),
    "flac-24": Recipe("flac", "flac", "s32", rate=48_000),
    "alac": Recipe("m4a", "alac", "s16p"),
    "wavpack": Recipe("wv", "wavpack", "s16p"),
    "mp3-cbr": Recipe("mp3", "libmp3lame", "fltp", bit_rate=192_000),
    "mp3-vbr": Recipe("mp3", "libmp3lame", "fltp", codec_options={"q": "4"}),
    "mp3-untagged": Recipe(
        "mp3", "libmp3lame", "fltp", bit_rate=128_000, muxer={"write_xing": "0"}
    ),
    "mp3-8k": Recipe("mp3", "libmp3lame", "fltp", rate=8_000, bit_rate=8_000),
    "aac": Recipe("m4a", "aac", "fltp", bit_rate=128_000),
    "aac-raw": Recipe("aac", "aac", "fltp", bit_rate=128_000),
    "vorbis": Recipe("ogg", "", ""),
    "opus": Recipe("opus", "libopus", "flt", rate=48_000, bit_rate=96_000),
    "opus-short-frames": Recipe(
        "opus", "libopus", "flt", rate=48_000, codec_options={"frame_duration": "2.5"}
    ),
    "wma": Recipe("wma", "wmav2", "fltp", bit_rate=128_000),
    "ac3": Recipe("ac3", "ac3", "fltp", rate=48_000, bit_rate=192_000),
    "mka-flac": Recipe("mka", "flac", "s16"),
    "mka-mp3": Recipe("mka", "libmp3lame", "fltp", bit_rate=128_000),
    "mka-opus": Recipe("mka", "libopus", "flt", rate=48_000),
    "mp4-video": Recipe("mp4", "aac", "fltp", rate=48_000, bit_rate=128_000, video="mpeg4"),
    "mkv-video": Recipe("mkv", "flac", "s16", rate=48_000, video="mpeg4"),
    "webm-video": Recipe("webm", "libopus", "flt", rate=48_000, video="libvpx"),
}


def recorded_length(name: str) -> int:
    """Samples in the file that tests share: long enough that its reader seeks at all."""
    seconds = 11 if name.startswith("opus") else 4
    return seconds * FORMATS[name].rate + 77


def music(n_samples: int, rate: int, n_channels: int = 2, seed: int = 0) -> Samples:
    """Something with tones, noise and dynamics: float32, (n_channels, n_samples), below 0.9."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_samples) / rate
    tones = np.stack(
        [0.3 * np.sin(2 * np.pi * (180 + 70 * c + 30 * np.sin(t)) * t) for c in range(n_channels)]
    )
    noise = 0.1 * rng.standard_normal((n_channels, n_samples)) * np.sin(1.3 * t) ** 2
    return np.clip(tones + noise, -0.9, 0.9).astype(np.float32)


def record(path: Path, samples: Samples, recipe: Recipe, layout: str = "stereo") -> Path:
    """Write samples as the recipe says, next to 2 frames a second of video if it asks for it."""
    if recipe.extension == "ogg":  # libvorbis falls over large writes
        with soundfile.SoundFile(path, "w", recipe.rate, samples.shape[0], format="OGG") as ogg:
            for at in range(0, samples.shape[1], 4_096):
                ogg.write(samples[:, at : at + 4_096].T)
        return path
    with av.open(str(path), "w", container_options=recipe.muxer) as container:
        stream = container.add_stream(recipe.codec, rate=recipe.rate, layout=layout)
        stream.format = recipe.sample_format
        if recipe.bit_rate:
            stream.bit_rate = recipe.bit_rate
        stream.options = recipe.codec_options
        pictures = None
        if recipe.video:
            pictures = container.add_stream(recipe.video, rate=25)
            pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
        piece = stream.codec_context.frame_size or 4_096
        for number, at in enumerate(range(0, samples.shape[1], piece)):
            frame = _frame(samples[:, at : at + piece], recipe, layout, at)
            container.mux(stream.encode(frame))
            if pictures is not None and number * piece % recipe.rate < piece:
                picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
                picture.pts = 25 * (number * piece // recipe.rate)
                container.mux(pictures.encode(picture.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
        if pictures is not None:
            container.mux(pictures.encode(None))
    return path


def _frame(samples: Samples, recipe: Recipe, layout: str, at: int) -> av.AudioFrame:
    name = recipe.sample_format.rstrip("p")
    values: NDArray[np.generic] = samples
    if name == "u8":
        values = np.rint(samples * 127 + 128).astype(np.uint8)
    elif name == "s16":
        values = np.rint(samples * 2**15).astype(np.int16)
    elif name == "s32":
        values = np.rint(samples * 2**23).astype(np.int32) << 8
    if not recipe.sample_format.endswith("p"):
        values = values.T.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(values), format=recipe.sample_format, layout=layout
    )
    frame.sample_rate = recipe.rate
    frame.time_base = Fraction(1, recipe.rate)
    frame.pts = at
    return frame


def plain_decode(path: Path) -> Samples:
    """A straight decode by PyAV alone, nothing trimmed: float32, (channels, n)."""
    return np.concatenate(list(_decoded(path)), axis=1)


def _decoded(path: Path) -> Iterator[Samples]:
    scales = {"uint8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31}
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            values = frame.to_ndarray()
            if not frame.format.is_planar:
                values = values.reshape(-1, frame.layout.nb_channels).T
            scale = scales.get(values.dtype.name, 1.0)
            offset = scale if values.dtype == np.uint8 else 0.0
            yield ((values.astype(np.float64) - offset) / scale).astype(np.float32)


def lag(reference: Samples, decoded: Samples, reach: int = 3_000) -> int:
    """By how many samples `decoded` comes late, by cross-correlation of the first channels."""
    middle = slice(decoded.shape[1] // 2, decoded.shape[1] // 2 + 2**15)
    size = 2**16
    spectrum = np.fft.rfft(decoded[0, middle], size)
    spectrum *= np.conj(np.fft.rfft(reference[0, middle], size))
    correlation = np.fft.irfft(spectrum, size)
    shifts = np.arange(-reach, reach + 1)
    return int(shifts[np.argmax(correlation[shifts])])
