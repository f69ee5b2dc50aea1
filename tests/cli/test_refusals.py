"""Bad input: one clear line, a non-zero exit, nothing lost, nothing half-written."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import Command, write_song


def partials(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if "unbraid-" in path.name]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (["gone.wav"], 1, "gone.wav: no such file"),
        (["."], 1, "is a folder"),
        (["empty.wav"], 1, "empty.wav: is empty"),
        (["text.mp3"], 1, "text.mp3: not a sound"),
        (["none.wav"], 1, "none.wav"),
        (["a.wav", "--stems", "vocals,guitar"], 2, "'guitar'; choose from vocals, drums, bass"),
        (["a.wav", "--stems", ""], 2, "name at least one stem"),
        (["a.wav", "--two-stems", "choir"], 2, "'choir'; choose from vocals"),
        (["a.wav", "--two-stems", "bass", "--stems", "bass"], 2, "not both"),
        (["a.wav", "--mix", "all-guitar"], 2, "choose from vocals, drums, bass, other, all"),
        (["a.wav", "--mix", "drums bass"], 2, "cannot read the mix"),
        (["a.wav", "--mix", "bass-bass"], 2, "nothing is left"),
        (["a.wav", "--stems", "bass", "--mix", "bass"], 2, "bass is asked for twice"),
        (["a.wav", "--format", "wma"], 2, "choose from wav, flac, mp3, m4a, opus"),
        (["a.wav", "--format", "mp3", "--depth", "24"], 2, "it is lossy"),
        (["a.wav", "--depth", "8"], 2, "choose from 16, 24, 32f"),
        (["a.wav", "--stem-mp4", "--depth", "32f"], 2, "choose from 16, 24"),
        (["a.wav", "--stem-mp4", "--format", "flac"], 2, "not both"),
        (["a.wav", "--stem-mp4", "--mix", "all-vocals"], 2, "holds all stems; leave out"),
        (["a.wav", "--rate", "48000"], 2, "choose from source, model"),
        (["a.wav", "--name", "{singer}/{stem}"], 2, "choose from {track}, {stem}, {model}"),
        (["a.wav", "--name", "{track}"], 2, "needs {stem}"),
        (["a.wav", "--name", "../{stem}"], 2, "output folder"),
        (["a.wav", "--name", "/tmp/{stem}"], 2, "output folder"),
        (["a.wav", "--name", "{stem"], 2, "cannot read the template"),
        (["a.wav", "--model", "huge-9"], 1, "huge-9: no such model; known: tiny"),
        (["a.wav", "--threads", "0"], 2, "--threads"),
        (["a.wav", "--speed", "9"], 2, "--speed"),
        ([], 2, "FILE..."),
        (["a.wav", "-o", "empty.wav"], 1, "cannot write there"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    unbraid: Command, here: Path, arguments: list[str], exit_code: int, says: str
) -> None:
    write_song("a.wav", seconds=1)
    Path("empty.wav").touch()
    Path("text.mp3").write_text("this is no music\n" * 50)
    soundfile.write("none.wav", np.zeros((0, 2)), 44_100)
    before = sorted(here.rglob("*"))
    found, out, err = unbraid("separate", *arguments)
    assert (found, out) == (exit_code, "")
    assert err.startswith("unbraid: ")
    assert len(err.splitlines()) == 1
    assert says in err
    assert sorted(here.rglob("*")) == before


def test_one_bad_file_does_not_stop_the_others(unbraid: Command) -> None:
    write_song("a.wav", seconds=1)
    Path("b.wav").write_bytes(b"RIFF")
    write_song("c.wav", seconds=1)
    exit_code, _, err = unbraid("separate", "a.wav", "b.wav", "c.wav")
    assert exit_code == 1
    assert "1 of 3 songs failed: b.wav" in err
    assert sorted(path.name for path in Path("separated").iterdir()) == ["a", "c"]


def test_nothing_is_replaced_without_force(unbraid: Command) -> None:
    write_song("a.wav", seconds=1)
    write_song("b.wav", seconds=1)
    Path("separated/b").mkdir(parents=True)
    Path("separated/b/bass.wav").write_text("mine")
    exit_code, _, err = unbraid("separate", "a.wav", "b.wav")
    assert exit_code == 1
    assert "separated/b/bass.wav: exists already" in err
    assert "--force" in err
    assert not Path("separated/a").exists()  # refused before any work
    assert Path("separated/b/bass.wav").read_text() == "mine"
    assert unbraid("separate", "a.wav", "b.wav", "--force")[0] == 0
    assert Path("separated/b/bass.wav").stat().st_size > 88_200


def test_two_songs_of_one_name_are_refused_before_any_work(unbraid: Command) -> None:
    Path("x").mkdir()
    write_song("a.wav", seconds=1)
    write_song("x/a.flac", seconds=1)
    exit_code, _, err = unbraid("separate", "a.wav", "x/a.flac")
    assert exit_code == 2
    assert "a.wav and x/a.flac would both be written" in err
    assert not Path("separated").exists()


def test_a_song_is_never_written_over_itself(unbraid: Command) -> None:
    write_song("vocals.wav", seconds=1)
    before = Path("vocals.wav").read_bytes()
    exit_code, _, err = unbraid("separate", "vocals.wav", "-o", ".", "--name", "{stem}", "--force")
    assert exit_code == 2
    assert "is one of the inputs" in err
    assert Path("vocals.wav").read_bytes() == before


def test_a_cut_off_song_gives_what_decodes_and_a_warning(unbraid: Command) -> None:
    song = write_song("a.wav", seconds=4)
    song.write_bytes(song.read_bytes()[: 2 * 44_100 * 4])
    exit_code, out, _ = unbraid("separate", "a.wav")
    assert exit_code == 0
    assert "warning: " in out
    assert soundfile.info("separated/a/bass.wav").frames == pytest.approx(2 * 44_100, abs=20)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda whole: whole[: len(whole) // 2], "cut short"),
        (lambda whole: whole.replace(b"unbraid.card", b"somebody.els"), "carries no unbraid card"),
        (lambda whole: whole.replace(b'"n_frames": 192', b'"n_frames": 128'), "export the model"),
        (lambda whole: b"not a model at all", "not an ONNX model"),
    ],
)
def test_a_damaged_model_is_refused(
    unbraid: Command, here: Path, damage: object, says: str
) -> None:
    write_song("a.wav", seconds=1)
    whole = (here / "models" / "tiny" / "all.onnx").read_bytes()
    assert callable(damage)
    Path("bad.onnx").write_bytes(damage(whole))
    exit_code, _, err = unbraid("separate", "a.wav", "--model", "bad.onnx")
    assert exit_code == 1
    assert len(err.splitlines()) == 1
    assert says in err
    assert not Path("separated").exists()


def test_an_unforeseen_failure_is_one_line_and_debug_shows_where(
    unbraid: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the moon\nis blue")

    write_song("a.wav", seconds=1)
    monkeypatch.setattr("unbraid.library.song.separate", fail)
    exit_code, _, err = unbraid("separate", "a.wav")
    assert exit_code == 1
    assert err.splitlines() == [err.rstrip("\n")]
    assert "RuntimeError: the moon is blue" in err
    assert "UNBRAID_DEBUG=1" in err
    assert not partials(Path())
    monkeypatch.setenv("UNBRAID_DEBUG", "1")
    assert "Traceback" in unbraid("separate", "a.wav")[2]
