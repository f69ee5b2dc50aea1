"""A player with the real one's surface and no threads: its clock goes when a test says so."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unbraid.errors import ModelError, UsageError
from unbraid.player.blind import Blind, Trial
from unbraid.player.engine import ORIGINAL
from unbraid.player.export import ExportJob, ExportRequest, ExportResult
from unbraid.player.mixer import Mixer
from unbraid.player.output import Device
from unbraid.player.overview import Overview
from unbraid.player.playlist import Playlist
from unbraid.player.snapshot import Notice, NoticeKind, Snapshot
from unbraid.player.transport import Transport
from unbraid.stems import STEMS

RATE = 44_100
BLOCK = 1_024
TILE = 2 * RATE


class FakeJob:
    """An export that goes on when a test says so."""

    def __init__(self, request: ExportRequest) -> None:
        self.request = request
        self.fraction = 0.0
        self.result: ExportResult | None = None
        self.error: Exception | None = None
        self.is_cancelled = False

    @property
    def is_done(self) -> bool:
        return self.result is not None or self.error is not None

    def cancel(self) -> None:
        self.is_cancelled = True

    def wait(self, timeout_s: float | None = None) -> bool:
        return self.is_done


class FakePlayer:
    """Plays `stems`, (4, 2, n_samples), as every song.

    Args:
        is_live: the clock goes by itself, for looking at the window.
    """

    def __init__(self, stems: NDArray[np.float32], *, is_live: bool = False) -> None:
        self.stems, self.is_live = stems, is_live
        self.playlist = Playlist()
        self.mixer = Mixer(RATE, BLOCK)
        self.blind: Blind | None = None
        self.transport = Transport(0, RATE)
        self.shot = Snapshot(model="unet-0.1", device="Speakers", times_real_time=0.0)
        self.requests: list[ExportRequest] = []
        self.job: FakeJob | None = None
        self.export_error: Exception | None = None
        self.broken: set[Path] = set()
        self.asked: list[tuple[object, ...]] = []
        self._overview = Overview()
        self._n_done = 0
        self._was_s = time.monotonic()
        self._rest = 0.0

    # What the window asks

    def snapshot(self) -> Snapshot:
        if self.is_live:
            now_s = time.monotonic()
            self.advance(min(0.2, now_s - self._was_s))
            self._was_s = now_s
        at = self.transport
        left = self._n_done * TILE - at.position
        heard = self.shot.model == ORIGINAL or left <= 0
        return replace(
            self.shot,
            motion=at.motion,
            position=at.position,
            n_samples=at.n_samples,
            loop=at.loop,
            tempo=at.tempo,
            key=at.key,
            ahead_s=max(0, left) / RATE,
            done_fraction=min(1.0, self._n_done * TILE / max(1, at.n_samples)),
            is_mixture=heard and not self.mixer.is_unity and self.shot.path is not None,
            model=(self.blind.letter_of(self.shot.model) or self.shot.model)
            if self.blind is not None and not self.blind.is_revealed
            else self.shot.model,
        )

    def overview(self) -> Overview:
        return self._overview

    def spectrogram(
        self, stem: str, start: int, end: int, n_columns: int, n_rows: int = 128
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        mono = self.stems[STEMS.index(stem)].mean(axis=0)
        size = 2_048
        centres = start + (np.arange(n_columns) + 0.5) * (end - start) / n_columns
        first = np.clip(centres.astype(int) - size // 2, 0, max(0, len(mono) - size))
        frames = mono[first[:, None] + np.arange(size)] * np.hanning(size)
        power = np.abs(np.fft.rfft(frames)).T ** 2 / (size / 4) ** 2
        hertz = 40 * 2 ** (np.linspace(0, 1, n_rows)[::-1] * np.log2(16_000 / 40))
        level = 10 * np.log10(power[(hertz / RATE * size).astype(int)] + 1e-12)
        shades = np.clip((level + 90) / 90 * 255, 0, 255).astype(np.uint8)
        return shades, centres < self._n_done * TILE

    def models(self) -> list[str]:
        return ["unet-0.1", "mdx", ORIGINAL]

    def devices(self) -> list[Device]:
        return [Device("Speakers", True), Device("Headphones", False)]

    # Commands

    def open(self, index: int, *, start_s: float = 0.0, play: bool = True) -> None:
        self.playlist.select(index)
        item = self.playlist.items[index]
        if item.path in self.broken:
            problem = f"{item.path}: holds no sound that decodes; check the file"
            self.playlist.tell(item.serial, problem=problem)
            self.tell(problem, "error")
            return
        n_samples = self.stems.shape[-1]
        title, artist = item.path.stem.replace("_", " "), "Software-Entwicklungskit"
        self.playlist.tell(item.serial, title=title, artist=artist, duration_s=n_samples / RATE)
        loop_free = Transport(n_samples, RATE)
        loop_free.tempo, loop_free.key = self.transport.tempo, self.transport.key
        self.transport = loop_free
        self._overview = Overview(n_samples)
        self._overview.add_mixture(0, self.stems.sum(axis=0))
        self._n_done = 0
        self.shot = replace(
            self.shot,
            song=self.shot.song + 1,
            index=index,
            path=item.path,
            title=title,
            artist=artist,
            album="Everything is Free",
            duration_s=n_samples / RATE,
        )
        self.transport.seek(round(start_s * RATE))
        if play:
            self.transport.play()

    def play(self) -> None:
        if self.shot.path is None and len(self.playlist):
            self.open(max(0, self.playlist.index))
        self.transport.play()

    def pause(self) -> None:
        self.transport.pause()

    def toggle(self) -> None:
        if self.transport.playing:
            self.pause()
        else:
            self.play()

    def stop(self) -> None:
        self.transport.stop()

    def next(self) -> None:
        if self.playlist.index + 1 < len(self.playlist):
            self.open(self.playlist.index + 1)

    def previous(self) -> None:
        if self.transport.previous() and self.playlist.index > 0:
            self.open(self.playlist.index - 1)

    def seek(self, sample: int) -> None:
        self.transport.seek(sample)

    def seek_by(self, seconds: float) -> None:
        self.transport.seek(self.transport.position + round(seconds * RATE))

    def prepare(self, sample: int) -> None:
        self.asked.append(("prepare", sample))

    def set_loop(self, start: int, end: int) -> None:
        self.transport.set_loop(start, end)

    def clear_loop(self) -> None:
        self.transport.clear_loop()

    def set_tempo(self, tempo: float) -> None:
        self.transport.set_tempo(tempo)

    def set_key(self, semitones: int) -> None:
        self.transport.set_key(semitones)

    def set_model(self, name: str) -> None:
        if self.blind is not None and not self.blind.is_revealed:
            name = self.blind.hidden(name)
        elif name not in self.models():
            raise ModelError(f"{name}: no such model; known: {', '.join(self.models())}")
        self.shot = replace(self.shot, model=name)

    def set_device(self, name: str | None) -> None:
        self.asked.append(("device", name))
        self.shot = replace(self.shot, device=name or "Speakers")

    def start_blind(self, names: Sequence[str]) -> Blind:
        self.blind = Blind(list(names), seed=1)
        self.set_model(self.blind.letters[0])
        return self.blind

    def choose(self, letter: str) -> Trial:
        if self.blind is None:
            raise UsageError("no blind test is under way; start one")
        return self.blind.choose(letter, song="song", position=self.transport.position)

    def stop_blind(self) -> None:
        self.blind = None

    def export(self, request: ExportRequest) -> ExportJob:
        if self.export_error is not None:
            raise self.export_error
        self.requests.append(request)
        self.job = FakeJob(request)
        return self.job  # type: ignore[return-value]

    def close(self) -> None: ...

    # What a test does

    def tell(self, text: str, kind: NoticeKind) -> None:
        """Something went wrong later than it was asked for."""
        notices = self.shot.notices
        new = Notice(len(notices) + 1, text, kind)
        self.shot = replace(self.shot, notices=(*notices, new))

    def separate(self, n_tiles: int = 1) -> None:
        """Take the next tiles apart."""
        for _ in range(n_tiles):
            start = self._n_done * TILE // 1024 * 1024
            part = self.stems[..., start : start + TILE + 2 * 1024]
            if part.shape[-1]:
                self._overview.add_stems(start, part)
            self._n_done += 1
        self.shot = replace(self.shot, times_real_time=9.4)

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self._rest += seconds * RATE / BLOCK
        out = np.zeros((2, BLOCK), np.float32)
        while self._rest >= 1:
            self._rest -= 1
            n_samples = round(BLOCK * self.transport.tempo)
            for span in self.transport.advance(n_samples):
                part = self.stems[..., span.start : span.start + min(span.n_samples, BLOCK)]
                if part.shape[-1]:
                    block = out[:, : part.shape[-1]]
                    self.mixer.mix(np.ascontiguousarray(part), block)
                    self.mixer.finish(block)
