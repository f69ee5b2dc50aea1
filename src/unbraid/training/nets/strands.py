"""Our own net: bands in, a U-Net over bands and frames with tokens at its bottom, four stems out.

The seed: "I wanted to do the obvious and put a transformer in the bottleneck of the UNET. But
training was a lot slower when doing that". Not so where the U-Net works on some sixty bands instead
of 1024 bins and halves the frames as well: a token then stands for four frames, and attention costs
a fiftieth of the convolutions.

- Band split (Luo & Yu 2023, BSRNN): narrow bands in the lows, wide ones above, each with a linear
  map of its own, so that the net knows which band it looks at. Above 11 kHz bins are first
  averaged by sixteens: a cymbal's or a voice's air needs no partials.
- One body for all stems, two channels seen as |L|, |R|, |L+R|/2 and |L-R|/2: where a sound stands
  and how wide it is, without the phase as such.
- Along time a recurrent layer in each band before the U-Net and after it: a bass line's note or a
  singer's vowel outlasts what convolutions see.
- Tokens at the bottom: attention over 15 tokens either way (1.4 s), at distances, not positions
  (Shaw et al. 2018), so that short crops teach what whole tiles need.
- On the way out each band's features say two things of its bins: a mask of the band's own, and how
  far to follow each of a few pictures made at full resolution, where partials lie.
- Masks are a softmax over the stems: they sum to one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from unbraid.errors import TrainingError
from unbraid.models.manifest import InputKind, OutputKind
from unbraid.spec import Spec
from unbraid.stems import STEMS
from unbraid.training.nets.net import Net
from unbraid.training.nets.paths import TimePath


@dataclass(frozen=True, slots=True)
class BandConfig:
    """What a net of bands sees; its rivals see the same."""

    # Bins of a band and how many such bands, from 0 Hz up; 1024 bins of 10.77 Hz in all.
    band_bins: tuple[int, ...] = (2, 4, 8, 16, 32, 64)
    n_bands: tuple[int, ...] = (14, 9, 8, 8, 8, 8)
    top_bins: int = 16  # averaged to one above these bands
    top_bands: int = 8  # of 8 such averages, if the spec has bins there
    n_pictures: int = 8  # at full resolution; 0: none
    pictures_of: tuple[int, int] = (0, 7)  # bands that follow them: of these widths, and not this
    compression: float = 0.3  # exponent on the input magnitudes
    complex_masks: bool = False  # with an imaginary part as well, that of all stems being 0


@dataclass(frozen=True, slots=True)
class StrandsConfig(BandConfig):
    """Sizes of the net."""

    kind: str = "strands"
    filters: tuple[int, ...] = (48, 72, 96)  # of each level
    n_blocks: int = 2  # convolutions of a level, on the way down and up
    token_size: int = 192  # 0: no tokens
    n_layers: int = 2
    n_heads: int = 6
    # Widths, from 0 Hz up, of bands whose phases' steps are seen, from frame to frame (how a
    # tone lies beside its bins) and from bin to bin (when in its frame an attack comes).
    advances_of: int = 0
    delays_of: int = 0
    hidden: int = 0  # of the recurrent layers before and after the U-Net, each way; 0: none
    line: int = 0  # of the recurrent layer that hears all bands as one, each way; 0: none

    @property
    def frame_multiple(self) -> int:
        return int(2 ** (len(self.filters) - 1))

    def build(self, spec: Spec, stems: tuple[str, ...]) -> Net:
        """One net for all; see `NetConfig`."""
        if stems != STEMS:
            raise TrainingError(f"strands gives {', '.join(STEMS)} together, not {list(stems)}")
        return Strands(spec, self)


BINS, FRAMES = -2, -1
"""Axes of a spectrum."""
REACH = 15
"""Tokens that attention sees on either side; a crop of 64 frames has 16."""


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


class Strands(BandNet):
    """See `BandNet`; n_frames must be a multiple of 2 ** (levels - 1)."""

    def __init__(self, spec: Spec, config: StrandsConfig) -> None:
        super().__init__(Bands(spec, config), config)
        filters = config.filters
        self.split = BandSplit(self.bands.zone(), N_VIEWS, filters[0])
        self.advances, self.delays = (
            PhaseSteps(self.bands, n, axis, spec, config) if n else None
            for n, axis in ((config.advances_of, FRAMES), (config.delays_of, BINS))
        )
        self.before, self.after = (
            TimePath(filters[0], config.hidden) if config.hidden else nn.Identity()
            for _ in range(2)
        )
        self.line = None
        if config.line:
            self.line = Line(filters[0], self.bands.n_bands, config.line)
        self.body = Body(self.bands.n_bands, spec.n_frames, config)
        self.join = BandJoin(self.bands, filters[0], config)

    def logits(self, image: Tensor, spectrum: Tensor) -> Tensor:
        """See `BandNet`."""
        features = self.split(image)  # (batch, 48, 63, 192), and so to the end
        for steps in (self.advances, self.delays):
            if steps is not None:
                features = features + steps(spectrum)
        features = self.before(features)
        if self.line is not None:
            features = self.line(features)
        features = self.after(self.body(features))
        logits: Tensor = self.join(features, image)
        return logits


N_VIEWS = 4
"""Left, right, middle, side."""


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


class Line(nn.Module):
    """All bands of a frame as one, along time through a recurrent net, added to where they came
    from; silent at first.

    forward: (batch, n, n_bands, n_frames) to the same shape.
    """

    def __init__(self, n: int, n_bands: int, hidden: int) -> None:
        super().__init__()
        n_thin = n // 6
        self.thin = nn.Conv2d(n, n_thin, 1)
        self.reduce = nn.Linear(n_thin * n_bands, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.rnn = nn.GRU(hidden, hidden, bidirectional=True)
        self.expand = nn.Linear(2 * hidden, n_thin * n_bands)
        self.widen = nn.Conv2d(n_thin, n, 1)
        nn.init.zeros_(self.widen.weight)
        nn.init.zeros_(self.widen.bias)  # type: ignore[arg-type]
        self.shape = (n_thin, n_bands)

    def forward(self, x: Tensor) -> Tensor:
        frames = self.thin(x).flatten(1, 2).permute(2, 0, 1)  # (n_frames, batch, thin * bands)
        found, _ = self.rnn(self.norm(self.reduce(frames)))  # (n_frames, batch, 2 * hidden)
        back = torch.relu(self.expand(found)).permute(1, 2, 0)
        result: Tensor = x + self.widen(torch.unflatten(back, 1, self.shape))
        return result


class PhaseSteps(nn.Module):
    """How far phases go from one frame, or bin, to the next, beyond the usual: points on the plane
    at that angle, as far out as the bin is loud. Silent at first.

    From frame to frame a bin's centre frequency is the usual; what goes beyond is the same for as
    long as a tone is held, and tells its pitch finer than bins do; of a beat it is anything. From
    bin to bin the middle of the frame is the usual; what goes beyond tells when in the frame an
    attack comes.

    forward: spectrum (batch, 4, n_bins, n_frames) to features (batch, n_out, n_bands, n_frames), 0
    above the bands that are seen.
    """

    def __init__(
        self, bands: Bands, n_classes: int, axis: int, spec: Spec, config: "StrandsConfig"
    ) -> None:
        super().__init__()
        zone = bands.zone(0, n_classes)
        self.axis, self.compression = axis, config.compression
        self.n_bins, self.n_above = zone.rows.stop, bands.n_bands - zone.n_bands
        usual = torch.full((self.n_bins, 1), torch.pi)
        if axis == FRAMES:
            usual = torch.arange(self.n_bins)[:, None] * (2 * torch.pi * spec.hop / spec.n_fft)
        self.cos: Tensor
        self.sin: Tensor
        self.register_buffer("cos", torch.cos(usual), persistent=False)
        self.register_buffer("sin", torch.sin(usual), persistent=False)
        self.split = BandSplit(zone, 2, config.filters[0])
        for weight in self.split.weights:
            nn.init.zeros_(weight)

    def forward(self, spectrum: Tensor) -> Tensor:
        return F.pad(self.split(self.points(spectrum)), (0, 0, 0, self.n_above))

    def points(self, spectrum: Tensor) -> Tensor:
        """Of the sum of both channels, (batch, 2, bins, n_frames); 0 in the first frame, or bin."""
        low = spectrum[:, :, : self.n_bins]
        re, im = low[:, 0] + low[:, 2], low[:, 1] + low[:, 3]
        if self.axis == FRAMES:
            re_before, im_before = (F.pad(part[..., :-1], (1, 0)) for part in (re, im))
        else:
            re_before, im_before = (F.pad(part[..., :-1, :], (0, 0, 1, 0)) for part in (re, im))
        # The spectrum times the conjugate of the one before, turned back by the usual angle.
        x, y = re * re_before + im * im_before, im * re_before - re * im_before
        x, y = x * self.cos + y * self.sin, y * self.cos - x * self.sin
        # Not less than 1e-6: the exporter takes a smaller constant for nothing.
        power = x.square() + y.square() + 1e-6
        size = torch.exp((self.compression / 4 - 0.5) * torch.log(power))
        return torch.stack([x * size, y * size], dim=1)


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
            shown = pictures[row : row + n * width].unflatten(0, (n, width))
            yield torch.einsum("nopt,nwtp->nowt", follow[band : band + n], shown)
            row, band = row + n * width, band + n


def conv(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
    )


class Residual(nn.Module):
    """x plus what a convolution makes of it."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.layer = conv(n, n)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.layer(x)
        return result


