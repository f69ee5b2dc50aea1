"""From a score to a record: instruments rendered, amplified, placed in rooms, mixed, compressed."""

from collections import Counter

import numpy as np

from unbraid.training.data.drum_bodies import with_bodies
from unbraid.training.data.effects import (
    amplifier,
    chorus,
    compress,
    compressor_gain,
    cut,
    decibels,
    echo,
    level_db,
    peak_filter,
    random_equaliser,
    room,
    saturate,
)
from unbraid.training.data.kits import ACOUSTIC, ELECTRIC, play_kit
from unbraid.training.data.manifest import Kind
from unbraid.training.data.pluck import play_string
from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.render import DRUM_FONTS, FONTS, TAIL_S, render
from unbraid.training.data.score import DRUM_CHANNEL, KICKS, Note, Score
from unbraid.training.data.synth_bass import play_synth

FONT_SHARE = {"musescore": 0.22, "fluid-mono": 0.2, "fluid": 0.38, "timgm": 0.2}
SYNTH_BASSES = (38, 39)
MAX_CHANNELS = 6  # with effects of their own; those that play least share theirs
ANYTHING = 104  # a program without an amplifier
DRUM_KIT_PROGRAMS = (0, 0, 0, 8, 16, 16, 24, 25, 32, 40)
TARGET_DB = {"guitar": -22.0, "keys": -25.0, "lead": -23.0, "pad": -28.0, "rest": -25.0}


def produce(
    score: Score,
    rng: np.random.Generator,
    *,
    drive_db: tuple[float, float] = (12, 36),
    electric_kit: bool = False,
    max_s: float = 240.0,
) -> dict[Kind, Samples]:
    """Stems of a score, with everything random about sound decided by `rng`.

    Args:
        score: what is played; a channel with a bass program, else the lowest voice, is the bass.
        rng: instruments, kits, amplifiers, rooms, levels.
        drive_db: range for electric guitars; programs 29 and 30 get the upper half.
        electric_kit: drum machines rather than acoustic drums.
        max_s: longer scores are cut there.

    Returns:
        drums, bass, other, as far as there is something to play; (2, n_samples), equally long.
    """
    bass_channels = score.bass_channels()
    drum_notes = [n for n in score.notes if n.channel == DRUM_CHANNEL and n.start_s < max_s]
    tuned = Score(
        [n for n in score.notes if n.channel != DRUM_CHANNEL], score.changes, score.programs
    )
    font = str(rng.choice(list(FONT_SHARE), p=list(FONT_SHARE.values())))
    n_samples = round((min(score.duration_s, max_s) + TAIL_S) * RATE)
    tracks = render(FONTS[font], tuned, max_s=max_s) if tuned.notes else {}
    tracks = {c: _fit(track, n_samples) for c, track in tracks.items()}
    stems: dict[Kind, Samples] = {}
    if drum_notes:
        stems["drums"] = _drums(drum_notes, rng, n_samples, electric_kit)
    bass = [tracks[c] for c in bass_channels if c in tracks]
    if bass:
        bass_notes = [n for n in score.notes if n.channel in bass_channels and n.start_s < max_s]
        synthetic = any(score.programs.get(c) in SYNTH_BASSES for c in bass_channels)
        if rng.random() < (0.7 if synthetic else 0.06):
            bass = [play_synth(bass_notes, rng, n_samples)]
        elif not synthetic and rng.random() < 0.5:
            bass = [play_string(bass_notes, rng, n_samples)]
        stems["bass"] = _bass(sum(bass[1:], bass[0]), rng)
    by_use = Counter(note.channel for note in tuned.notes)
    others = [c for c, _ in by_use.most_common() if c in tracks and c not in bass_channels]
    rest = [
        _instrument(tracks[channel], score.programs.get(channel, 0), rng, drive_db)
        for channel in others[:MAX_CHANNELS]
    ]
    if len(others) > MAX_CHANNELS:
        together: Samples = np.asarray(sum(tracks[c] for c in others[MAX_CHANNELS:]))
        rest.append(_instrument(together, ANYTHING, rng, drive_db))
    rest = [track for track in rest if level_db(track) > -70]
    if rest:
        stems["other"] = _other(rest, rng)
    if electric_kit and rng.random() < 0.4:
        _duck(stems, [n.start_s for n in drum_notes if n.pitch in KICKS], rng)
    return _master(stems, rng)


