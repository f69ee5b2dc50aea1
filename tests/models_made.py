"""Model sets that tests make: small, quick, with known answers."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from unbraid.models.catalog import CHECKSUMS
from unbraid.models.manifest import CARD_KEY, Card
from unbraid.spec import Spec
from unbraid.stems import STEMS

CARD = Card(
    name="tiny",
    version="1",
    architecture="a fixed gain for each bin and stem",
    stems=STEMS,
    spec=Spec(),
    input="magnitude",
    output="magnitude",
    licence="CC0-1.0",
    training_data=({"source": "none", "licence": "CC0-1.0"},),
)


def gains(spec: Spec, n_stems: int = 4, n_channels: int = 2) -> NDArray[np.float32]:
    """(1, n_stems, n_channels, n_bins, 1): random, but the same in every run."""
    shape = (1, n_stems, n_channels, spec.n_bins, 1)
    return np.random.default_rng(7).uniform(0, 1, shape).astype(np.float32)


def write_graph(path: Path, card: Card, weights: NDArray[np.float32] | None = None) -> Path:
    """Write a graph that multiplies its input by `weights`, with the card in its metadata."""
    if weights is None:
        if card.input == "waveform":
            weights = np.full((1, len(card.stems), 1, 1), 0.25, np.float32)
        else:
            weights = gains(card.spec, len(card.stems), card.output_shape[2])
    nodes = [
        helper.make_node("Unsqueeze", ["mixture", "axis"], ["wide"]),
        helper.make_node("Mul", ["wide", "gains"], ["stems"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("mixture", TensorProto.FLOAT, card.input_shape)],
        [helper.make_tensor_value_info("stems", TensorProto.FLOAT, card.output_shape)],
        [
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
            numpy_helper.from_array(weights, "gains"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    model.metadata_props.add(key=CARD_KEY, value=card.to_json())
    path.write_bytes(model.SerializeToString())
    return path


def write_set(folder: Path, *, card: Card = CARD, one_file_a_stem: bool = False) -> Path:
    """Write a model set as unbraid ships them, with its checksums."""
    folder.mkdir(parents=True, exist_ok=True)
    if one_file_a_stem:
        weights = gains(card.spec)
        files = [
            write_graph(
                folder / f"{stem}.onnx", replace(card, stems=(stem,)), weights[:, index : index + 1]
            )
            for index, stem in enumerate(card.stems)
        ]
    else:
        files = [write_graph(folder / "all.onnx", card)]
    sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    (folder / CHECKSUMS).write_text(json.dumps(sums))
    return folder
