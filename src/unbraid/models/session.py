"""ONNX Runtime: from a model set to callable graphs, and cards read without loading any weights."""

import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import ModelError
from unbraid.models.manifest import CARD_KEY, Card

MAX_CARD_BYTES = 1024**2
MAX_TILE_VALUES = 2**28
"""Largest input or output a graph may have: a gigabyte of floats."""


class Graph:
    """One ONNX file, loaded.

    Args:
        path: the file.
        card: its card, as `read_card` gave it.
        providers: ONNX Runtime's execution providers, best first; None for the CPU.

    Raises:
        ModelError: ONNX Runtime refuses it, or its shapes are not those of its card.
    """

    def __init__(self, path: Path, card: Card, *, providers: list[str] | None = None) -> None:
        import onnxruntime

        for shape in (card.input_shape, card.output_shape):
            if int(np.prod(shape, dtype=np.int64)) > MAX_TILE_VALUES:
                raise ModelError(f"{path}: its card asks for tiles of {shape}, which is too large")
        options = onnxruntime.SessionOptions()
        # One thread a call: the caller runs tiles side by side, which uses cores better than
        # splitting one, leaves no spinning threads to steal a core from the sound, and gives
        # the same bits on any number of cores.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A plan of where each tensor goes is made by a first run, beside whose memory it then
        # stands: 35 MB on two threads for not a millisecond.
        options.enable_mem_pattern = False
        if _one_arena():
            options.add_session_config_entry("session.use_env_allocators", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=providers or ["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises many kinds, some of them private.
            reason = str(error).strip().splitlines()[0][:200]
            raise ModelError(f"{path}: ONNX Runtime cannot load it: {reason}") from None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shapes = [tuple(node.shape) for node in (*inputs, *outputs)]
        if shapes != [card.input_shape, card.output_shape]:
            raise ModelError(
                f"{path}: takes and gives {shapes}, its card says "
                f"{[card.input_shape, card.output_shape]}; export the model again"
            )
        self._input = inputs[0].name
        self.card = card
        self.providers: list[str] = self._session.get_providers()

    def __call__(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """One tile: `card.input_shape` without its first axis, to `card.output_shape` without."""
        result: NDArray[np.float32] = self._session.run(None, {self._input: tile[None]})[0]
        stems: NDArray[np.float32] = result[0]
        return stems


@lru_cache(maxsize=1)
def _one_arena() -> bool:
    """Give all graphs of this process one pool of memory: each one's own is kept for its life.

    Of a set of four nets on two threads, 240 MB less, measured.
    """
    import onnxruntime

    kind = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    place = onnxruntime.OrtMemoryInfo("Cpu", kind, 0, onnxruntime.OrtMemType.DEFAULT)
    try:
        onnxruntime.create_and_register_allocator(place, onnxruntime.OrtArenaCfg({}))
    except Exception:  # a private kind; the program around us has registered its own
        return False
    return True


def read_card(path: Path, sha256: str = "") -> Card:
    """The card in an ONNX file's metadata; the weights are skipped over, not read.

    Args:
        path: the file.
        sha256: its checksum if known; the same file is then read only once.

    Raises:
        ModelError: unreadable, truncated, not ONNX, or without a card.
    """
    try:
        return _read_card(path, sha256)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from None
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


@lru_cache(maxsize=64)
def _read_card(path: Path, sha256: str) -> Card:
    entries: dict[str, str] = {}
    seen: set[int] = set()
    with path.open("rb") as file:
        for number, value in _fields(file, path.stat().st_size, keep={14}):
            seen.add(number)
            if number == 14:  # ModelProto.metadata_props: StringStringEntryProto
                pair = dict(_fields(io.BytesIO(value), len(value), keep={1, 2}))
                key, text = pair.get(1, b""), pair.get(2, b"")
                entries[key.decode("utf-8", "replace")] = text.decode("utf-8", "replace")
    if not {1, 7} <= seen:  # ModelProto.ir_version and .graph
        raise ModelError("is not an ONNX model, or is cut short; download or export it again")
    if CARD_KEY not in entries:
        raise ModelError("carries no unbraid card; export it with `unbraid export`")
    return Card.from_json(entries[CARD_KEY])


def _fields(file: IO[bytes], size: int, keep: set[int]) -> Iterator[tuple[int, bytes]]:
    """Walk the fields of a protobuf message: (number, bytes), bytes empty unless kept.

    Source: protobuf.dev, "Encoding": tag = number << 3 | wire type.
    """

    def varint() -> int:
        value = shift = 0
        while True:
            byte = file.read(1)
            if not byte or shift > 63:
                raise ModelError("is cut short or not an ONNX model; download or export it again")
            value |= (byte[0] & 0x7F) << shift
            if byte[0] < 0x80:
                return value
            shift += 7

    while file.tell() < size:
        tag = varint()
        number, wire = tag >> 3, tag & 7
        value = b""
        if wire == 0:
            varint()
            length = 0
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        elif wire == 2:
            length = varint()
        else:
            raise ModelError("is not an ONNX model; download or export it again")
        if file.tell() + length > size:
            raise ModelError("is cut short; download or export it again")
        if number in keep and wire == 2:
            if length > MAX_CARD_BYTES:
                raise ModelError("its card is too large to be one; export it again")
            value = file.read(length)
        else:
            file.seek(length, 1)
        yield number, value
