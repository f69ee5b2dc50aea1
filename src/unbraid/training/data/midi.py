"""Reading MIDI files, also those inside the WAD files of Doom's descendants.

Source: Standard MIDI Files 1.0 (MIDI Manufacturers Association); Unofficial Doom Specs (Fell
1994) for the WAD directory.
"""

import struct
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from unbraid.errors import TrainingError
from unbraid.training.data.score import Change, Note, Score

KEPT_CONTROLS = (1, 7, 10, 11, 64)


class _Recorder:
    """Collects events in any order of channels into a score."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.changes: list[Change] = []
        self.open: dict[tuple[int, int], tuple[float, int]] = {}
        self.program: dict[int, int] = defaultdict(int)
        self.uses: dict[int, Counter[int]] = defaultdict(Counter)

    def on(self, time_s: float, channel: int, pitch: int, velocity: int) -> None:
        self.off(time_s, channel, pitch)
        self.open[channel, pitch] = time_s, velocity
        self.uses[channel][self.program[channel]] += 1

    def off(self, time_s: float, channel: int, pitch: int) -> None:
        if (channel, pitch) in self.open:
            start_s, velocity = self.open.pop((channel, pitch))
            self.notes.append(Note(start_s, max(time_s, start_s + 0.02), channel, pitch, velocity))

    def score(self, end_s: float) -> Score:
        for channel, pitch in list(self.open):
            start_s = self.open[channel, pitch][0]
            self.off(min(end_s, start_s + 4), channel, pitch)
        self.notes.sort(key=lambda note: note.start_s)
        programs = {channel: uses.most_common(1)[0][0] for channel, uses in self.uses.items()}
        return Score(self.notes, self.changes, programs)


def read_score(content: bytes, name: str) -> Score:
    """A MIDI file's content as a score.

    Raises:
        TrainingError: it is none, or damaged.
    """
    try:
        if content.startswith(b"MThd"):
            return _read_midi(content)
    except (IndexError, struct.error, ZeroDivisionError):
        raise TrainingError(f"{name}: a damaged score") from None
    raise TrainingError(f"{name}: not a MIDI file")


def wad_scores(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every piece of music in a WAD file, in its order."""
    content = path.read_bytes()
    try:
        n_lumps, directory = struct.unpack_from("<II", content, 4)
        lumps = [
            struct.unpack_from("<II8s", content, directory + 16 * index) for index in range(n_lumps)
        ]
    except struct.error:
        raise TrainingError(f"{path}: a damaged WAD file") from None
    for start, size, name in lumps:
        text = name.rstrip(b"\0").decode("ascii", "replace")
        if text.startswith("D_") and size:
            yield text.lower(), content[start : start + size]


def _read_midi(content: bytes) -> Score:
    length, _, n_tracks, division = struct.unpack_from(">IHHh", content, 4)
    if division <= 0:
        raise TrainingError("MIDI time in frames is not supported")
    position = 8 + length
    events: list[tuple[int, int, int, bytes]] = []  # tick, rank, status, data
    for _ in range(n_tracks):
        size = struct.unpack_from(">I", content, position + 4)[0]
        track = content[position + 8 : position + 8 + size]
        events += [
            (tick, len(events) + i, s, d) for i, (tick, s, d) in enumerate(_track_events(track))
        ]
        position += 8 + size
    events.sort(key=lambda event: (event[0], event[1]))
    recorder, now_s, last_tick, s_per_tick = _Recorder(), 0.0, 0, 0.5 / division
    for tick, _, status, values in events:
        now_s += (tick - last_tick) * s_per_tick
        last_tick = tick
        if status == 0xFF:
            s_per_tick = int.from_bytes(values, "big") / 1e6 / division
            continue
        kind, channel = status >> 4, status & 15
        if kind == 9 and values[1]:
            recorder.on(now_s, channel, values[0], values[1])
        elif kind in (8, 9):
            recorder.off(now_s, channel, values[0])
        elif kind == 12:
            recorder.program[channel] = values[0]
        elif kind == 11 and values[0] in KEPT_CONTROLS:
            recorder.changes.append(Change(now_s, channel, "control", values[0], values[1]))
        elif kind == 14:
            recorder.changes.append(Change(now_s, channel, "bend", 0, values[0] | values[1] << 7))
    return recorder.score(now_s)


def _track_events(track: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(tick, status, data); of the meta events only the tempo, as status 0xFF."""
    position = tick = status = 0
    while position < len(track):
        delta, position = _number(track, position)
        tick += delta
        if track[position] & 0x80:
            status = track[position]
            position += 1
        if status == 0xFF:
            kind = track[position]
            length, position = _number(track, position + 1)
            if kind == 0x51:
                yield tick, 0xFF, track[position : position + length]
            if kind == 0x2F:
                return
            position += length
        elif status in (0xF0, 0xF7):
            length, position = _number(track, position)
            position += length
        else:
            length = 1 if status >> 4 in (12, 13) else 2
            yield tick, status, track[position : position + length]
            position += length


def _number(content: bytes, position: int) -> tuple[int, int]:
    """A variable-length number and the position after it."""
    value = 0
    while True:
        byte = content[position]
        position += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, position
