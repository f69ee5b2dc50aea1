"""Augmentation as tensor operations, on the device that trains.

Everything here keeps the mixture equal to the sum of its stems: what a real mixing desk does to
the bus (equaliser, compressor, limiter) is done to every stem by the same factor.

What is done is decided first (`decide`), from the generator alone; costly operations are then
applied to the chosen stems only.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from unbraid.errors import TrainingError
from unbraid.stems import STEMS
from unbraid.training.data.dynamics import compressor_gain, limiter_gain
from unbraid.training.data.reverb import RATE, reverberate, rooms

OTHER = STEMS.index("other")
ROUGH_BINS = 256
"""Of the slow noise that a roughened stem is multiplied by: more than 100 Hz in 2 s."""


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """Probabilities are per stem unless said otherwise; levels are in dB."""

    swap_channels: float = 0.5
    flip_polarity: float = 0.5
    balance_db: float = 3.0  # left against right, standard deviation
    narrow: float = 0.3  # stereo folded towards mono
    widen: float = 0.1  # what differs between the channels raised, up to 1.6 times
    saturate: tuple[float, ...] = (0.15, 0.15, 0.15, 0.15)  # tanh, by stem
    most_drive_db: float = 0.0  # level at which it is driven, against 1; 12 dB less at least
    compress: tuple[float, ...] = (0.2, 0.2, 0.2, 0.2)  # by stem
    most_ratio: float = 6.0  # to 1; 1.5 at least
    least_above_db: float = -6.0  # the threshold against the stem's level; 3 dB at most
    reverb: tuple[float, ...] = (0.1, 0.0, 0.0, 0.1)  # by stem: a room of RT60 0.2 to 2 s
    room: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)  # by stem: lows and all, RT60 0.08 to 0.8 s
    roughen: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)  # by stem: lines made bands of 20 to 160 Hz
    equalise: float = 0.5
    equalise_db: float = 6.0  # standard deviation of a band's gain, four bands
    low_shelf: float = 0.7
    low_shelf_db: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)  # mean, by stem
    low_shelf_spread_db: float = 5.0
    lows: float = 0.0  # four bands more between 43 and 490 Hz, where few of the others fall
    lows_db: tuple[float, ...] = (0.0, 4.0, 6.0, 3.0)  # standard deviation of each, by stem
    centred: float = 0.0  # per example: all but other in the very middle, other to one side or both
    panned_db: float = 8.0  # there, of half of them, other's left against right, standard deviation
    bus_narrow: float = 0.0  # per example: the mixture folded towards mono, a third of them wholly
    bus_equalise: float = 0.5  # per example
    bus_equalise_db: float = 3.0
    bus_compress: float = 0.4  # per example
    limit: float = 0.2  # per example: the highest peaks of the mixture lowered by 1 to 8 dB
    bus_level_db: float = 4.0  # per example, standard deviation

    def __post_init__(self) -> None:
        by_stem = ("saturate", "compress", "reverb", "room", "roughen", "low_shelf_db", "lows_db")
        for name in by_stem:
            if len(getattr(self, name)) != len(STEMS):
                raise TrainingError(f"{name} must have {len(STEMS)} numbers, one a stem")


@dataclass(frozen=True, slots=True)
class Picked:
    """Which stems or examples an operation is applied to, and how."""

    rows: list[int]  # stems counted through the batch, or examples
    values: dict[str, Tensor]  # (n_rows,) each


@dataclass(frozen=True, slots=True)
class Decisions:
    """All that happens to a batch's waveforms."""

    channels: Tensor  # (batch, 4, 2, 2): what of which channel goes where
    centred: Tensor  # (batch, 4), bool: stems whose channels are made one in the end
    level_db: Tensor  # (batch,), RMS of the mixture
    saturate: Picked
    compress: Picked
    reverb: Picked
    responses: Tensor | None  # (n reverb rows, 2, n_taps)
    roughen: Picked
    roughness: Tensor  # (n roughened rows, ROUGH_BINS), complex: spectra of what swells them
    room: Picked
    room_responses: Tensor | None  # (n room rows, 2, n_taps)
    bus_compress: Picked
    limit: Picked

    def describe(self, example: int) -> list[str]:
        """What is done to an example, one line an operation."""
        lines = [f"{s}: centred" for s, c in zip(STEMS, self.centred[example], strict=True) if c]
        for index, stem in enumerate(STEMS):
            (a, b), (c, d) = self.channels[example, index].tolist()
            lines.append(f"{stem}: left {a:+.2f} L {b:+.2f} R, right {c:+.2f} L {d:+.2f} R")
        n_stems = self.channels.shape[1]
        for name in ("roughen", "room", "saturate", "compress", "reverb", "bus_compress", "limit"):
            picked: Picked = getattr(self, name)
            on_bus = name in ("bus_compress", "limit")
            for number, row in enumerate(picked.rows):
                if (row if on_bus else row // n_stems) == example:
                    values = ", ".join(f"{k} {v[number]:.3g}" for k, v in picked.values.items())
                    where = "mixture" if on_bus else STEMS[row % n_stems]
                    lines.append(f"{where}: {name.removeprefix('bus_')} ({values})")
        return [*lines, f"mixture: to {self.level_db[example]:.1f} dBFS"]


def decide(n_batch: int, config: AugmentationConfig, generator: torch.Generator) -> Decisions:
    """Draw what is done to a batch of `n_batch` examples, whatever they hold."""
    device, each = generator.device, (n_batch, len(STEMS))

    def rand(*shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator, device=device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    def by_stem(probabilities: tuple[float, ...]) -> Tensor:
        return rand(*each) < torch.tensor(probabilities, device=device)

    def pick(chosen: Tensor, **ranges: tuple[float, float]) -> Picked:
        rows: list[int] = chosen.flatten().nonzero()[:, 0].tolist()
        values = {k: rand(len(rows), low=low, high=high) for k, (low, high) in ranges.items()}
        return Picked(rows, values)

    def spread(picked: Picked, name: str, low: float, high: float) -> None:
        """Draw a value evenly on a logarithmic scale."""
        octaves = rand(len(picked.rows), low=math.log2(low), high=math.log2(high))
        picked.values[name] = torch.exp2(octaves)

    def responses(picked: Picked) -> Tensor | None:
        if not picked.rows:
            return None
        return rooms(picked.values["decay_s"], picked.values["pre_delay_s"], generator)

    width = torch.where(rand(*each) < config.widen, rand(*each, low=1.0, high=1.6), 1.0)
    width = torch.where(rand(*each) < config.narrow, rand(*each), width)
    straight, crossed = (1 + width) / 2, (1 - width) / 2
    swap = rand(*each) < config.swap_channels
    straight, crossed = (
        torch.where(swap, crossed, straight),
        torch.where(swap, straight, crossed),
    )
    sign = torch.where(rand(*each) < config.flip_polarity, -1.0, 1.0)
    balance_db = config.balance_db * normal(*each)
    centred = torch.zeros(each, dtype=torch.bool, device=device)
    if config.centred:
        # On most records the singer, the bass and the kick stand in the middle, on many the whole
        # kit: what differs between the channels is then the rest's.
        centred[:] = (rand(n_batch) < config.centred)[:, None]
        pan_db = config.panned_db * normal(n_batch) * (rand(n_batch) < 0.5)
        balance_db[:, OTHER] += centred[:, OTHER] * pan_db
        centred[:, OTHER] = False
    left = sign * torch.exp(balance_db * (math.log(10) / 40))
    right = 1 / left
    channels = (
        torch.stack([torch.stack([straight, crossed], 2), torch.stack([crossed, straight], 2)], 2)
        * torch.stack([left, right], 2)[..., None]
    )

    reverb = pick(by_stem(config.reverb), pre_delay_s=(0.0, 0.04), wet_db=(-20.0, -4.0))
    spread(reverb, "decay_s", 0.2, 2.0)
    roughen = pick(by_stem(config.roughen), depth=(0.3, 2.0))
    spread(roughen, "width_hz", 10.0, 80.0)
    room = pick(by_stem(config.room), pre_delay_s=(0.0, 0.0), wet_db=(-10.0, 4.0))
    spread(room, "decay_s", 0.08, 0.8)
    if config.bus_narrow:
        # Mixed at random, every stem has a place of its own between the channels, and a net that
        # sees both leans on it; on records the singer, the bass and the kick share the middle.
        wide = rand(n_batch, low=-0.5).clamp(min=0.0)
        wide = torch.where(rand(n_batch) < config.bus_narrow, wide, 1.0)[:, None, None, None]
        channels = (1 + wide) / 2 * channels + (1 - wide) / 2 * channels.flip(2)

    dynamics = {
        "above_db": (config.least_above_db, 3.0),
        "ratio": (1.5, config.most_ratio),
        "release": (20.0, 120.0),
    }
    drive_db = (-12.0, config.most_drive_db)
    return Decisions(
        channels=channels,
        centred=centred,
        level_db=-16 + config.bus_level_db * normal(n_batch),
        saturate=pick(by_stem(config.saturate), drive_db=drive_db),
        compress=pick(by_stem(config.compress), **dynamics),
        reverb=reverb,
        responses=responses(reverb),
        roughen=roughen,
        roughness=torch.view_as_complex(normal(len(roughen.rows), ROUGH_BINS, 2)),
        room=room,
        room_responses=responses(room),
        bus_compress=pick(
            rand(n_batch) < config.bus_compress, above_db=(-3, 3), ratio=(1.5, 3), release=(20, 80)
        ),
        limit=pick(rand(n_batch) < config.limit, lower_db=(1.0, 8.0), release=(30.0, 300.0)),
    )


def augment_samples(
    stems: Tensor, config: AugmentationConfig, generator: torch.Generator
) -> Tensor:
    """What is done to waveforms.

    Args:
        stems: (batch, 4, 2, n_samples), 44.1 kHz.
        config: probabilities and ranges.
        generator: the source of randomness; one on the CPU decides alike for every device, and
            without waiting for a GPU.

    Returns:
        The same shape.
    """
    return apply(stems, decide(len(stems), config, generator))


def apply(stems: Tensor, decisions: Decisions) -> Tensor:
    """Do to the waveforms of a batch what was decided; shapes as in `augment_samples`."""
    device, n_stems = stems.device, stems.shape[1]
    channels = decisions.channels.to(device)
    # By hand, for a matrix product may be rounded to the ten bits of TF32.
    stems = torch.addcmul(stems[:, :, :1] * channels[..., :1], stems[:, :, 1:], channels[..., 1:])
    rows = stems.flatten(0, 1)

    def picked(operation: Picked) -> tuple[Tensor, dict[str, Tensor]]:
        values = {name: value.to(device) for name, value in operation.values.items()}
        return torch.tensor(operation.rows, device=device), values

    if decisions.roughen.rows:
        index, values = picked(decisions.roughen)
        rows[index] = _roughened(rows[index], decisions.roughness.to(device), **values)
    if decisions.room_responses is not None:
        index, values = picked(decisions.room)
        responses = decisions.room_responses.to(device)
        rows[index] = reverberate(rows[index], responses, values["wet_db"], lows=True)
    if decisions.saturate.rows:
        index, values = picked(decisions.saturate)
        rows[index] = _saturated(rows[index], **values)
    if decisions.compress.rows:
        index, values = picked(decisions.compress)
        dry = rows[index]
        squeezed = dry * compressor_gain(dry, **values)
        rows[index] = squeezed * (_rms(dry) / _rms(squeezed))
    if decisions.responses is not None:
        index, values = picked(decisions.reverb)
        responses = decisions.responses.to(device)
        rows[index] = reverberate(rows[index], responses, values["wet_db"])
    stems = rows.reshape(-1, n_stems, *rows.shape[1:])
    if decisions.centred.any():
        centred = decisions.centred.to(device)[..., None, None]
        stems = torch.where(centred, stems.mean(dim=2, keepdim=True), stems)
    mixture = stems.sum(dim=1)
    if decisions.bus_compress.rows:
        index, values = picked(decisions.bus_compress)
        gain = compressor_gain(mixture[index], **values)
        stems[index] *= gain[:, None]
        mixture[index] *= gain
    if decisions.limit.rows:
        index, values = picked(decisions.limit)
        loud = mixture[index]
        ceiling = loud.abs().amax(dim=(1, 2)) * _amplitude(-values["lower_db"])
        gain = limiter_gain(loud, ceiling.clamp(min=1e-6), values["release"])
        stems[index] *= gain[:, None]
        mixture[index] *= gain
    target = _amplitude(decisions.level_db.to(device))[:, None, None]
    # Never more than 20 dB up: the noise of a nearly silent example is not music.
    stems *= (target / _rms(mixture)).clamp(max=10.0)[:, None]
    return stems


def _saturated(samples: Tensor, drive_db: Tensor) -> Tensor:
    level = _rms(samples) + 1e-5
    drive = _amplitude(drive_db)[:, None, None] / level
    return torch.tanh(samples * drive) / drive


def _roughened(samples: Tensor, spectra: Tensor, width_hz: Tensor, depth: Tensor) -> Tensor:
    n_samples = samples.shape[-1]
    hertz = torch.arange(ROUGH_BINS, device=samples.device) * (RATE / n_samples)
    narrow = spectra * torch.exp(-0.5 * (hertz / width_hz[:, None]).square())
    swell = torch.fft.irfft(narrow, n=n_samples)[:, None]
    swell *= depth[:, None, None] / (_rms(swell) + 1e-12)
    rough: Tensor = samples * (1 + swell)
    return rough.mul_(_rms(samples) / _rms(rough))


def _rms(samples: Tensor) -> Tensor:
    """(n, 1, 1), of both channels together; never 0."""
    norm: Tensor = torch.linalg.vector_norm(samples, dim=(1, 2), keepdim=True)
    return norm / math.sqrt(samples[0].numel()) + 1e-6


def _amplitude(level_db: Tensor) -> Tensor:
    amplitude: Tensor = torch.exp(level_db * (math.log(10) / 20))
    return amplitude


def equaliser(
    stems_shape: tuple[int, int],
    n_rows: int,
    config: AugmentationConfig,
    generator: torch.Generator,
    device: torch.device,
) -> Tensor:
    """Random smooth gain curves over frequency, per stem and per example together.

    Four bumps an octave or two wide at random places on a logarithmic axis from 43 Hz to half
    the sample rate (at 44.1 kHz), and for stems a shelf below 60 to 170 Hz and, where the config
    has them, four more bumps in the lowest three and a half octaves.

    Returns:
        (batch, 4, 1, n_rows, 1), to be multiplied with spectra.
    """
    n_batch, n_stems = stems_shape
    octave = torch.linspace(0, 1, n_rows, device=device).clamp(min=1 / n_rows).log2() + 9.0

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=generator.device).to(device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=generator.device).to(device)

    def curves(
        n_curves: int, spread_db: float | Tensor, probability: float, n_octaves: float = 9
    ) -> Tensor:
        centre = rand(n_batch, n_curves, 4, 1) * n_octaves
        width = 0.5 + rand(n_batch, n_curves, 4, 1) * 1.5
        height = normal(n_batch, n_curves, 4, 1)
        curve_db = (height * spread_db * torch.exp(-(((octave - centre) / width) ** 2))).sum(2)
        return curve_db * (rand(n_batch, n_curves, 1) < probability)

    corner = 0.5 + 1.5 * rand(n_batch, n_stems, 1)
    shelf_db = normal(n_batch, n_stems, 1)
    shelf_db = shelf_db * config.low_shelf_spread_db
    shelf_db = shelf_db + torch.tensor(config.low_shelf_db, device=device)[:, None]
    has_shelf = rand(n_batch, n_stems, 1)
    shelf_db = shelf_db * (has_shelf < config.low_shelf)
    # Half of the gain at the corner, nearly all of it half an octave below.
    total_db = shelf_db * torch.sigmoid((corner - octave) * 4)
    total_db = (
        total_db
        + curves(n_stems, config.equalise_db, config.equalise)
        + curves(1, config.bus_equalise_db, config.bus_equalise)
    )
    if config.lows:
        spread_db = torch.tensor(config.lows_db, device=device)[:, None, None]
        total_db = total_db + curves(n_stems, spread_db, config.lows, n_octaves=3.5)
    power = torch.exp(total_db.clamp(-15, 15) * (math.log(10) / 10))
    # Music has about as much power in each octave: with this the mixture keeps its level.
    each_octave = torch.where(octave > 0, torch.exp2(-octave), 0.0)
    change = (power @ each_octave).mean(dim=1) / each_octave.sum()
    return (power / change[:, None, None]).sqrt()[:, :, None, :, None]
