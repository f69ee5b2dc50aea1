"""Scores to sound: FluidSynth in this process, every channel on its own pair of tracks.

One pass yields all instruments apart, dry: stems, amplifiers and rooms come afterwards. Reverb
and chorus of the synthesiser are off, so that the channels sum to the whole exactly.
"""

import ctypes
import ctypes.util
from ctypes import POINTER, c_char_p, c_double, c_int, c_void_p
from functools import lru_cache
from pathlib import Path

import numpy as np

from unbraid.errors import TrainingError
from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.score import DRUM_CHANNEL, Score

N_CHANNELS = 16
TAIL_S = 1.5
BLOCK = 64  # FluidSynth's own: events fall on multiples of 1.5 ms

FONTS = {
    "musescore": "/usr/share/sounds/sf3/MuseScore_General_Full.sf3",
    "musescore-lite": "/usr/share/sounds/sf3/MuseScore_General_Lite.sf3",
    "fluid-mono": "/usr/share/sounds/sf3/FluidR3Mono_GM.sf3",
    "fluid": "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "timgm": "/usr/share/sounds/sf2/TimGM6mb.sf2",
}
DRUM_FONTS = {
    "black-pearl": "/usr/share/sounds/sf2/Black_Pearl_4_LV2.sf2",
    "red-zeppelin": "/usr/share/sounds/sf2/Red_Zeppelin_4_LV2.sf2",
}
FONT_PACKAGES = (
    "Debian fluidsynth musescore-general-soundfont musescore-general-soundfont-small "
    "fluidr3mono-gm-soundfont fluid-soundfont-gm timgm6mb-soundfont avldrums.lv2-soundfont"
)
FONT_LICENCES = "MIT (MuseScore General, FluidR3) and GPL-2 (TimGM6mb, AVL drums) soundfonts"


def missing_synth() -> str | None:
    """What to install for rendering; None if it is here."""
    there = all(Path(path).exists() for path in (*FONTS.values(), *DRUM_FONTS.values()))
    return None if there and _library() is not None else f"apt-get install {FONT_PACKAGES[7:]}"


@lru_cache
def _library() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("fluidsynth")
    if name is None:
        return None
    library = ctypes.CDLL(name)
    library.fluid_set_log_function.argtypes = [c_int, c_void_p, c_void_p]
    for level in range(5):
        library.fluid_set_log_function(level, None, None)
    library.new_fluid_settings.restype = c_void_p
    library.new_fluid_synth.argtypes = [c_void_p]
    library.new_fluid_synth.restype = c_void_p
    library.fluid_settings_setint.argtypes = [c_void_p, c_char_p, c_int]
    library.fluid_settings_setnum.argtypes = [c_void_p, c_char_p, c_double]
    library.fluid_synth_sfload.argtypes = [c_void_p, c_char_p, c_int]
    library.delete_fluid_synth.argtypes = [c_void_p]
    library.delete_fluid_settings.argtypes = [c_void_p]
    for call, n_numbers in (
        ("noteon", 3),
        ("noteoff", 2),
        ("cc", 3),
        ("pitch_bend", 2),
        ("program_select", 4),
    ):
        getattr(library, f"fluid_synth_{call}").argtypes = (c_void_p, *[c_int] * n_numbers)
    library.fluid_synth_nwrite_float.argtypes = (c_void_p, c_int, *[POINTER(c_void_p)] * 4)
    return library


