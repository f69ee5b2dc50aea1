"""Real human singing, dry: voicebanks held on one pitch, sung phrases, vowels."""

import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from unbraid.training.data.recordings import high_pass, join, levelled, read_stereo
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files, seed_of

SONG_S = 60.0  # pieces are joined to items of about a minute


def segments(pack: Path, file: str) -> list[tuple[float, float, str]]:
    """Start, end (s) and label of each piece of a file of voices."""
    with (pack / "voices/segments.tsv").open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            (float(row["start_s"]), float(row["end_s"]), row["label"])
            for row in rows
            if row["file"] == file
        ]


class Voice(Source):
    """One singer, or one collection."""

    kinds = ("vocals",)
    verified = "cut by segments.tsv; high-passed at 90 Hz, levelled piece by piece"

    def __init__(
        self, name: str, licence: str, credit: str, *files: str, for_training: bool = True
    ) -> None:
        self.name, self.licence, self.credit, self.files = name, licence, credit, files
        self.split: Literal["train", "holdout"] = "train" if for_training else "holdout"
        self.obtained = f"data pack, voices/{' and '.join(files)}"
        self.held_out = "nothing" if for_training else "all of it: singers that no model has heard"

    def missing(self, pack: Path | None) -> str | None:
        if pack is None:
            return "name the data pack with --pack or UNBRAID_DATA"
        paths = [pack / "voices" / name for name in (*self.files, "segments.tsv")]
        return missing_files(paths, f"{pack}/voices lacks {', '.join(self.files)}")

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        assert pack is not None
        made: list[Song] = []
        for file in self.files:
            pieces = segments(pack, file)
            # Shuffled, so that every minute holds many syllables, keys and ways of singing.
            order = np.random.default_rng(seed_of(self.name, file)).permutation(len(pieces))
            group: list[tuple[float, float]] = []
            for rank, index in enumerate(order):
                group.append(pieces[index][:2])
                seconds = sum(end - start for start, end in group)
                if seconds >= SONG_S or rank == len(pieces) - 1:
                    name = f"{Path(file).stem}-{len(made):03d}"
                    make = partial(_read, pack / "voices" / file, tuple(group))
                    made.append(Song(name, make, seconds, split=self.split, coherent=False))
                    group = []
        return made


def _read(path: Path, group: tuple[tuple[float, float], ...]) -> Stems:
    rng = np.random.default_rng(seed_of(path.name, round(group[0][0] * 1000)))
    pieces = [
        levelled(high_pass(read_stereo(path, start_s=start_s, end_s=end_s)))
        for start_s, end_s in group
    ]
    return {"vocals": join(pieces, rng.uniform(0.0, 0.35, len(pieces)))}


VOICES = (
    Voice(
        "producerspace",
        "CC0-1.0",
        "Producer Space (neshanjo/strudel-producer-space-samples)",
        "producerspace.ogg",
    ),
    Voice(
        "kumi",
        "Hitsuboku Kumi terms (use, editing and redistribution allowed, with credit)",
        "Hitsuboku Kumi by Cubialpha, cubialpha.wixsite.com/koomstar/character; edited",
        *("kumi.ogg", "kumi-zh.ogg"),
    ),
    Voice("yuki", "public domain dedication", "voice Adios (kgs233/UTAU-Yuki)", "yuki.ogg"),
    Voice(
        "dorodoro",
        "any use allowed",
        "voice Cerenothoa (oxygen-dioxide/dorodoro-ja-vcv)",
        "dorodoro.ogg",
    ),
    Voice("iona", "BSD-3-Clause", "© 2018 titinko (titinko/utsu)", "iona.ogg"),
    Voice("berklee", "CC-BY-3.0", "OLPC Berklee Sound Library (Tonejs/audio)", "berklee.ogg"),
    Voice("erithacus", "CC-BY-4.0", "ErithacusProject", "erithacus.ogg"),
    Voice(
        "held-out-singers",
        "CC-BY-3.0 AND CC-BY-4.0",
        "NIT SONG070; vocadito",
        *("nit-songs.ogg", "vocadito.ogg"),
        for_training=False,
    ),
)
