"""Pictures for the window: tiles of waveforms and spectrograms, and the cover."""

from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtQuick import QQuickImageProvider

from unbraid.desktop import pictures
from unbraid.player.overview import COLUMN
from unbraid.stems import STEMS

_COVER_PIXELS = 512
_STEEPER = 0.82  # power that brings out what is soft in a spectrogram


class Waves(QObject):
    """Tells which stretch of the song has to be drawn anew, and nothing else.

    Args:
        player: whose overview is watched.
    """

    changed = Signal(float, float, arguments=["fromSecond", "toSecond"])

    def __init__(self, player: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._player = player
        self._seen: tuple[Any, int] | None = None
        self._flags = np.zeros(0, np.int8)

    def look(self) -> None:
        """Compare with what was there before; cheap if nothing is new."""
        overview = self._player.overview()
        now = (overview, overview.version)
        if self._seen is not None and self._seen[0] is overview and self._seen[1] == now[1]:
            return
        is_same = self._seen is not None and self._seen[0] is overview
        old, flags = self._flags, _flags(overview)
        self._seen, self._flags = now, flags
        if not is_same or len(old) != len(flags):
            self.changed.emit(0.0, float("inf"))
            return
        different = np.flatnonzero(old != flags)
        if len(different):
            second = COLUMN / self._player.snapshot().sample_rate
            self.changed.emit(float(different[0] * second), float((different[-1] + 1) * second))


def _flags(overview: Any) -> NDArray[np.int8]:
    n_columns = min(len(overview.decoded), len(overview.available))
    flags: NDArray[np.int8] = overview.decoded[:n_columns].astype(np.int8)
    flags += 2 * overview.available[:n_columns]
    return flags


class Images(QQuickImageProvider):
    """What QML asks for, by address.

    `image://sound/waves/LANE/WIDTHxHEIGHT/TILE/PIXELS_PER_SECOND/COLOUR/GHOST/REVISION` is a tile
    of a lane: pixels [TILE * WIDTH, (TILE + 1) * WIDTH) of a picture of the whole song; where the
    stem is not there yet, the mixture stands in GHOST. `.../spectrum/...` is its spectrogram. LANE
    is the stem's index. `image://sound/cover/SONG` is the song's cover.

    Args:
        player: whose song it is.
    """

    def __init__(self, player: Any) -> None:
        super().__init__(QQuickImageProvider.ImageType.Image)
        self._player = player
        self.n_drawn = 0

    def requestImage(self, address: str, size: QSize, requested: QSize) -> QImage:
        """See `QQuickImageProvider`; spectrograms are asked for by a thread of Qt's."""
        kind, *rest = unquote(address).split("/")
        try:
            if kind == "cover":
                image = _cover(self._player.snapshot().cover)
            else:
                lane, extent, tile, scale, colour, ghost, _ = rest
                width, height = (int(part) for part in extent.split("x"))
                self.n_drawn += 1
                draw = self._spectrum if kind == "spectrum" else self._waves
                image = _image(
                    draw(int(lane), width, height, int(tile), float(scale), colour, ghost)
                )
        except Exception:  # an exception in here would end the program
            image = QImage(1, 1, QImage.Format.Format_ARGB32_Premultiplied)
            image.fill(0)
        size.setWidth(image.width())
        size.setHeight(image.height())
        return image

    def _waves(
        self, lane: int, width: int, height: int, tile: int, scale: float, colour: str, ghost: str
    ) -> pictures.Pixels:
        overview = self._player.overview()
        per_pixel = self._player.snapshot().sample_rate / COLUMN / scale
        window = pictures.Window(tile * width * per_pixel, per_pixel, width)
        available = window.all_of(overview.available)
        low, high = window.extremes(overview.mixture)
        stem_low, stem_high = window.extremes(overview.stems[lane])
        colours = np.where(available[:, None], _ink(colour), _ink(ghost))
        return pictures.waveform(
            np.where(available, stem_low, low),
            np.where(available, stem_high, high),
            colours,
            height,
        )

    def _spectrum(
        self, lane: int, width: int, height: int, tile: int, scale: float, colour: str, ghost: str
    ) -> pictures.Pixels:
        shot = self._player.snapshot()
        per_pixel = shot.sample_rate / scale
        start, end = round(tile * width * per_pixel), round((tile + 1) * width * per_pixel)
        end_of_song = min(end, shot.n_samples)
        if start >= end_of_song:
            return np.zeros((height, width, 4), np.uint8)
        n_columns = max(1, round(width * (end_of_song - start) / (end - start)))
        levels, available = self._player.spectrogram(
            STEMS[lane], start, end_of_song, n_columns, min(height, 160)
        )
        shown = np.zeros((len(levels), width), np.uint8)
        shown[:, :n_columns] = np.where(available, levels, 0)
        ramp = _ramp(colour)
        return pictures.spectrogram(shown, ramp, height)


def _image(pixels: pictures.Pixels) -> QImage:
    pixels = np.ascontiguousarray(pixels)
    height, width, _ = pixels.shape
    shared = QImage(
        pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied
    )
    return shared.copy()


def _cover(picture: bytes | None) -> QImage:
    image = QImage.fromData(picture or b"")
    if image.isNull():
        raise ValueError("no picture")
    return image.scaled(
        _COVER_PIXELS,
        _COVER_PIXELS,
        Qt.AspectRatioMode.KeepAspectRatioByExpanding,
        Qt.TransformationMode.SmoothTransformation,
    )


@lru_cache(maxsize=32)
def _ink(colour: str) -> NDArray[np.uint8]:
    red, green, blue, alpha = pictures.parse_colour(colour)
    return np.array([blue, green, red, alpha], np.uint8)


@lru_cache(maxsize=16)
def _ramp(colour: str) -> pictures.Pixels:
    ramp = pictures.colour_ramp(pictures.parse_colour(colour)[:3])
    steps = 255 * (np.arange(256) / 255) ** (1 / _STEEPER)
    return ramp[steps.round().astype(np.int64)]
