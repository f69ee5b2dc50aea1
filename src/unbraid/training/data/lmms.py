"""LMMS projects, some of their tracks at a time.

The others are muted in a copy of the project and one render is made a stem; `lmms rendertracks`
goes through the whole project once for every track.
"""

import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Collection
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from unbraid.errors import TrainingError
from unbraid.training.data.pool import RATE, Samples

PACKAGES = "lmms lmms-common"
HEARD = ("0", "1", "2")  # instruments, beats, samples; the other types are automation
PATIENCE_S = 600.0

TRIES = 3
"""LMMS crashes now and then, and renders the same project the next time."""


def missing_lmms() -> str | None:
    """What to install to render projects; None if it is here."""
    return None if shutil.which("lmms") else f"apt-get install {PACKAGES}"


def render_project(
    path: Path, heard: Collection[str], *, tempo: float = 1.0, semitones: int = 0
) -> Samples:
    """Sound of some tracks, (2, n_samples).

    Args:
        path: the project, .mmp or .mmpz.
        heard: names of the tracks that sound; one that the project mutes stays muted.
        tempo: 1.1 plays it 10 % faster, to a whole beat a minute.
        semitones: that much higher.

    Raises:
        TrainingError: LMMS is missing, or it cannot render the project.
    """
    program = shutil.which("lmms")
    if program is None:
        raise TrainingError(f"lmms is missing: apt-get install {PACKAGES}")
    project = _changed(path, heard, tempo, semitones)
    with tempfile.TemporaryDirectory(prefix="unbraid-lmms-") as folder:
        changed, sound = Path(folder, "project.mmp"), Path(folder, "sound.wav")
        changed.write_bytes(project)
        root = ["--allowroot"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        where = ["-o", str(sound), "-f", "wav", "-s", str(RATE), "-a"]
        command = [program, *root, "render", str(changed), *where]
        # Its settings go where they are thrown away, and no display is asked for.
        environment = os.environ | {"HOME": folder, "QT_QPA_PLATFORM": "offscreen"}
        try:
            for n_left in reversed(range(TRIES)):
                done = subprocess.run(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=PATIENCE_S,
                    check=not n_left,
                )
                if done.returncode == 0:
                    break
        except (OSError, subprocess.SubprocessError) as error:
            raise TrainingError(f"{path}: lmms cannot render it: {error}") from None
        return _read(sound, path)


def _changed(path: Path, heard: Collection[str], tempo: float, semitones: int) -> bytes:
    """The project as XML, with all but some tracks muted."""
    content = path.read_bytes()
    try:
        if path.suffix == ".mmpz":
            content = zlib.decompress(content[4:])  # Qt puts the length in front
        project = ElementTree.fromstring(content)
    except (zlib.error, ElementTree.ParseError) as error:
        raise TrainingError(f"{path}: is no LMMS project: {error}") from None
    head, container = project.find("head"), project.find("song/trackcontainer")
    if head is None or container is None:
        raise TrainingError(f"{path}: is no LMMS project: it has no head or no tracks")
    tracks = [track for track in container.findall("track") if track.get("type") in HEARD]
    if absent := set(heard) - {track.get("name") for track in tracks}:
        raise TrainingError(f"{path}: has no track called {', '.join(sorted(absent))}")
    for track in tracks:
        if track.get("name") not in heard:
            track.set("muted", "1")
    head.set("bpm", str(round(float(head.get("bpm", "140")) * tempo)))
    head.set("masterpitch", str(int(head.get("masterpitch", "0")) + semitones))
    return ElementTree.tostring(project)


def _read(sound: Path, project: Path) -> Samples:
    import soundfile

    try:
        samples, rate = soundfile.read(sound, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError):
        raise TrainingError(f"{project}: lmms wrote no sound of it") from None
    if rate != RATE or samples.shape[1] != 2 or not np.isfinite(samples).all():
        raise TrainingError(f"{project}: lmms wrote something else than stereo at {RATE} Hz")
    return np.ascontiguousarray(samples.T)