def _duck(stems: dict[Kind, Samples], kicks_s: list[float], rng: np.random.Generator) -> None:
    """Electronic music makes room for its kick: everything else dips at each one."""
    depth, recovery_s = float(rng.uniform(0.2, 0.9)), float(rng.uniform(0.06, 0.2))
    for kind in stems.keys() & {"bass", "other"}:
        gain = np.ones(stems[kind].shape[1], np.float32)
        dip = 1 - depth * np.exp(-np.arange(round(0.5 * RATE)) / (recovery_s * RATE))
        for start in (round(time_s * RATE) for time_s in kicks_s):
            here = gain[start : start + len(dip)]
            np.minimum(here, dip[: len(here)].astype(np.float32), out=here)
        stems[kind] = stems[kind] * gain


def _fit(track: Samples, n_samples: int) -> Samples:
    track = track[:, :n_samples]
    return np.pad(track, ((0, 0), (0, n_samples - track.shape[1])))


def _drums(notes: list[Note], rng: np.random.Generator, n_samples: int, electric: bool) -> Samples:
    """Sampled kits most of the time, soundfonts' kits otherwise; then the room and the desk."""
    if electric or rng.random() < 0.65:
        names = ELECTRIC if electric or rng.random() < 0.06 else ACOUSTIC
        sound = play_kit(notes, names[int(rng.integers(len(names)))], rng, n_samples)
    else:
        acoustic = rng.random() < 0.45
        fonts = DRUM_FONTS if acoustic else {k: v for k, v in FONTS.items() if k in FONT_SHARE}
        font = fonts[list(fonts)[int(rng.integers(len(fonts)))]]
        kit = 0 if acoustic else int(rng.choice(DRUM_KIT_PROGRAMS))
        duration = n_samples / RATE
        rendered = render(font, Score(notes), drum_kit=kit, max_s=duration)
        sound = _fit(rendered[DRUM_CHANNEL], n_samples)
    sound = with_bodies(sound, notes, rng, electric=electric)
    if rng.random() < 0.15:  # overheads close together, or an old record
        middle = sound.mean(axis=0, keepdims=True)
        sound = np.asarray(middle + (sound - middle) * np.float32(rng.uniform(0, 0.5)))
    if rng.random() < 0.6:
        sound = peak_filter(sound, float(rng.uniform(250, 600)), float(rng.normal(-2, 3)), 0.8)
        sound = peak_filter(sound, float(rng.uniform(3000, 9000)), float(rng.normal(2, 3)), 0.7)
    if rng.random() < 0.75:
        decay = float(rng.uniform(0.25, 1.3))
        wet = float(rng.uniform(-24, -9))
        sound = room(sound, rng, decay_s=decay, wet_db=wet, delay_s=float(rng.uniform(0, 0.02)))
    if rng.random() < 0.5:
        ratio, above = float(rng.uniform(1.5, 4)), float(rng.uniform(-6, 4))
        attack = float(rng.uniform(5, 30))
        release = float(rng.uniform(60, 250))
        sound = compress(sound, ratio=ratio, above_db=above, attack_ms=attack, release_ms=release)
    if rng.random() < 0.35:  # New York: the squashed kit beneath the open one
        squashed = compress(sound, ratio=8.0, above_db=-12.0, attack_ms=3.0, release_ms=120.0)
        sound = np.asarray(sound + squashed * np.float32(0.5), dtype=np.float32)
    if rng.random() < 0.3:
        sound = saturate(sound, float(rng.uniform(0, 8)))
    return sound


def _bass(track: Samples, rng: np.random.Generator) -> Samples:
    """Line signal, amplifier or both; compressed; in the middle of the picture."""
    sound = cut(track.mean(axis=0, keepdims=True), low_hz=float(rng.uniform(28, 50)))
    sound = peak_filter(sound, float(rng.uniform(45, 140)), float(rng.normal(1, 3)), 0.9)
    sound = peak_filter(sound, float(rng.uniform(250, 600)), float(rng.normal(-3, 3)), 0.7)
    sound = peak_filter(sound, float(rng.uniform(700, 2500)), float(rng.normal(0, 3)), 0.9)
    kind = rng.random()
    if kind < 0.4:
        dirty = amplifier(sound, float(rng.uniform(4, 30)), rng)
        # Up to what is all amplifier: grunge's basses lie where its guitars do.
        blend = 0.15 * 20 ** float(rng.random())
        low = cut(sound, high_hz=60 * 6 ** float(rng.random()))
        sound = np.asarray(low + dirty * np.float32(blend), dtype=np.float32)
    elif kind < 0.65:
        sound = saturate(sound, float(rng.uniform(0, 10)))
    if rng.random() < 0.8:
        attack, above = float(rng.uniform(3, 30)), float(rng.uniform(-12, -3))
        sound = compress(sound, ratio=float(rng.uniform(2, 8)), above_db=above, attack_ms=attack)
    if rng.random() < 0.35:
        sound = cut(sound, high_hz=float(rng.uniform(500, 3500)))
    if rng.random() < 0.12:
        sound = chorus(sound, rng, -10.0)
    if rng.random() < 0.15:
        sound = room(sound, rng, decay_s=0.4, wet_db=float(rng.uniform(-26, -16)))
    return np.ascontiguousarray(np.broadcast_to(sound, (2, sound.shape[1])))


