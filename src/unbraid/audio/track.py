"""Track: a song's samples by position, from any file, at the rate a model wants."""

import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.decoder import PcmReader
from unbraid.audio.resample import BlockResampler, resample, resampled_length
from unbraid.audio.source import SourceFormat
from unbraid.errors import AudioError, SpecError

Samples = NDArray[np.float32]

_KEPT_BLOCKS = 12  # about 18 s at 44.1 kHz, 6 MB: more than neighbouring tiles overlap


class Track:
    """A song as stereo float32 samples, read at any position.

    Whatever was read before, `read` gives the same numbers, equal bit by bit to a straight decode
    of the file; see `unbraid.audio.decoder` for how that holds for each codec. Reading forward
    never seeks and decodes each packet once. Memory does not grow with the track's length.

    Sample 0 is the first that the encoder was given: encoder delay and padding (MP3's LAME tag,
    AAC's edit list, Opus's pre-skip) are cut off as ffmpeg does. Mono becomes two equal channels,
    more channels are mixed down (see `unbraid.audio.downmix`). NaN and infinities read as 0.
    Damaged stretches read as silence of the right length and are told in `warnings`.

    A context manager; not thread-safe: open one Track for each thread.

    Args:
        path: a sound file, or a video with sound.
        sample_rate: Hz to resample to (soxr, VHQ); None keeps the source's rate.

    Raises:
        AudioError: the file is missing, holds no sound, or does not decode.

    Example:
        >>> with Track("song.flac") as track:  # doctest: +SKIP
        ...     first_second = track.read(0, track.sample_rate)
    """

    def __init__(self, path: str | os.PathLike[str], *, sample_rate: int | None = 44_100) -> None:
        self.path = Path(path)
        self._reader = PcmReader(self.path)
        self.source: SourceFormat = self._reader.source
        self.sample_rate: int = _checked_rate(sample_rate or self.source.sample_rate)
        self._resampler = BlockResampler(self.source.sample_rate, self.sample_rate)
        self._reader.keep_history(self._resampler.overlap)
        self.tags: dict[str, str] = dict(self._reader.tags.fields)
        self.cover: bytes | None = self._reader.tags.cover
        self.cover_mime: str | None = self._reader.tags.cover_mime
        self._blocks: OrderedDict[int, Samples] = OrderedDict()
        self._measured: int | None = None

    @classmethod
    def from_array(
        cls, samples: Samples, sample_rate: int, *, model_rate: int | None = 44_100
    ) -> "MemoryTrack":
        """Wrap samples that are already in memory; see `MemoryTrack`."""
        return MemoryTrack(samples, sample_rate, model_rate=model_rate)

    @property
    def n_samples(self) -> int:
        """Length at `sample_rate`: the header's claim until the end was decoded, then exact."""
        n_source = self._reader.length
        if n_source is None:
            n_source = self._reader.claim.n_samples or self._measure()
        return resampled_length(n_source, self.source.sample_rate, self.sample_rate)

    @property
    def duration_s(self) -> float:
        """Length in seconds, as exact as `n_samples`."""
        return self.n_samples / self.sample_rate

    @property
    def is_length_exact(self) -> bool:
        """Whether the end was decoded, so that `n_samples` changes no more."""
        return self._reader.length is not None

    @property
    def jumps(self) -> bool:
        """Whether a far read is quick; if not, all up to it is decoded, again after going back."""
        return self._reader.jumps

    @property
    def warnings(self) -> list[str]:
        """What was wrong with the file, as far as it has been read."""
        n_bad = self._reader.n_bad_values
        plural = "s" if n_bad != 1 else ""
        bad = [f"{n_bad} NaN or infinite sample{plural} read as 0"] if n_bad else []
        return [*self._reader.warnings, *bad]

    def read(self, start: int, n_samples: int) -> Samples:
        """Read a stretch of the track.

        Args:
            start: first sample, at `sample_rate`; may lie before 0 or after the end.
            n_samples: how many.

        Returns:
            float32, (2, n_samples), full scale 1.0; zeros before 0 and after the end.

        Raises:
            AudioError: the file went away meanwhile.
        """
        if n_samples < 0:
            raise SpecError(f"cannot read {n_samples} samples; ask for 0 or more")
        out = np.zeros((2, n_samples), np.float32)
        size = self._resampler.block
        stop = start + n_samples
        for index in range(max(0, start) // size, -(-stop // size)):
            at = index * size
            first, last = max(start, at), min(stop, at + size)
            if self._is_after_end(first):
                break
            block = self._block(index)
            out[:, first - start : last - start] = block[:, first - at : last - at]
        end = self._exact_length()
        if end is not None and end < stop:
            out[:, max(0, end - start) :] = 0  # the filter's ringing after the last sample
        return out

    def blocks(self, n_samples: int = 65_536, start: int = 0) -> Iterator[Samples]:
        """Stream the track to its true end, which may differ from a header's claim.

        Args:
            n_samples: in each block; the last one is shorter.
            start: where to begin.

        Yields:
            float32, (2, n_samples): the same numbers as `read`.
        """
        at = start
        while True:
            block = self.read(at, n_samples)
            end = self._exact_length()
            if end is not None and at + n_samples >= end:
                if end > at:
                    yield block[:, : end - at]
                return
            yield block
            at += n_samples

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._blocks.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _block(self, index: int) -> Samples:
        """One block of the fixed grid, from memory if it was read a short while ago."""
        block = self._blocks.pop(index, None)
        if block is None:
            block = self._resampler.compute(index, self._reader.read)
            if len(self._blocks) >= _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks[index] = block
        return block

    def _exact_length(self) -> int | None:
        n_source = self._reader.length
        if n_source is None:
            return None
        return resampled_length(n_source, self.source.sample_rate, self.sample_rate)

    def _is_after_end(self, position: int) -> bool:
        end = self._exact_length()
        return end is not None and position >= end

    def _measure(self) -> int:
        """The length of a file whose header claims none: by decoding it once, apart."""
        if self._measured is None:
            reader = PcmReader(self.path)
            try:
                at = 0
                while reader.length is None:
                    reader.read(at, 10 * reader.rate)
                    at += 10 * reader.rate
                self._measured = reader.length
            finally:
                reader.close()
        return self._measured


class MemoryTrack:
    """Samples in memory with the same interface as `Track`.

    Args:
        samples: (n,), (1, n), (2, n); float or integer, integers scaled to full scale 1.0.
        sample_rate: of those samples, Hz.
        model_rate: Hz to resample to; None keeps the rate.

    Raises:
        AudioError: the array is empty or has another shape.
    """

    path: Path = Path("array")
    cover: bytes | None = None
    cover_mime: str | None = None

    def __init__(
        self, samples: NDArray[np.generic], sample_rate: int, *, model_rate: int | None = 44_100
    ) -> None:
        array = np.atleast_2d(np.asarray(samples))
        if array.ndim != 2 or array.shape[0] not in (1, 2) or array.shape[1] == 0:
            raise AudioError(
                f"an array of shape {np.shape(samples)} is no track; give (n,) or (2, n)"
            )
        if np.issubdtype(array.dtype, np.integer):
            array = array / -float(np.iinfo(array.dtype).min or -1)
        stereo = np.array(np.broadcast_to(array, (2, array.shape[1])), np.float32)
        bad = ~np.isfinite(stereo[: array.shape[0]])
        n_bad = int(bad.sum())
        self.warnings: list[str] = [f"{n_bad} NaN or infinite samples read as 0"] if n_bad else []
        np.nan_to_num(stereo, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        self.source = SourceFormat("memory", "pcm_f32", sample_rate, array.shape[0], 32, True, "")
        self.sample_rate = _checked_rate(model_rate or sample_rate)
        self.tags: dict[str, str] = {}
        self._samples = resample(stereo, _checked_rate(sample_rate), self.sample_rate)
        self.n_samples: int = self._samples.shape[1]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate

    def read(self, start: int, n_samples: int) -> Samples:
        """As `Track.read`."""
        out = np.zeros((2, n_samples), np.float32)
        first, last = max(0, start), min(self.n_samples, start + n_samples)
        if first < last:
            out[:, first - start : last - start] = self._samples[:, first:last]
        return out

    def blocks(self, n_samples: int = 65_536, start: int = 0) -> Iterator[Samples]:
        """As `Track.blocks`."""
        for at in range(start, self.n_samples, n_samples):
            yield self.read(at, min(n_samples, self.n_samples - at))

    def close(self) -> None:
        """Nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _checked_rate(rate: int) -> int:
    if not 1_000 <= rate <= 768_000:
        raise SpecError(f"a sample rate of {rate} Hz is none of 1000 to 768000")
    return rate
