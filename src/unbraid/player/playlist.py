"""The songs that are played, in order: added, moved, removed and remembered."""

import json
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from unbraid.audio.partials import partial_path
from unbraid.errors import OutputError, UsageError
from unbraid.library.inputs import find_inputs


@dataclass(frozen=True, slots=True)
class Item:
    """One song of the list.

    Attributes:
        path: absolute.
        serial: of its own, whatever place it has; equal songs added twice have two.
        title, artist: from its tags once it was opened; the file's name and nothing before.
        duration_s: None before it was opened.
        problem: why it cannot be played; None if it can, as far as is known.
    """

    path: Path
    serial: int
    title: str
    artist: str = ""
    duration_s: float | None = None
    problem: str | None = None


class Playlist:
    """Songs in playing order. May be used by several threads: `items` is replaced, never changed.

    Args:
        paths: as `add` takes them.
    """

    def __init__(self, paths: Iterable[str | Path] = ()) -> None:
        self.items: tuple[Item, ...] = ()
        self.index = -1
        """The item that plays, or is to be played first; -1 if there is none."""
        self.changes = 0
        """Grows whenever `items` or `index` changes."""
        self._serial = 0
        self._lock = threading.RLock()
        self.add(paths)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def current(self) -> Item | None:
        """The item at `index`."""
        items, index = self.items, self.index
        return items[index] if 0 <= index < len(items) else None

    def add(self, paths: Iterable[str | Path], at: int | None = None) -> list[str]:
        """Add songs: files, folders with all below, globs and m3u playlists.

        Folders are searched before it returns: a large one takes a while, so an interface calls
        this from a thread of its own.

        Args:
            paths: what to add, in this order.
            at: the index of the first that is added; None for the end.

        Returns:
            A line for each thing that could not be looked into, naming it and the remedy.
        """
        found = find_inputs([str(path) for path in paths])
        with self._lock:
            new = []
            for song in found.songs:
                new.append(Item(song.path, self._serial, song.path.stem))
                self._serial += 1
            place = len(self.items) if at is None else min(max(0, at), len(self.items))
            index = self.index + len(new) if 0 <= place <= self.index else self.index
            if index < 0 and new:
                index = 0
            self._set((*self.items[:place], *new, *self.items[place:]), index)
        return list(found.problems.values())

    def remove(self, index: int) -> None:
        """Take one out. If it is the current one, the next becomes current (and plays on as it is
        until something else is opened).

        Raises:
            UsageError: there is no such item.
        """
        with self._lock:
            self._check(index)
            items = self.items[:index] + self.items[index + 1 :]
            kept = self.index - (index < self.index)
            self._set(items, min(kept, len(items) - 1))

    def move(self, index: int, to: int) -> None:
        """Move one so that it has the index `to`; the current one stays current.

        Raises:
            UsageError: there is no such item or place.
        """
        with self._lock:
            self._check(index)
            self._check(to)
            items = list(self.items)
            current = self.current
            items.insert(to, items.pop(index))
            self._set(tuple(items), items.index(current) if current in items else self.index)

    def clear(self) -> None:
        """Take all out."""
        with self._lock:
            self._set((), -1)

    def select(self, index: int) -> None:
        """Make one current; the player does so when it opens it.

        Raises:
            UsageError: there is no such item.
        """
        with self._lock:
            self._check(index)
            self._set(self.items, index)

    def place_of(self, serial: int) -> int | None:
        """The index that an item has now; None if it was removed."""
        for index, item in enumerate(self.items):
            if item.serial == serial:
                return index
        return None

    def tell(
        self,
        serial: int,
        *,
        title: str = "",
        artist: str = "",
        duration_s: float | None = None,
        problem: str | None = None,
    ) -> None:
        """Note what was learnt about an item when it was opened; nothing if it was removed."""
        with self._lock:
            index = self.place_of(serial)
            if index is None:
                return
            old = self.items[index]
            new = replace(
                old,
                title=title or old.title,
                artist=artist or old.artist,
                duration_s=duration_s if duration_s is not None else old.duration_s,
                problem=problem,
            )
            if new != old:
                self._set((*self.items[:index], new, *self.items[index + 1 :]), self.index)

    def save(self, path: Path) -> None:
        """Write paths and index as JSON; whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        items, index = self.items, self.index
        text = json.dumps({"songs": [os.fsdecode(item.path) for item in items], "index": index})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = partial_path(path, path.name)
            # File names need not be text: what is none is kept by escapes.
            partial.write_text(text, encoding="utf-8", errors="surrogateescape")
            partial.replace(path)
        except OSError as error:
            raise OutputError(
                f"{path}: cannot be written ({error.strerror}); check its folder"
            ) from error

    @classmethod
    def load(cls, path: Path) -> "Playlist":
        """A list that was saved; an empty one if there is none or it is damaged.

        Songs that are gone stay in it, with a `problem`: a disk may only be unplugged.
        """
        playlist = cls()
        try:
            saved = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
            songs = [Path(song) for song in saved["songs"]]
            index = int(saved["index"])
        except (OSError, ValueError, TypeError, KeyError):
            return playlist
        gone = "no such file; check the disk it was on"
        playlist.items = tuple(
            Item(song, serial, song.stem, problem=None if song.is_file() else f"{song}: {gone}")
            for serial, song in enumerate(songs)
        )
        playlist._serial = len(songs)
        playlist.index = min(max(0, index), len(songs) - 1)
        return playlist

    def restore(self, path: Path) -> None:
        """Go on with the list that was saved, in place of the songs here; see `load`."""
        saved = Playlist.load(path)
        with self._lock:
            items = [replace(item, serial=item.serial + self._serial) for item in saved.items]
            self._serial += len(items)
            self._set(tuple(items), saved.index)

    def _set(self, items: tuple[Item, ...], index: int) -> None:
        self.items, self.index = items, index
        self.changes += 1

    def _check(self, index: int) -> None:
        if not 0 <= index < len(self.items):
            raise UsageError(f"the list has {len(self.items)} songs, none with the index {index}")
