"""What a user names for a batch: folders, globs, playlists and lists, to the songs in them."""

import glob
import os
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

PLAYLISTS = (".m3u", ".m3u8")
MAX_PLAYLIST_BYTES = 64 * 2**20
SONGS = frozenset(
    f".{ending}"
    for endings in (
        "aac ac3 aif aifc aiff alac amr ape au caf dsf flac m4a m4b mka mp2 mp3 mpc oga ogg opus",
        "spx tak tta w64 wav wave weba wma wv",
        "avi flv m4v mkv mov mp4 mpeg mpg webm wmv",
    )
    for ending in endings.split()
)
"""Endings taken for songs in a folder; a file that is named itself may have any."""


@dataclass(frozen=True, slots=True)
class Input:
    """A song to be.

    Attributes:
        path: absolute; links are not resolved.
        folder: where its stems go, relative to the output folder.
        root: the folder that was searched for it; if that is gone, so are all its songs. None
            for one that was named itself or by a list.
    """

    path: Path
    folder: PurePath
    root: Path | None = None


@dataclass(slots=True)
class Found:
    """Songs in the order they were named, each once, and what could not be looked into."""

    songs: list[Input] = field(default_factory=list)
    problems: dict[Path, str] = field(default_factory=dict)
    n_others: int = 0  # files in folders that do not look like songs


def find_inputs(
    named: Iterable[str], *, without: Path | None = None, lines: Iterable[bytes] = ()
) -> Found:
    """Find the songs that were named.

    A folder is searched to its depths, links followed, each real folder once; hidden files are
    left out. Its songs keep their place below it. A glob's keep theirs below the part without
    wildcards, a playlist's below the playlist's folder, a list's below the current folder; what
    lies elsewhere, and songs named by themselves, go without a folder.

    Args:
        named: folders, files, globs and playlists (m3u, m3u8); "-" stands for `lines`.
        without: the output folder, whose stems are no songs.
        lines: paths, one a line, as read from stdin.
    """
    finder = _Finder(without)
    for name in named:
        if name == "-":
            here = Path.cwd()
            for line in lines:
                text = os.fsdecode(line.rstrip(b"\r\n"))
                if text:
                    finder.add(text, below=here)
        else:
            finder.add(name)
    return finder.found


class _Finder:
    def __init__(self, without: Path | None) -> None:
        self.found = Found()
        self._seen: set[Path] = set()
        self._without = _identity(without) if without is not None else None

    def add(self, name: str, *, below: Path | None = None) -> None:
        path = Path(name).expanduser()
        try:
            if path.is_dir():
                self._add_folder(path, _place(path, below))
            elif path.exists():
                self._add_file(path, below)
            elif glob.has_magic(name):
                self._add_glob(str(path))
            else:
                self._problem(path, "no such file or folder; check the spelling and the disk")
        except (OSError, ValueError) as error:
            self._problem(path, f"{_reason(error)}; check its name and permissions")

    def _add_file(self, path: Path, below: Path | None) -> None:
        if path.suffix.lower() not in PLAYLISTS:
            self._song(path, _place(path, below).parent)
            return
        if path.stat().st_size > MAX_PLAYLIST_BYTES:
            self._problem(path, "is too large for a playlist; name the songs' folder")
            return
        folder = path.absolute().parent
        for line in playlist_entries(path.read_bytes()):
            entry = _entry_path(line, folder)
            if entry is None:
                self._problem(Path(line), f"in {path.name}: is no local file; download it first")
            elif entry.suffix.lower() in PLAYLISTS:
                self._problem(entry, f"in {path.name}: is a playlist itself; name it apart")
            elif entry.is_file():
                self._song(entry, _place(entry, folder).parent)
            else:
                self._problem(entry, f"in {path.name}: no such file; update the playlist")

    def _add_glob(self, pattern: str) -> None:
        fixed = Path(*_before(Path(pattern).parts))
        # Unlike pathlib's, it leaves hidden files alone.
        matches = sorted(glob.iglob(pattern, recursive=True), key=os.fsencode)  # noqa: PTH207
        for match in map(Path, matches):
            if match.is_dir():
                if not pattern.endswith("**"):  # which names each folder's files itself
                    self._add_folder(match, _place(match, fixed))
            elif match.suffix.lower() in SONGS:
                self._song(match, _place(match, fixed).parent, fixed)
            else:
                self.found.n_others += 1
        if not matches:
            self._problem(Path(pattern), "nothing has such a name; check the pattern")

    def _add_folder(self, root: Path, place: PurePath) -> None:
        """Songs below a folder; `place` is empty for one that was named itself."""
        for path in self._walk(root):
            if path.suffix.lower() in SONGS:
                self._song(path, place / path.relative_to(root).parent, root)
            else:
                self.found.n_others += 1

    def _walk(self, root: Path) -> Iterator[Path]:
        seen: set[tuple[int, int]] = set()

        def tell(error: OSError) -> None:
            self._problem(Path(error.filename), f"{_reason(error)}; check its permissions")

        for folder, folders, files in os.walk(root, followlinks=True, onerror=tell):
            try:
                identity = _identity(Path(folder))
            except OSError as error:
                tell(error)
                continue
            if identity in seen or identity == self._without:
                folders.clear()  # a loop of links, or our own stems
                continue
            if identity is not None:
                seen.add(identity)
            folders[:] = sorted((f for f in folders if not f.startswith(".")), key=os.fsencode)
            for file in sorted(files, key=os.fsencode):
                if not file.startswith("."):
                    yield Path(folder, file)

    def _song(self, path: Path, folder: PurePath, root: Path | None = None) -> None:
        path = path.absolute()
        if path not in self._seen:
            self._seen.add(path)
            self.found.songs.append(Input(path, folder, root.absolute() if root else None))

    def _problem(self, path: Path, reason: str) -> None:
        self.found.problems.setdefault(path, f"{path}: {reason}")


def playlist_entries(content: bytes) -> list[str]:
    """The entries of an m3u or m3u8 playlist, without its comments.

    UTF-8 with or without its mark; what is no UTF-8 is read as Windows' western Europe, which
    older programs write.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    entries = (line.strip() for line in text.splitlines())
    return [entry for entry in entries if entry and not entry.startswith("#") and "\0" not in entry]


def _entry_path(line: str, folder: Path) -> Path | None:
    """Where an entry points; None if that is no local file."""
    scheme, separator, rest = line.partition("://")
    if separator:
        host, slash, path = rest.partition("/")
        if scheme.lower() != "file" or host not in ("", "localhost") or not slash:
            return None
        return Path(urllib.parse.unquote(slash + path))
    path_ = folder / line
    if "\\" in line and not path_.exists():
        path_ = folder / line.replace("\\", "/")
    return Path(os.path.normpath(path_))


def _place(path: Path, below: Path | None) -> PurePath:
    """A path below a folder, or without folders if it is not there."""
    if below is None:
        return PurePath(path.name) if path.is_file() else PurePath()
    absolute = Path(os.path.normpath(path.absolute()))
    base = Path(os.path.normpath(below.absolute()))
    if absolute.is_relative_to(base):
        return absolute.relative_to(base)
    return PurePath(absolute.name)


def _before(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The parts before the first with a wildcard."""
    for index, part in enumerate(parts):
        if glob.has_magic(part):
            return parts[:index]
    return parts


def _identity(path: Path) -> tuple[int, int] | None:
    """Tells a folder under any name; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
