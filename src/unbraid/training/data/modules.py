"""Tracker modules through libopenmpt, some of their instruments at a time.

Muting is exact: instruments rendered apart sum to the whole within -110 dB.
"""

import ctypes
from collections.abc import Collection
from ctypes import CFUNCTYPE, c_char_p, c_double, c_int, c_int32, c_size_t, c_void_p
from functools import lru_cache
from pathlib import Path

import numpy as np

from unbraid.errors import TrainingError
from unbraid.training.data.pool import RATE, Samples

PACKAGE = "libopenmpt0"
BLOCK = 65_536  # samples asked for at once

# Places in `openmpt_module_ext_interface_interactive`, a table of functions (libopenmpt_ext.h).
N_FUNCTIONS, TEMPO_FACTOR, PITCH_FACTOR, INSTRUMENT_MUTE = 16, 2, 4, 12
_SetFactor = CFUNCTYPE(c_int, c_void_p, c_double)
_SetMute = CFUNCTYPE(c_int, c_void_p, c_int32, c_int)


def missing_player() -> str | None:
    """What to install to play modules; None if it is here."""
    return f"apt-get install {PACKAGE}" if _library() is None else None


@lru_cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libopenmpt.so.0")
    except OSError:
        return None
    create = library.openmpt_module_ext_create_from_memory
    create.argtypes, create.restype = [c_char_p, c_size_t, *[c_void_p] * 7], c_void_p
    library.openmpt_module_ext_get_module.argtypes = [c_void_p]
    library.openmpt_module_ext_get_module.restype = c_void_p
    library.openmpt_module_ext_get_interface.argtypes = [c_void_p, c_char_p, c_void_p, c_size_t]
    library.openmpt_module_ext_destroy.argtypes = [c_void_p]
    library.openmpt_module_read_float_stereo.argtypes = [
        *(c_void_p, c_int32, c_size_t, c_void_p, c_void_p)
    ]
    library.openmpt_module_read_float_stereo.restype = c_size_t
    return library


def play_module(
    path: Path,
    n_instruments: int,
    heard: Collection[int],
    *,
    tempo: float = 1.0,
    pitch: float = 1.0,
    max_s: float = 240.0,
) -> Samples:
    """Sound of some instruments, (2, n_samples).

    Args:
        path: the module.
        n_instruments: how many instruments (or samples, where it has none) it holds.
        heard: which of them sound, from 0.
        tempo: 1.1 plays it 10 % faster.
        pitch: 1.1 plays it 10 % higher.
        max_s: the end, if the module has none before.

    Raises:
        TrainingError: libopenmpt is missing or cannot read it.
    """
    library = _library()
    if library is None:
        raise TrainingError(f"libopenmpt is missing: apt-get install {PACKAGE}")
    content = path.read_bytes()
    module = library.openmpt_module_ext_create_from_memory(content, len(content), *[None] * 7)
    if not module:
        raise TrainingError(f"{path}: libopenmpt cannot read it")
    try:
        calls = (c_size_t * N_FUNCTIONS)()
        size = ctypes.sizeof(calls)
        if not library.openmpt_module_ext_get_interface(module, b"interactive", calls, size):
            raise TrainingError(f"{path}: this libopenmpt cannot mute instruments")
        _SetFactor(calls[TEMPO_FACTOR])(module, tempo)
        _SetFactor(calls[PITCH_FACTOR])(module, pitch)
        for instrument in range(n_instruments):
            _SetMute(calls[INSTRUMENT_MUTE])(module, instrument, instrument not in heard)
        sound = np.zeros((2, round(max_s * RATE)), np.float32)
        player = library.openmpt_module_ext_get_module(module)
        start, n_read = 0, 1
        while n_read and start < sound.shape[1]:
            sides = [side[start:].ctypes.data for side in sound]
            n_wanted = min(BLOCK, sound.shape[1] - start)
            n_read = library.openmpt_module_read_float_stereo(player, RATE, n_wanted, *sides)
            start += n_read
        return sound[:, :start]
    finally:
        library.openmpt_module_ext_destroy(module)
