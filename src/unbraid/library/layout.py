"""Who gets which files in the output folder: no two songs one, and the same ones in every run."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

from unbraid.errors import UsageError
from unbraid.library.inputs import Input
from unbraid.library.naming import fold, mirrored, numbered
from unbraid.library.song import SongOptions, song_targets

Targets = dict[str, Path]
"""A song's files by output, relative to the output folder."""

_MOST_ALIKE = 10_000


class Layout:
    """Gives each song its files, in the order the songs are asked for.

    A name that another song has, in this run or from an earlier one, is marked with the song's
    ending and a number: "Song", "Song (mp3)", "Song (mp3 2)". Names that differ only in case or
    in how accents are made count as one, for some file systems take them for one.

    Args:
        model: the model's name, for templates.
        options: what is written for each song.
        is_taken: whether a file, folded, is another song's from an earlier run.
    """

    def __init__(
        self, model: str, options: SongOptions, is_taken: Callable[[Input, bytes], bool]
    ) -> None:
        self._model = model
        self._options = options
        self._is_taken = is_taken
        self._owned: set[bytes] = set()

    def place(self, song: Input, tags: Mapping[str, str]) -> Targets:
        """The files of a song.

        Args:
            song: where it lies.
            tags: its tags, if the template has any of their fields; else none.

        Raises:
            UsageError: the template names too many songs alike.
        """
        folder = mirrored(song.folder)
        ending = song.path.suffix.lstrip(".").lower() or "file"
        known = {key.lower(): value for key, value in tags.items()} | {"track": song.path.stem}
        template = self._options.template
        for n in range(_MOST_ALIKE):
            values = numbered(template, known, ending, n)
            files = song_targets(values["track"], values, self._model, self._options)
            targets = {
                output: folder / file.relative_to(self._options.folder)
                for output, file in files.items()
            }
            folded = {fold(target) for target in targets.values()}
            if self._owned.isdisjoint(folded) and not any(
                self._is_taken(song, target) for target in folded
            ):
                self._owned |= folded
                return targets
        raise UsageError(f"{song.path}: thousands of songs have its name; add {{track}} to --name")


def needs_tags(template: str) -> bool:
    """Whether a song's files can be named only when its tags are known."""
    return any(f"{{{field}}}" in template for field in ("title", "artist", "album"))


def is_inside(target: PurePath) -> bool:
    """Whether a relative path stays in the folder it is relative to."""
    parts = target.parts
    is_path = bool(parts) and "\0" not in str(target)
    return is_path and not target.is_absolute() and ".." not in parts
