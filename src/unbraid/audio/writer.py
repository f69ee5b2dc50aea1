"""StemWriter: several stems into as many files, or into one, all of them or none."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import av
import numpy as np
from numpy.typing import NDArray

from unbraid.audio.encoder import (
    DEPTHS,
    FORMATS,
    STEM_MP4,
    Encoder,
    OutputFormat,
    round_together,
)
from unbraid.audio.partials import partial_path, sweep
from unbraid.audio.resample import Resampler
from unbraid.audio.stem_mp4 import StemMp4Encoder
from unbraid.audio.tags import Tags
from unbraid.errors import OutputError
from unbraid.stems import STEMS

__all__ = ["DEPTHS", "FORMATS", "STEM_MP4", "OutputFormat", "StemWriter", "WriteReport"]

Samples = NDArray[np.float32]

_BLOCK = 65_536  # samples of each stem encoded at a time


@dataclass(frozen=True)
class WriteReport:
    """What `StemWriter.commit` wrote.

    Attributes:
        paths: each stem's file.
        gain_db: the one gain that all stems got so that none clips; 0.0 if none would have.
        n_samples: length of each file, at `sample_rate`.
        peak: the loudest absolute sample of any stem before the gain; full scale is 1.0.
        sample_rate: Hz; the wanted rate, or the nearest to it that the format can hold.
    """

    paths: dict[str, Path]
    gain_db: float
    n_samples: int
    peak: float
    sample_rate: int


class StemWriter:
    """Takes stems block by block and turns them into files, all at once or not at all.

    Samples stream into hidden partial files beside the targets. `commit` completes them, brings
    them to the disk and renames them; until then no target exists or changes. Leaving the context
    without `commit` removes them; those of writers that were killed are swept by the next one.

    Formats that clip at full scale are encoded in `commit`, from spooled float samples: if any
    stem is louder than full scale, all get the same gain, so that their sum keeps its balance;
    of a stem file the mixture must not clip either. Integer depths are rounded jointly (see
    `encoder.round_together`).

    A folder that does not exist is made. Not thread-safe.

    Args:
        targets: each stem's file, in the order of the stems that `write` gets; of the format
            `STEM_MP4` one file, ending in .stem.mp4, for all four in the order of `STEMS`.
        output_format: what to write.
        sample_rate: of the samples that come in, Hz.
        target_rate: of the files, Hz; the nearest that the format can hold is taken.
        tags: carried as far as the format can.
        cover: a JPEG or PNG, carried byte for byte (not in wav).
        force: replace targets that exist.

    Raises:
        OutputError: a target exists (without `force`), is a folder, two stems share one, its
            folder cannot be written to, or a stem file's name ends otherwise.
    """

    def __init__(
        self,
        targets: Mapping[str, Path],
        *,
        output_format: OutputFormat,
        sample_rate: int,
        target_rate: int,
        tags: Mapping[str, str] | None = None,
        cover: bytes | None = None,
        force: bool = False,
    ) -> None:
        self._targets = {stem: Path(path) for stem, path in targets.items()}
        self._format = output_format
        self._rate = output_format.nearest_rate(target_rate)
        self._tags = Tags(dict(tags or {}), cover)
        self._force = force
        self._n_samples, self._peak = 0, 0.0
        self._partials: dict[str, Path] = {}
        self._encoders: list[Encoder | StemMp4Encoder] = []
        self._spool: BinaryIO | None = None
        self._n_stems = len(STEMS) if output_format.name == STEM_MP4 else len(self._targets)
        self._made_folders: list[Path] = []
        self._is_done = False
        self._check_targets()
        self._resampler = Resampler(sample_rate, self._rate, 2 * self._n_stems)
        try:
            self._open()
        except OSError as error:
            self.abort()
            raise self._cannot_write(error) from error
        except BaseException:
            self.abort()
            raise

    def write(self, stems: Samples) -> None:
        """Append a block of every stem.

        Args:
            stems: float32, (n_stems, 2, n), in the order of `targets`.

        Raises:
            OutputError: the disk is full or gone; all partial files are removed.
        """
        if stems.ndim != 3 or stems.shape[:2] != (self._n_stems, 2):
            raise OutputError(
                f"stems of shape {stems.shape} do not fit {self._n_stems} stereo targets"
            )
        with self._cleaning_up():
            flat = stems.reshape(2 * self._n_stems, -1)
            self._append(self._resampler.write(flat))

    def commit(self) -> WriteReport:
        """Complete all files and put them under their names.

        Returns:
            What was written, and with which gain.

        Raises:
            OutputError: as `write`; or a target appeared meanwhile.
        """
        with self._cleaning_up():
            self._append(self._resampler.flush())
            gain = 1.0
            if not self._format.is_float:
                if self._peak > 1.0:
                    gain = 1.0 / self._peak
                self._encode_spool(gain)
            for encoder in self._encoders:
                encoder.close()
            self._rename()
        self._is_done = True
        return WriteReport(
            paths=dict(self._targets),
            gain_db=20 * float(np.log10(gain)),
            n_samples=self._n_samples,
            peak=self._peak,
            sample_rate=self._rate,
        )

    def abort(self) -> None:
        """Remove everything written so far. Does nothing after `commit`."""
        if self._is_done:
            return
        self._is_done = True
        spools = [] if self._spool is None else [self._spool.close]
        for close in [encoder.abandon for encoder in self._encoders] + spools:
            with suppress(OSError):  # a full disk may refuse what was buffered
                close()
        for partial in self._partials.values():
            with suppress(OSError):
                partial.unlink(missing_ok=True)
                _spool_path(partial).unlink(missing_ok=True)
        for folder in reversed(self._made_folders):
            with suppress(OSError):  # somebody else uses it by now
                folder.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def _check_targets(self) -> None:
        if self._format.name == STEM_MP4:
            (path,) = self._targets.values()
            if not path.name.lower().endswith(self._format.extension):
                raise OutputError(f"{path}: a stem file's name must end in {STEM_MP4}; add it")
        seen: dict[str, str] = {}
        for stem, path in self._targets.items():
            same = os.path.normcase(path.absolute().resolve())
            if same in seen:
                raise OutputError(
                    f"{path}: {seen[same]} and {stem} would share this file; "
                    "give each stem its own name, e.g. --name '{title} - {stem}'"
                )
            seen[same] = stem
            self._check_target(path)

    def _check_target(self, path: Path) -> None:
        try:
            if path.is_dir():
                raise OutputError(f"{path}: is a folder; name a file or remove it")
            if not self._force and (path.exists() or path.is_symlink()):
                raise OutputError(f"{path}: exists already; use --force to replace it")
        except OSError as error:
            raise self._cannot_write(error, path.parent) from error

    def _open(self) -> None:
        for stem, path in self._targets.items():
            self._make_folder(path.parent)
            self._partials[stem] = partial_path(path, stem)
        for folder in {path.parent for path in self._targets.values()}:
            sweep(folder)
        if self._format.is_float:
            self._open_encoders()
        else:
            self._spool = _spool_path(next(iter(self._partials.values()))).open("w+b")

    def _open_encoders(self) -> None:
        kind = StemMp4Encoder if self._format.name == STEM_MP4 else Encoder
        for partial in self._partials.values():
            self._encoders.append(kind(partial, self._format, self._rate, self._tags))

    def _make_folder(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
            self._made_folders.append(one)

    def _append(self, flat: Samples) -> None:
        stems = flat.reshape(self._n_stems, 2, -1)
        n_samples = stems.shape[2]
        if n_samples == 0:
            return
        self._n_samples += n_samples
        self._peak = max(self._peak, float(np.abs(stems).max()))
        if self._format.name == STEM_MP4:
            self._peak = max(self._peak, float(np.abs(stems.sum(axis=0)).max()))
        if self._spool is None:
            self._encode(stems)
        else:
            self._spool.write(np.ascontiguousarray(flat.T, np.float32).tobytes())

    def _encode_spool(self, gain: float) -> None:
        assert self._spool is not None
        self._open_encoders()
        self._spool.seek(0)
        for at in range(0, self._n_samples, _BLOCK):
            n_samples = min(_BLOCK, self._n_samples - at)
            raw = self._spool.read(8 * self._n_stems * n_samples)
            flat = np.frombuffer(raw, np.float32).reshape(n_samples, -1).T
            stems = flat.reshape(self._n_stems, 2, n_samples) * np.float32(gain)
            self._encode(round_together(stems, self._format))
        self._spool.close()
        Path(self._spool.name).unlink()

    def _encode(self, stems: Samples) -> None:
        if self._format.name == STEM_MP4:
            self._encoders[0].write(stems)
            return
        for encoder, samples in zip(self._encoders, stems, strict=True):
            encoder.write(samples)

    def _rename(self) -> None:
        for path in self._targets.values():
            self._check_target(path)
        renamed: list[Path] = []
        try:
            for stem, path in self._targets.items():
                is_new = not path.exists()
                self._partials[stem].replace(path)
                if is_new:
                    renamed.append(path)
        except BaseException:
            for path in renamed:
                path.unlink(missing_ok=True)
            raise
        for folder in {path.parent for path in self._targets.values()}:
            sync_folder(folder)

    @contextmanager
    def _cleaning_up(self) -> Iterator[None]:
        """On any failure remove the partial files; tell of the disk's in the user's words."""
        if self._is_done:
            raise OutputError("the stems were committed or given up; open another StemWriter")
        try:
            yield
        except (OSError, av.FFmpegError) as error:
            self.abort()
            raise self._cannot_write(error) from error
        except BaseException:
            self.abort()
            raise

    def _cannot_write(self, error: Exception, folder: Path | None = None) -> OutputError:
        if folder is None:
            folder = next(iter(self._targets.values()), Path()).parent
        return cannot_write(folder, error)


def cannot_write(place: Path, error: Exception) -> OutputError:
    """What the system or the encoder says of a place, and what to do."""
    code = getattr(error, "errno", None)
    reason = getattr(error, "strerror", None) or str(error)
    remedy = {
        errno.ENOSPC: "free some space or choose another folder with -o",
        errno.EDQUOT: "free some space or choose another folder with -o",
        errno.ENAMETOOLONG: "choose a shorter name with --name",
    }.get(code or 0, "choose a folder that you may write to with -o")
    return OutputError(f"{place}: cannot write there ({reason}); {remedy}")


def _spool_path(partial: Path) -> Path:
    """Where all stems wait as raw float32 frames until the common gain is known."""
    return partial.with_name(partial.name.replace(".partial", ".spool.partial"))


def sync_folder(folder: Path) -> None:
    """Bring the folder's new names to the disk, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Bring a file's bytes to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
