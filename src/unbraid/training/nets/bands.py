"""Both ends of a net of bands: the spectrum to features of bands, and these to masks of its bins.

- Band split (Luo & Yu 2023, BSRNN): narrow bands in the lows, wide ones above, each with a linear
  map of its own, so that the net knows which band it looks at. Above 11 kHz bins are first
  averaged by sixteens: a cymbal's or a voice's air needs no partials.
- Two channels seen as |L|, |R|, |L+R|/2 and |L-R|/2: where a sound stands and how wide it is,
  without the phase as such.
- On the way out each band's features say two things of its bins: a mask of the band's own, and how
  far to follow each of a few pictures made at full resolution, where partials lie.
- Masks are a softmax over the stems: they sum to one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from unbraid.errors import TrainingError
from unbraid.models.manifest import InputKind, OutputKind
from unbraid.spec import Spec
from unbraid.stems import STEMS
from unbraid.training.nets.net import Net

N_VIEWS = 4
"""Left, right, middle, side."""


@dataclass(frozen=True, slots=True)
class BandConfig:
    """What a net of bands sees; its rivals see the same."""

    # Bins of a band and how many such bands, from 0 Hz up; 1024 bins of 10.77 Hz in all.
    band_bins: tuple[int, ...] = (2, 4, 8, 16, 32, 64)
    n_bands: tuple[int, ...] = (14, 9, 8, 8, 8, 8)
    top_bins: int = 16  # averaged to one above these bands
    top_bands: int = 8  # of 8 such averages, if the spec has bins there
    n_pictures: int = 8  # at full resolution; 0: none
    # The bands that follow them: of which widths, counted from 0 Hz up, the last one not included.
    pictures_of: tuple[int, int] = (0, 7)
    compression: float = 0.3  # exponent on the input magnitudes
    complex_masks: bool = False  # with an imaginary part as well, that of all stems being 0


class BandNet(Net):
    """The mixture's spectrum to masks of all four stems; what lies between is a subclass's.

    forward: (batch, 4, n_bins, n_frames), real and imaginary parts of left and right, to
    (batch, 4, 2, n_bins, n_frames) that sum to one over the stems; or, of complex masks, to
    (batch, 4, 4, n_bins, n_frames).
    """

    input_kind: InputKind = "complex"
    output_kind: OutputKind = "mask"
    compression: float

    def __init__(self, bands: "Bands", config: BandConfig) -> None:
        super().__init__(STEMS)
        self.compression = config.compression
        self.complex_masks = config.complex_masks
        if config.complex_masks:
            self.output_kind = "complex_mask"
        self.bands = bands
        self.shift = nn.Parameter(torch.zeros(N_VIEWS, bands.n_rows))
        self.scale = nn.Parameter(torch.ones(N_VIEWS, bands.n_rows))

    def logits(self, image: Tensor, spectrum: Tensor) -> Tensor:
        """(batch, 4, n_rows, n_frames), and the spectrum, to (batch, 8, n_rows, n_frames), or 16
        where masks are complex."""
        raise NotImplementedError

    def forward(self, spectrum: Tensor) -> Tensor:
        # The example sizes in the comments are those of 2049 bins by 192 frames.
        views = self._views(spectrum)  # (batch, 4, 1088, 192)
        image = (views + self.shift[:, :, None]) * self.scale[:, :, None]
        logits = self.logits(image, spectrum)  # (batch, 8, 1088, 192)
        real, imaginary = logits, None
        if self.complex_masks:
            real, imaginary = logits.chunk(2, dim=1)
        claims = torch.unflatten(real, 1, (len(STEMS), -1))  # (batch, 4, 2, 1088, 192)
        # Written out, for ONNX Runtime turns the array around for a softmax over such an axis.
        claims = torch.exp(claims - claims.amax(dim=1, keepdim=True))
        masks = claims / claims.sum(dim=1, keepdim=True)
        if imaginary is not None:
            across = torch.unflatten(imaginary, 1, (len(STEMS), -1))
            across = across - across.mean(dim=1, keepdim=True)
            masks = torch.stack([masks, across], dim=3).flatten(2, 3)
        return self.bands.spread(masks)

    def _views(self, spectrum: Tensor) -> Tensor:
        """Compressed magnitudes of left, right, middle and side, (batch, 4, n_rows, n_frames)."""
        left, right = spectrum[:, :2], spectrum[:, 2:]
        four = torch.stack([left, right, (left + right) / 2, (left - right) / 2], dim=1)
        power = self.bands.gather(four.square().sum(dim=2))
        # As a power, the same costs a tenth of a small net in ONNX Runtime.
        return torch.exp(self.compression / 2 * torch.log(power + 1e-6))

    @torch.no_grad()
    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        """See `Net.standardise`."""
        self.shift.copy_(-self.bands.gather(mean[None, :, None])[..., 0].expand_as(self.shift))
        scale = 1 / (self.bands.gather(deviation[None, :, None])[..., 0] + 0.1)
        self.scale.copy_(scale.expand_as(self.scale))


@dataclass(frozen=True, slots=True)
class Zone:
    """Neighbouring bands."""

    classes: tuple[tuple[int, int], ...]  # rows of a band, and how many such bands
    rows: slice
    bands: slice

    @property
    def n_bands(self) -> int:
        return sum(n for _, n in self.classes)


class Bands:
    """Which bins make a row, and which rows a band.

    A row is a bin below the top and an average of `top_bins` above it; the last takes what is left.
    """

    def __init__(self, spec: Spec, config: BandConfig) -> None:
        self.widths = [
            w for w, n in zip(config.band_bins, config.n_bands, strict=True) for _ in range(n)
        ]
        self.n_low = sum(self.widths)
        self.n_bins = spec.n_bins
        self.top_bins = config.top_bins
        self.classes = list(zip(config.band_bins, config.n_bands, strict=True))
        n_top = (spec.n_bins - self.n_low) // config.top_bins
        if spec.n_bins != self.n_low:
            if spec.n_bins != self.n_low + n_top * config.top_bins + 1 or n_top % config.top_bands:
                raise TrainingError(
                    f"{config.band_bins} and {config.top_bands} bands above them do not fill "
                    f"{spec.n_bins} bins"
                )
            self.classes.append((n_top // config.top_bands, config.top_bands))
        self.n_top = n_top
        self.n_rows = self.n_low + n_top
        self.n_bands = sum(n for _, n in self.classes)

    def zone(self, first: int = 0, end: int | None = None) -> Zone:
        """The bands of these classes, counted from 0 Hz up; all if none are named."""
        edges = [(0, 0)]
        for width, n in self.classes:
            edges.append((edges[-1][0] + width * n, edges[-1][1] + n))
        classes = (*self.classes[first:end],)
        (row, band), (end_row, end_band) = edges[first], edges[first + len(classes)]
        return Zone(classes, slice(row, end_row), slice(band, end_band))

    def gather(self, x: Tensor) -> Tensor:
        """(..., n_bins, n_frames) to (..., n_rows, n_frames)."""
        if not self.n_top:
            return x
        low, top = x[..., : self.n_low, :], x[..., self.n_low : self.n_bins - 1, :]
        return torch.cat([low, torch.unflatten(top, -2, (self.n_top, -1)).mean(dim=-2)], dim=-2)

    def spread(self, x: Tensor) -> Tensor:
        """(..., n_rows, n_frames) to (..., n_bins, n_frames); the last bin as the one below it."""
        if not self.n_top:
            return x
        low, top = x[..., : self.n_low, :], x[..., self.n_low :, :]
        wide = top.unsqueeze(-2).expand(*top.shape[:-1], self.top_bins, -1).flatten(-3, -2)
        return torch.cat([low, wide, wide[..., -1:, :]], dim=-2)


class BandSplit(nn.Module):
    """Each band by a linear map of its own.

    forward: (batch, n_in, n_rows, frames) to (batch, n_out, n_bands, frames).
    """

    def __init__(self, zone: Zone, n_in: int, n_out: int) -> None:
        super().__init__()
        self.classes = zone.classes
        self.weights = nn.ParameterList()
        for width, n in self.classes:
            weight = torch.empty(n, n_in * width, n_out)
            nn.init.normal_(weight, std=(n_in * width) ** -0.5)
            self.weights.append(weight)
        self.bias = nn.Parameter(torch.zeros(zone.n_bands, n_out))

    def forward(self, image: Tensor) -> Tensor:
        n_batch, n_in, _, n_frames = image.shape
        frames = image.permute(2, 1, 0, 3)  # (rows, n_in, batch, frames)
        parts, at = [], 0
        for (width, n), weight in zip(self.classes, self.weights, strict=True):
            rows = frames[at : at + n * width]
            at += n * width
            rows = torch.unflatten(rows, 0, (n, width)).reshape(n, width * n_in, n_batch * n_frames)
            parts.append(weight.mT @ rows)  # (n, n_out, batch * frames)
        x = torch.cat(parts) + self.bias[:, :, None]
        return torch.unflatten(x, 2, (n_batch, n_frames)).permute(2, 1, 0, 3)


class SilentSplit(BandSplit):
    """The same of the lowest bands, silent at first: it adds to a net what it learns.

    forward: (batch, n_in, n_rows, frames), of these bands, to (batch, n_out, n_bands, frames), of
    all; 0 above these.
    """

    def __init__(self, bands: Bands, n_widths: int, n_in: int, n_out: int) -> None:
        zone = bands.zone(0, n_widths)
        super().__init__(zone, n_in, n_out)
        self.n_rows, self.n_above = zone.rows.stop, bands.n_bands - zone.n_bands
        for weight in self.weights:
            nn.init.zeros_(weight)

    def forward(self, image: Tensor) -> Tensor:
        return F.pad(super().forward(image), (0, 0, 0, self.n_above))


class BandJoin(nn.Module):
    """Features of bands to mask logits of rows: (batch, n_in, n_bands, frames) and the image to
    (batch, 8, n_rows, frames)."""

    def __init__(self, bands: Bands, n_in: int, config: BandConfig) -> None:
        super().__init__()
        self.classes = bands.classes
        self.n_out = (4 if config.complex_masks else 2) * len(STEMS)
        self.n_pictures = config.n_pictures
        self.weights = nn.ParameterList()
        for width, n in self.classes:
            weight = torch.empty(n, self.n_out * width, n_in)
            nn.init.normal_(weight, std=0.15 * n_in**-0.5)
            self.weights.append(weight)
        self.bias = nn.Parameter(torch.zeros(self.n_out, bands.n_rows, 1))
        if config.n_pictures:
            self.first, end = config.pictures_of
            self.zone = bands.zone(self.first, end)
            self.pictures = nn.Sequential(
                nn.Conv2d(N_VIEWS, config.n_pictures, 3, padding=1, bias=False),
                nn.BatchNorm2d(config.n_pictures),
                nn.ReLU(),
            )
            n_follow = self.n_out * config.n_pictures
            self.follow = nn.Parameter(torch.empty(self.zone.n_bands, n_follow, n_in))
            nn.init.normal_(self.follow, std=0.15 * n_in**-0.5)

    def forward(self, features: Tensor, image: Tensor) -> Tensor:
        n_batch, _, _, n_frames = features.shape
        frames = features.permute(2, 1, 0, 3).flatten(2)  # (bands, n_in, batch * frames)
        parts, band = [], 0
        for (width, n), weight in zip(self.classes, self.weights, strict=True):
            x = weight @ frames[band : band + n]  # (n, 8 * width, batch * frames)
            parts.append(torch.unflatten(x, 1, (self.n_out, width)))
            band += n
        if self.n_pictures:
            for number, part in enumerate(self._followed(frames, image), self.first):
                parts[number] = parts[number] + part
        rows = [part.transpose(0, 1).flatten(1, 2) for part in parts]
        logits = torch.cat(rows, dim=1) + self.bias  # (8, n_rows, batch * frames)
        return torch.unflatten(logits, 2, (n_batch, n_frames)).permute(2, 0, 1, 3)

    def _followed(self, frames: Tensor, image: Tensor) -> Iterator[Tensor]:
        """What bands take of the pictures, (n, 8, width, batch * frames) for each class."""
        pictures = self.pictures(image[:, :, self.zone.rows])
        pictures = pictures.permute(2, 0, 3, 1).flatten(1, 2)  # (rows, batch * frames, pictures)
        follow = self.follow @ frames[self.zone.bands]  # (bands, 8 * pictures, batch * frames)
        follow = torch.unflatten(follow, 1, (self.n_out, self.n_pictures))
        row, band = 0, 0
        for width, n in self.zone.classes:
            shown = torch.unflatten(pictures[row : row + n * width], 0, (n, width))
            yield torch.einsum("nopt,nwtp->nowt", follow[band : band + n], shown)
            row, band = row + n * width, band + n
