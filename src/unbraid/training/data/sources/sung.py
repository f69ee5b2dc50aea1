"""The data pack's voices, singing other tunes: `sing.py` and `vocal_chain.py` at work."""

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.recordings import (
    UnreadableError,
    cut_silence,
    high_pass,
    join,
    levelled,
    read_stereo,
)
from unbraid.training.data.sing import (
    Voice,
    analyse,
    breath,
    harmony,
    like_another_take,
    melody,
    synthesise,
)
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files, seed_of
from unbraid.training.data.sources.voices import segments
from unbraid.training.data.tune import Tune
from unbraid.training.data.vocal_chain import produce_vocals

RECORDED_S = 45.0  # of recordings in an item
SUNG_S = 110.0  # what two takes of them make
# How often each bank sings; the men and the rarer singers more than their minutes suggest.
BANKS = {
    "kumi.ogg": 0.22,
    "kumi-zh.ogg": 0.13,
    "yuki.ogg": 0.2,
    "dorodoro.ogg": 0.25,
    "iona.ogg": 0.12,
    "erithacus.ogg": 0.08,
}


def missing_world() -> str | None:
    """What to install to make voices sing; None if it is here."""
    return "pip install 'unbraid[sing]'" if find_spec("pyworld") is None else None


class _FromPack(Source):
    kinds = ("vocals",)
    obtained = "data pack, voices; PyPI pyworld (with setuptools < 81)"
    verified = "a test measures that voices follow the tune; spectrograms looked at"
    held_out = "nit-songs.ogg and vocadito.ogg are never read"

    def missing(self, pack: Path | None) -> str | None:
        if pack is None:
            return "name the data pack with --pack or UNBRAID_DATA"
        pieces = missing_files([pack / "voices/segments.tsv"], f"{pack} holds no voices")
        return pieces or missing_world()


class Sung(_FromPack):
    """Voicebanks on melodies: leads with doubles and harmonies, men and women."""

    name = "sung"
    licence = "Hitsuboku Kumi terms; public domain; any use; BSD-3-Clause; CC-BY-4.0 (edited)"
    credit = "Hitsuboku Kumi by Cubialpha; Adios; Cerenothoa; titinko; ErithacusProject"
    default_hours = 1.2

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        assert pack is not None
        n_items = max(1, round(hours * 3600 / SUNG_S))
        return [
            Song(f"{n:04d}", partial(_sing, pack, n), SUNG_S, coherent=False)
            for n in range(n_items)
        ]


class Phrases(_FromPack):
    """Sung pop phrases as they are, and in other keys and throats, produced as on records."""

    name = "phrases"
    licence = "CC0-1.0"
    credit = "Producer Space (neshanjo/strudel-producer-space-samples); edited"
    default_hours = 0.8

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        assert pack is not None
        pieces = segments(pack, "producerspace.ogg")
        order = np.random.default_rng(seed_of("phrases")).permutation(len(pieces))
        groups: list[list[tuple[float, float]]] = [[]]
        for index in order:
            groups[-1].append(pieces[index][:2])
            if sum(end - start for start, end in groups[-1]) > RECORDED_S:
                groups.append([])
        made, seconds = [], 0.0
        for take in range(6):
            for n, group in enumerate(groups):
                if group and seconds < hours * 3600:
                    make = partial(_phrases, pack, tuple(group), take, n)
                    made.append(Song(f"{n:03d}-{take}", make, RECORDED_S, coherent=False))
                    seconds += RECORDED_S
        return made


def _sing(pack: Path, number: int) -> Stems:
    rng = np.random.default_rng(seed_of("sung", number))
    file = str(rng.choice(list(BANKS), p=list(BANKS.values())))
    pieces = segments(pack, file)
    recorded: list[Samples] = []
    while sum(piece.shape[1] for piece in recorded) < RECORDED_S * RATE:
        start_s, end_s, _ = pieces[int(rng.integers(len(pieces)))]
        end_s = min(end_s, start_s + 8.0)
        recorded.append(read_stereo(pack / "voices" / file, start_s=start_s, end_s=end_s))
    return {"vocals": sing_twice(recorded, rng)}


