"""New songs out of old stems: which crops meet in a training example, and how loud.

Random mixes across songs are worth about 2 dB over the songs as they were (Défossez et al. 2019;
Jeon et al. 2023); some coherent ones are kept, since real songs are in one key and one tempo.

What to mix is decided by numpy on the CPU, from the seed and the step; the mixing itself is done
by tensor operations on the device that trains.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unbraid.errors import TrainingError
from unbraid.stems import STEMS
from unbraid.training.data.pools import REFERENCE_DBFS, Item, Pools, Recording, read
from unbraid.training.data.stretch import (
    HOP,
    MARGIN,
    REACH,
    fast_length,
    fast_lengths,
    fitting_places,
    resample,
    stretch,
    stretch_reads,
)

FULL_SCALE_INT16 = 32768.0
SILENCE_DBFS = -50.0
PEEK = 16
"""Every so many samples are looked at to tell whether a crop is silent."""
VOCALS, OTHER = STEMS.index("vocals"), STEMS.index("other")


@dataclass(frozen=True, slots=True)
class RemixConfig:
    """What the examples of a batch are made of; probabilities are per example or per stem."""

    coherent: float = 0.4  # examples whose stems come from one song at one position
    accompaniment: float = 0.05  # examples of real music without voice, of unknown stems
    duet: float = 0.15  # examples of a song's voice and its accompaniment, where pools have such
    absent: float = 0.1  # a stem left out
    absent_vocals: float = 0.2  # the same for vocals, where false ones annoy most
    doubled_vocals: float = 0.15  # a second voice in the vocals
    doubled_drums: float = 0.0  # a second kit in the drums: as dense as a fast drummer's playing
    resampled: float = 0.4  # speed and pitch changed together
    stretched: float = 0.05  # pitch and tempo changed, each for itself
    resample_range: float = 0.12  # all of these at most by this fraction, up or down
    coded: float = 0.5  # the lossy twin of an item instead of it, where there is one
    level_db: tuple[float, ...] = (0.0, 0.0, -2.5, -2.5)  # mean level by stem, random mixes
    level_spread_db: float = 4.0  # standard deviation about it
    coherent_spread_db: float = 2.5  # the same about a song's own balance

    def __post_init__(self) -> None:
        if len(self.level_db) != len(STEMS):
            raise TrainingError(f"level_db must have {len(STEMS)} numbers, one a stem")


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples before augmentation."""

    stems: Tensor  # float32, (batch, 4, 2, n_samples); the mixture is their sum
    known: Tensor  # float32, (batch, 4): 1 where a stem is a target, 0 where it is not known


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How crops are read that are moved together."""

    n_in: int  # samples read as `Remixer.n_out`: the ratio is the pitch
    tempo: float = 1.0  # besides the pitch's own
    places: NDArray[np.int64] | None = None  # of frames, if the tempo is changed; see `stretch`


@dataclass(frozen=True, slots=True)
class Crop:
    """A piece of an item and where it goes."""

    example: int
    stem: int
    item: Item
    coded: bool  # its twin is read
    start: int  # sample of the item at which the example starts
    motion: Motion | None
    gain_db: float

    @property
    def recording(self) -> Recording:
        return self.item.twin if self.coded and self.item.twin else self.item.recording


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is decided about a batch."""

    crops: list[Crop]
    known: list[list[float]]  # as in `Batch`


