"""LMMS projects with some of their tracks muted."""

import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from unbraid.errors import TrainingError
from unbraid.training.data import lmms
from unbraid.training.data.lmms import missing_lmms, render_project
from unbraid.training.data.sources import SOURCES
from unbraid.training.data.sources.lmms_projects import FOLDER, PROJECTS

PROJECT = b"""<lmms-project><head bpm="120" masterpitch="0"/><song><trackcontainer>
<track type="1" name="Beat"/><track type="0" name="Bass"/><track type="0" name="Pad" muted="1"/>
<track type="5" name="Automation"/></trackcontainer></song></lmms-project>"""


@pytest.mark.parametrize("suffix", [".mmp", ".mmpz"])
def test_all_but_the_chosen_tracks_are_muted(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"song{suffix}"
    packed = len(PROJECT).to_bytes(4, "big") + zlib.compress(PROJECT)
    path.write_bytes(PROJECT if suffix == ".mmp" else packed)
    changed = ElementTree.fromstring(lmms._changed(path, ["Bass", "Pad"], 1.1, -3))
    muted = {track.get("name"): track.get("muted") for track in changed.iter("track")}
    assert muted == {"Beat": "1", "Bass": None, "Pad": "1", "Automation": None}
    head = changed.find("head")
    assert head is not None
    assert (head.get("bpm"), head.get("masterpitch")) == ("132", "-3")


@pytest.mark.parametrize("content", [b"no project", b"<lmms-project/>", PROJECT[:60]])
def test_what_is_no_project_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "song.mmp"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"song\.mmp: is no LMMS project"):
        lmms._changed(path, [], 1.0, 0)


def test_a_track_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "song.mmp"
    path.write_bytes(PROJECT)
    with pytest.raises(TrainingError, match="no track called Piano"):
        lmms._changed(path, ["Piano"], 1.0, 0)


@pytest.mark.slow
@pytest.mark.skipif(missing_lmms() is not None, reason=str(missing_lmms()))
def test_tracks_rendered_apart_sum_to_the_whole() -> None:
    pytest.importorskip("soundfile")
    if SOURCES["lmms"].missing(None):
        pytest.skip(str(SOURCES["lmms"].missing(None)))
    project = PROJECTS["skank"]
    kinds = (project.drums, project.bass, project.other)
    try:
        apart = [render_project(FOLDER / project.file, heard) for heard in kinds]
        whole = render_project(FOLDER / project.file, sum(kinds, ()))
    except TrainingError as error:
        if "died with" not in str(error):
            raise
        pytest.skip(str(error))  # a crash of LMMS' own, thrice
    n_samples = min(sound.shape[1] for sound in (*apart, whole))
    error = sum(sound[:, :n_samples] for sound in apart) - whole[:, :n_samples]
    assert np.sqrt(np.mean(np.square(error))) < 1e-5 * np.sqrt(np.mean(np.square(whole)))
