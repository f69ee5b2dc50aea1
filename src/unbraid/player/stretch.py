"""Tempo and key of the summed bus, so that stems never drift apart."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

Source = Callable[[int], Samples]
"""Gives the next n samples of the bus, (2, n)."""

FADE_MS = 20.0
"""From one tempo or key to the next."""

_FEED = 1_024  # samples given to the filter at once


class Stretch:
    """Pulls the bus through at another tempo and key, or as it is.

    At tempo 1 and key 0 samples pass bit by bit. Otherwise FFmpeg's `atempo` lays overlapping
    pieces of sound where they match best (WSOLA), and soxr turns a tempo into a key. A change
    starts a new path at the very sample that is heard and cross-fades to it. The
    piece that is heard lies within 25 ms of `heard`, which never drifts.

    Tempo by FFmpeg and not by python-stretch, whose release 0.3.1 takes whole songs only: given
    blocks, it treats each as a song of its own.

    The bus is read up to 0.2 s ahead of what is heard while it is stretched, so a fader is heard
    that much later; back at rest, what was read ahead is played first. Not thread-safe.

    Args:
        sample_rate: Hz.

    Source: Verhelst & Roelands 1993.
    """

    def __init__(self, sample_rate: int = 44_100) -> None:
        self.sample_rate = sample_rate
        self._n_fade = round(FADE_MS / 1000 * sample_rate)
        self._bus = _Bus()
        self._path = _Path(self._bus, 0, 1.0, 0, sample_rate)
        self._tail = np.zeros((2, 0), np.float32)  # what the last path would have gone on with

    @property
    def heard(self) -> float:
        """Where on the bus the next sample that `pull` gives lies, in samples since the start."""
        return self._path.heard

    @property
    def n_read(self) -> int:
        """Samples read from the bus since the start."""
        return self._bus.end

    @property
    def is_bypassed(self) -> bool:
        """Whether samples pass as they are."""
        return self._path.is_plain and not self._tail.size

    def pull(self, n_samples: int, source: Source, *, tempo: float = 1.0, key: int = 0) -> Samples:
        """The next samples to be heard.

        Args:
            n_samples: how many.
            source: asked for as much of the bus as is needed, maybe for nothing.
            tempo: 0.5 to 1.5 times the song's.
            key: -12 to 12 semitones.

        Returns:
            float32, (2, n_samples).
        """
        self._bus.source = source
        if (tempo, key) != (self._path.tempo, self._path.key):
            self._switch(round(self.heard), tempo, key)
        out = self._path.take(n_samples)
        n_faded = min(n_samples, self._tail.shape[1])
        if n_faded:
            self._fade(out, n_faded)
        self._bus.forget(int(self.heard))
        return out

    def flush(self) -> None:
        """Drop what was read ahead: what is read next is heard next, after a fade. For seeks."""
        if self._bus.end > round(self.heard):
            self._bus.source = _silence
            end = self._bus.end
            self._switch(end, self._path.tempo, self._path.key)
            self._bus.cut(end)

    def _switch(self, start: int, tempo: float, key: int) -> None:
        old = self._path
        tail = old.take(self._n_fade)
        n_left = self._tail.shape[1]
        if n_left:  # a change within a change
            self._fade(tail, n_left)
        self._tail = tail
        self._path = _Path(self._bus, start, tempo, key, self.sample_rate)

    def _fade(self, out: Samples, n_samples: int) -> None:
        """Linear, for both paths carry the same sound."""
        left = self._tail.shape[1]
        shares = (np.arange(left, left - n_samples, -1) / (self._n_fade + 1)).astype(np.float32)
        out[:, :n_samples] += shares * (self._tail[:, :n_samples] - out[:, :n_samples])
        self._tail = self._tail[:, n_samples:]


class _Bus:
    """What was read of the bus and may still be needed."""

    def __init__(self) -> None:
        self.source: Source = _silence
        self.end = 0
        self._start = 0
        self._samples = np.zeros((2, 0), np.float32)

    def read(self, start: int, n_samples: int) -> Samples:
        """Samples from `start` on, read from the source as far as they were not."""
        missing = start + n_samples - self.end
        if missing > 0:
            more = self.source(missing)
            self._samples = np.concatenate([self._samples, more], axis=1)
            self.end += missing
        at = start - self._start
        return self._samples[:, at : at + n_samples]

    def forget(self, before: int) -> None:
        """Keep nothing that was heard."""
        n_gone = min(max(0, before - self._start), self._samples.shape[1])
        self._samples = self._samples[:, n_gone:]
        self._start += n_gone

    def cut(self, end: int) -> None:
        """Be as if nothing had been read from `end` on."""
        self._samples = self._samples[:, : end - self._start]
        self.end = end


class _Path:
    """The bus at one tempo and key, from one sample on."""

    def __init__(self, bus: _Bus, start: int, tempo: float, key: int, sample_rate: int) -> None:
        self.tempo, self.key = tempo, key
        self.is_plain = tempo == 1 and key == 0
        self._bus = bus
        self._start = start
        self._n_taken = 0
        if not self.is_plain:
            self._pieces = _stretched(bus, start, tempo, 2 ** (key / 12), sample_rate)
            self._ready = np.zeros((2, 0), np.float32)

    @property
    def heard(self) -> float:
        return self._start + self.tempo * self._n_taken

    def take(self, n_samples: int) -> Samples:
        if self.is_plain:
            out = self._bus.read(self._start + self._n_taken, n_samples).copy()
        else:
            ready = [self._ready]
            while sum(piece.shape[1] for piece in ready) < n_samples:
                ready.append(next(self._pieces))
            joined = np.concatenate(ready, axis=1)
            out, self._ready = joined[:, :n_samples].copy(), joined[:, n_samples:]
        self._n_taken += n_samples
        return out


def _stretched(
    bus: _Bus, start: int, tempo: float, ratio: float, sample_rate: int
) -> Iterator[Samples]:
    """The bus from `start` on: slowed down by `ratio`, then resampled to be higher by it."""
    import soxr
    from av import AudioFrame

    resampler = None
    if ratio != 1:
        resampler = soxr.ResampleStream(sample_rate * ratio, sample_rate, 2, dtype="float32")
    graph, wait = _tempo_graph(tempo / ratio, sample_rate)
    n_fed = 0
    while True:
        block = np.ascontiguousarray(bus.read(start + n_fed, _FEED))
        frame = AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate = sample_rate
        frame.pts, frame.time_base = n_fed, Fraction(1, sample_rate)
        graph.push(frame)
        n_fed += _FEED
        while True:
            try:
                frames = graph.pull().to_ndarray().reshape(-1, 2)
            except wait:
                break
            if resampler is not None:
                frames = resampler.resample_chunk(frames)
            yield frames.T


def _tempo_graph(tempo: float, sample_rate: int) -> tuple[Any, Any]:
    """A filter graph for a tempo, and what it raises while it needs more."""
    from av.error import BlockingIOError as Wait
    from av.filter import Graph

    graph: Any = Graph()
    nodes = [graph.add_abuffer(sample_rate=sample_rate, format="fltp", layout="stereo")]
    while tempo < 0.5:  # one filter's limit
        nodes.append(graph.add("atempo", "0.5"))
        tempo /= 0.5
    nodes.append(graph.add("atempo", f"{tempo:.9f}"))
    nodes.append(graph.add("aformat", "sample_fmts=flt"))
    nodes.append(graph.add("abuffersink"))
    graph.link_nodes(*nodes).configure()
    return graph, Wait


def _silence(n_samples: int) -> Samples:
    return np.zeros((2, n_samples), np.float32)
