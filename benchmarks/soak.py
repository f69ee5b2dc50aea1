"""Play for half an hour on a null sink while somebody plays with the controls, and count.

    python benchmarks/soak.py [--minutes 30] [--seed 1] [--models strands,original] [--song FILE]

Every few seconds something random happens: mutes, solos, faders, pans, seeks into separated and
unseparated ground, loops, tempo and key, models, pauses, the next song. The stems' store begins
empty and is emptied of the songs unused for longest when it is full, so separation never ends.
Without PulseAudio miniaudio's null device plays.
"""

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from player import write_mp3

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.sound_server import SoundServer, missing

from unbraid.models.catalog import DEFAULT_MODEL
from unbraid.player.engine import ORIGINAL, Player
from unbraid.player.output import MiniaudioOutput, system_output
from unbraid.player.transport import Motion
from unbraid.stems import STEMS

N_SONGS = 6
LENGTHS_S = (180.0, 300.0)
GAP_S = (0.3, 6.0)
STORE_LIMIT = 2 * 2**30
LOOK_S = 1.0
MEMORY_S = 10.0
WARM_S = 120.0
"""Memory is judged from here on: allocators and caches are full by then."""

SLOPE_MB_H = 60.0


def main() -> None:
    options = arguments()
    chance = random.Random(options.seed)
    server_missing = missing()
    with tempfile.TemporaryDirectory(dir=options.work_dir, prefix="unbraid-soak-") as folder:
        here = Path(folder)
        songs = options.song or [
            write_mp3(here / f"{n}.mp3", n, chance.uniform(*LENGTHS_S)) for n in range(N_SONGS)
        ]
        with nullcontext() if server_missing else SoundServer(here / "sound"):
            output = MiniaudioOutput(["NULL"]) if server_missing else system_output()
            with Player(output=output, store=here / "store", store_limit=STORE_LIMIT) as player:
                player.playlist.add(songs)
                player.open(0)
                soak = Soak(player, chance, options.models.split(","))
                soak.run(60 * options.minutes)
    soak.report(options.minutes, server_missing)
    if options.json:
        options.json.write_text(json.dumps(soak.facts(), indent=2) + "\n")
    sys.exit(not soak.is_good)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30, help="how long (default 30)")
    parser.add_argument("--seed", type=int, default=1, help="of what happens (default 1)")
    parser.add_argument("--song", type=Path, action="append", help="to play; else made up")
    parser.add_argument(
        "--models", default=f"{DEFAULT_MODEL},{ORIGINAL}", help="comma-separated, switched among"
    )
    parser.add_argument("--work-dir", type=Path, help="for songs and stems: 3 GB must be free")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    return parser.parse_args()