class Synth:
    """One soundfont, for one song."""

    def __init__(self, font: Path) -> None:
        library = _library()
        if library is None:
            raise TrainingError(f"libfluidsynth is missing: apt-get install {FONT_PACKAGES[7:]}")
        self._library = library
        self._settings = settings = library.new_fluid_settings()
        for name, number in (
            ("synth.audio-channels", N_CHANNELS),
            ("synth.audio-groups", N_CHANNELS),
            ("synth.reverb.active", 0),
            ("synth.chorus.active", 0),
            ("synth.polyphony", 192),
            ("synth.dynamic-sample-loading", 1),
        ):
            library.fluid_settings_setint(settings, name.encode(), number)
        library.fluid_settings_setnum(settings, b"synth.sample-rate", float(RATE))
        library.fluid_settings_setnum(settings, b"synth.gain", 0.4)
        self._synth = library.new_fluid_synth(settings)
        self._font = library.fluid_synth_sfload(self._synth, str(font).encode(), 1)
        if self._font < 0:
            raise TrainingError(f"{font}: FluidSynth cannot load it")

    def close(self) -> None:
        """Free the soundfont's memory."""
        self._library.delete_fluid_synth(self._synth)
        self._library.delete_fluid_settings(self._settings)

    def render(
        self, score: Score, *, drum_kit: int = 0, max_s: float = 240.0
    ) -> dict[int, Samples]:
        """Sound of each channel, (2, n_samples); all equally long.

        Args:
            score: what to play; its programs are set before the first note.
            drum_kit: program of the percussion channel (bank 128 where there is one).
            max_s: nothing sounds after it.
        """
        library, synth = self._library, self._synth
        for channel in range(N_CHANNELS):
            if channel == DRUM_CHANNEL:
                for bank, program in ((128, drum_kit), (128, 0), (0, drum_kit), (0, 0)):
                    if (
                        library.fluid_synth_program_select(
                            synth, channel, self._font, bank, program
                        )
                        == 0
                    ):
                        break
            else:
                program = score.programs.get(channel, 0)
                library.fluid_synth_program_select(synth, channel, self._font, 0, program)
        events = self._events(score, max_s)
        n_blocks = int(np.ceil((min(score.duration_s, max_s) + TAIL_S) * RATE / BLOCK))
        # Channels that do not play, and the effects we do not use, share one row of scrap.
        used = score.channels()
        tracks = np.zeros((2 * len(used) + 1, n_blocks * BLOCK), np.float32)
        row = {channel: 2 * index for index, channel in enumerate(used)}
        scrap = 2 * len(used)
        sides = [
            [row[c] + side if c in row else scrap for c in range(N_CHANNELS)] for side in (0, 1)
        ]
        address = [
            tracks.ctypes.data + np.array(rows) * tracks.strides[0]
            for rows in (*sides, [scrap] * N_CHANNELS, [scrap] * N_CHANNELS)
        ]
        next_event, block = 0, 0
        while block < n_blocks:
            while next_event < len(events) and events[next_event][0] <= block:
                _, _, name, numbers = events[next_event]
                getattr(library, name)(synth, *numbers)
                next_event += 1
            until = events[next_event][0] if next_event < len(events) else n_blocks
            until = min(until, n_blocks)
            start, n_samples = block * BLOCK, (until - block) * BLOCK
            pointers = [(c_void_p * N_CHANNELS)(*(part + start * 4).tolist()) for part in address]
            library.fluid_synth_nwrite_float(synth, n_samples, *pointers)
            block = until
        return {channel: tracks[row[channel] : row[channel] + 2] for channel in used}

    @staticmethod
    def _events(score: Score, max_s: float) -> list[tuple[int, int, str, tuple[int, ...]]]:
        """(block, rank, function, numbers), in time; releases before new notes."""

        def at(time_s: float) -> int:
            return round(time_s * RATE / BLOCK)

        events: list[tuple[int, int, str, tuple[int, ...]]] = []
        for change in score.changes:
            if change.kind == "bend":
                call, numbers = "fluid_synth_pitch_bend", (change.channel, change.value)
                events.append((at(change.time_s), 1, call, numbers))
            else:
                three = (change.channel, change.number, change.value)
                events.append((at(change.time_s), 1, "fluid_synth_cc", three))
        for note in score.notes:
            if note.start_s >= max_s:
                continue
            key = (note.channel, note.pitch)
            start, end = at(note.start_s), at(min(note.end_s, max_s))
            events.append((start, 2, "fluid_synth_noteon", (*key, note.velocity)))
            events.append((max(end, start + 1), 0, "fluid_synth_noteoff", key))
        return sorted(events, key=lambda event: event[:2])


@lru_cache
def _hold(font: str) -> Synth:
    """Never closed, never played: synthesisers share a font's samples while one has it loaded."""
    return Synth(Path(font))


def render(
    font: str, score: Score, *, drum_kit: int = 0, max_s: float = 240.0
) -> dict[int, Samples]:
    """`Synth.render` on a fresh synthesiser: a used one does not give quite the same numbers."""
    _hold(font)
    synth = Synth(Path(font))
    try:
        return synth.render(score, drum_kit=drum_kit, max_s=max_s)
    finally:
        synth.close()