def _instrument(
    track: Samples, program: int, rng: np.random.Generator, drive_db: tuple[float, float]
) -> Samples:
    """One instrument of the rest, as recorded: with its amplifier, effects and level."""
    own = level_db(track)
    if own < -75:
        return track
    low, high = drive_db
    sides = np.sqrt(np.square(track).mean(axis=1, keepdims=True)) + 1e-9
    if 24 <= program < 32 or rng.random() < 0.5:  # one microphone, placed in the picture later
        track = track.mean(axis=0, keepdims=True)
    if program in (29, 30):
        track = amplifier(track, float(rng.uniform((low + high) / 2, high + 6)), rng)
    elif program in (26, 27, 28) and rng.random() < 0.75:
        track = amplifier(track, float(rng.uniform(low, high)), rng)
        if rng.random() < 0.25:
            track = chorus(track, rng)
    elif 16 <= program < 20 and rng.random() < 0.5:
        track = chorus(saturate(track, float(rng.uniform(0, 10))), rng, -4.0)
    elif rng.random() < 0.3:
        track = compress(track, ratio=3.0, above_db=-3.0)
    if rng.random() < 0.6:
        track = random_equaliser(track, rng)
    track = cut(track, low_hz=float(rng.uniform(40, 90)))
    if program < 32 and rng.random() < 0.85:  # a guitar's or piano's body, a microphone close to it
        frequency, gain = float(rng.uniform(100, 200)), float(rng.uniform(1, 11))
        track = peak_filter(track, frequency, gain, 0.8)
    if len(track) == 1:
        track = np.asarray(track * sides / np.sqrt(np.mean(sides**2)), dtype=np.float32)
    if rng.random() < 0.2:
        delay = float(rng.uniform(0.08, 0.45))
        track = echo(track, delay, float(rng.uniform(0.3, 0.6)), float(rng.uniform(-14, -6)))
    target = TARGET_DB[_family(program)]
    gain = 0.6 * (target - own) + (own - level_db(track)) + float(rng.normal(0, 2))
    return np.asarray(track * decibels(gain), dtype=np.float32)


def _family(program: int) -> str:
    if 24 <= program < 32:
        return "guitar"
    if program < 24:
        return "lead" if program in (21, 22) else "keys"
    if 48 <= program < 56 or 88 <= program < 96:
        return "pad"
    return "lead" if 40 <= program < 88 else "rest"


def _other(tracks: list[Samples], rng: np.random.Generator) -> Samples:
    total: Samples = np.asarray(sum(tracks[1:], tracks[0]))
    if rng.random() < 0.75:
        decay = float(rng.uniform(0.4, 2.6))
        total = room(
            total,
            rng,
            decay_s=decay,
            wet_db=float(rng.uniform(-24, -9)),
            delay_s=float(rng.uniform(0.005, 0.05)),
            dark=float(rng.uniform(0.2, 0.9)),
        )
    return np.asarray(total, dtype=np.float32)


def _master(stems: dict[Kind, Samples], rng: np.random.Generator) -> dict[Kind, Samples]:
    """Levels against each other, then one compressor on the sum that moves all stems alike."""
    levels = {"drums": -18.0, "bass": -19.0, "other": -18.0}
    for kind, stem in stems.items():
        gain = levels[kind] - level_db(stem) + float(rng.normal(0, 2))
        stems[kind] = np.asarray(stem * decibels(gain), dtype=np.float32)
    if stems and rng.random() < 0.6:
        mixture: Samples = np.asarray(sum(stems.values()))
        squeeze = compressor_gain(mixture, ratio=2.0, above_db=-1.0, attack_ms=20.0)
        stems = {kind: np.asarray(stem * squeeze) for kind, stem in stems.items()}
    return stems
