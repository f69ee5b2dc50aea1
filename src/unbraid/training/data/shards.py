"""Shards: pools as a few compressed files, and their way back to memory-mapped samples.

A shard is a plain zip file: a manifest like that of the pools, SOURCES.md, and a FLAC or Ogg Vorbis
file for each file of the pools. Each is of use by itself; beside them lies SHA256SUMS, by which
`sha256sum -c` and the loader know that all of them arrived.
"""

import hashlib
import io
import json
import os
import shutil
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import OutputError, TrainingError
from unbraid.training.alone import alone
from unbraid.training.data.manifest import MANIFEST
from unbraid.training.data.pool import RATE

SHARDS = "shard-*.zip"
CHECKSUMS = "SHA256SUMS"
UNPACKED = "unpacked"
FREE_GIB = 0.5  # left alone on the disk
BLOCK_FRAMES = 2**18  # decoded at once: 6 s, so that a song of any length needs little memory


def unpacked(folder: Path, out: Path | None = None) -> Path:
    """The folder of pools behind a folder of pools or of shards.

    Shards are decoded on all cores the first time; what is decoded already is kept, so that a
    second start takes no time and shards may be added one by one. Processes that start together
    wait for the first of them.

    Args:
        folder: pools, which are returned as they are, or shards.
        out: where to decode to; None makes a folder `unpacked` beside the shards.

    Raises:
        TrainingError: neither pools nor shards are there, or a shard is missing or damaged.
        OutputError: the disk is too small, or cannot be written to.
    """
    if (folder / MANIFEST).is_file():
        return folder
    shards = [_open(path) for path in _paths(folder)]
    out = out or folder / UNPACKED
    try:
        out.mkdir(parents=True, exist_ok=True)
        # All of a torchrun's processes start at once.
        with alone(out, wait=True):
            todo = [shard for shard in shards if not (out / shard.key / MANIFEST).is_file()]
            _verify(folder, todo)
            _check_disk(out, folder, todo)
            for shard in todo:
                _decode(shard, out)
            _write_manifest(shards, out)
    except OSError as error:
        raise OutputError(
            f"{out}: cannot be written ({error.strerror}); "
            f"unpack elsewhere: unbraid data unpack {folder} --out POOLS"
        ) from None
    return out


@dataclass(frozen=True, slots=True)
class _Shard:
    path: Path
    key: str  # the folder it is decoded to: its name and what it holds
    records: tuple[dict[str, Any], ...]  # its manifest; `file` as in the pools

    @property
    def n_bytes(self) -> int:
        """Of the samples it holds."""
        return sum(round(record["seconds"] * RATE) * 4 for record in self.records)


def _paths(folder: Path) -> list[Path]:
    listed = _checksums(folder)
    missing = [name for name in listed if not (folder / name).is_file()]
    if missing:
        raise TrainingError(
            f"{folder}: {missing[0]} is missing, of {len(listed)} shards; copy it here, "
            f"or delete {CHECKSUMS} to train on the others"
        )
    paths = [folder / name for name in listed] or sorted(folder.glob(SHARDS))
    if not paths:
        raise TrainingError(
            f"{folder}: holds neither pools nor shards; run `unbraid data build` first"
        )
    return paths


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 by file name; nothing if no list came with the shards."""
    path = folder / CHECKSUMS
    lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
    pairs = (line.partition(" ") for line in lines if line.strip())
    return {name.lstrip(" *"): digest for digest, _, name in pairs}


def _open(path: Path) -> _Shard:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            lines = archive.read(MANIFEST).decode().splitlines()
        records = tuple(json.loads(line) for line in lines)
        files = [PurePosixPath(record["file"]) for record in records]
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from None
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError):
        raise _damaged(path) from None
    if any(file.is_absolute() or ".." in file.parts for file in files):
        raise TrainingError(f"{path}: names files outside of its folder; do not use it")
    content = repr([(info.filename, info.CRC, info.file_size) for info in infos])
    return _Shard(path, f"{path.stem}-{zlib.crc32(content.encode()):08x}", records)


def _damaged(path: Path) -> TrainingError:
    return TrainingError(f"{path}: damaged or cut short; copy it here again")


def _verify(folder: Path, shards: list[_Shard]) -> None:
    listed = _checksums(folder)
    for shard in shards:
        if shard.path.name in listed:
            with shard.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != listed[shard.path.name]:
                raise _damaged(shard.path)


def _check_disk(out: Path, folder: Path, shards: list[_Shard]) -> None:
    need, free = sum(shard.n_bytes for shard in shards), shutil.disk_usage(out).free
    if need and need > free - FREE_GIB * 2**30:
        raise OutputError(
            f"{out}: {need / 2**30:.1f} GiB are needed and {FREE_GIB:g} more kept free, "
            f"{free / 2**30:.1f} are there; "
            f"unpack elsewhere: unbraid data unpack {folder} --out POOLS"
        )


def _decode(shard: _Shard, out: Path) -> None:
    """All files of a shard, then its manifest: the folder appears whole or not at all."""
    partial = out / f".{shard.key}.partial"
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    with zipfile.ZipFile(shard.path) as archive:
        members = {name.rpartition(".")[0]: name for name in archive.namelist()}

        def decode(record: dict[str, Any]) -> None:
            name = record["file"].removesuffix(".npy")
            _write_samples(archive.read(members[name]), partial / record["file"])

        # Threads, not processes: the decoder works without Python's lock.
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            try:
                list(workers.map(decode, shard.records))
            except (zipfile.BadZipFile, KeyError, RuntimeError):  # libsndfile's is a RuntimeError
                workers.shutdown(cancel_futures=True)
                raise _damaged(shard.path) from None
        (partial / MANIFEST).write_bytes(archive.read(MANIFEST))
    partial.rename(out / shard.key)


def _write_samples(content: bytes, path: Path) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(io.BytesIO(content)) as file, path.open("wb") as out:
        shape = (file.frames, 2)
        # Written, not mapped: a disk that fills up is an error then, not the end of the process.
        header = {"descr": "<i2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(out, header)
        lossless = file.format == "FLAC"
        for block in file.blocks(BLOCK_FRAMES, dtype="int16" if lossless else "float32"):
            out.write((block if lossless else _to_int16(block)).astype("<i2").tobytes())
        if file.tell() != file.frames:
            raise RuntimeError("cut short")


def _to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    # What a lossy codec put above full scale stays there.
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)


def _write_manifest(shards: list[_Shard], out: Path) -> None:
    lines = [
        json.dumps({**record, "file": f"{shard.key}/{record['file']}"}, ensure_ascii=False) + "\n"
        for shard in shards
        for record in shard.records
    ]
    content = "".join(lines).encode()
    path = out / MANIFEST
    if path.is_file() and path.read_bytes() == content:
        return
    partial = out / f".{MANIFEST}.partial"
    partial.write_bytes(content)
    partial.replace(path)
