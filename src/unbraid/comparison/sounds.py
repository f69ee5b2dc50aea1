"""The page's sounds: one codec for all, so that they stay aligned in every browser."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.encoder import Encoder, OutputFormat
from unbraid.comparison.song import RATE

Samples = NDArray[np.float32]

_BIT_RATES: Final = (320, 256, 224, 192, 160, 128, 112, 96, 80, 64, 56, 48, 40, 32)  # kbit/s of MP3
_LEAST_LOSSLESS: Final = 250_000
"""Bits a second: with room for less than that it is not even tried."""


@dataclass(frozen=True)
class Sounds:
    """Encoded.

    Attributes:
        files: in the order they were given.
        scale: what the decoded samples are multiplied by: above 1 if any sound passed full scale.
        says: the codec, for people.
    """

    files: list[bytes]
    scale: float
    says: str


def encode(waves: Mapping[str, Samples], *, n_bytes: int) -> Sounds:
    """Every sound in one codec: FLAC if that fits, otherwise the best MP3 that does.

    Both are decoded by every browser there is. MP3 decoders differ in whether they cut off the
    encoder's delay, but none does so for one file and not for the next.

    Args:
        waves: float32, (2, n_samples), all of one length.
        n_bytes: what all of them may take.
    """
    peak = max(float(np.abs(wave).max(initial=0)) for wave in waves.values())
    scale = max(1.0, peak)
    n_samples = next(iter(waves.values())).shape[-1]
    room = 8 * n_bytes * RATE / (len(waves) * n_samples)  # bits a second of one sound
    if room > _LEAST_LOSSLESS:
        files = _files(waves, scale, OutputFormat("flac", "16"), None)
        if sum(map(len, files)) <= n_bytes:
            return Sounds(files, scale, "FLAC, 16 bits, lossless.")
    kbits = next((r for r in _BIT_RATES if 1_000 * r < 0.99 * room), _BIT_RATES[-1])
    files = _files(waves, scale, OutputFormat("mp3"), 1_000 * kbits)
    says = (
        f"MP3, {kbits} kbit/s: of two stems that are much alike, the difference heard and drawn "
        "here is partly the codec's. The files are lossless, and so is the page of a few seconds "
        "(--length)."
    )
    return Sounds(files, scale, says)


def _files(
    waves: Mapping[str, Samples], scale: float, output_format: OutputFormat, bit_rate: int | None
) -> list[bytes]:
    with tempfile.TemporaryDirectory(prefix="unbraid-compare-") as scratch:
        path = Path(scratch) / "sound"
        files = []
        for wave in waves.values():
            encoder = Encoder(path, output_format, RATE, bit_rate=bit_rate)
            encoder.write(wave / np.float32(scale))
            encoder.close()
            files.append(path.read_bytes())
        return files
