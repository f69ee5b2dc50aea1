"""A band that makes up songs: seeded, never the same twice, always the same for a seed."""

import numpy as np

from unbraid.training.data.bass_lines import BASS_LINES
from unbraid.training.data.parts import PARTS
from unbraid.training.data.player import BAR_STEPS, BASS_CHANNEL, Chord, Player, Riff
from unbraid.training.data.score import DRUM_CHANNEL, Change, Note, Score
from unbraid.training.data.styles import DEGREES, MAJOR, MINOR, STYLES, Groove, Style

SECTION_BARS = 8
VELOCITY = {"X": 112, "x": 92, "o": 48}
TOMS = (50, 48, 45, 43, 41)

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


def compose(seed: int, seconds: float) -> tuple[Score, Style]:
    """A song in a random style and key, about so long, with drums and bass most of the time."""
    rng = np.random.default_rng(seed)
    names = list(STYLES)
    share = np.array([STYLES[name].share for name in names])
    style = STYLES[names[rng.choice(len(names), p=share / share.sum())]]
    bpm = float(rng.uniform(*style.bpm))
    step_s = 60 / bpm / 4
    player = Player(style, rng, step_s, float(rng.uniform(*style.swing)), int(rng.integers(12)))
    electric = rng.random() < style.electric_kit
    if electric or rng.random() < 0.1:
        player.lowest = int(rng.integers(23, 28))
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
    programs[BASS_CHANNEL] = int(rng.choice((38, 39) if electric else BASS_PROGRAMS))
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


def _riff(rng: np.random.Generator) -> Riff:
    """(step, steps, semitones above the root) of a bar, from the minor pentatonic."""
    riff: Riff = []
    step = 0
    while step < BAR_STEPS:
        n_steps = int(rng.choice((1, 2, 2, 2, 3, 4)))
        if rng.random() < 0.85 or step == 0:
            riff.append((step, min(n_steps, 16 - step), int(rng.choice((0, 0, 0, 3, 5, 7, 10)))))
        step += n_steps
    return riff


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
    step, kind = n_steps, rng.random()
    while step < BAR_STEPS:
        drum = TOMS[(step - n_steps) * 5 // (BAR_STEPS - n_steps)]
        key = 38 if kind < 0.4 else drum
        player.play(DRUM_CHANNEL, start + step, 1, key, 80 + 2.5 * step)
        if kind > 0.8:
            player.play(DRUM_CHANNEL, start + step, 1, 36, 90)
        step += int(rng.choice((1, 1, 1, 2)))
