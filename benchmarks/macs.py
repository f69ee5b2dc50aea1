"""Multiply-adds and parameters of an ONNX graph, counted from its shapes."""

from math import prod
from pathlib import Path

import onnx
from onnx import NodeProto


def count_graph(path: Path) -> tuple[int, int]:
    """Parameters, and multiply-adds of one call.

    Counts convolutions and matrix products; activations, normalisation and copies are not
    products of a weight and are left out, as they are by torch's counter.

    Raises:
        ValueError: a node that multiplies by weights, but is of a kind not known here.
    """
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    shapes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    shapes |= {weight.name: list(weight.dims) for weight in graph.initializer}
    n_parameters = sum(
        prod(weight.dims)
        for weight in graph.initializer
        if weight.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    )
    return n_parameters, sum(_count_node(node, shapes) for node in graph.node)


def _count_node(node: NodeProto, shapes: dict[str, list[int]]) -> int:
    if node.op_type == "Conv":  # every output sample sees one kernel
        return prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
    if node.op_type == "ConvTranspose":  # every input sample spreads one kernel
        return prod(shapes[node.input[0]]) * prod(shapes[node.input[1]][1:])
    if node.op_type == "MatMul":
        return prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    if node.op_type == "Gemm":
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else -1]
    if node.op_type in ("GRU", "LSTM"):  # weights of both kinds, once for each step and item
        n_steps, n_items, _ = shapes[node.input[0]]
        return n_steps * n_items * sum(prod(shapes[name]) for name in node.input[1:3])
    if node.op_type == "Einsum":  # of two factors: one product for each combination of indices
        equation = next(a.s.decode() for a in node.attribute if a.name == "equation")
        terms = equation.replace(" ", "").split("->")[0].split(",")
        sizes = {
            index: size
            for term, name in zip(terms, node.input, strict=True)
            for index, size in zip(term, shapes[name], strict=True)
        }
        return prod(sizes.values())
    if node.op_type in ("Attention", "RNN", "QLinearConv", "ConvInteger"):
        raise ValueError(f"{node.op_type}: multiply-adds of this kind of node are not counted yet")
    return 0
