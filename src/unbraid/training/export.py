"""From trained weights to a model set: ONNX files with their cards, checked against torch."""

import hashlib
import json
import logging
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.flop_counter import FlopCounterMode

from unbraid import __version__
from unbraid.errors import TrainingError
from unbraid.models.catalog import CHECKSUMS, file_sha256
from unbraid.models.manifest import CARD_KEY, Card
from unbraid.models.session import Graph, read_card
from unbraid.spec import Spec
from unbraid.training.estimate import given_shape
from unbraid.training.nets.net import Net
from unbraid.training.recipe import Recipe
from unbraid.training.weights import load_weights

WEIGHTS_LICENCE = "CC-BY-4.0"
AGREEMENT_DB = 80.0
"""The least by which the error of an exported graph must lie below its output."""

ROUNDING_DB = 50.0
"""The same for what weights of 16 bits change: far below what a net gets wrong."""

LEAST_HALVED = 1024
"""Numbers of a tensor that is worth storing in 16 bits."""


def export_set(
    weights: Path | Net,
    recipe: Recipe,
    out: Path,
    *,
    version: str = __version__,
    metrics: dict[str, Any] | None = None,
    training_data: list[dict[str, str]] | None = None,
    half: bool = False,
) -> list[Path]:
    """Write a set's graphs: for nets side by side an ONNX file a stem, else one for all.

    Args:
        weights: a safetensors file of a trained set, or the set itself.
        recipe: what it was trained with.
        out: the folder to write to; files of the same names are replaced.
        version: of the weights.
        metrics: measured figures for the card.
        training_data: source and licence of everything it was trained on.
        half: round weights to 16 bits, for files of half the size; the net still computes in 32.

    Returns:
        The files, `<stem>.onnx` or `model.onnx`.

    Raises:
        TrainingError: the weights do not fit the recipe, or a graph does not agree with torch.
    """
    nets = recipe.build()
    try:
        state = weights.state_dict() if isinstance(weights, nn.Module) else load_weights(weights)
        nets.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(f"{weights}: does not fit recipe {recipe.name}: {reason}") from None
    out.mkdir(parents=True, exist_ok=True)
    figures = {**cost(nets, recipe.spec), **(metrics or {})}
    files = []
    for name, net in nets.graphs().items():
        card = Card(
            name=recipe.name,
            version=version,
            architecture=recipe.description,
            stems=net.stems,
            spec=recipe.spec,
            input=net.input_kind,
            output=net.output_kind,
            set_stems=nets.stems,
            licence=WEIGHTS_LICENCE,
            training_data=tuple(training_data or ()),
            metrics=figures,
        )
        files.append(_export(net.cpu().eval(), card, out / f"{name}.onnx", half=half))
    _write_checksums(files)
    return files


def add_figures(files: list[Path], metrics: dict[str, Any]) -> None:
    """Put measured figures into the cards of an exported set; the weights stay as they are."""
    import onnx

    for file in files:
        model = onnx.load(file)
        card = read_card(file, file_sha256(file))
        card = replace(card, metrics={**card.metrics, **metrics})
        del model.metadata_props[:]
        model.metadata_props.add(key=CARD_KEY, value=card.to_json())
        partial = file.with_name(f".{file.name}.partial")
        partial.write_bytes(model.SerializeToString(deterministic=True))
        partial.replace(file)
    _write_checksums(files)


def cost(nets: Net, spec: Spec) -> dict[str, Any]:
    """Parameters, and multiply-accumulates for a second of audio on the tile grid."""
    tile = torch.zeros(1, *given_shape(nets, spec, spec.n_frames))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        nets.eval()(tile)
    seconds = spec.stride * spec.hop / spec.sample_rate
    return {
        "parameters": sum(p.numel() for p in nets.parameters()),
        "gmac_per_s": round(counter.get_total_flops() / 2 / seconds / 1e9, 2),
    }


def _write_checksums(files: list[Path]) -> None:
    sums = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    text = json.dumps(sums, indent=2) + "\n"
    (files[0].parent / CHECKSUMS).write_text(text, encoding="utf-8")


def _export(net: Net, card: Card, path: Path, *, half: bool) -> Path:
    import onnx

    # It tells of operators of torchvision, which we do not use.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(card.input_shape, generator=generator)
    if card.input == "waveform":
        noise *= 0.1
    else:  # Spectra of the size that music at -16 dBFS has.
        noise = noise.abs() * 10 if card.input == "magnitude" else noise * 10
    with torch.inference_mode():
        expected = net(noise)[0].numpy()
    _fold_batch_norm(net)
    if half:
        with torch.inference_mode():
            for weight in net.parameters():
                weight.copy_(weight.half())
            rounded = net(noise)[0].numpy()
        if not _agreement_db(rounded, expected) >= ROUNDING_DB:
            raise TrainingError(f"{path}: 16 bits are too few for these weights; leave out --half")
        expected = rounded
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch about itself
        warnings.filterwarnings("ignore", "The tensor attributes", UserWarning)  # of its own GRU
        program = torch.onnx.export(
            net,
            (noise,),
            input_names=["mixture"],
            output_names=["stems"],
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    del model.metadata_props[:]
    for node in model.graph.node:  # Where in the source a node came from: paths of this machine.
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.metadata_props[:]
    for value in (*model.graph.value_info, *model.graph.initializer):
        del value.metadata_props[:]
    model.metadata_props.add(key=CARD_KEY, value=card.to_json())
    model.producer_name, model.producer_version = "unbraid", card.version
    if half:
        _halve(model)
    onnx.checker.check_model(model)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(model.SerializeToString(deterministic=True))
    agreement_db = _agreement_db(Graph(partial, card)(noise[0].numpy()), expected)
    if not agreement_db >= AGREEMENT_DB:
        partial.unlink()
        raise TrainingError(f"{path}: differs from torch by {-agreement_db:.0f} dB")
    return partial.replace(path)


def _agreement_db(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    error = np.square(found - expected).mean() / np.square(expected).mean()
    return float(-10 * np.log10(error + 1e-20))


def _halve(model: Any) -> None:
    """Store large tensors that 16 bits hold exactly in 16 bits; ONNX Runtime widens them once, when
    it loads the file."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < LEAST_HALVED:
            continue
        halved = array.astype(np.float16)
        if np.array_equal(halved, array):
            name, stored = tensor.name, f"{tensor.name}.float16"
            tensor.CopyFrom(numpy_helper.from_array(halved, stored))
            casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _fold_batch_norm(net: nn.Module) -> None:
    """Put each normalisation into the convolution before it; the net computes the same."""
    for block in net.modules():
        if not isinstance(block, nn.Sequential):
            continue
        for i, (layer, norm) in enumerate(pairwise(block)):
            if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
                continue
            if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d):
                transposed = isinstance(layer, nn.ConvTranspose2d)
                block[i] = fuse_conv_bn_eval(layer, norm, transpose=transposed)
                block[i + 1] = nn.Identity()
