"""Names of the files that are written, from a template and a song's tags."""

import os
import re
import string
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePath

from unbraid.errors import UsageError

DEFAULT_TEMPLATE = "{track}/{stem}.{ext}"
STEM_FILE_TEMPLATE = "{track}.{ext}"
"""Of songs that become one file."""
FIELDS = ("track", "stem", "model", "ext", "title", "artist", "album")
MAX_BYTES = 255
"""Longest name of a file or folder on the file systems in use."""

_NEVER_SHORTENED = ("stem", "ext")
_TELLING = ("track", "title", "album", "artist")
_MARKED = 120  # bytes left of a name that gets a mark
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"
}


def check_template(template: str, *, n_files: int = 2) -> None:
    """Refuse a template before any work is done.

    Args:
        template: what names files.
        n_files: that a song becomes; several need names of their own.

    Raises:
        UsageError: it cannot be read, or has a field that does not exist or leads out of the
            output folder, or two stems would get one name.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f"cannot read the template {template!r}: {error}") from None
    fields = [field for _, field, _, _ in parts if field is not None]
    for field in fields:
        if field not in FIELDS:
            raise UsageError(
                f"no field {{{field}}} in a template; choose from "
                + ", ".join(f"{{{name}}}" for name in FIELDS)
            )
    if any(form or conversion for _, _, form, conversion in parts):
        raise UsageError(f"the template {template!r} formats a field; write {{track}} and so on")
    if "stem" not in fields and n_files > 1:
        raise UsageError(f"the template {template!r} needs {{stem}}, or all stems get one name")
    folders = re.split(r"[/\\]", template)
    if template[0] in "/\\" or ":" in folders[0] or ".." in folders or not folders[-1]:
        raise UsageError(f"the template {template!r} must name a file in the output folder (--out)")


def fill(template: str, values: Mapping[str, str]) -> Path:
    """A relative path from a template; every part of it is a name that any system takes.

    Args:
        template: checked by `check_template`; ".{ext}" is added if it does not end in it.
        values: of the fields; an absent or empty tag reads "unknown".

    Returns:
        The path. Long names are shortened at track, title, artist, album or model, so that each
        stem's stays its own.
    """
    if not template.endswith(".{ext}"):
        template += ".{ext}"
    # A slash in a title must not make a folder; one in the template does.
    clean = {field: _plain(values.get(field) or "unknown") for field in FIELDS}
    parts = [part for part in re.split(r"[/\\]", template) if part]
    return Path(*(_fitted(part, clean) for part in parts))


def fold(path: PurePath) -> bytes:
    """The same for all names that some file system takes for one: case, and how accents are made.

    Bytes, for names need not be text.
    """
    folded = unicodedata.normalize("NFC", path.as_posix()).casefold()
    return unicodedata.normalize("NFC", folded).encode("utf-8", "surrogatepass")


def mirrored(folder: PurePath) -> Path:
    """A relative folder under names that any system takes."""
    parts = (_safe(_plain(part)) for part in folder.parts)
    return Path(*(_cut(part, MAX_BYTES) for part in parts))


def numbered(template: str, values: Mapping[str, str], ending: str, n: int) -> Mapping[str, str]:
    """Values that tell a song from others of the same name: "Song", "Song (mp3)", "Song (mp3 2)".

    Args:
        template: one of whose fields is changed: track if it is there, else title, album, artist.
        values: of its fields.
        ending: of the song's file, without its dot.
        n: 0 for the plain name, then 1, 2, and so on.

    Raises:
        UsageError: no field tells songs apart.
    """
    if n == 0:
        return values
    field = next((f for f in _TELLING if f"{{{f}}}" in template), None)
    if field is None:
        raise UsageError(f"the template {template!r} names all songs alike; add {{track}} to it")
    mark = f"({ending} {n})" if n > 1 else f"({ending})"
    # Shortened first, so that the mark is not what is cut off.
    return {**values, field: f"{_cut(_plain(values.get(field) or 'unknown'), _MARKED)} {mark}"}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", _FORBIDDEN.sub("_", text)).strip()


def _fitted(part: str, values: Mapping[str, str]) -> str:
    """One part of the template as a name of at most MAX_BYTES; no character is cut in two."""
    room = MAX_BYTES
    while True:
        short = {
            field: value if field in _NEVER_SHORTENED else _cut(value, room)
            for field, value in values.items()
        }
        name = _safe(part.format(**short))
        excess = len(os.fsencode(name)) - MAX_BYTES
        if excess <= 0:
            return name
        if room == 0:  # the template itself, or a mix of many stems, is that long
            stem, dot, ending = name.rpartition(".")
            return _cut(stem, MAX_BYTES - len(os.fsencode(dot + ending))) + dot + ending
        room = max(0, min(room, MAX_BYTES) - excess)


def _cut(text: str, n_bytes: int) -> str:
    encoded = os.fsencode(text)
    return text if len(encoded) <= n_bytes else encoded[:n_bytes].decode("utf-8", "ignore").rstrip()


def _safe(name: str) -> str:
    """Without what Windows refuses or drops; names of dots only, which mean folders, too."""
    name = _FORBIDDEN.sub("_", name).strip().rstrip(". ") or "_"
    return f"_{name}" if name.split(".")[0].rstrip().lower() in _RESERVED else name