class Soak:
    """Somebody who cannot leave the controls alone.

    Args:
        player: playing.
        chance: decides what happens.
        models: switched among.
    """

    def __init__(self, player: Player, chance: random.Random, models: list[str]) -> None:
        self._player, self._chance, self._models = player, chance, models
        self._n_done: Counter[str] = Counter()
        self._memory: list[tuple[float, float]] = []  # seconds, megabytes
        self._started_s = time.monotonic()
        self._played_s = 0.0
        self._now = player.snapshot()
        self._told: list[str] = []
        self._last = "start"
        self._troubles: list[str] = []
        self._n_told = 0

    @property
    def is_good(self) -> bool:
        facts = self.facts()
        return (
            facts["underruns"] == 0
            and facts["late_tiles"] == 0
            and facts["memory_mb_per_hour"] <= SLOPE_MB_H
        )

    def run(self, length_s: float) -> None:
        actions = self._actions()
        names, weights = zip(
            *((name, weight) for name, (weight, _) in actions.items()), strict=True
        )
        next_s = next_memory_s = time.monotonic()
        while (passed_s := time.monotonic() - self._started_s) < length_s:
            self._look()
            if time.monotonic() >= next_memory_s:
                next_memory_s += MEMORY_S
                self._memory.append((passed_s, own_mb()))
            if time.monotonic() >= next_s:
                next_s = time.monotonic() + self._chance.uniform(*GAP_S)
                name = self._chance.choices(names, weights)[0]
                self._n_done[name] += 1
                self._last = name
                actions[name][1]()
            time.sleep(min(LOOK_S, max(0.01, next_s - time.monotonic())))
        self._look()

    def facts(self) -> dict[str, Any]:
        now = self._now
        times_s, megabytes = np.array(self._memory).T
        warm = times_s >= min(WARM_S, times_s[-1] / 2)
        slope = np.polyfit(times_s[warm], megabytes[warm], 1)[0] if warm.sum() > 2 else 0.0
        return {
            "played_s": round(self._played_s),
            "underruns": now.n_underruns,
            "late_tiles": now.n_late,
            "late_within_a_second": now.n_waited,
            "tiles_separated": now.n_separated,
            "times_real_time": round(now.times_real_time, 2),
            "memory_mb": round(float(megabytes[warm].max())),
            "memory_mb_per_hour": round(3600 * float(slope), 1),
            "latency_ms": round(1000 * now.latency_s, 1),
            "done": dict(self._n_done.most_common()),
            "troubles": self._troubles,
            "notices": self._told,
        }

    def report(self, minutes: float, server_missing: str) -> None:
        facts = self.facts()
        load = os.getloadavg()[0]
        where = f"a null device ({server_missing})" if server_missing else "PulseAudio's null sink"
        print(
            f"{minutes:g} min on {where}, {os.cpu_count()} cores, load {load:.1f} at the end, "
            f"Python {platform.python_version()}; {facts['played_s']} s of them playing"
        )
        print(", ".join(f"{count} x {name}" for name, count in facts["done"].items()))
        print(
            f"{facts['tiles_separated']} tiles separated at {facts['times_real_time']} x real "
            f"time, {facts['late_within_a_second']} late within a second of a start, seek or "
            f"change of model; latency {facts['latency_ms']} ms; memory {facts['memory_mb']} MB"
        )
        slope = facts["memory_mb_per_hour"]
        for is_kept, what in (
            (facts["underruns"] == 0, f"{facts['underruns']} underruns (0)"),
            (facts["late_tiles"] == 0, f"{facts['late_tiles']} late tiles after that second (0)"),
            (slope <= SLOPE_MB_H, f"memory grows by {slope} MB an hour (at most {SLOPE_MB_H:g})"),
        ):
            print(f"{'kept' if is_kept else 'BROKEN':8}{what}")
        for text in (*facts["troubles"], *facts["notices"]):
            print(f"        {text}")

    def _look(self) -> None:
        old, self._now = self._now, self._player.snapshot()
        if self._now.motion is Motion.PLAYING and old.motion is Motion.PLAYING:
            moved_s = (self._now.position - old.position) / self._now.sample_rate
            self._played_s += moved_s if 0 < moved_s < 5 else 0
        n_dry, n_late = self._now.n_underruns - old.n_underruns, self._now.n_late - old.n_late
        if n_dry or n_late:
            self._troubles.append(
                f"{time.monotonic() - self._started_s:.0f} s, after {self._last}: {n_dry} "
                f"underruns, {n_late} late tiles; buffer {1000 * self._now.latency_s:.0f} ms"
            )
        for notice in self._now.notices:
            if notice.serial > self._n_told:
                self._n_told = notice.serial
                self._told.append(f"{notice.kind}: {notice.text}")
        if self._now.motion is Motion.ENDED:
            self._player.open(self._chance.randrange(len(self._player.playlist)))

    def _actions(self) -> dict[str, tuple[float, Callable[[], None]]]:
        """What may happen, and how often."""
        player, mixer, chance = self._player, self._player.mixer, self._chance
        uniform = chance.uniform

        def stem() -> str:
            return chance.choice(STEMS)

        def loop() -> None:
            if self._now.loop is not None:
                player.clear_loop()
            elif self._now.n_samples > 20 * self._now.sample_rate:
                start = chance.randrange(self._now.n_samples - 20 * self._now.sample_rate)
                player.set_loop(start, start + round(uniform(0.5, 15) * self._now.sample_rate))

        def pause() -> None:
            player.pause()
            time.sleep(uniform(0.1, 1))
            player.play()

        def rest() -> None:
            player.set_tempo(1.0)
            player.set_key(0)

        return {
            "mute": (4, lambda: mixer.set_mute(stem(), chance.random() < 0.4)),
            "solo": (2, lambda: mixer.set_solo(stem(), chance.random() < 0.3)),
            "fader": (4, lambda: mixer.set_gain_db(stem(), uniform(-30, 6))),
            "pan": (1, lambda: mixer.set_pan(stem(), uniform(-1, 1))),
            "seek": (4, lambda: player.seek(chance.randrange(max(1, self._now.n_samples)))),
            "step": (2, lambda: player.seek_by(chance.choice((-5, -1, 1, 5)))),
            "loop": (2, loop),
            "tempo": (1, lambda: player.set_tempo(uniform(0.5, 1.5))),
            "key": (1, lambda: player.set_key(chance.randint(-12, 12))),
            "tempo and key back": (2, rest),
            "model": (2, lambda: player.set_model(chance.choice(self._models))),
            "limiter": (0.5, lambda: mixer.set_limiter(chance.random() < 0.5)),
            "pause": (1, pause),
            "next song": (0.5, player.next),
        }


def own_mb() -> float:
    """Memory of this process without the store's pages, in megabytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    main()
