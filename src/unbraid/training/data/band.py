"""A band that makes up songs: seeded, never the same twice, always the same for a seed."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from unbraid.training.data.score import DRUM_CHANNEL, Change, Note, Score
from unbraid.training.data.styles import DEGREES, MAJOR, MINOR, STYLES, Groove, Style

BASS_CHANNEL = 0
BAR_STEPS = 16
SECTION_BARS = 8
VELOCITY = {"X": 112, "x": 92, "o": 48}

PROGRAMS: dict[str, tuple[int, ...]] = {
    "power": (27, 29, 29, 30, 30, 26),
    "riff": (29, 30, 30, 27),
    "lead": (29, 30, 27, 26, 65, 66, 30),
    "strum": (24, 25, 25, 25, 27, 26),
    "boom-chick": (25, 24, 26, 27),
    "arpeggio": (27, 25, 24, 26, 28, 4, 105),
    "skank": (27, 26, 28, 27, 25),
    "scratch": (27, 28, 26, 27),
    "muted-line": (28, 28, 27),
    "shuffle-guitar": (27, 26, 29, 25),
    "organ": (16, 17, 18, 18, 19),
    "bubble": (16, 17, 18),
    "piano": (0, 1, 2, 3, 4, 5, 7),
    "steel": (26, 25, 27),
    "harmonica": (22, 22, 21),
    "fiddle": (40, 110, 21),
    "brass": (61, 62, 56, 66),
    "strings": (48, 49, 50, 51),
    "synth": (80, 81, 88, 90, 62, 50),
}
BASS_PROGRAMS = (32, 33, 33, 33, 33, 34, 34, 34, 35, 36, 37)
SYNTH_BASSES = (38, 39, 38)


@dataclass(frozen=True, slots=True)
class Chord:
    root: int  # semitones above C
    minor: bool

    def triad(self) -> tuple[int, int, int]:
        return self.root, self.root + (3 if self.minor else 4), self.root + 7


@dataclass
class Player:
    """What all parts need to know while they write."""

    style: Style
    rng: np.random.Generator
    step_s: float
    swing: float
    key: int
    notes: list[Note] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def at(self, step: float) -> float:
        """Seconds of a step, late if it is an off-beat and the song swings."""
        whole = int(step)
        late = self.swing * (1 if whole % 4 == 2 else 0.5 if whole % 2 else 0)
        return 0.1 + (step + late) * self.step_s

    def play(
        self, channel: int, step: float, n_steps: float, pitch: int, velocity: float, *, late_s: float = 0
    ) -> None:
        rng = self.rng
        start = max(0.0, self.at(step) + late_s + float(rng.normal(0, 0.005)))
        loudness = int(np.clip(velocity + rng.normal(0, 6), 15, 127))
        length = max(0.04, n_steps * self.step_s)
        self.notes.append(Note(start, start + length, channel, pitch, loudness))

    def bend(self, channel: int, step: float, shape: list[tuple[float, float]]) -> None:
        """Pitch bends, (steps after `step`, semitones)."""
        for after, semitones in shape:
            value = int(np.clip(8192 + semitones * 4096, 0, 16383))
            self.changes.append(Change(self.at(step) + after * self.step_s, channel, "bend", 0, value))


def compose(seed: int, seconds: float) -> tuple[Score, Style]:
    """A song in a random style and key, about so long, with drums and bass most of the time."""
    rng = np.random.default_rng(seed)
    names = list(STYLES)
    share = np.array([STYLES[name].share for name in names])
    style = STYLES[names[rng.choice(len(names), p=share / share.sum())]]
    bpm = float(rng.uniform(*style.bpm))
    step_s = 60 / bpm / 4
    player = Player(style, rng, step_s, float(rng.uniform(*style.swing)), int(rng.integers(12)))
    n_sections = max(2, round(seconds / (SECTION_BARS * BAR_STEPS * step_s)))
    minor = bool(rng.random() < style.minor)
    table = MINOR if minor else MAJOR
    materials = [_material(player, table) for _ in range(3)]
    order = [0, 0, 1, 0, 1, 2, 1, 1, 0, 1]
    channels = _line_up(style, rng)
    for section in range(n_sections):
        which = order[section % len(order)]
        chords, groove, bass_line = materials[which]
        _section(player, section, which, chords, groove, bass_line, channels)
    programs = {channel: int(rng.choice(PROGRAMS[part])) for part, channel in channels}
    electric = rng.random() < style.electric_kit
    programs[BASS_CHANNEL] = int(rng.choice(SYNTH_BASSES if electric else BASS_PROGRAMS))
    for _, channel in channels:
        player.changes.append(Change(0.0, channel, "control", 10, int(rng.integers(8, 120))))
    doubled = [c for part, c in channels if part in ("power", "riff")]
    if len(doubled) >= 1:
        _double_track(player, doubled[0], 8, programs)
    player.notes.sort(key=lambda note: note.start_s)
    return Score(player.notes, sorted(player.changes, key=lambda c: c.time_s), programs), style


def _line_up(style: Style, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Parts and their channels: the style's first and one to three others."""
    others = list(dict.fromkeys(style.parts[1:]))
    n_others = min(len(others), int(rng.integers(1, 4)))
    picked = [others[i] for i in rng.permutation(len(others))[:n_others]]
    parts = [style.parts[0], *picked]
    return [(part, 1 + index) for index, part in enumerate(parts)]