class Body(nn.Module):
    """A U-Net over bands and frames: (batch, filters[0], n_bands, n_frames) to the same shape."""

    def __init__(self, n_bands: int, n_frames: int, config: StrandsConfig) -> None:
        super().__init__()
        filters = config.filters
        levels = len(filters) - 1
        self.padding = -n_bands % 2**levels  # bands of nothing above the last

        def blocks(n: int) -> nn.Sequential:
            return nn.Sequential(*(Residual(n) for _ in range(config.n_blocks)))

        self.down = nn.ModuleList(blocks(n) for n in filters[:-1])
        self.shrink = nn.ModuleList(conv(a, b, 2) for a, b in pairwise(filters))
        self.bottom = blocks(filters[-1])
        self.tokens = None
        if config.token_size:
            n_rows = (n_bands + self.padding) // 2**levels
            n_tokens = n_frames // 2**levels
            self.tokens = Tokens(filters[-1], n_rows, n_tokens, config)
        self.enlarge = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(b, a, 2, 2, bias=False), nn.BatchNorm2d(a), nn.ReLU())
            for a, b in reversed([*pairwise(filters)])
        )
        self.merge = nn.ModuleList(nn.Conv2d(2 * n, n, 1) for n in filters[-2::-1])
        self.up = nn.ModuleList(blocks(n) for n in filters[-2::-1])

    def forward(self, x: Tensor) -> Tensor:
        # The example sizes in the comments are those of 64 bands by 192 frames, 3 levels.
        n_bands = x.shape[2]
        x = F.pad(x, (0, 0, 0, self.padding))
        levels = []
        for down, shrink in zip(self.down, self.shrink, strict=True):
            levels.append(down(x))  # (batch, 48, 64, 192), (batch, 72, 32, 96)
            x = shrink(levels[-1])
        x = self.bottom(x)  # (batch, 96, 16, 48)
        if self.tokens is not None:
            x = self.tokens(x)
        for enlarge, merge, up in zip(self.enlarge, self.merge, self.up, strict=True):
            x = up(merge(torch.cat([enlarge(x), levels.pop()], dim=1)))
        return x[:, :, :n_bands]


