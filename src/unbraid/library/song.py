"""One song: from a file to the files of its stems."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unbraid.audio.resample import Resampler
from unbraid.audio.track import Track
from unbraid.audio.writer import STEM_MP4, OutputFormat, StemWriter
from unbraid.library.naming import DEFAULT_TEMPLATE, fill
from unbraid.separation.model import Model
from unbraid.separation.offline import Progress, Report, separate
from unbraid.separation.outputs import Output, mixed
from unbraid.separation.pieces import separate_pieces
from unbraid.separation.separator import N_CLAIMED, Separator

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SongOptions:
    """What is written, and how.

    Attributes:
        outputs: a file each; of no meaning for the format `STEM_MP4`, one file with all stems.
        folder: where to.
        template: of the files' names.
        format: one of `FORMATS`, or `STEM_MP4`.
        depth: None for the source's, 16 for lossy ones; AAC in stem files.
        rate: the source's or the model's.
        force: replace files that exist.
    """

    outputs: list[Output]
    folder: Path
    template: str = DEFAULT_TEMPLATE
    format: str = "wav"
    depth: str | None = None
    rate: Literal["source", "model"] = "source"
    force: bool = False


@dataclass(frozen=True, slots=True)
class SongResult:
    """What came of one song."""

    source: str
    model: str
    paths: dict[str, str]  # by output
    format: str
    depth: str | None
    sample_rate: int  # of the files, Hz
    gain_db: float  # the one gain all files share, 0 unless they would clip
    n_samples: int  # of each file
    audio_s: float
    wall_s: float
    cpu_s: float
    times_real_time: float
    sum_error_dbfs: float  # of all four stems against the mixture, before rounding
    warnings: list[str]


def plan(path: Path, model: str, options: SongOptions) -> tuple[dict[str, Path], OutputFormat]:
    """The files that a song will become, without separating it.

    Raises:
        AudioError: the song cannot be read.
        UsageError: the format does not have the depth asked for.
    """
    with Track(path) as track:
        targets = song_targets(track.path.stem, track.tags, model, options)
        return targets, format_for(track, options.format, options.depth)


def song_targets(
    name: str, tags: Mapping[str, str], model: str, options: SongOptions
) -> dict[str, Path]:
    """The files a song becomes, by output.

    Args:
        name: stands for {track}: the song's file name without its ending.
        tags: of the song; the template's {title}, {artist} and {album} are taken from them.
        model: stands for {model}.
        options: template, outputs, format and folder.
    """
    known = {key.lower(): value for key, value in tags.items()}
    values = {
        "track": name,
        "model": model,
        "ext": OutputFormat(options.format).extension.lstrip("."),
        **{field: str(known.get(field, "")) for field in ("title", "artist", "album")},
    }
    is_one = options.format == STEM_MP4
    names = ["stems"] if is_one else [output.name for output in options.outputs]
    return {
        output: options.folder / fill(options.template, {**values, "stem": output})
        for output in names
    }


def separate_song(
    path: Path,
    separator: Separator | Model,
    options: SongOptions,
    *,
    progress: Callable[[Progress], None] | None = None,
    cancel: threading.Event | None = None,
    n_threads: int | None = None,
) -> SongResult:
    """Separate a file and write what was asked for: all files, or none.

    With a peer the stems sum to the song as well: what none of its stems claims goes to `other`.

    Raises:
        AudioError: the song cannot be read.
        ModelError: a peer fails, or gives no stems of the song.
        OutputError: a file exists already or cannot be written.
        Cancelled: `cancel` was set; nothing is left behind.
    """
    if isinstance(separator, Separator):
        model_rate = separator.spec.sample_rate
        take_apart: Callable[..., Report] = partial(separate, n_threads=n_threads)
    else:
        model_rate = separator.sample_rate
        take_apart = separate_pieces

    with Track(path, sample_rate=model_rate) as track:
        rate = track.source.sample_rate if options.rate == "source" else model_rate
        output_format = format_for(track, options.format, options.depth)
        writer = StemWriter(
            song_targets(track.path.stem, track.tags, separator.name, options),
            output_format=output_format,
            sample_rate=rate,
            target_rate=rate,
            tags=track.tags,
            cover=track.cover,
            force=options.force,
        )
        with writer:

            def write(stems: Samples) -> None:
                is_one = options.format == STEM_MP4
                writer.write(stems if is_one else mixed(stems, options.outputs))

            if rate == model_rate:
                report = take_apart(track, separator, write, progress=progress, cancel=cancel)
            else:
                with Track(path, sample_rate=rate) as original:
                    at_rate = AtSourceRate(original, model_rate, write)
                    report = take_apart(
                        track, separator, at_rate.add, progress=progress, cancel=cancel
                    )
                    at_rate.end()
            written = writer.commit()
    return SongResult(
        source=str(path),
        model=separator.name,
        paths={name: str(file) for name, file in written.paths.items()},
        format=output_format.name,
        depth=output_format.depth,
        sample_rate=written.sample_rate,
        gain_db=written.gain_db,
        n_samples=written.n_samples,
        audio_s=report.audio_s,
        wall_s=report.wall_s,
        cpu_s=report.cpu_s,
        times_real_time=report.audio_s / report.wall_s if report.wall_s else 0.0,
        sum_error_dbfs=report.sum_error_dbfs,
        warnings=list(report.warnings),
    )


class AtSourceRate:
    """Brings stems to the source's rate, where `other` is once more what the others leave.

    Resampled alone, four stems would sum to a mixture without what lies above half the model's
    rate: a 96 kHz recording would lose its upper octave.
    """

    def __init__(
        self,
        original: Track,
        model_rate: int,
        write: Callable[[Samples], None],
        *,
        start: int = 0,  # of the original, where the first sample of what is added lies
    ) -> None:
        self._blocks = original.blocks(start=start)
        self._write = write
        self._resampler = Resampler(model_rate, original.sample_rate, 2 * N_CLAIMED)
        self._mixture = np.zeros((2, 0), np.float32)

    def add(self, stems: Samples) -> None:
        """Take (4, 2, n) at the model's rate."""
        self._give(self._resampler.write(stems[:N_CLAIMED].reshape(2 * N_CLAIMED, -1)))

    def end(self) -> None:
        """Give the rest, to the original's very last sample."""
        rest = self._resampler.flush()
        self._give(rest)
        left = [self._mixture, *self._blocks]
        self._mixture = np.concatenate(left, axis=-1)
        self._give(np.zeros((2 * N_CLAIMED, self._mixture.shape[-1]), np.float32))

    def _give(self, claimed: Samples) -> None:
        n_samples = claimed.shape[-1]
        while self._mixture.shape[-1] < n_samples:
            block = next(self._blocks, None)
            if block is None:
                n_samples = self._mixture.shape[-1]
                break
            self._mixture = np.concatenate([self._mixture, block], axis=-1)
        if not n_samples:
            return
        stems = np.empty((N_CLAIMED + 1, 2, n_samples), np.float32)
        stems[:N_CLAIMED] = claimed[:, :n_samples].reshape(N_CLAIMED, 2, -1)
        np.subtract(
            self._mixture[:, :n_samples], stems[:N_CLAIMED].sum(axis=0), out=stems[N_CLAIMED]
        )
        self._mixture = self._mixture[:, n_samples:]
        self._write(stems)


def format_for(track: Track, name: str, depth: str | None) -> OutputFormat:
    """A format, and the track's depth where none is named.

    Raises:
        UsageError: there is no such format, or not with that depth.
    """
    if depth is None and name in ("wav", "flac"):
        depth = _depth_of(track)
        if name == "flac" and depth == "32f":
            depth = "24"
    return OutputFormat(name, depth)


def _depth_of(track: Track) -> str:
    """The output depth that keeps a source's: 16 for lossy ones, as players show them."""
    source = track.source
    if source.is_float and source.bits is not None:
        return "32f"
    if source.bits is None or source.bits <= 16:
        return "16"
    return "24" if source.bits <= 24 else "32f"
