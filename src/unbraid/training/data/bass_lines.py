"""Bass lines, a bar at a time: on the roots, walking, off the beat, with the kick."""

from collections.abc import Callable

import numpy as np

from unbraid.training.data.player import BASS_CHANNEL, Chord, Player, Riff
from unbraid.training.data.styles import Groove


def _low(p: Player, root: int) -> int:
    """The root in the bass's lowest octave: E1 (28) to Eb2 (39) unless tuned down."""
    return p.lowest + (root - p.lowest) % 12


def _bass(player: Player, step: float, n_steps: float, pitch: int, velocity: float = 100) -> None:
    player.play(
        BASS_CHANNEL, step, n_steps * 0.92, int(np.clip(pitch, player.lowest, 62)), velocity
    )


BassLine = Callable[[Player, int, Chord, Chord, Groove, Riff], None]


def _eighths(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    root = _low(p, c.root)
    for step in range(0, 16, 2):
        pitch = root
        if step == 14 and p.rng.random() < 0.4:
            pitch = _low(p, n.root) + int(p.rng.choice((-1, 1, -2, 2)))
        _bass(p, start + step, 2, pitch, 104 if step % 8 == 0 else 92)


def _with_kick(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    hits = [i for i, mark in enumerate(g.kick) if mark != "."] or [0, 8]
    for hit, following in zip(hits, [*hits[1:], 16], strict=True):
        pitch = _low(p, c.root) + (int(p.rng.choice((0, 0, 7, 12, 10))) if hit else 0)
        _bass(p, start + hit, min(following - hit, 6), pitch)


def _root_fifth(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    root = _low(p, c.root)
    fifth = root + 7 if root < p.lowest + 5 else root - 5
    if p.rng.random() < 0.25 and n != c:
        walk = np.linspace(root, _low(p, n.root), 5)[:4]
        for beat, pitch in enumerate(walk):
            _bass(p, start + 4 * beat, 3.5, round(float(pitch)))
        return
    _bass(p, start, 6, root, 108)
    _bass(p, start + 8, 6, fifth, 98)


def _walking(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    scale = [0, 3 if c.minor else 4, 7, 9, 10, 12]
    line = [0, *sorted(p.rng.choice(scale[1:], 2, replace=False))]
    for beat, interval in enumerate(line):
        _bass(p, start + 4 * beat, 3.6, _low(p, c.root) + int(interval))
    _bass(p, start + 12, 3.6, _low(p, n.root) + int(p.rng.choice((-1, 1, 2, -2))))


def _shuffle(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    for step, interval in zip(range(0, 16, 2), (0, 0, 4, 4, 7, 7, 9, 7), strict=True):
        _bass(p, start + step, 1.6, _low(p, c.root) + interval - (c.minor and interval == 4))


def _melodic_low(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    third = 3 if c.minor else 4
    pattern = int(p.rng.integers(3)) if p.rng.random() < 0.3 else start // 64 % 3
    lines = (
        ((0, 3, 0), (4, 2, 0), (6, 2, third), (8, 4, 7), (12, 2, third)),
        ((2, 2, 0), (4, 2, 0), (6, 3, 7), (10, 2, third), (12, 4, 0)),
        ((0, 4, 0), (6, 2, 7), (8, 2, 12), (10, 2, 7), (14, 2, third)),
    )
    for step, n_steps, interval in lines[pattern]:
        _bass(p, start + step, n_steps, _low(p, c.root) + interval, 106)


def _octaves(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    for step in range(0, 16, 2):
        _bass(p, start + step, 1.5, _low(p, c.root) + 12 * (step % 4 == 2), 100)


def _sixteenths(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    for step in range(16):
        if step == 0 or p.rng.random() < (0.5 if step % 2 == 0 else 0.3):
            interval = 0 if step == 0 else int(p.rng.choice((0, 0, 12, 10, 7, 3)))
            velocity = 112 if interval == 12 else 94
            _bass(
                p,
                start + step,
                float(p.rng.choice((0.6, 1, 1.5))),
                _low(p, c.root) + interval,
                velocity,
            )


def _long(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    _bass(p, start, 14, _low(p, c.root), 96)
    if p.rng.random() < 0.4:
        _bass(p, start + 14, 2, _low(p, n.root) + int(p.rng.choice((-2, 2, -1))), 84)


def _off_beat(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    """Between the kicks of a four to the floor."""
    for step in range(0, 16, 4):
        _bass(p, start + step + 2, 1.8, _low(p, c.root))
        if p.rng.random() < 0.3:
            _bass(p, start + step + 3, 0.9, _low(p, c.root) + int(p.rng.choice((0, 12, 7))), 90)


def _drone(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    """Few, long and low notes, as 808s and dub basses play."""
    step = 0
    while step < 14:
        n_steps = int(p.rng.choice((3, 4, 6, 8)))
        if p.rng.random() < 0.85 or step == 0:
            _bass(p, start + step, n_steps, _low(p, c.root) + 12 * (p.rng.random() < 0.08), 108)
        step += n_steps


def _riff_bass(p: Player, start: int, c: Chord, n: Chord, g: Groove, riff: Riff) -> None:
    for step, n_steps, interval in riff:
        _bass(p, start + step, n_steps, _low(p, c.root) + interval)


BASS_LINES: dict[str, BassLine] = {
    "eighths": _eighths,
    "with-kick": _with_kick,
    "root-fifth": _root_fifth,
    "walking": _walking,
    "shuffle": _shuffle,
    "melodic-low": _melodic_low,
    "octaves": _octaves,
    "sixteenths": _sixteenths,
    "long": _long,
    "riff": _riff_bass,
    "off-beat": _off_beat,
    "drone": _drone,
}
