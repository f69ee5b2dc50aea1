"""Real human singing, dry: voicebanks held on one pitch, sung phrases, vowels."""

import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from unbraid.training.data.pool import Samples
from unbraid.training.data.recordings import high_pass, join, read_stereo
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
    obtained = "data pack, voices"
    verified = "cut by segments.tsv; high-passed at 90 Hz, levelled piece by piece"
    files: ClassVar[tuple[str, ...]]
    for_training: ClassVar[bool] = True

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
                    made.append(
                        Song(
                            f"{Path(file).stem}-{len(made):03d}",
                            partial(_read, pack / "voices" / file, tuple(group)),
                            seconds,
                            split="train" if self.for_training else "holdout",
                            coherent=False,
                        )
                    )
                    group = []
        return made


def _read(path: Path, group: tuple[tuple[float, float], ...]) -> Stems:
    rng = np.random.default_rng(seed_of(path.name, round(group[0][0] * 1000)))
    pieces: list[Samples] = []
    for start_s, end_s in group:
        piece = high_pass(read_stereo(path, start_s=start_s, end_s=end_s))
        loudness = float(np.sqrt(np.mean(np.square(piece)))) + 1e-4
        # Half way to one level: a shout may stay louder than a whisper.
        pieces.append(piece * np.float32((0.1 / loudness) ** 0.5))
    gaps: NDArray[np.float64] = rng.uniform(0.0, 0.35, len(pieces))
    return {"vocals": join(pieces, gaps)}


class ProducerSpace(Voice):
    """Sung house and trance phrases, adlibs, shouts; several singers."""

    name = "producerspace"
    licence = "CC0-1.0"
    credit = "Producer Space (neshanjo/strudel-producer-space-samples)"
    files = ("producerspace.ogg",)


class Kumi(Voice):
    """Syllable strings in Japanese and Mandarin on four pitches."""

    name = "kumi"
    licence = "Hitsuboku Kumi terms (use, editing and redistribution allowed, with credit)"
    credit = "Hitsuboku Kumi by Cubialpha, cubialpha.wixsite.com/koomstar/character; edited"
    files = ("kumi.ogg", "kumi-zh.ogg")


class Yuki(Voice):
    """Voicebank on F4."""

    name = "yuki"
    licence = "public domain dedication"
    credit = "voice Adios (kgs233/UTAU-Yuki)"
    files = ("yuki.ogg",)


class Dorodoro(Voice):
    """Voicebank on G3."""

    name = "dorodoro"
    licence = "any use allowed"
    credit = "voice Cerenothoa (oxygen-dioxide/dorodoro-ja-vcv)"
    files = ("dorodoro.ogg",)


class Iona(Voice):
    """Voicebank on A4."""

    name = "iona"
    licence = "BSD-3-Clause"
    credit = "© 2018 titinko (titinko/utsu)"
    files = ("iona.ogg",)


class Berklee(Voice):
    """Vowels, men and women, alone and in groups."""

    name = "berklee"
    licence = "CC-BY-3.0"
    credit = "OLPC Berklee Sound Library (Tonejs/audio)"
    files = ("berklee.ogg",)


class Erithacus(Voice):
    """Low syllables of a man."""

    name = "erithacus"
    licence = "CC-BY-4.0"
    credit = "ErithacusProject"
    files = ("erithacus.ogg",)


class HeldOutSongs(Voice):
    """Solo songs of singers that no model has heard."""

    name = "held-out-singers"
    licence = "CC-BY-3.0 AND CC-BY-4.0"
    credit = "NIT SONG070; vocadito"
    files = ("nit-songs.ogg", "vocadito.ogg")
    held_out = "all of it: singers for judging"
    for_training = False