class Remixer:
    """Draws batches; the same seed and step give the same batch, on any machine.

    Args:
        pools: the material; batches are made on its device.
        config: how to mix it.
        n_samples: length of an example.
        batch_size: examples in a batch.
        seed: of everything random here.
    """

    def __init__(
        self, pools: Pools, config: RemixConfig, n_samples: int, batch_size: int, seed: int
    ) -> None:
        self.pools = pools
        self.config = config
        self.n_samples = n_samples
        self.batch_size = batch_size
        self.seed = seed
        self.n_out = fast_length(n_samples + 2 * MARGIN)

    def batch(self, step: int) -> Batch:
        """The batch of a step: shapes as in `Batch`."""
        return self.mix(self.plan(step))

    # -- deciding ---------------------------------------------------------------------------

    def plan(self, step: int) -> Plan:
        """What the batch of a step is made of."""
        rng = np.random.default_rng((self.seed, step))
        plan = Plan([], [])
        for example in range(self.batch_size):
            known = [1.0] * len(STEMS)
            plan.crops.extend(self._example(example, known, rng))
            plan.known.append(known)
        return plan

    def _example(self, example: int, known: list[float], rng: np.random.Generator) -> list[Crop]:
        config, pools = self.config, self.pools
        chance = rng.random() - (config.accompaniment if pools.has("accompaniment") else 0)
        if chance < 0:
            known[1:] = [0.0] * 3
            # Its drums, bass and rest are not known apart: all of it stands in `other`.
            crops = [self._single("accompaniment", example, OTHER, 0.0, rng)]
            if rng.random() < 0.5:
                level_db = config.level_db[VOCALS]
                crops.append(self._single("vocals", example, VOCALS, level_db, rng))
            return crops
        chance -= config.duet if pools.duets else 0
        if chance < 0:
            known[1:] = [0.0] * 3
            duet = pools.draw_duet(rng)
            places = {"vocals": VOCALS, "accompaniment": OTHER}
            return [*self._song(duet, example, places, rng).values()]
        song: dict[int, Crop] = {}
        if chance < config.coherent and pools.songs:
            stems = pools.draw_song(rng)
            places = {stem: index for index, stem in enumerate(STEMS) if stem in stems}
            song = self._song(stems, example, places, rng)
        crops = []
        for index, stem in enumerate(STEMS):
            if rng.random() < (config.absent_vocals if stem == "vocals" else config.absent):
                continue
            if index in song:
                crops.append(song[index])
                continue
            level_db = config.level_db[index]
            crops.append(self._single(stem, example, index, level_db, rng))
            doubled = {"vocals": config.doubled_vocals, "drums": config.doubled_drums}.get(stem)
            if doubled and rng.random() < doubled:
                crops.append(self._single(stem, example, index, level_db - 3, rng))
        return crops

    def _song(
        self,
        items: Mapping[str, Item],
        example: int,
        places: Mapping[str, int],
        rng: np.random.Generator,
    ) -> dict[int, Crop]:
        """Crops of one song's stems at one position, somewhere between its balance and ours."""
        items = {kind: item for kind, item in items.items() if kind in places}
        coded = rng.random() < self.config.coded
        start = self._start([*items.values()], rng)
        motion = self._motion([item.recording for item in items.values()], start, rng)
        total = sum(10 ** (i.level_dbfs / 10) for i in items.values())
        own_db = REFERENCE_DBFS - 10 * math.log10(total / len(items))
        towards = rng.random()
        crops = {}
        for kind, item in items.items():
            usual_db = REFERENCE_DBFS - item.level_dbfs + self.config.level_db[places[kind]]
            gain_db = own_db + towards * (usual_db - own_db)
            gain_db = float(rng.normal(gain_db, self.config.coherent_spread_db))
            place = places[kind]
            crops[place] = Crop(example, place, item, coded, start, motion, gain_db)
        return crops

    def _single(
        self, kind: str, example: int, stem: int, level_db: float, rng: np.random.Generator
    ) -> Crop:
        """A crop of one random item of a class, at a random level about `level_db`."""
        item = self.pools.draw(kind, rng)
        coded = rng.random() < self.config.coded
        start = self._start([item], rng)
        motion = self._motion([item.recording], start, rng)
        level_db += REFERENCE_DBFS - item.level_dbfs
        gain_db = float(rng.normal(level_db, self.config.level_spread_db))
        return Crop(example, stem, item, coded, start, motion, gain_db)

    def _motion(
        self, recordings: Sequence[Recording], start: int, rng: np.random.Generator
    ) -> Motion | None:
        chance, reach = rng.random(), self.config.resample_range
        lengths = fast_lengths(self.n_out, reach)
        n_in = lengths[rng.integers(len(lengths))]
        if chance < self.config.resampled:
            return Motion(n_in)
        if chance < self.config.resampled + self.config.stretched:
            tempo = (1 + float(rng.uniform(-reach, reach))) * self.n_out / n_in
            first, n_read = self._reads(start, n_in, tempo)
            # Without the device: the same places on every machine, and no waiting.
            guide = sum(read(r, first, n_read).sum(axis=1, dtype=np.float32) for r in recordings)
            return Motion(n_in, tempo, fitting_places(np.asarray(guide), tempo, n_in))
        return None

    def _reads(self, start: int, n_in: int, tempo: float) -> tuple[int, int]:
        """First sample and number of samples to be read for an example that begins at `start`."""
        n_before = MARGIN * n_in / self.n_out
        if tempo == 1.0:
            return start - round(n_before), n_in
        n_before = n_before * tempo + REACH + HOP
        return start - round(n_before), stretch_reads(n_in, tempo)

    def _start(self, items: Sequence[Item], rng: np.random.Generator) -> int:
        """Where to read: the first of some random places that is audible, or else the best."""
        n_latest = max(1, max(len(item.samples) for item in items) - self.n_samples)
        best, most = 0, -1
        for _ in range(8):
            start = int(rng.integers(n_latest))
            n_audible = sum(_is_audible(item, start, self.n_samples) for item in items)
            if n_audible > most:
                best, most = start, n_audible
            if n_audible == len(items):
                break
        return best

    # -- doing ------------------------------------------------------------------------------

    def mix(self, plan: Plan) -> Batch:
        """The batch of a plan."""
        device, n_stems = self.pools.device, len(STEMS)
        rows = torch.zeros(len(plan.known) * n_stems, 2, self.n_samples, device=device)
        for crops, samples in self._moved(plan.crops):
            for crop, piece in zip(crops, samples, strict=True):
                gain = 10 ** (crop.gain_db / 20) / FULL_SCALE_INT16
                rows[crop.example * n_stems + crop.stem].add_(piece, alpha=gain)
        stems = rows.reshape(-1, n_stems, 2, self.n_samples)
        return Batch(stems, torch.tensor(plan.known, device=device))

    def _moved(self, crops: Sequence[Crop]) -> Iterator[tuple[list[Crop], Tensor]]:
        """Crops that are read alike, and their samples (n_crops, 2, n_samples)."""
        alike: dict[tuple[int, int], list[Crop]] = defaultdict(list)
        for crop in crops:
            n_in = crop.motion.n_in if crop.motion else 0
            # Crops that are stretched go together song by song, others wherever they are.
            stretched = crop.motion and crop.motion.places is not None
            alike[n_in, id(crop.motion) if stretched else 0].append(crop)
        for group in alike.values():
            motion = group[0].motion
            if motion is None:
                yield group, self._read([(c.recording, c.start) for c in group], self.n_samples)
                continue
            reads = [self._reads(c.start, motion.n_in, motion.tempo) for c in group]
            places = [(c.recording, first) for c, (first, _) in zip(group, reads, strict=True)]
            samples = self._read(places, reads[0][1])
            if motion.places is not None:
                samples = stretch(samples, motion.places, motion.n_in)
            samples = resample(samples, self.n_out)
            yield group, samples[..., MARGIN : MARGIN + self.n_samples]

    def _read(self, places: Sequence[tuple[Recording, int]], n_samples: int) -> Tensor:
        return self.pools.gather(places, n_samples).transpose(1, 2).float()


def _is_audible(item: Item, start: int, n_samples: int) -> bool:
    # On the CPU wherever the samples are: the same decision on every machine, and no waiting.
    seen = item.samples[start : start + n_samples : PEEK].astype(np.float32)
    power = float(np.square(seen).sum()) * PEEK / (2 * n_samples * FULL_SCALE_INT16**2)
    return power > 10 ** (SILENCE_DBFS / 10)