class Tokens(nn.Module):
    """All bands of a frame as one token, through attention, added to where they came from.

    forward: (batch, n, n_rows, n_tokens) to the same shape.
    """

    def __init__(self, n: int, n_rows: int, n_tokens: int, config: StrandsConfig) -> None:
        super().__init__()
        size = config.token_size
        n_thin = n // 2
        self.thin = nn.Conv2d(n, n_thin, 1)
        self.reduce = nn.Linear(n_thin * n_rows, size)
        self.layers = nn.ModuleList(
            Attention(size, config.n_heads, n_tokens) for _ in range(config.n_layers)
        )
        self.norm = nn.LayerNorm(size)
        self.expand = nn.Linear(size, n_thin * n_rows)
        self.widen = nn.Conv2d(n_thin, n, 1)
        self.shape = (n_thin, n_rows)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.reduce(self.thin(x).flatten(1, 2).mT)  # (batch, n_tokens, size)
        for layer in self.layers:
            tokens = layer(tokens)
        back = self.expand(self.norm(tokens)).mT.unflatten(1, self.shape)
        result: Tensor = x + self.widen(torch.relu(back))
        return result


class Attention(nn.Module):
    """A transformer's layer that sees `REACH` tokens either way and knows only their distance.

    forward: (batch, n_tokens, size) to the same shape.
    """

    def __init__(self, size: int, n_heads: int, n_tokens: int) -> None:
        super().__init__()
        if size % n_heads:
            raise TrainingError(f"a token's size ({size}) must be a multiple of heads ({n_heads})")
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(size)
        self.look = nn.Linear(size, 3 * size)
        self.join = nn.Linear(size, size)
        self.distance = nn.Parameter(torch.zeros(n_heads, 2 * REACH + 1))
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size)
        )
        apart = torch.arange(n_tokens)[:, None] - torch.arange(n_tokens)
        self.register_buffer("index", apart.clamp(-REACH, REACH) + REACH, persistent=False)
        hidden = torch.zeros(n_tokens, n_tokens).masked_fill(apart.abs() > REACH, -1e4)
        self.register_buffer("hidden", hidden, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        n_tokens = tokens.shape[1]
        heads = self.look(self.norm(tokens)).unflatten(2, (3, self.n_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # (batch, heads, n_tokens, size / heads)
        index: Tensor = self.index[:n_tokens, :n_tokens]  # type: ignore[index]
        hidden: Tensor = self.hidden[:n_tokens, :n_tokens]  # type: ignore[index]
        bias = self.distance[:, index] + hidden
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        tokens = tokens + self.join(found.transpose(1, 2).flatten(2))
        transformed: Tensor = tokens + self.feed_forward(tokens)
        return transformed
