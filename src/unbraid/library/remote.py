"""Files on this machine, network disks and object stores alike, through fsspec."""

import hashlib
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from unbraid.audio.writer import sync_file, sync_folder
from unbraid.errors import AudioError, OutputError
from unbraid.library.inputs import SONGS, Input, find_inputs
from unbraid.library.jobs import PRIVATE
from unbraid.library.source import file_digest

_WHOLE_PUTS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci"}
"""Object stores, where a file appears when all of it has arrived."""


@dataclass(frozen=True, slots=True)
class RemoteSong:
    """A song to be, here or elsewhere.

    Attributes:
        url: a path, or a URL that fsspec knows.
        folder: where its stems go, relative to the output folder.
        stamp: what changes when the file does, as far as its place tells.
    """

    url: str
    folder: PurePath
    stamp: str

    @property
    def name(self) -> Input:
        """What names its stems."""
        return Input(Path(self.url), self.folder)


def is_remote(name: str) -> bool:
    """Whether a name is a URL, not a path."""
    return "://" in name


def opened(url: str) -> tuple[Any, str]:
    """The file system of a path or URL, and the path there.

    Raises:
        OutputError: there is no such kind of place, or its package is missing.
    """
    if not is_remote(url):
        return LocalFileSystem(), url  # in whose names "::" and the like mean nothing
    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise OutputError(f"{url}: {error}; or name a folder") from error
    return system, path.rstrip("/")


def stamp_at(url: str) -> str:
    """What changes when a file does, as far as its place tells.

    Raises:
        AudioError: it is gone.
    """
    try:
        system, path = opened(url)
        return _stamp(system.info(path))
    except OSError as error:
        raise AudioError(f"{url}: {error}; check its name and permissions") from error


def find_anywhere(
    named: list[str], *, without: str, lines: Iterable[bytes] = ()
) -> tuple[list[RemoteSong], dict[str, str]]:
    """Find songs as `find_inputs` does, and in folders behind URLs.

    Returns:
        The songs, and what could not be looked into, with the reason.
    """
    local = [name for name in named if not is_remote(name)]
    found = find_inputs(local, without=None if is_remote(without) else Path(without), lines=lines)
    problems = {str(path): reason for path, reason in found.problems.items()}
    songs = []
    for song in found.songs:
        try:
            songs.append(RemoteSong(str(song.path), song.folder, stamp_at(str(song.path))))
        except AudioError as error:
            problems[str(song.path)] = str(error)
    for name in named:
        if is_remote(name):
            try:
                songs += _songs_behind(name, without)
            except (OSError, OutputError) as error:
                problems[name] = f"{name}: {error}; check its name and permissions"
    return songs, problems


def _songs_behind(url: str, without: str) -> Iterator[RemoteSong]:
    system, root = opened(url)
    for path, facts in sorted(system.find(root, detail=True).items()):
        place = PurePosixPath(path).relative_to(root)
        if not place.parts:  # a song that was named itself
            place = PurePosixPath(PurePosixPath(path).name)
        address = str(system.unstrip_protocol(path))
        is_hidden = any(part.startswith(".") for part in place.parts)
        if is_hidden or address.startswith(f"{without.rstrip('/')}/"):
            continue
        if place.suffix.lower() in SONGS:
            yield RemoteSong(address, place.parent, _stamp(facts))


def _stamp(facts: dict[str, Any]) -> str:
    names = ("size", "ETag", "etag", "md5Hash", "mtime", "ino", "LastModified", "updated")
    return " ".join(str(facts[name]) for name in names if facts.get(name) is not None)


def fetch(url: str, folder: Path) -> Path:
    """Bring a song near; one that is on a disk here is left where it is.

    Raises:
        AudioError: it cannot be read.
    """
    system, path = opened(url)
    if _is_here(system):
        return Path(path)
    near = folder / f"song{PurePosixPath(path).suffix[:16]}"
    try:
        system.get_file(path, str(near))
    except OSError as error:
        raise AudioError(f"{url}: cannot be read ({error}); check its permissions") from error
    return near


def put(file: Path, place: str, target: str, *, sha256: str, may_replace: bool) -> None:
    """Put a file under its name, whole or not at all; again, and nothing changes.

    Args:
        file: here.
        place: the output folder, a path or a URL.
        target: relative to it.
        sha256: the file's.
        may_replace: whether another file may be there.

    Raises:
        OutputError: another file is there, or the place cannot be written to.
    """
    system, root = opened(place)
    path = f"{root}/{target}"
    try:
        if not may_replace and system.exists(path):
            if _digest_at(system, path) == sha256:
                return  # an earlier try got so far
            raise OutputError(
                f"{path}: exists already and no batch wrote it; use --force to replace, or -o"
            )
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
        protocols = system.protocol if isinstance(system.protocol, tuple) else (system.protocol,)
        if _WHOLE_PUTS.intersection(protocols):
            system.put_file(str(file), path)
            return
        partial = f"{root}/{PRIVATE}/staging/{uuid.uuid4().hex}"
        system.makedirs(partial.rpartition("/")[0], exist_ok=True)
        try:
            if _is_here(system):
                shutil.copyfile(file, partial)
                sync_file(Path(partial))
                Path(partial).replace(path)
                sync_folder(Path(path).parent)
            else:
                system.put_file(str(file), partial)
                system.mv(partial, path)
        except BaseException:
            if system.exists(partial):
                system.rm_file(partial)
            raise
    except OSError as error:
        raise OutputError(f"{path}: cannot write there ({error})") from error


def sweep_staging(place: str) -> None:
    """Remove what workers that died left half-written; none may be at work there."""
    system, root = opened(place)
    with suppress(OSError):
        system.invalidate_cache()
        system.rm(f"{root}/{PRIVATE}/staging", recursive=True)


def _digest_at(system: Any, path: str) -> str:
    if _is_here(system):
        return file_digest(Path(path))
    total = hashlib.sha256()
    with system.open(path, "rb") as file:
        while block := file.read(2**20):
            total.update(block)
    return total.hexdigest()


def _is_here(system: Any) -> bool:
    return isinstance(system, LocalFileSystem)
