"""From trained weights to a model set: ONNX files with their cards, checked against torch."""

import hashlib
import json
import logging
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.flop_counter import FlopCounterMode

from unbraid import __version__
from unbraid.errors import TrainingError
from unbraid.models.catalog import CHECKSUMS, file_sha256
from unbraid.models.manifest import CARD_KEY, Card
from unbraid.models.session import Graph, read_card
from unbraid.spec import Spec
from unbraid.training.nets.unet import UNet, UNetSet
from unbraid.training.recipe import Recipe
from unbraid.training.weights import load_weights

WEIGHTS_LICENCE = "CC-BY-4.0"
AGREEMENT_DB = 80.0
"""The least by which the error of an exported graph must lie below its output."""


def export_set(
    weights: Path | UNetSet,
    recipe: Recipe,
    out: Path,
    *,
    version: str = __version__,
    metrics: dict[str, Any] | None = None,
    training_data: list[dict[str, str]] | None = None,
) -> list[Path]:
    """Write one ONNX file a stem.

    Args:
        weights: a safetensors file of a trained set, or the set itself.
        recipe: what it was trained with.
        out: the folder to write to; files of the same names are replaced.
        version: of the weights.
        metrics: measured figures for the card.
        training_data: source and licence of everything it was trained on.

    Returns:
        The files, `<stem>.onnx`.

    Raises:
        TrainingError: the weights do not fit the recipe, or a graph does not agree with torch.
    """
    nets = UNetSet(recipe.spec, recipe.net)
    try:
        state = weights.state_dict() if isinstance(weights, nn.Module) else load_weights(weights)
        nets.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(f"{weights}: does not fit recipe {recipe.name}: {reason}") from None
    out.mkdir(parents=True, exist_ok=True)
    figures = {**cost(nets, recipe.spec), **(metrics or {})}
    files = []
    for stem, net in nets.nets.items():
        card = Card(
            name=recipe.name,
            version=version,
            architecture=recipe.description,
            stems=(stem,),
            spec=recipe.spec,
            input="magnitude",
            output="magnitude",
            licence=WEIGHTS_LICENCE,
            training_data=tuple(training_data or ()),
            metrics=figures,
        )
        files.append(_export(net.cpu().eval(), card, out / f"{stem}.onnx"))
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


def cost(nets: UNetSet, spec: Spec) -> dict[str, Any]:
    """Parameters, and multiply-accumulates for a second of audio on the tile grid."""
    tile = torch.zeros(1, spec.n_channels, spec.n_bins, spec.n_frames)
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


class _OneStem(nn.Module):
    """Gives a graph the stem axis that its card promises."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, magnitude: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.net(magnitude)[:, None]
        return result


def _export(net: nn.Module, card: Card, path: Path) -> Path:
    import onnx

    if not isinstance(net, UNet):
        raise TrainingError(f"{card.name}: no exporter for {type(net).__name__}")
    # It tells of operators of torchvision, which we do not use.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    generator = torch.Generator().manual_seed(0)
    # Magnitudes of the size that music at -16 dBFS has.
    noise = torch.randn(card.input_shape, generator=generator).abs() * 10
    with torch.inference_mode():
        expected = net(noise)[:, None].numpy()
    _fold_batch_norm(net)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch about itself
        program = torch.onnx.export(
            _OneStem(net).eval(),
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
    onnx.checker.check_model(model)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(model.SerializeToString(deterministic=True))
    found = Graph(partial, card)(noise[0].numpy())
    error = np.square(found - expected[0]).mean() / np.square(expected).mean()
    if not -10 * np.log10(error + 1e-20) >= AGREEMENT_DB:
        partial.unlink()
        raise TrainingError(f"{path}: differs from torch by {10 * np.log10(error):.0f} dB")
    return partial.replace(path)


def _fold_batch_norm(net: UNet) -> None:
    """Put each normalisation into the convolution before it; the net computes the same."""
    for block in (*net.down, *net.up):
        assert isinstance(block, nn.Sequential)
        convolution, norm = block[0], block[1]
        transposed = isinstance(convolution, nn.ConvTranspose2d)
        block[0] = fuse_conv_bn_eval(convolution, norm, transpose=transposed)  # type: ignore[type-var, arg-type]
        block[1] = nn.Identity()
