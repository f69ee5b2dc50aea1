"""Open-Unmix: a bidirectional LSTM a stem, and a multichannel Wiener filter; code from PyPI.

F.-R. Stöter et al., "Open-Unmix - A Reference Implementation for Music Source Separation", JOSS 4
(41), 2019. Weights: umxhq MIT, umxl CC BY-NC-SA 4.0; plain state dicts, loaded as such.
"""

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

from unbraid.errors import ModelError
from unbraid.peers.peer import Argument, Peer, Samples
from unbraid.peers.segments import in_segments
from unbraid.peers.shipped import UNKNOWN
from unbraid.stems import STEMS

REMEDY = (
    "download vocals-*.pth, drums-*.pth, bass-*.pth and other-*.pth of umxhq (zenodo.org/records/"
    "3370489) into one folder and name it: open-unmix:FOLDER"
)
SEGMENT_S = 30.0
EDGE_S = 2.0
FADE_S = 1.0
"""It was trained on 6 s; the filter looks at 7 s. A song at once would take 2 GB."""

_N_FFT = 4096  # less is not mirrored at its ends
_LICENCES = {512: "MIT", 1024: "CC BY-NC-SA 4.0, research use only"}
"""By the hidden size that tells umxhq from umxl."""


class OpenUnmix(Peer):
    """The nets of a folder, as `<stem>*.pth` or `<stem>*.safetensors`.

    Args:
        argument: the folder; option licence=.

    Raises:
        ModelError: no weights in it, or others.
    """

    def __init__(self, argument: Argument) -> None:
        _import_without_torchaudio()
        from openunmix.model import Separator

        folder = argument.path
        found = {stem: sorted(folder.glob(f"{stem}*")) for stem in STEMS}
        files = {
            stem: [path for path in paths if path.suffix in (".pth", ".safetensors")]
            for stem, paths in found.items()
        }
        for stem, paths in files.items():
            if len(paths) > 1:
                raise ModelError(f"open-unmix: {folder}: more than one net for {stem}; keep one")
        chosen = {stem: paths[0] for stem, paths in files.items() if paths}
        if not chosen:
            raise ModelError(f"open-unmix: {folder}: holds no weights; {REMEDY}")
        nets, hidden = {}, set()
        for stem, path in chosen.items():
            nets[stem], size = _net(path)
            hidden.add(size)
        # With one net alone the filter needs what it leaves as a second source.
        self._separator = Separator(nets, niter=1, residual=len(nets) < len(STEMS))
        self._separator.freeze()
        licence = argument.options.get("licence") or ", ".join(
            _LICENCES.get(size, UNKNOWN) for size in sorted(hidden)
        )
        super().__init__("open-unmix", licence, tuple(chosen), argument.sha256(*chosen.values()))

    def separate(self, samples: Samples) -> Samples:
        """See `unbraid.separation.model.Model`."""
        import torch

        def piece(part: Samples) -> Samples:
            with torch.inference_mode():
                stems = self._separator(torch.from_numpy(part)[None])[0]
            result: Samples = stems[: len(self.stems)].numpy().astype(np.float32, copy=False)
            return result

        rate = self.sample_rate
        n_segment = round(SEGMENT_S * rate)
        if _N_FFT < samples.shape[-1] <= n_segment:
            return piece(samples.copy())  # no silence around it, as its authors run it
        return in_segments(
            samples,
            piece,
            n_stems=len(self.stems),
            n_segment=n_segment,
            n_fade=round(FADE_S * rate),
            n_edge=round(EDGE_S * rate),
        )


def _import_without_torchaudio() -> None:
    """Open-Unmix imports torchaudio to read files, which we do; one that is broken may be absent.

    torchaudio must be built for the very torch that is installed, or importing it fails.
    """
    try:
        import torchaudio  # noqa: F401
    except (ImportError, OSError):
        sys.modules["torchaudio"] = types.ModuleType("torchaudio")
        try:
            import openunmix  # noqa: F401
        finally:
            del sys.modules["torchaudio"]


def _net(path: Path) -> tuple[Any, int]:
    """A stem's net with its weights, and its hidden size; sizes are read off the weights."""
    import torch
    from openunmix.model import OpenUnmix as Net

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        hidden, n_inputs = state["fc1.weight"].shape
        max_bin = state["input_mean"].shape[0]
        net = Net(
            nb_bins=state["output_mean"].shape[0],
            nb_channels=n_inputs // max_bin,
            hidden_size=hidden,
            max_bin=max_bin,
        )
        missing = net.load_state_dict(state, strict=False).missing_keys
    except Exception as error:  # pickle, torch and safetensors each raise their own
        reason = " ".join(str(error).split())[:120]
        raise ModelError(f"open-unmix: {path}: no weights of it ({reason})") from None
    if missing:
        raise ModelError(f"open-unmix: {path}: lacks {missing[0]}; download it again")
    return net.eval(), int(hidden)


def open_model(argument: str | None) -> OpenUnmix:
    """See `unbraid.separation.model`."""
    given = Argument.read("open-unmix", argument, known=("licence",), remedy=REMEDY)
    try:
        return OpenUnmix(given)
    except ImportError as error:
        raise ModelError(
            f'open-unmix: needs {error.name}: pip install "unbraid[peers-open-unmix]"'
        ) from None
