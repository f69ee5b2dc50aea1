"""The data pack's voices, singing other tunes: `sing.py` and `vocal_chain.py` at work."""

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from unbraid.training.data.pool import Samples
from unbraid.training.data.recordings import cut_silence, high_pass, join, read_stereo
from unbraid.training.data.sing import (
    SCALES,
    Voice,
    analyse,
    harmony,
    like_another_take,
    melody,
    synthesise,
)
from unbraid.training.data.sources.source import Song, Source, Stems, missing_files, seed_of
from unbraid.training.data.sources.voices import segments
from unbraid.training.data.vocal_chain import produce_vocals

RECORDED_S = 45.0  # of recordings in an item
# How often each bank sings; the men and the rarer singers more than their minutes suggest.
BANKS = {
    "kumi.ogg": 0.22,
    "kumi-zh.ogg": 0.13,
    "yuki.ogg": 0.2,
    "dorodoro.ogg": 0.25,
    "iona.ogg": 0.12,
    "erithacus.ogg": 0.08,
}


class _FromPack(Source):
    kinds = ("vocals",)
    obtained = "data pack, voices; PyPI pyworld (with setuptools < 81)"
    verified = "looked at: harmonics follow the tune, consonants and breaths stay"
    held_out = "nit-songs.ogg and vocadito.ogg are never read"

    def missing(self, pack: Path | None) -> str | None:
        if pack is None:
            return "name the data pack with --pack or UNBRAID_DATA"
        if find_spec("pyworld") is None:
            return "pip install 'unbraid[sing]'"
        return missing_files([pack / "voices/segments.tsv"], f"{pack} holds no voices")


class Sung(_FromPack):
    """Voicebanks on melodies: leads with doubles and harmonies, men and women."""

    name = "sung"
    licence = "Hitsuboku Kumi terms; public domain; any use; BSD-3-Clause; CC-BY-4.0 (edited)"
    credit = "Hitsuboku Kumi by Cubialpha; Adios; Cerenothoa; titinko; ErithacusProject"
    default_hours = 1.2

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        assert pack is not None
        n_items = max(1, round(hours * 3600 / (2 * RECORDED_S)))
        return [
            Song(f"{n:04d}", partial(_sing, pack, n), 2 * RECORDED_S, coherent=False)
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
    low_voice = bool(rng.random() < 0.5)
    spoken_s, voices = 0.0, []
    while spoken_s < RECORDED_S:
        start_s, end_s, _ = pieces[int(rng.integers(len(pieces)))]
        end_s = min(end_s, start_s + 8.0)
        spoken_s += end_s - start_s
        recorded = cut_silence(
            high_pass(read_stereo(pack / "voices" / file, start_s=start_s, end_s=end_s))
        )
        voice = analyse(recorded)
        if voice.mean_hz > 0 and (voice.pitch_hz > 0).mean() > 0.3:
            voices.append(voice)
    takes = [_take(voices, rng, low_voice=low_voice != bool(take)) for take in range(2)]
    return {"vocals": np.concatenate(takes, axis=1)}


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
    key, scale = int(rng.integers(12)), SCALES[int(rng.integers(len(SCALES)))]
    n_others = int(rng.choice((0, 0, 0, 1, 2)))
    steps = [
        0 if rng.random() < 0.5 else int(rng.choice((2, 2, -2, 4, -3))) for _ in range(n_others)
    ]
    leads: list[Samples] = []
    others: list[list[Samples]] = [[] for _ in range(n_others)]
    for voice in voices:
        pitch, where = melody(voice, rng, centre_hz, key, scale)
        leads.append(_even(synthesise(voice, pitch, formants, where)))
        for line, step in zip(others, steps, strict=True):
            again, place = like_another_take(pitch, where, rng)
            again = harmony(again, key, scale, step) if step else again
            throat = formants * float(rng.uniform(0.97, 1.03))
            line.append(_even(synthesise(voice, again, throat, place)))
    gaps = rng.uniform(0.05, 0.6, len(voices))
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
            leads.append(_even(recorded))
            continue
        voice = analyse(recorded)
        pitch = voice.pitch_hz * 2 ** (semitones / 12)
        pace = float(rng.uniform(0.88, 1.12))
        where = np.arange(0, len(pitch) - 1, pace)
        pitch = pitch[np.round(where).astype(int)]
        leads.append(_even(synthesise(voice, pitch, formants, where)))
        if doubled:
            again, place = like_another_take(pitch, where, rng)
            doubles.append(_even(synthesise(voice, again, formants * 1.02, place)))
    gaps = rng.uniform(0.0, 0.4, len(leads))
    others = [join(doubles, gaps)] if doubles else []
    return {"vocals": produce_vocals(join(leads, gaps), others, rng)}


def _even(piece: Samples) -> Samples:
    """Half way to one level."""
    loudness = float(np.sqrt(np.mean(np.square(piece)))) + 1e-4
    return np.asarray(piece * np.float32((0.1 / loudness) ** 0.5), dtype=np.float32)
