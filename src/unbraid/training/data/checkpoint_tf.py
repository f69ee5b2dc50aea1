"""Tensors out of a TensorFlow checkpoint (version 2), without TensorFlow and without a pickle.

`<name>.index` is a table as LevelDB writes them: blocks of entries whose keys share their
beginnings, and a footer that says where the block of blocks lies. Each value is a
BundleEntryProto: number type, shape, offset and size in `<name>.data-00000-of-00001`.
Sources: LevelDB, doc/table_format.md; TensorFlow, core/protobuf/tensor_bundle.proto.
"""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_FOOTER_BYTES = 48
_MAGIC = 0xDB4775248B80FB57
_FLOAT32 = 1
_TYPE, _SHAPE, _OFFSET, _SIZE = 1, 2, 4, 5  # fields of a BundleEntryProto
_DIM, _DIM_SIZE = 2, 1  # of a TensorShapeProto and of its dimensions


def read_tensors(index: bytes, content: bytes) -> dict[str, NDArray[np.float32]]:
    """All float32 tensors by name.

    Args:
        index: of the file `.index`.
        content: of its only shard.

    Raises:
        ValueError: no such table, a compressed or a damaged one, or the shard is too short.
    """
    try:
        if struct.unpack("<Q", index[-8:])[0] != _MAGIC:
            raise ValueError("no index of a TensorFlow checkpoint")
        at = len(index) - _FOOTER_BYTES
        for _ in range(2):  # where the meta block lies, which tells nothing about tensors
            _, at = _varint(index, at)
        return {
            name.decode(): _tensor(entry, content)
            for _, place in _block(index, index[at:])
            for name, entry in _block(index, place)
            if name and dict(_fields(entry))[_TYPE] == _FLOAT32
        }
    except (IndexError, KeyError, TypeError, UnicodeDecodeError, struct.error) as error:
        raise ValueError(f"a damaged index ({error})") from None


def _tensor(entry: bytes, content: bytes) -> NDArray[np.float32]:
    found = dict(_fields(entry))
    shape = [
        int(dict(_fields(dim)).get(_DIM_SIZE, 0))
        for number, dim in _fields(found.get(_SHAPE, b""))
        if number == _DIM
    ]
    offset, size = int(found.get(_OFFSET, 0)), int(found[_SIZE])
    values: NDArray[np.float32] = np.frombuffer(content[offset : offset + size], "<f4")
    return values.reshape(shape)


def _block(index: bytes, place: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block.

    Args:
        index: the whole table.
        place: begins with the block's offset and size.
    """
    start, at = _varint(place, 0)
    size, _ = _varint(place, at)
    if index[start + size] != 0:
        raise ValueError("a compressed index, which TensorFlow does not write")
    block = index[start : start + size]
    (n_restarts,) = struct.unpack("<I", block[-4:])
    key, at = b"", 0
    while at < size - 4 - 4 * n_restarts:
        n_shared, at = _varint(block, at)
        n_own, at = _varint(block, at)
        n_value, at = _varint(block, at)
        key = key[:n_shared] + block[at : at + n_own]
        yield key, block[at + n_own : at + n_own + n_value]
        at += n_own + n_value


def _fields(message: bytes | int) -> Iterator[tuple[int, bytes | int]]:
    """Numbers and values of a protobuf message's fields."""
    assert isinstance(message, bytes)
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        value: bytes | int
        match tag & 7:
            case 0:
                value, at = _varint(message, at)
            case 2:
                size, at = _varint(message, at)
                value, at = message[at : at + size], at + size
            case kind:  # 5 and 1: four and eight bytes, checksums here
                size = 4 if kind == 5 else 8
                value, at = message[at : at + size], at + size
        yield tag >> 3, value


def _varint(text: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first; and where it ends."""
    number = shift = 0
    while True:
        byte = text[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at
