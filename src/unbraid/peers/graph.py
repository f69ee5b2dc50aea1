"""Other people's ONNX files: loaded, and what they say of themselves."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import ModelError

Shape = tuple[int | None, ...]


class PeerGraph:
    """An ONNX file without a card of ours.

    Args:
        peer: that runs it, for messages.
        path: the file.

    Raises:
        ModelError: ONNX Runtime refuses it.
    """

    def __init__(self, peer: str, path: Path) -> None:
        import onnxruntime

        self._label = f"{peer}: {path}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads()
        options.log_severity_level = 3
        # Threads that spin while they wait would be counted as the peer's cost.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises many kinds, some of them private.
            reason = str(error).strip().splitlines()[0][:200]
            raise ModelError(f"{self._label}: ONNX Runtime cannot load it: {reason}") from None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self._names = [node.name for node in inputs]
        self.inputs = [_shape(node.shape) for node in inputs]
        self.outputs = [_shape(node.shape) for node in outputs]
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def __call__(self, *tensors: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs for all inputs.

        Raises:
            ModelError: it fails on them.
        """
        given = dict(zip(self._names, tensors, strict=True))
        try:
            found: list[NDArray[np.float32]] = self._session.run(None, given)
        except Exception as error:  # see above
            reason = str(error).strip().splitlines()[0][:200]
            raise ModelError(f"{self._label}: fails: {reason}") from None
        return found

    def refuse(self, expected: str) -> ModelError:
        """The error for a file that is of another kind."""
        return ModelError(
            f"{self._label}: takes {self.inputs} and gives {self.outputs}; expected {expected}"
        )


def n_threads() -> int:
    """As torch reads it: OMP_NUM_THREADS, or one a core."""
    text = os.environ.get("OMP_NUM_THREADS", "")
    if text.isdecimal() and int(text):
        return int(text)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _shape(shape: list[int | str | None]) -> Shape:
    """Sizes that may vary have names, or none."""
    return tuple(size if isinstance(size, int) else None for size in shape)