def _material(
    player: Player, table: tuple[tuple[str, ...], ...]
) -> tuple[list[Chord], Groove, str]:
    rng, style = player.rng, player.style
    names = table[int(rng.integers(len(table)))]
    chords = [_chord(name, player.key) for name in names]
    if len(chords) <= 4 and rng.random() < 0.3:  # two bars a chord
        chords = [chord for chord in chords for _ in range(2)]
    groove = style.grooves[int(rng.integers(len(style.grooves)))]
    return chords, groove, str(rng.choice(style.bass))


def _chord(name: str, key: int) -> Chord:
    flat = name.startswith("b")
    numeral = name.removeprefix("b")
    root = DEGREES[numeral.upper()] - flat
    return Chord((key + root) % 12, numeral.islower())


def _section(
    player: Player,
    section: int,
    which: int,
    chords: list[Chord],
    groove: Groove,
    bass_line: str,
    channels: list[tuple[str, int]],
) -> None:
    rng = player.rng
    first_bar = section * SECTION_BARS
    quiet = which == 2 or section == 0
    has_drums = not (quiet and rng.random() < 0.4)
    has_bass = not (quiet and rng.random() < 0.3)
    playing = [pair for i, pair in enumerate(channels) if i == 0 or rng.random() < 0.7]
    riff = _riff(rng)
    for bar in range(SECTION_BARS):
        start = (first_bar + bar) * BAR_STEPS
        chord = chords[bar % len(chords)]
        following = chords[(bar + 1) % len(chords)]
        last = bar == SECTION_BARS - 1
        if has_drums:
            _drums(player, start, groove, crash=bar == 0, fill=last or rng.random() < 0.05)
        if has_bass:
            BASS_LINES[bass_line](player, start, chord, following, groove, riff)
        for part, channel in playing:
            if part in ("lead", "harmonica", "steel", "fiddle", "brass") and (bar // 2 + which) % 2:
                continue  # they leave room
            PARTS[part](player, channel, start, chord, riff)


# -- drums ------------------------------------------------------------------------------------


def _drums(player: Player, start: int, groove: Groove, *, crash: bool, fill: bool) -> None:
    rng = player.rng
    n_steps = BAR_STEPS - int(rng.choice((4, 8))) if fill else BAR_STEPS
    lines = [(36, groove.kick), (groove.snare_key, groove.snare), (groove.hat_key, groove.hat)]
    for key, grid in (*lines, *groove.extra):
        for step, mark in enumerate(grid[:n_steps]):
            if mark == "." and not (key == 36 and step % 2 == 0 and rng.random() < 0.03):
                continue
            if key == groove.hat_key and rng.random() < 0.02:
                continue
            velocity = VELOCITY.get(mark, 90)
            opened = key == 42 and step == 14 and rng.random() < 0.1
            player.play(DRUM_CHANNEL, start + step, 1, 46 if opened else key, velocity)
    if crash and rng.random() < 0.8:
        player.play(DRUM_CHANNEL, start, 4, int(rng.choice((49, 57))), 108)
    if not fill:
        return
    toms, step = [50, 48, 45, 43, 41], float(n_steps)
    kind = rng.random()
    while step < BAR_STEPS:
        if kind < 0.4:
            key = 38
        else:
            key = toms[min(4, int((step - n_steps) / (BAR_STEPS - n_steps) * 5))]
        player.play(DRUM_CHANNEL, start + step, 1, key, 80 + 2.5 * step)
        if kind > 0.8:
            player.play(DRUM_CHANNEL, start + step, 1, 36, 90)
        step += float(rng.choice((1, 1, 1, 2)))


# -- bass -------------------------------------------------------------------------------------


def _low(root: int) -> int:
    """The root on a bass guitar: E1 (28) to Eb2 (39)."""
    return 28 + (root - 4) % 12


def _bass(player: Player, step: float, n_steps: float, pitch: int, velocity: float = 100) -> None:
    player.play(BASS_CHANNEL, step, n_steps * 0.92, int(np.clip(pitch, 26, 60)), velocity)


BassLine = Callable[[Player, int, Chord, Chord, Groove, list[tuple[int, int, int]]], None]


def _eighths(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    root = _low(c.root)
    for step in range(0, 16, 2):
        pitch = root
        if step == 14 and p.rng.random() < 0.4:
            pitch = _low(n.root) + int(p.rng.choice((-1, 1, -2, 2)))
        _bass(p, start + step, 2, pitch, 104 if step % 8 == 0 else 92)


def _with_kick(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    hits = [i for i, mark in enumerate(g.kick) if mark != "."] or [0, 8]
    for hit, following in zip(hits, [*hits[1:], 16], strict=True):
        pitch = _low(c.root) + (int(p.rng.choice((0, 0, 7, 12, 10))) if hit else 0)
        _bass(p, start + hit, min(following - hit, 6), pitch)


def _root_fifth(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    root = _low(c.root)
    fifth = root + 7 if root < 33 else root - 5
    if p.rng.random() < 0.25 and n != c:
        walk = np.linspace(root, _low(n.root), 5)[:4]
        for beat, pitch in enumerate(walk):
            _bass(p, start + 4 * beat, 3.5, round(float(pitch)))
        return
    _bass(p, start, 6, root, 108)
    _bass(p, start + 8, 6, fifth, 98)


def _walking(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    scale = [0, 3 if c.minor else 4, 7, 9, 10, 12]
    line = [0, *sorted(p.rng.choice(scale[1:], 2, replace=False))]
    for beat, interval in enumerate(line):
        _bass(p, start + 4 * beat, 3.6, _low(c.root) + int(interval))
    _bass(p, start + 12, 3.6, _low(n.root) + int(p.rng.choice((-1, 1, 2, -2))))


def _shuffle(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    for step, interval in zip(range(0, 16, 2), (0, 0, 4, 4, 7, 7, 9, 7), strict=True):
        _bass(p, start + step, 1.6, _low(c.root) + interval - (c.minor and interval == 4))


def _melodic_low(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    third = 3 if c.minor else 4
    pattern = int(p.rng.integers(3)) if p.rng.random() < 0.3 else start // 64 % 3
    lines = (
        ((0, 3, 0), (4, 2, 0), (6, 2, third), (8, 4, 7), (12, 2, third)),
        ((2, 2, 0), (4, 2, 0), (6, 3, 7), (10, 2, third), (12, 4, 0)),
        ((0, 4, 0), (6, 2, 7), (8, 2, 12), (10, 2, 7), (14, 2, third)),
    )
    for step, n_steps, interval in lines[pattern]:
        _bass(p, start + step, n_steps, _low(c.root) + interval, 106)


def _octaves(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    for step in range(0, 16, 2):
        _bass(p, start + step, 1.5, _low(c.root) + 12 * (step % 4 == 2), 100)


def _sixteenths(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    for step in range(16):
        if step == 0 or p.rng.random() < (0.5 if step % 2 == 0 else 0.3):
            interval = 0 if step == 0 else int(p.rng.choice((0, 0, 12, 10, 7, 3)))
            velocity = 112 if interval == 12 else 94
            _bass(p, start + step, float(p.rng.choice((0.6, 1, 1.5))), _low(c.root) + interval, velocity)


def _long(p: Player, start: int, c: Chord, n: Chord, g: Groove, r: object) -> None:
    _bass(p, start, 14, _low(c.root), 96)
    if p.rng.random() < 0.4:
        _bass(p, start + 14, 2, _low(n.root) + int(p.rng.choice((-2, 2, -1))), 84)


def _riff_bass(
    p: Player, start: int, c: Chord, n: Chord, g: Groove, riff: list[tuple[int, int, int]]
) -> None:
    for step, n_steps, interval in riff:
        _bass(p, start + step, n_steps, _low(c.root) + interval)


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
}


# -- the rest ---------------------------------------------------------------------------------


def _riff(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """(step, steps, semitones above the root) of a bar, from the minor pentatonic."""
    riff, step = [], 0
    while step < BAR_STEPS:
        n_steps = int(rng.choice((1, 2, 2, 2, 3, 4)))
        if rng.random() < 0.85 or step == 0:
            riff.append((step, min(n_steps, 16 - step), int(rng.choice((0, 0, 0, 3, 5, 7, 10)))))
        step += n_steps
    return riff


def _near(pitch_class: int, low: int) -> int:
    return low + (pitch_class - low) % 12


def _strike(
    p: Player, channel: int, step: float, n_steps: float, pitches: list[int], velocity: float, up: bool = False
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
            _strike(p, channel, start + step, 1.9 if accent else 0.8, pitches, 108 if accent else 84)


def _riff_guitar(
    p: Player, channel: int, start: int, c: Chord, riff: list[tuple[int, int, int]]
) -> None:
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
            _strike(p, channel, start + step, float(p.rng.choice((0.3, 0.6, 1.2))), pitches, 86, up=step % 2 == 1)


def _muted_line(p: Player, channel: int, start: int, c: Chord, riff: list[tuple[int, int, int]]) -> None:
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


def _brass(p: Player, channel: int, start: int, c: Chord, riff: list[tuple[int, int, int]]) -> None:
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


def _double_track(p: Player, channel: int, copy: int, programs: dict[int, int]) -> None:
    """The rhythm guitar once more, on the other side: other timing, other touch."""
    for note in [n for n in p.notes if n.channel == channel]:
        late = float(p.rng.normal(0.0, 0.007))
        start = max(0.0, note.start_s + late)
        velocity = int(np.clip(note.velocity + p.rng.normal(0, 7), 15, 127))
        p.notes.append(Note(start, note.end_s + late, copy, note.pitch, velocity))
    programs[copy] = int(p.rng.choice((27, 29, 30, programs[channel])))
    p.changes.append(Change(0.01, channel, "control", 10, 10))
    p.changes.append(Change(0.01, copy, "control", 10, 117))


Part = Callable[[Player, int, int, Chord, list[tuple[int, int, int]]], None]
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
