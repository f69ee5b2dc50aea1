"""Pictures of sound as arrays: waveforms and spectrograms, one tile of a lane at a time. No Qt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""(height, width, 4): blue, green, red, alpha; premultiplied, as Qt keeps them in memory."""

Curve = NDArray[np.float32]

_THINNEST = 1.0  # pixels of a line where nothing sounds


@dataclass(frozen=True, slots=True)
class Window:
    """Which columns of an overview a picture shows.

    Attributes:
        start: of the first pixel, in columns; need not be whole.
        columns_per_pixel: below 1 the curve between columns is a straight line.
        width: pixels.
    """

    start: float
    columns_per_pixel: float
    width: int

    def extremes(self, peaks: NDArray[np.int8]) -> tuple[Curve, Curve]:
        """The lowest and the highest sample under each pixel.

        Args:
            peaks: int8, (n_columns, 2), lowest and highest of each column in steps of 1/127.

        Returns:
            Full scale 1.0, both (width,).
        """
        at = self.start + self.columns_per_pixel * np.arange(self.width + 1)
        n_columns = len(peaks)
        low = np.zeros(self.width, np.float32)
        high = np.zeros(self.width, np.float32)
        n_inside = int(np.searchsorted(at[:-1], n_columns))
        if not n_inside:
            return low, high
        if self.columns_per_pixel < 1:
            centres = at[:n_inside] + self.columns_per_pixel / 2 - 0.5
            first = max(0, int(centres[0]) - 1)
            near = peaks[first : int(centres[-1]) + 3].astype(np.float32)
            near /= 127
            where = np.arange(first, first + len(near))
            low[:n_inside] = np.interp(centres, where, near[:, 0])
            high[:n_inside] = np.interp(centres, where, near[:, 1])
            return low, high
        whole = at.astype(np.int64)
        first, last = whole[0], max(whole[n_inside], whole[n_inside - 1] + 1)
        near = peaks[first:last].astype(np.float32)
        near /= 127
        edges = whole[:n_inside] - first
        low[:n_inside] = np.minimum.reduceat(near[:, 0], edges)
        high[:n_inside] = np.maximum.reduceat(near[:, 1], edges)
        return low, high

    def all_of(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether every column under a pixel is flagged."""
        at = self.start + self.columns_per_pixel * np.arange(self.width)
        inside = at < len(flags)
        result = np.zeros(self.width, np.bool_)
        if inside.any():
            edges = at[inside].astype(np.int64)
            stop = int(np.ceil(at[inside][-1] + self.columns_per_pixel))
            result[inside] = np.logical_and.reduceat(flags[:stop], edges)
        return result


def waveform(low: Curve, high: Curve, colours: NDArray[np.uint8], height: int) -> Pixels:
    """Draw the band between two curves, with soft edges.

    Args:
        low: the lowest sample under each pixel, full scale 1.0, (width,).
        high: the highest.
        colours: (width, 4) of each pixel's column: blue, green, red, alpha; not premultiplied.
        height: pixels.
    """
    middle = height / 2
    top = middle - np.clip(high, -1, 1) * (middle - 1)
    bottom = middle - np.clip(low, -1, 1) * (middle - 1)
    lacking = np.maximum(0, _THINNEST - (bottom - top)) / 2
    top, bottom = top - lacking, bottom + lacking
    rows = np.arange(height, dtype=np.float32)[:, None]
    cover = np.clip(np.minimum(rows + 1, bottom) - np.maximum(rows, top), 0, 1)
    ink = colours.astype(np.float32)
    ink[:, :3] *= ink[:, 3:] / 255
    pixels: Pixels = (cover[..., None] * ink + 0.5).astype(np.uint8)
    return pixels


def spectrogram(levels: NDArray[np.uint8], ramp: Pixels, height: int) -> Pixels:
    """Colour a spectrogram and bring it to a lane's height.

    Args:
        levels: (rows, width), the highest frequency first, 0 to 255.
        ramp: (256, 4), the colour of each level.
        height: pixels.
    """
    rows = (np.arange(height) + 0.5) * len(levels) / height
    return ramp[levels[rows.astype(np.int64)]]


def colour_ramp(colour: tuple[int, int, int]) -> Pixels:
    """256 colours from nothing through a stem's own to near white, premultiplied.

    Args:
        colour: red, green, blue.
    """
    steps = np.linspace(0, 1, 256)[:, None]
    own = np.array(colour[::-1], np.float64)
    alpha = np.minimum(1, steps * 1.6)
    light = np.clip((steps - 0.6) / 0.4, 0, 1) * 0.85
    inks = (own * (1 - light) + 255 * light) * alpha
    return np.concatenate([inks, 255 * alpha], axis=1).round().astype(np.uint8)


def parse_colour(text: str) -> tuple[int, int, int, int]:
    """Red, green, blue and alpha of "#rrggbb" or, as Qt writes it, "#aarrggbb"."""
    digits = text.removeprefix("#")
    parts = [int(digits[i : i + 2], 16) for i in range(0, len(digits), 2)]
    alpha = parts.pop(0) if len(parts) == 4 else 255
    red, green, blue = parts
    return red, green, blue, alpha
