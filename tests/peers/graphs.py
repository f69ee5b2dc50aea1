"""ONNX files such as peers bring, that do next to nothing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Size = int | str


def write_gains(
    path: Path,
    shape: Sequence[Size],
    gains: Sequence[float],
    *,
    unsqueeze: bool = True,
    metadata: dict[str, str] | None = None,
) -> Path:
    """A graph whose output is its input times each gain, along a new axis 1 if `unsqueeze`."""
    values = np.array(gains, np.float32).reshape(1, -1, *[1] * (len(shape) - 1))
    nodes = [helper.make_node("Mul", ["wide", "gains"], ["out"])]
    shape_out = [shape[0], len(gains), *shape[1:]]
    if unsqueeze:
        nodes.insert(0, helper.make_node("Unsqueeze", ["in", "axis"], ["wide"]))
    else:
        values, shape_out = values.reshape([1] * len(shape)), list(shape)
        nodes = [helper.make_node("Mul", ["in", "gains"], ["out"])]
    weights = [numpy_helper.from_array(values, "gains")]
    if unsqueeze:
        weights.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    graph = helper.make_graph(
        nodes,
        "gains",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, shape_out)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    return path


def write_htdemucs_like(path: Path, n_samples: int = 16_384) -> Path:
    """HTDemucs' inputs and outputs: each stem is a quarter of the spectrum and of the wave."""
    n_frames = -(-n_samples // 1024)
    nodes, inputs, outputs = [], [], []
    for name, shape in (("spectrum", [1, 4, 2048, n_frames]), ("wave", [1, 2, n_samples])):
        nodes += [
            helper.make_node("Unsqueeze", [name, "axis"], [f"{name}_wide"]),
            helper.make_node("Mul", [f"{name}_wide", f"{name}_gains"], [f"{name}_out"]),
        ]
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        outputs.append(
            helper.make_tensor_value_info(f"{name}_out", TensorProto.FLOAT, [1, 4, *shape[1:]])
        )
    quarter = np.full((1, 4, 1, 1), 0.25, np.float32)
    graph = helper.make_graph(
        nodes,
        "htdemucs",
        inputs[::-1],
        outputs,
        [
            numpy_helper.from_array(quarter[..., None], "spectrum_gains"),
            numpy_helper.from_array(quarter, "wave_gains"),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path
