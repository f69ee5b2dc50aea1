"""Weights as safetensors: a JSON header, then raw numbers; nothing in such a file can be run.

Written and read here, for a bare GPU machine has torch and not always the library of that name.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unbraid.errors import TrainingError

_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {kind: name for name, kind in _TYPES.items()}
_MAX_HEADER_BYTES = 10**8
"""What the library accepts at most."""


def save_weights(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors under their names; a kill at any moment leaves the file before whole.

    Raises:
        OSError: it cannot be written.
    """
    header: dict[str, object] = {}
    parts: list[bytes] = []
    end = 0
    for name, tensor in tensors.items():
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        parts.append(flat.view(torch.uint8).numpy().tobytes())
        start, end = end, end + len(parts[-1])
        shape, kind = [*tensor.shape], _NAMES[tensor.dtype]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(parts)
    partial.replace(path)


def load_weights(path: Path) -> dict[str, Tensor]:
    """Read what `save_weights`, or the library, wrote; tensors on the CPU.

    Raises:
        TrainingError: it cannot be read, or is no such file.
    """
    try:
        content = path.read_bytes()
        n_header = int.from_bytes(content[:8], "little")
        if not 2 <= n_header <= min(_MAX_HEADER_BYTES, len(content) - 8):
            raise ValueError("no header")
        header = json.loads(content[8 : 8 + n_header])
        header.pop("__metadata__", None)
        body = np.frombuffer(bytearray(content[8 + n_header :]), np.uint8)
        return {name: _tensor(body, **entry) for name, entry in header.items()}
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path}: no safetensors file, or damaged ({error})") from None


def _tensor(
    body: np.ndarray, dtype: str, shape: list[int], data_offsets: tuple[int, int]
) -> Tensor:
    kind, (start, end) = _TYPES[dtype], data_offsets
    n_bytes = math.prod(shape) * kind.itemsize
    if not 0 <= start <= end <= len(body) or end - start != n_bytes:
        raise ValueError("cut short")
    tensor = torch.empty(shape, dtype=kind)  # aligned, which the file's bytes need not be
    tensor.view(-1).view(torch.uint8).copy_(torch.from_numpy(body[start:end]))
    return tensor
