"""A short run of the fuzzer, and every file that it once found something with."""

import sys
from pathlib import Path

import pytest

from tests.fuzz.corpus import KINDS, make_corpus
from tests.fuzz.readers import READERS, read
from tests.fuzz.run import MOST_MB, cases, read_all

FINDS = sorted(path for path in (Path(__file__).parent / "finds").rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits are kept as Linux keeps them")
def test_damaged_files_are_read_or_refused_and_take_no_parent_with_them(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    figures = read_all(cases(corpus, tmp_path / "files", 0, iter(range(400))), n_workers=1)
    assert not figures.finds
    assert figures.n_files == 400
    assert set(figures.n_by_kind) == set(KINDS)
    assert figures.outcomes["read"] > 40
    assert figures.outcomes["refused"] > 40
    assert figures.most_mb < MOST_MB


@pytest.mark.parametrize("find", FINDS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_once_is_read_or_refused(find: Path, tmp_path: Path) -> None:
    path = tmp_path / find.parent.name / find.name
    path.parent.mkdir()
    path.write_bytes(find.read_bytes())
    assert read(path).how in ("read", "refused")


@pytest.mark.slow
def test_every_file_of_the_corpus_is_sound_before_it_is_damaged(tmp_path: Path) -> None:
    for kind, paths in make_corpus(tmp_path / "corpus").items():
        for path in paths:
            READERS[kind](path)
