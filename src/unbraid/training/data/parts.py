"""Guitars, keys and melodies, a bar at a time."""

from collections.abc import Callable

import numpy as np

from unbraid.training.data.player import BAR_STEPS, Chord, Player, Riff


def _near(pitch_class: int, low: int) -> int:
    return low + (pitch_class - low) % 12


def _strike(
    p: Player,
    channel: int,
    step: float,
    n_steps: float,
    pitches: list[int],
    velocity: float,
    up: bool = False,
) -> None:
    """A strum: string after string."""
    spread_s = float(p.rng.uniform(0.006, 0.02))
    for index, pitch in enumerate(reversed(pitches) if up else pitches):
        p.play(channel, step, n_steps, pitch, velocity - 2 * index, late_s=index * spread_s)


def _voicing(chord: Chord, low: int, n_notes: int) -> list[int]:
    pitches: list[int] = []
    triad = sorted(_near(pc, low) for pc in chord.triad())
    for octave in range(3):
        pitches += [pitch + 12 * octave for pitch in triad]
    return pitches[:n_notes]


def _power(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    root = _near(c.root, 40)
    shape = [root, root + 7, root + 12]
    variant = (start // 128) % 3
    if variant == 0:  # ringing
        _strike(p, channel, start, 7.5, shape, 105)
        _strike(p, channel, start + 8, 7.5, shape, 100)
    else:  # eighths, damped between the accents
        for step in range(0, 16, 2):
            accent = step in ((0, 6, 12) if variant == 1 else (0, 8))
            pitches = shape if accent else shape[:2]
            _strike(
                p, channel, start + step, 1.9 if accent else 0.8, pitches, 108 if accent else 84
            )


def _riff_guitar(p: Player, channel: int, start: int, c: Chord, riff: Riff) -> None:
    root = _near(c.root, 40)
    for step, n_steps, interval in riff:
        pitch = root + interval
        _strike(p, channel, start + step, n_steps * 0.9, [pitch, pitch + 7], 104)


def _strum(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    grids = ("D.D.D.DU", "D.DU.UDU", "D..UD.DU", "DUDUDUDU")
    grid = grids[(start // 128) % len(grids)]
    pitches = _voicing(c, 43, 5)
    for eighth, mark in enumerate(grid):
        if mark != ".":
            velocity = 98 if mark == "D" else 80
            _strike(p, channel, start + 2 * eighth, 1.9, pitches, velocity, up=mark == "U")


def _boom_chick(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    root = _near(c.root, 40)
    for beat in range(4):
        if beat % 2 == 0:
            p.play(channel, start + 4 * beat, 3, root if beat == 0 else root + 7, 96)
        else:
            _strike(p, channel, start + 4 * beat, 2, _voicing(c, 50, 4), 84)


def _arpeggio(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    pitches = _voicing(c, 48, 5)
    order = (0, 2, 3, 4, 3, 2, 3, 1) if start // 128 % 2 else (0, 1, 2, 3, 4, 3, 2, 1)
    for eighth, index in enumerate(order):
        p.play(channel, start + 2 * eighth, 4, pitches[index], 86)


def _skank(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    pitches = _voicing(c, 57, 3)
    for step in (4, 12) if start // 128 % 3 else (2, 6, 10, 14):
        _strike(p, channel, start + step, 0.8, pitches, 98)
        if p.rng.random() < 0.15:
            _strike(p, channel, start + step + 1, 0.5, pitches, 80, up=True)


def _scratch(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    pitches = _voicing(c, 60, 3)
    for step in range(16):
        if p.rng.random() < 0.45:
            _strike(
                p,
                channel,
                start + step,
                float(p.rng.choice((0.3, 0.6, 1.2))),
                pitches,
                86,
                up=step % 2 == 1,
            )


def _muted_line(p: Player, channel: int, start: int, c: Chord, riff: Riff) -> None:
    for step in range(0, 16, 2):
        interval = (0, 0, 7, 0, 3 if c.minor else 4, 0, 7, 12)[step // 2]
        p.play(channel, start + step, 1, _near(c.root, 45) + interval, 88)


def _shuffle_guitar(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    root = _near(c.root, 40)
    for step in range(0, 16, 2):
        top = 9 if step % 8 in (4, 6) else 7
        _strike(p, channel, start + step, 1.5, [root, root + top], 96)


def _organ(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    for pitch in _voicing(c, 55, 4):
        p.play(channel, start, 15.5, pitch, 80)


def _bubble(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    pitches = _voicing(c, 55, 3)
    for step in range(16):
        if step % 4 in (1, 2, 3):
            for pitch in pitches:
                p.play(channel, start + step, 0.7, pitch, 92 if step % 4 == 2 else 66)


def _piano(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    variant = (start // 128) % 3
    root = _near(c.root, 43)
    for step in {0: (0, 6, 8, 14), 1: range(0, 16, 4), 2: range(0, 16, 2)}[variant]:
        for pitch in _voicing(c, 57, 3):
            p.play(channel, start + step, 2.5 if variant else 5, pitch, 90 if step % 8 == 0 else 76)
    for step in (0, 8):
        p.play(channel, start + step, 7, root, 84)


def _strings(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    for pitch in _voicing(c, 60, 3):
        p.play(channel, start, 16, pitch, 78)


def _synth(p: Player, channel: int, start: int, c: Chord, riff: object) -> None:
    pitches = _voicing(c, 60, 4)
    for step in range(0, 16, 2 if start // 128 % 2 else 4):
        p.play(channel, start + step, 1.5, pitches[step // 2 % 4], 88)


def _brass(p: Player, channel: int, start: int, c: Chord, riff: Riff) -> None:
    for step, n_steps, _ in riff[:4]:
        for pitch in _voicing(c, 58, 3):
            p.play(channel, start + step, n_steps * 0.8, pitch, 96)


def _melody(p: Player, channel: int, start: int, c: Chord, low: int, slides: float) -> None:
    scale = (0, 3, 5, 7, 10) if c.minor else (0, 2, 4, 7, 9)
    tones = [_near(c.root, low) + octave + s for octave in (0, 12) for s in scale]
    index, step = int(p.rng.integers(2, 7)), int(p.rng.choice((0, 0, 2, 4)))
    while step < BAR_STEPS:
        n_steps = int(p.rng.choice((1, 2, 2, 3, 4, 6)))
        p.play(channel, start + step, n_steps * 0.95, tones[index], 98)
        if p.rng.random() < slides:
            p.bend(channel, start + step, [(0, -2), (0.3, -1.2), (0.6, -0.4), (0.9, 0)])
        elif n_steps >= 3:
            wave = [(1 + i * 0.25, 0.35 * float(np.sin(i * 1.4))) for i in range(4 * n_steps - 4)]
            p.bend(channel, start + step, [*wave, (float(n_steps), 0.0)])
        index = int(np.clip(index + p.rng.choice((-2, -1, -1, 1, 1, 2)), 0, len(tones) - 1))
        step += n_steps + int(p.rng.choice((0, 0, 0, 2)))


Part = Callable[[Player, int, int, Chord, Riff], None]
PARTS: dict[str, Part] = {
    "power": _power,
    "riff": _riff_guitar,
    "strum": _strum,
    "boom-chick": _boom_chick,
    "arpeggio": _arpeggio,
    "skank": _skank,
    "scratch": _scratch,
    "muted-line": _muted_line,
    "shuffle-guitar": _shuffle_guitar,
    "organ": _organ,
    "bubble": _bubble,
    "piano": _piano,
    "strings": _strings,
    "synth": _synth,
    "brass": _brass,
    "lead": lambda p, ch, start, c, riff: _melody(p, ch, start, c, 60, 0.25),
    "harmonica": lambda p, ch, start, c, riff: _melody(p, ch, start, c, 62, 0.3),
    "steel": lambda p, ch, start, c, riff: _melody(p, ch, start, c, 57, 0.6),
    "fiddle": lambda p, ch, start, c, riff: _melody(p, ch, start, c, 64, 0.2),
}
