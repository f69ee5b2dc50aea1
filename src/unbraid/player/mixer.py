"""Four stems to one stereo bus: faders, mutes, solos, pans and meters, in preallocated arrays."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import UsageError
from unbraid.player.limiter import Limiter
from unbraid.player.ramp import Ramp
from unbraid.stems import STEMS

Samples = NDArray[np.float32]

MAX_GAIN_DB = 12.0
RAMP_MS = 10.0
"""Every change of a gain takes so long, so that nothing clicks."""

PEAK_FALL_DB_S = 20.0
"""A meter's bar falls so fast after a peak, as in a peak programme meter (IEC 60268-10)."""

RMS_S = 0.3
"""Time constant of the RMS meters, as of a VU meter."""

_N_LEVELS = 256
_MASTER = len(STEMS)


@dataclass(frozen=True, slots=True)
class Strip:
    """What one stem's controls say."""

    gain_db: float = 0.0
    mute: bool = False
    solo: bool = False
    pan: float = 0.0


class Mixer:
    """Gains, mutes, solos and pans on four stems, then volume and limiter on their sum.

    With all controls at rest the sum of the stems comes out bit by bit, `latency` samples later.
    A pan is a balance: it turns down the far side and leaves the near one alone, so that the
    centre is exactly unity. A mute silences a stem even if it is soloed too. Changes take
    effect with the next block, over 10 ms; where blocks begin and end does not change a sample.

    The controls may be set by one thread while another mixes. Nothing is allocated in `mix`.

    Args:
        sample_rate: Hz.
        max_block: most samples that are mixed at once.
    """

    def __init__(self, sample_rate: int = 44_100, max_block: int = 4096) -> None:
        self.sample_rate = sample_rate
        self.max_block = max_block
        self.strips = [Strip() for _ in STEMS]
        self.volume_db = 0.0
        self.limiter = Limiter(sample_rate, max_block)
        n_ramp = round(RAMP_MS / 1000 * sample_rate)
        self._ramp = Ramp(np.ones((len(STEMS), 2, 1), np.float32), n_ramp, max_block)
        self._volume = Ramp(np.ones(1, np.float32), n_ramp, max_block)
        self._line = np.zeros(2 * max_block, np.float32)
        # Levels of each block, the newest over the oldest: who reads them disturbs no one.
        self._peaks = np.zeros((_N_LEVELS, len(STEMS) + 1), np.float32)
        self._energies = np.zeros((_N_LEVELS, len(STEMS) + 1), np.float32)
        self._lengths = np.zeros(_N_LEVELS, np.int64)
        self._n_blocks = 0

    @property
    def latency(self) -> int:
        """Samples by which `finish` delays, with and without the limiter."""
        return self.limiter.latency

    @property
    def is_unity(self) -> bool:
        """Whether the four stems are asked for as they are, before the volume."""
        return bool((self._ramp.target == 1).all())

    def set_gain_db(self, stem: str, gain_db: float) -> None:
        """Move a fader: -inf to +12 dB.

        Raises:
            UsageError: there is no such stem, or the gain is outside.
        """
        self._change(stem, gain_db=_checked_db(gain_db))

    def set_mute(self, stem: str, on: bool) -> None:
        """Silence a stem, or let it sound again.

        Raises:
            UsageError: there is no such stem.
        """
        self._change(stem, mute=bool(on))

    def set_solo(self, stem: str, on: bool) -> None:
        """While any stem is soloed, only those that are sound.

        Raises:
            UsageError: there is no such stem.
        """
        self._change(stem, solo=bool(on))

    def set_pan(self, stem: str, pan: float) -> None:
        """Move a stem: -1 is left only, 0 as it is, 1 right only.

        Raises:
            UsageError: there is no such stem, or the pan is outside.
        """
        if not -1 <= pan <= 1:
            raise UsageError(f"a pan of {pan:g} is not from -1 (left) to 1 (right)")
        self._change(stem, pan=float(pan))

    def set_volume_db(self, volume_db: float) -> None:
        """Move the master fader: -inf to +12 dB.

        Raises:
            UsageError: it is outside.
        """
        self.volume_db = _checked_db(volume_db)
        self._volume.set_target(np.float32(_amplitude(self.volume_db)))

    def set_limiter(self, on: bool) -> None:
        """Keep the true peak of what is heard at -1 dB or below."""
        self.limiter.on = bool(on)

    def settle(self) -> None:
        """Jump to where the controls stand, without ramps: before anything is heard."""
        self._ramp.settle()
        self._volume.settle()

    def mix(self, stems: Samples, out: Samples) -> None:
        """Sum the stems by their faders.

        Args:
            stems: float32, (4, 2, n), n at most `max_block`.
            out: float32, (2, n), overwritten.
        """
        n_samples = stems.shape[-1]
        gains = self._ramp.advance(n_samples)
        line = self._line[: 2 * n_samples]
        # Channel by channel: numpy buffers arrays that lie differently in memory.
        for i, stem in enumerate(stems):
            for c in range(2):
                part = line[c * n_samples : (c + 1) * n_samples]
                np.multiply(stem[c], gains[i, c], out=part)
                if i:
                    np.add(out[c], part, out=out[c])
                else:
                    np.copyto(out[c], part)
            self._measure(line, i)

    def finish(self, out: Samples) -> None:
        """Volume, limiter and master meter, in place; stretching comes before.

        Args:
            out: float32, (2, n), n at most `max_block`; comes back `latency` samples later.
        """
        n_samples = out.shape[-1]
        volume = self._volume.advance(n_samples)
        for channel in out:
            np.multiply(channel, volume, out=channel)
        self.limiter.limit(out)
        line = self._line[: 2 * n_samples]
        np.copyto(line.reshape(out.shape), out)
        self._measure(line, _MASTER)
        self._lengths[self._n_blocks % _N_LEVELS] = n_samples
        self._n_blocks += 1

    def _measure(self, line: Samples, lane: int) -> None:
        row = self._n_blocks % _N_LEVELS
        self._peaks[row, lane] = max(line.max(initial=0), -line.min(initial=0))
        self._energies[row, lane] = np.dot(line, line)

    def _change(self, stem: str, **fields: Any) -> None:
        if stem not in STEMS:
            raise UsageError(f"no stem {stem!r}; choose from {', '.join(STEMS)}")
        i = STEMS.index(stem)
        self.strips[i] = replace(self.strips[i], **fields)
        any_solo = any(strip.solo for strip in self.strips)
        targets = np.zeros((len(STEMS), 2, 1), np.float32)
        for target, strip in zip(targets, self.strips, strict=True):
            if not strip.mute and (strip.solo or not any_solo):
                gain = _amplitude(strip.gain_db)
                target[0] = gain * min(1.0, 1 - strip.pan)
                target[1] = gain * min(1.0, 1 + strip.pan)
        self._ramp.set_target(targets)


