"""New songs out of old stems: which crops meet in a training example, and how loud.

Random mixes across songs are worth about 2 dB over the songs as they were (Défossez et al. 2019;
Jeon et al. 2023); some coherent ones are kept, since real songs are in one key and one tempo.
"""

import math
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from unbraid.stems import STEMS
from unbraid.training.data.pools import REFERENCE_DBFS, Item, Pools

FULL_SCALE_INT16 = np.float32(32768.0)
SILENCE_RMS = 10 ** (-50 / 20)


@dataclass(frozen=True, slots=True)
class RemixConfig:
    """What the examples of a batch are made of; probabilities are per example or per stem."""

    coherent: float = 0.4  # examples whose stems come from one song at one position
    accompaniment: float = 0.05  # examples of real music without voice, of unknown stems
    absent: float = 0.1  # a stem left out
    absent_vocals: float = 0.2  # the same for vocals, where false ones annoy most
    doubled_vocals: float = 0.15  # a second voice in the vocals
    resampled: float = 0.4  # speed and pitch changed together
    resample_range: float = 0.12  # at most by this fraction, up or down
    level_db: tuple[float, ...] = (0.0, 0.0, -2.5, -2.5)  # mean level by stem, random mixes
    level_spread_db: float = 4.0  # standard deviation about it
    coherent_spread_db: float = 2.5  # the same about a song's own balance


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples before augmentation."""

    stems: NDArray[np.float32]  # (batch, 4, 2, n_samples); the mixture is their sum
    known: NDArray[np.float32]  # (batch, 4): 1 where a stem is a target, 0 where it is not known


class Remixer:
    """Draws batches; the same seed and step give the same batch, on any machine.

    Args:
        pools: the material.
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

    def batch(self, step: int) -> Batch:
        """The batch of a step: shapes as in `Batch`."""
        rng = np.random.default_rng((self.seed, step))
        stems = np.zeros((self.batch_size, len(STEMS), 2, self.n_samples), np.float32)
        known = np.ones((self.batch_size, len(STEMS)), np.float32)
        for example in range(self.batch_size):
            self._fill(stems[example], known[example], rng)
        return Batch(stems, known)

    def _fill(
        self, stems: NDArray[np.float32], known: NDArray[np.float32], rng: np.random.Generator
    ) -> None:
        config, pools = self.config, self.pools
        chance = rng.random()
        if chance < config.accompaniment and pools.has("accompaniment"):
            known[1:] = 0
            # Its drums, bass and rest are not known apart: all of it stands in `other`.
            stems[3] = self._single("accompaniment", 0.0, rng)
            if rng.random() < 0.5:
                stems[0] = self._single("vocals", config.level_db[0], rng)
            return
        song: dict[str, NDArray[np.float32]] = {}
        if chance < config.accompaniment + config.coherent and pools.songs:
            song = self._song(rng)
        for index, stem in enumerate(STEMS):
            if rng.random() < (config.absent_vocals if stem == "vocals" else config.absent):
                continue
            if stem in song:
                stems[index] = song[stem]
                continue
            stems[index] = self._single(stem, config.level_db[index], rng)
            if stem == "vocals" and rng.random() < config.doubled_vocals:
                stems[index] += self._single(stem, config.level_db[index] - 3, rng)

    def _song(self, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        """Crops of one song's stems at one position, somewhere between its balance and ours."""
        items = self.pools.draw_song(rng)
        speed = self._speed(rng)
        n_read = self._n_read(speed)
        longest = max(len(item.samples) for item in items.values())
        best: dict[str, NDArray[np.float32]] = {}
        for _ in range(4):
            start = int(rng.integers(0, max(1, longest - n_read)))
            crops = {
                stem: _read(item, start, n_read) for stem, item in items.items() if stem in STEMS
            }
            audible = sum(_rms(crop) > SILENCE_RMS for crop in crops.values())
            if not best or audible > sum(_rms(crop) > SILENCE_RMS for crop in best.values()):
                best = crops
            if audible == len(crops):
                break
        total = sum(10 ** (i.level_dbfs / 10) for i in items.values())
        own_db = REFERENCE_DBFS - 10 * math.log10(total / len(items))
        towards = rng.random()
        song = {}
        for stem, crop in best.items():
            usual_db = REFERENCE_DBFS - items[stem].level_dbfs
            usual_db += self.config.level_db[STEMS.index(stem)]
            level_db = own_db + towards * (usual_db - own_db)
            gain = _amplitude(rng.normal(level_db, self.config.coherent_spread_db))
            song[stem] = self._to_length(crop, speed) * gain
        return song

    def _single(self, kind: str, level_db: float, rng: np.random.Generator) -> NDArray[np.float32]:
        """A crop of one random item of a class, at a random level about `level_db`."""
        item = self.pools.draw(kind, rng)
        speed = self._speed(rng)
        n_read = self._n_read(speed)
        for _ in range(4):
            crop = _read(item, int(rng.integers(0, max(1, len(item.samples) - n_read))), n_read)
            if _rms(crop) > SILENCE_RMS:
                break
        level = REFERENCE_DBFS - item.level_dbfs + level_db
        return self._to_length(crop, speed) * _amplitude(
            rng.normal(level, self.config.level_spread_db)
        )

    def _speed(self, rng: np.random.Generator) -> float:
        if rng.random() >= self.config.resampled:
            return 1.0
        return float(1 + rng.uniform(-1, 1) * self.config.resample_range)

    def _n_read(self, speed: float) -> int:
        return round(self.n_samples * speed) + 64 if speed != 1.0 else self.n_samples

    def _to_length(self, crop: NDArray[np.float32], speed: float) -> NDArray[np.float32]:
        if speed != 1.0:
            crop = soxr.resample(crop.T, speed * 1e4, 1e4, quality="MQ").T[:, : self.n_samples]
        return np.pad(crop, ((0, 0), (0, self.n_samples - crop.shape[1])))


def _read(item: Item, start: int, n_samples: int) -> NDArray[np.float32]:
    """(2, n_samples) in float; zeros past the end."""
    crop = np.asarray(item.samples[start : start + n_samples]).T / FULL_SCALE_INT16
    return np.pad(crop, ((0, 0), (0, n_samples - crop.shape[1])))


def _rms(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def _amplitude(level_db: float) -> np.float32:
    return np.float32(10 ** (level_db / 20))
