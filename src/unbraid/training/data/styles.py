"""What bands play: grooves, bass lines, chords, by style. Read by `band.py`.

Grids have sixteen steps to the bar: `X` loud, `x` normal, `o` soft, `.` nothing.
"""

from dataclasses import dataclass

MAJOR: tuple[tuple[str, ...], ...] = (
    ("I", "V", "vi", "IV"),
    ("I", "IV", "V", "V"),
    ("I", "vi", "IV", "V"),
    ("I", "I", "IV", "V"),
    ("vi", "IV", "I", "V"),
    ("I", "bVII", "IV", "I"),
    ("I", "I", "I", "I", "IV", "IV", "I", "I", "V", "IV", "I", "V"),
    ("I", "IV", "I", "V"),
    ("I", "iii", "IV", "V"),
    ("ii", "V", "I", "I"),
)
MINOR: tuple[tuple[str, ...], ...] = (
    ("i", "bVI", "bIII", "bVII"),
    ("i", "iv", "v", "i"),
    ("i", "bVII", "bVI", "bVII"),
    ("i", "i", "bVI", "bVII"),
    ("i", "bIII", "bVII", "iv"),
    ("i", "iv", "i", "bVII"),
    ("i", "bVI", "iv", "V"),
    ("i", "i", "i", "bIII"),
)
DEGREES = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}


@dataclass(frozen=True, slots=True)
class Groove:
    """One bar of drums: grid by General MIDI key."""

    kick: str
    snare: str
    hat: str
    snare_key: int = 38
    hat_key: int = 42
    extra: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """A kind of band."""

    bpm: tuple[int, int]
    grooves: tuple[Groove, ...]
    bass: tuple[str, ...]  # names of bass lines
    parts: tuple[str, ...]  # what else may play; the first always does
    drive_db: tuple[float, float]  # of the electric guitars
    swing: tuple[float, float] = (0.0, 0.0)  # by how much off-beats are late, of an eighth
    minor: float = 0.5  # share of songs in a minor key
    electric_kit: float = 0.0
    share: float = 1.0  # of all songs


EIGHTHS = "X.x.X.x.X.x.X.x."
QUARTERS = "X...X...X...X..."
SIXTEENTHS = "XoxoXoxoXoxoXoxo"
BACKBEAT = "....X.......X..."