@dataclass(frozen=True, slots=True)
class Levels:
    """What the meters show, in dB of full scale: the stems in order, then the master."""

    peak_db: tuple[float, ...]
    rms_db: tuple[float, ...]


class Meter:
    """A mixer's meters with their ballistics; each reader has one of its own.

    Peaks rise at once and fall by 20 dB a second; RMS values follow within 0.3 s.
    """

    def __init__(self, mixer: Mixer) -> None:
        self._mixer = mixer
        self._n_read = mixer._n_blocks
        self._read_at_s: float | None = None
        self._peaks = np.zeros(len(STEMS) + 1)
        self._squares = np.zeros(len(STEMS) + 1)

    def read(self, now_s: float) -> Levels:
        """The levels now.

        Args:
            now_s: of any clock that does not go back.
        """
        mixer = self._mixer
        passed_s = 0.0 if self._read_at_s is None else max(0.0, now_s - self._read_at_s)
        self._read_at_s = now_s
        n_blocks = mixer._n_blocks
        # The row that is being written is left out.
        first = max(self._n_read, n_blocks - _N_LEVELS + 1)
        rows = np.arange(first, n_blocks) % _N_LEVELS
        self._n_read = n_blocks
        self._peaks *= 10 ** (-PEAK_FALL_DB_S * passed_s / 20)
        np.maximum(self._peaks, mixer._peaks[rows].max(axis=0, initial=0), out=self._peaks)
        n_samples = int(mixer._lengths[rows].sum())
        square = 0.0 if not n_samples else mixer._energies[rows].sum(axis=0) / (2 * n_samples)
        kept = math.exp(-passed_s / RMS_S)
        self._squares = kept * self._squares + (1 - kept) * square
        return Levels(
            tuple(_decibels(peak) for peak in self._peaks),
            tuple(_decibels(math.sqrt(square)) for square in self._squares),
        )


def _checked_db(gain_db: float) -> float:
    if not gain_db <= MAX_GAIN_DB:
        raise UsageError(f"a gain of {gain_db:g} dB is not from -inf to {MAX_GAIN_DB:g}")
    return float(gain_db)


def _amplitude(gain_db: float) -> float:
    return float(10 ** (gain_db / 20))


def _decibels(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf
