"""Spectrograms as PNG pictures, with numpy and zlib alone."""

import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unbraid.spec import Spec
from unbraid.spectral.stft import whole_stft

LOWEST_HZ: Final = 40.0
HIGHEST_HZ: Final = 16_000.0
TOP_DB: Final = -20.0
RANGE_DB: Final = 65.0
"""The brightest colour and how far below it the darkest lies; a full-scale sine reads 0 dB."""

_N_COLOURS = 128  # finer steps cannot be told apart and compress worse
_DARKEST, _BRIGHTEST = 0.17, 0.97  # OKLab lightness of the map's ends


def spectrogram_png(
    samples: NDArray[np.float32], sample_rate: int, colour: str, *, width: int, height: int
) -> bytes:
    """A picture of samples: time to the right, frequency upward on a logarithmic axis.

    Args:
        samples: float32, (2, n_samples); the power of both channels is averaged.
        sample_rate: Hz.
        colour: "#rrggbb" in the middle of the colour map.
        width: pixels; they span exactly the samples' duration.
        height: pixels; they span LOWEST_HZ to HIGHEST_HZ.

    Returns:
        An 8-bit palette PNG.
    """
    spec = Spec(sample_rate=sample_rate)
    power = np.square(np.abs(whole_stft(samples, spec)) / (spec.n_fft / 4)).mean(axis=0)
    # Frame f of the padded spectrum is centred hop * f + hop - n_fft / 2 samples into the track.
    centres = np.arange(power.shape[1]) * spec.hop + spec.hop - spec.n_fft // 2
    bins = np.arange(spec.n_rows) * sample_rate / spec.n_fft
    edges_hz = np.geomspace(LOWEST_HZ, HIGHEST_HZ, height + 1)
    edges = np.linspace(0, samples.shape[-1], width + 1)
    power = _averages(power, bins, edges_hz)[::-1]
    power = _averages(power.T, centres, edges).T
    level_db = 10 * np.log10(np.maximum(power, 1e-12))
    shade = np.clip((level_db - TOP_DB) / RANGE_DB + 1, 0, 1) * (_N_COLOURS - 1)
    return palette_png(np.rint(shade).astype(np.uint8), colour_map(colour))


def _averages(
    values: NDArray[np.floating],
    at: NDArray[np.floating] | NDArray[np.integer],
    edges: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Means along axis 0 of what stands `at` ascending points, between consecutive edges.

    Narrow bands read the line between two points, wide ones the mean of many.
    """
    steps = np.diff(at)[:, None]
    area = np.zeros(values.shape, np.float64)
    np.cumsum((values[1:] + values[:-1]) / 2 * steps, axis=0, out=area[1:])
    place = np.interp(edges, at, np.arange(len(at)))
    low = np.minimum(place.astype(int), len(at) - 2)
    part = (place - low)[:, None]
    step = steps[low]
    # Within a step the line rises from one value to the next: its integral is quadratic.
    rise = values[low + 1] - values[low]
    whole = area[low] + step * (part * values[low] + part**2 / 2 * rise)
    result: NDArray[np.float64] = np.diff(whole, axis=0) / np.diff(edges)[:, None]
    return result


def colour_map(colour: str) -> NDArray[np.uint8]:
    """Colours from near black through `colour`'s hue to near white, (128, 3), RGB.

    Lightness rises evenly in OKLab, so that equal steps of level look equally large; the hue is
    the given colour's, the chroma largest in the middle.

    Source: Ottosson 2020, "A perceptual color space for image processing".
    """
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    _, a, b = _LMS_TO_LAB @ np.cbrt(_RGB_TO_LMS @ linear)
    t = np.linspace(0, 1, _N_COLOURS)
    lightness = _DARKEST + (_BRIGHTEST - _DARKEST) * t
    chroma = np.sin(np.pi * np.clip(0.08 + 0.90 * t, 0, 1)) ** 0.8
    lab = np.stack([lightness, a * chroma, b * chroma])
    linear = np.clip(np.linalg.inv(_RGB_TO_LMS) @ (np.linalg.inv(_LMS_TO_LAB) @ lab) ** 3, 0, 1)
    rgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    result: NDArray[np.uint8] = np.rint(255 * rgb).astype(np.uint8).T
    return result


_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def palette_png(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """Encode a picture.

    Args:
        indices: uint8, (height, width), into the palette; the first row is the top one.
        palette: uint8, (at most 256, 3), RGB.

    Returns:
        The bytes of a PNG file.

    Source: ISO/IEC 15948.
    """
    height, width = indices.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row starts with its filter: 0, none
    rows[:, 1:] = indices

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"PLTE", palette.tobytes()),
            chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            chunk(b"IEND", b""),
        ]
    )