def sing_twice(recorded: Sequence[Samples], rng: np.random.Generator) -> Samples:
    """Dry recordings of one voice as songs: once by a higher, once by a lower singer."""
    voices = [
        analyse(cut_silence(high_pass(piece), threshold_db=-32.0, keep_s=0.05))
        for piece in recorded
    ]
    voices = [v for v in voices if v.mean_hz > 0 and (v.pitch_hz > 0).mean() > 0.3]
    if not voices:
        raise UnreadableError("nothing in these recordings has a pitch")
    lower_first = bool(rng.random() < 0.5)
    takes = [_take(voices, rng, low_voice=lower_first != bool(take)) for take in range(2)]
    return np.concatenate(takes, axis=1)


def _take(voices: list[Voice], rng: np.random.Generator, *, low_voice: bool) -> Samples:
    """All recordings in one key by one singer, with doubles or harmonies in half of the takes."""
    mean_hz = float(np.median([v.mean_hz for v in voices]))
    if low_voice:
        formants = (
            float(rng.uniform(0.82, 0.94)) if mean_hz > 220 else float(rng.uniform(0.93, 1.02))
        )
        centre_hz = float(np.clip(rng.uniform(115, 240), 0.42 * mean_hz, 1.5 * mean_hz))
    else:
        formants = float(rng.uniform(0.95, 1.15))
        centre_hz = float(np.clip(mean_hz * 2 ** rng.uniform(-0.5, 0.35), 180, 620))
    tune = Tune(rng, centre_hz)
    n_others = int(rng.choice((0, 0, 0, 1, 2)))
    steps = [
        0 if rng.random() < 0.5 else int(rng.choice((2, 2, -2, 4, -3))) for _ in range(n_others)
    ]
    breaths = float(rng.choice((0.0, 0.5, 0.9)))
    gaps: list[float] = []
    left_s = 0.0  # of the phrase
    leads: list[Samples] = []
    others: list[list[Samples]] = [[] for _ in range(n_others)]
    for voice in voices:
        pitch, where = melody(voice, rng, tune)
        lead = levelled(synthesise(voice, pitch, formants, where))
        starts = left_s <= 0  # syllables alone make a phrase together, then breath is drawn
        left_s = float(rng.uniform(1.5, 5.0)) if starts else left_s
        left_s -= lead.shape[1] / RATE
        gaps.append(float(rng.uniform(0.15, 0.9) if left_s <= 0 else rng.uniform(0, 0.04)))
        inhales = starts and rng.random() < breaths
        inhaled = breath(rng) if inhales else np.zeros((2, 0), np.float32)
        leads.append(np.concatenate([inhaled, lead], axis=1))
        for line, step in zip(others, steps, strict=True):
            again, place = like_another_take(pitch, where, rng)
            again = harmony(again, tune, step) if step else again
            throat = formants * float(rng.uniform(0.97, 1.03))
            other = levelled(synthesise(voice, again, throat, place))
            line.append(np.pad(other, ((0, 0), (inhaled.shape[1], 0))))
    return produce_vocals(join(leads, gaps), [join(line, gaps) for line in others], rng)


def _phrases(pack: Path, group: tuple[tuple[float, float], ...], take: int, number: int) -> Stems:
    rng = np.random.default_rng(seed_of("phrases", take, number))
    semitones = float(rng.choice((-5, -4, -3, -2, 0, 2, 3)))
    formants = float(rng.uniform(0.84, 1.0) if semitones < 0 else rng.uniform(0.92, 1.14))
    doubled = bool(rng.random() < 0.3)
    leads: list[Samples] = []
    doubles: list[Samples] = []
    for start_s, end_s in group:
        recorded = high_pass(
            read_stereo(pack / "voices/producerspace.ogg", start_s=start_s, end_s=end_s)
        )
        if take % 2 == 0:  # as recorded
            leads.append(levelled(recorded))
            continue
        voice = analyse(recorded)
        pitch = voice.pitch_hz * 2 ** (semitones / 12)
        pace = float(rng.uniform(0.88, 1.12))
        where = np.arange(0, len(pitch) - 1, pace)
        pitch = pitch[np.round(where).astype(int)]
        leads.append(levelled(synthesise(voice, pitch, formants, where)))
        if doubled:
            again, place = like_another_take(pitch, where, rng)
            doubles.append(levelled(synthesise(voice, again, formants * 1.02, place)))
    gaps = rng.uniform(0.0, 0.4, len(leads))
    others = [join(doubles, gaps)] if doubles else []
    return {"vocals": produce_vocals(join(leads, gaps), others, rng)}
