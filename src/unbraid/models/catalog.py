"""Which models there are: shipped with the package, the user's own, or named by path.

A model set is a folder of `.onnx` files whose cards share a name and a spec and together give the
four stems, or a single such file.
"""

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from unbraid.errors import ModelError
from unbraid.models.manifest import Card
from unbraid.models.session import read_card
from unbraid.spec import Spec

DEFAULT_MODEL = "strands"
SHIPPED = Path(__file__).parent / "weights"
CHECKSUMS = "SHA256SUMS.json"
"""Beside shipped sets: file name to SHA-256, checked whenever a shipped set is opened."""

MAX_MODEL_BYTES = 2 * 1024**3
"""A protobuf cannot be larger; a file that is, is no model."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model set."""

    name: str
    path: Path  # the folder, or the single file
    files: tuple[Path, ...]
    cards: tuple[Card, ...]
    origin: Literal["shipped", "user", "file"]

    @property
    def spec(self) -> Spec:
        return self.cards[0].spec

    @property
    def n_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.files)

    @property
    def sha256(self) -> str:
        """Of the files' contents in the order of their names; names a set's exact numbers."""
        total = hashlib.sha256()
        for file in self.files:
            total.update(bytes.fromhex(file_sha256(file)))
        return total.hexdigest()


def user_models() -> Path:
    """Where the user's own sets lie: `$UNBRAID_MODELS`, or the platform's data folder."""
    named = os.environ.get("UNBRAID_MODELS")
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "unbraid" / "models"


def catalog() -> list[ModelEntry]:
    """Every set that can be asked for by name; the user's come first and win.

    A damaged set of the user's is left out here and explained by `find_model`.
    """
    found: dict[str, ModelEntry] = {}
    origins: tuple[tuple[Path, Literal["user", "shipped"]], ...] = (
        (user_models(), "user"),
        (SHIPPED, "shipped"),
    )
    for folder, origin in origins:
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if not path.is_dir() and path.suffix != ".onnx":
                continue
            try:
                entry = open_set(path, origin)
            except ModelError:
                continue
            found.setdefault(entry.name, entry)
    return list(found.values())


def find_model(name_or_path: str | Path | None = None) -> ModelEntry:
    """One set, by its name in the catalogue, its folder or its file; None is the default.

    Raises:
        ModelError: there is none, or it is damaged; the message says which and what to do.
    """
    wanted = str(name_or_path or DEFAULT_MODEL)
    for folder, origin in ((user_models(), "user"), (SHIPPED, "shipped")):
        for path in (folder / wanted, folder / f"{wanted}.onnx"):
            # A name only: "a/b" or ".." must not walk out of the catalogue's folders.
            if Path(wanted).name == wanted and path.exists():
                return open_set(path, "user" if origin == "user" else "shipped")
    path = Path(wanted)
    if path.exists():
        return open_set(path, "file")
    names = ", ".join(entry.name for entry in catalog()) or "none installed"
    raise ModelError(f"{wanted}: no such model; known: {names}; or give the path of an .onnx file")


def open_set(path: Path, origin: Literal["shipped", "user", "file"]) -> ModelEntry:
    """Read and check the cards of a set; weights are not loaded yet.

    Raises:
        ModelError: no graphs, damaged ones, cards that do not fit each other, or a shipped file
            that is not the one that was shipped.
    """
    files = tuple(sorted(path.glob("*.onnx"))) if path.is_dir() else (path,)
    if not files:
        raise ModelError(f"{path}: holds no .onnx file; give the folder of a model set")
    for file in files:
        try:
            size = file.stat().st_size
        except OSError as error:
            raise ModelError(f"{file}: cannot be read: {error.strerror}") from None
        if not 0 < size <= MAX_MODEL_BYTES:
            raise ModelError(f"{file}: is not a model file ({size} bytes); download it again")
    if origin == "shipped":
        _check_shipped(path, files)
    cards = tuple(read_card(file, file_sha256(file)) for file in files)
    first = cards[0]
    for file, card in zip(files, cards, strict=True):
        if (card.name, card.spec, card.set_stems) != (first.name, first.spec, first.set_stems):
            raise ModelError(f"{file}: belongs to another set than {files[0].name}; separate them")
    stems = [stem for card in cards for stem in card.stems]
    if len(stems) != len(set(stems)):
        raise ModelError(f"{path}: a stem comes from two graphs; keep one file for each stem")
    # `other` may be left to the residual rule.
    lacking = set(first.set_stems) - set(stems) - {"other"}
    if lacking:
        names = ", ".join(sorted(lacking))
        raise ModelError(f"{path}: no graph gives {names}; the set is incomplete")
    return ModelEntry(first.name, path, files, cards, origin)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex; remembered while the file's size and time stay."""
    try:
        status = path.stat()
        return _sha256(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_shipped(path: Path, files: tuple[Path, ...]) -> None:
    folder = path if path.is_dir() else path.parent
    try:
        expected: dict[str, Any] = dict(json.loads((folder / CHECKSUMS).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        expected = {}
    for file in files:
        if expected.get(file.name) != file_sha256(file):
            raise ModelError(
                f"{file}: is not the file that was shipped (SHA-256 differs); "
                "reinstall unbraid, or keep your own models in " + str(user_models())
            )