ROCK = (
    Groove("X.......X.x.....", BACKBEAT, EIGHTHS),
    Groove("X.....x.X.......", BACKBEAT, EIGHTHS),
    Groove("X..x....X.x...x.", "....X..o....X..o", EIGHTHS),
    Groove("X.x.....X.x.....", BACKBEAT, QUARTERS, hat_key=46),
    Groove("X.......x.x.....", "....X.......X.o.", EIGHTHS, hat_key=51),
    Groove("X...X...X...X...", BACKBEAT, EIGHTHS),
)
STYLES: dict[str, Style] = {
    "rock": Style(
        (100, 148),
        ROCK,
        ("eighths", "with-kick", "root-fifth"),
        ("power", "power", "strum", "organ", "piano", "lead", "arpeggio"),
        (14, 32),
        share=2.0,
    ),
    "fast": Style(
        (156, 208),
        (
            Groove("X...x...X...x...", "..X...X...X...X.", EIGHTHS),
            Groove("X.x.....X.x.....", BACKBEAT, EIGHTHS, hat_key=46),
            Groove("X.....x.X.....x.", BACKBEAT, QUARTERS, hat_key=46),
            Groove("X.x...x.X.x...x.", "....X.......X...", QUARTERS, hat_key=49),
        ),
        ("eighths", "eighths", "with-kick"),
        ("power", "power", "lead"),
        (26, 42),
        minor=0.35,
        share=1.2,
    ),
    "heavy": Style(
        (72, 132),
        (
            Groove("X.....x.X.x.....", BACKBEAT, QUARTERS, hat_key=46),
            Groove("X..x..X...x.....", "........X.......", EIGHTHS, hat_key=51),
            Groove("X.x.X.x.X.x.X.x.", BACKBEAT, QUARTERS, hat_key=49),
            Groove("XxxxXxxxXxxxXxxx", "........X.......", QUARTERS, hat_key=51),
        ),
        ("with-kick", "riff", "riff", "eighths"),
        ("riff", "power", "lead", "arpeggio"),
        (28, 46),
        minor=0.9,
        share=1.3,
    ),
    "country": Style(
        (88, 200),
        (
            Groove("X.......X.......", BACKBEAT, EIGHTHS, snare_key=37),
            Groove("X.......X.......", "oxXooxXooxXooxXo", "..x...x...x...x.", hat_key=44),
            Groove("X.......X.......", "xoXoxoXoxoXoxoXo", "....x.......x...", hat_key=44),
            Groove("X.......X.x.....", BACKBEAT, EIGHTHS),
        ),
        ("root-fifth", "root-fifth", "walking"),
        ("boom-chick", "strum", "steel", "harmonica", "piano", "arpeggio", "fiddle"),
        (0, 12),
        swing=(0.0, 0.3),
        minor=0.1,
        share=1.5,
    ),
    "offbeat": Style(
        (66, 96),
        (
            Groove("........X.......", "........X.......", EIGHTHS, snare_key=37),
            Groove("X.......X.......", "........X.......", EIGHTHS, snare_key=37),
            Groove("X...X...X...X...", "........X.....o.", SIXTEENTHS, snare_key=40),
            Groove("........X.....x.", "........X..o....", "..x...x...x...x.", hat_key=46),
        ),
        ("melodic-low", "melodic-low", "root-fifth"),
        ("skank", "bubble", "skank", "lead", "brass", "muted-line"),
        (0, 10),
        swing=(0.0, 0.4),
        minor=0.5,
        share=1.5,
    ),
    "funk": Style(
        (92, 122),
        (
            Groove("X..x..x...x..x..", "....X..o.o..X..o", SIXTEENTHS),
            Groove("X.x.......x..x..", "....X..o.o..X...", EIGHTHS),
            Groove("X.....xx..x.....", "....X.o..o..X..o", SIXTEENTHS),
        ),
        ("sixteenths", "octaves", "with-kick"),
        ("scratch", "organ", "piano", "brass", "scratch"),
        (0, 12),
        minor=0.7,
    ),
    "disco": Style(
        (112, 130),
        (
            Groove(QUARTERS, BACKBEAT, "..X...X...X...X.", hat_key=46),
            Groove(QUARTERS, BACKBEAT, "xoXoxoXoxoXoxoXo", extra=((39, BACKBEAT),)),
        ),
        ("octaves", "eighths", "sixteenths"),
        ("scratch", "strings", "piano", "synth", "arpeggio"),
        (0, 10),
        electric_kit=0.5,
    ),
    "slow": Style(
        (58, 84),
        (
            Groove("X.......X.x.....", BACKBEAT, EIGHTHS),
            Groove("X.....x...x.....", BACKBEAT, EIGHTHS, snare_key=37),
            Groove("X...............", "........X.......", QUARTERS, hat_key=51),
        ),
        ("long", "root-fifth", "with-kick"),
        ("piano", "arpeggio", "strum", "organ", "strings", "lead", "power"),
        (4, 24),
    ),
    "blues": Style(
        (76, 138),
        (
            Groove("X.......X.......", BACKBEAT, EIGHTHS),
            Groove("X.......X.x.....", BACKBEAT, EIGHTHS, hat_key=51),
        ),
        ("walking", "shuffle", "eighths"),
        ("shuffle-guitar", "organ", "piano", "lead", "harmonica"),
        (8, 24),
        swing=(0.55, 0.68),
        minor=0.3,
    ),
    "pop": Style(
        (90, 128),
        (
            Groove("X.....x.X.......", BACKBEAT, EIGHTHS),
            Groove("X..x..x.........", BACKBEAT, SIXTEENTHS),
            Groove(QUARTERS, BACKBEAT, "..x...x...x...x.", extra=((39, BACKBEAT),)),
        ),
        ("eighths", "with-kick", "long", "octaves"),
        ("strum", "piano", "synth", "arpeggio", "strings", "power", "lead"),
        (2, 20),
        electric_kit=0.6,
    ),
    "electronic": Style(
        (116, 142),
        (
            Groove(QUARTERS, "....X.......X...", "..X...X...X...X.", 39, 46),
            Groove(QUARTERS, "................", "xoXoxoXoxoXoxoXo", extra=((39, BACKBEAT),)),
            Groove("X...X...X...X.x.", BACKBEAT, "..x...x...x...x.", extra=((70, SIXTEENTHS),)),
        ),
        ("off-beat", "sixteenths", "octaves", "eighths", "long"),
        ("synth", "synth", "strings", "piano", "arpeggio", "organ"),
        (0, 20),
        minor=0.8,
        electric_kit=0.95,
        share=1.2,
    ),
    "broken": Style(
        (66, 174),
        (
            Groove("X.....X...x.....", "........X.......", "xxxxxxXxxxxxxoxo"),
            Groove("X..X......X..X..", "....X.......X..o", SIXTEENTHS),
            Groove("X.........X.....", "....X..o.o..X...", EIGHTHS),
            Groove("X.....x..X......", "........X......o", "x.x.xxx.x.x.xxxx", snare_key=39),
        ),
        ("drone", "drone", "with-kick", "long"),
        ("synth", "piano", "strings", "organ", "arpeggio"),
        (0, 20),
        swing=(0.0, 0.3),
        minor=0.8,
        electric_kit=0.8,
    ),
    "folk": Style(
        (84, 140),
        (
            Groove("X.......X.......", "................", "..x...x...x...x.", hat_key=54),
            Groove("X.......X.......", BACKBEAT, SIXTEENTHS, hat_key=70),
        ),
        ("root-fifth", "long", "walking"),
        ("strum", "arpeggio", "fiddle", "harmonica", "piano", "strum"),
        (0, 5),
        minor=0.4,
    ),
}
