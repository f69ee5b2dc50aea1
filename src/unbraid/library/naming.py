"""Names of the files that are written, from a template and a song's tags."""

import re
import string
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from unbraid.errors import UsageError

DEFAULT_TEMPLATE = "{track}/{stem}.{ext}"
FIELDS = ("track", "stem", "model", "ext", "title", "artist", "album")
MAX_BYTES = 255
"""Longest name of a file or folder on the file systems in use."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10)}


def check_template(template: str) -> None:
    """Refuse a template before any work is done.

    Raises:
        UsageError: it cannot be read, or has a field that does not exist or leads out of the
            output folder, or two stems would get one name.
    """
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise UsageError(f"cannot read the template {template!r}: {error}") from None
    for field in fields:
        if field not in FIELDS:
            raise UsageError(
                f"no field {{{field}}} in a template; choose from "
                + ", ".join(f"{{{name}}}" for name in FIELDS)
            )
    if "stem" not in fields:
        raise UsageError(f"the template {template!r} needs {{stem}}, or all stems get one name")
    if Path(template).is_absolute() or ".." in Path(template).parts:
        raise UsageError(f"the template {template!r} must stay in the output folder (see --out)")


def fill(template: str, values: Mapping[str, str]) -> Path:
    """A relative path from a template; every part of it is a name that any system takes.

    Args:
        template: checked by `check_template`.
        values: of the fields; an absent or empty tag reads "unknown".

    Returns:
        The path. Its last part keeps its extension however long the name was.
    """
    # A slash in a title must not make a folder; one in the template does.
    clean = {field: _FORBIDDEN.sub("_", values.get(field) or "unknown") for field in FIELDS}
    parts = template.format(**clean).split("/")
    return Path(*(_safe_name(part, is_file=part is parts[-1]) for part in parts if part))


def _safe_name(name: str, *, is_file: bool) -> str:
    name = unicodedata.normalize("NFC", _FORBIDDEN.sub("_", name)).strip()
    stem, dot, ending = name.rpartition(".") if is_file else (name, "", "")
    # Windows drops trailing dots and spaces; names of dots only mean folders.
    stem = stem.rstrip(". ") or "_"
    if stem.split(".")[0].lower() in _RESERVED:
        stem = f"_{stem}"
    suffix = dot + ending
    room = MAX_BYTES - len(suffix.encode())
    # A cut in the middle of a character leaves bytes that are no text: dropped.
    stem = stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") or "_"
    return stem + suffix
