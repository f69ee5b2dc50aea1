"""The same batch on Ray: real ones of this machine's own, and an object store of moto's."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import write_song
from unbraid.library.batch import run_batch
from unbraid.library.events import BatchProgress, SongEvent, Summary
from unbraid.library.inputs import find_inputs
from unbraid.library.jobs import PRIVATE
from unbraid.library.song import SongOptions
from unbraid.library.work import Work
from unbraid.library.worker import Limits, Setup
from unbraid.models.catalog import find_model
from unbraid.separation.outputs import stem_outputs

pytestmark = [
    pytest.mark.slow,
    # Ray's own.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(autouse=True)
def _ray() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="the cluster extra is not installed")
    pytest.importorskip("fsspec", reason="the cluster extra is not installed")
    yield
    ray.shutdown()


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "disc").mkdir(parents=True)
    for number in range(8):
        write_song(
            str(folder / ("disc" if number % 2 else "") / f"{number}.wav"), seconds=8 + number
        )
    (folder / os.fsdecode(b"caf\xe9.wav")).write_bytes((folder / "0.wav").read_bytes()[:100_000])
    return folder


def setup_for(model: Path, out: Path) -> tuple[Work, Setup]:
    options = SongOptions(stem_outputs("vocals,bass"), out)
    work = Work("tiny", find_model(model).sha256, options)
    return work, Setup(str(model), 1, Limits())


def run_local(music: Path, out: Path, model: Path) -> Summary:
    work, setup = setup_for(model, out)
    return run_batch(find_inputs([str(music)]), work, setup, n_jobs=2)


def run_ray(music: str, out: str, model: Path, **options: object) -> Summary:
    from unbraid.library.cluster import run_cluster
    from unbraid.library.remote import find_anywhere

    songs, problems = find_anywhere([music], without=out)
    work, setup = setup_for(model, Path("unused"))
    return run_cluster("local", songs, problems, out, work, setup, n_jobs=2, **options)


def tree(folder: Path) -> dict[bytes, bytes]:
    return {
        os.fsencode(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and PRIVATE not in path.parts
    }


def actors() -> list[int]:
    """Processes of Ray's that separate, below this one."""
    parents, found = {}, []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
                if b"SongActor" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue

    def is_ours(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and is_ours(parents[pid]))

    return [pid for pid in found if is_ours(pid)]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds workers in /proc")
def test_with_one_of_two_workers_killed_all_songs_are_done_once_and_alike(
    tmp_path: Path, music: Path, tiny_model: Path
) -> None:
    ended: list[Path] = []
    killed: list[int] = []

    def kill_one(event: SongEvent | BatchProgress) -> None:
        if isinstance(event, SongEvent):
            ended.append(event.source)
            assert event.state == "done", event.error
            if not killed:
                killed.append(actors()[0])
                os.kill(killed[0], signal.SIGKILL)

    out = tmp_path / "out"
    summary = run_ray(str(music), str(out), tiny_model, tell=kill_one)
    assert killed
    assert summary.states == {"done": 9}
    assert len(set(ended)) == len(ended) == 9
    run_local(music, tmp_path / "local", tiny_model)
    assert tree(out) == tree(tmp_path / "local")
    assert not (out / PRIVATE / "staging").exists()
    assert run_ray(str(music), str(out), tiny_model).states == {"skipped": 9}


def test_what_fails_on_a_cluster_is_told_and_done_again(
    tmp_path: Path, music: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for song in music.rglob("*[0-6].wav"):
        song.unlink()
    (music / "text.mp3").write_text("no song")
    mine = tmp_path / "out" / "7" / "bass.wav"
    mine.parent.mkdir(parents=True)
    (music / "disc" / "7.wav").rename(music / "7.wav")
    mine.write_text("mine")
    summary = run_ray(str(music), "out", tiny_model)
    assert summary.states == {"done": 1, "failed": 2}
    told = " ".join(summary.failures.values())
    assert "not a sound or video file" in told
    assert "use --force" in told
    assert mine.read_text() == "mine"
    mine.unlink()
    (music / "text.mp3").unlink()
    again = run_ray(str(music), "out", tiny_model)
    assert again.states == {"done": 1, "skipped": 1}


def test_an_object_store_gets_the_same_bytes(
    tmp_path: Path, music: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    server = moto.ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody's")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    try:
        store = s3fs.S3FileSystem()
        store.mkdir("archive")
        for song in music.rglob("[0-3].wav"):
            store.put_file(str(song), f"archive/in/{song.relative_to(music)}")
            assert song.exists()
        for song in music.rglob("*.wav"):
            if song.stem not in "0123":
                song.unlink()
        place = "s3://archive/out"
        assert run_ray("s3://archive/in", place, tiny_model).states == {"done": 4}
        assert run_ray("s3://archive/in", place, tiny_model).states == {"skipped": 4}
        run_local(music, tmp_path / "local", tiny_model)
        store.invalidate_cache()
        stored = {
            path.removeprefix("archive/out/").encode(): store.cat_file(path)
            for path in store.find("archive/out")
            if PRIVATE not in path
        }
        assert stored == tree(tmp_path / "local")
    finally:
        server.stop()
