"""The page of `unbraid compare`: its weight, how fast it opens, how soon a switch is heard.

    python benchmarks/compare.py                  # a made-up song, a minute, three models
    python benchmarks/compare.py --page DIR/index.html

Opens the page in a headless Chromium, over its debugging pipe. The page is of any three models, for
what they are does not change its weight: ours, and ours twice with its stems roughened.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from song import write_song

LENGTH_S, N_MODELS = 60.0, 3
PROMISED_MB, PROMISED_OPEN_S, PROMISED_BLOCKS = 25, 2, 1
N_CLICKS = 9
BLOCK = 128  # samples a browser renders at once

# What the loudspeaker gets, recorded while a button is clicked: in samples of the page's clock
# from the click, when the old sound is first not what is heard, and from when on the new one is.
SWITCH = """(async () => {
  const page = unbraidCompare, { engine } = page, { context } = engine;
  const rate = context.sampleRate;
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const from = %(before)d, to = %(after)d;
  document.querySelector(`#heard button[value="${from}"]`).click();
  const tap = context.createScriptProcessor(8192, 2, 1), parts = [];
  tap.onaudioprocess = (event) => parts.push(event.inputBuffer.getChannelData(0).slice());
  engine.volume.connect(tap);
  tap.connect(context.destination);
  await wait(400);
  const before = page.gainsNow(), volume = engine.volume.gain.value;
  const button = document.querySelector(`#heard button[value="${to}"]`);
  const click_s = context.currentTime;
  button.click();
  const after = page.gainsNow();
  await wait(500);
  engine.volume.disconnect(tap);
  tap.disconnect();
  const heard = Float32Array.from(parts.flatMap((part) => [...part]));
  const sound = (gains, i) => volume * gains.reduce((sum, gain, k) =>
    gain ? sum + gain * engine.buffers[k].getChannelData(0)[i] : sum, 0);
  // Where in the song the recording starts: the place at which the old sound fits its beginning.
  const first = 2048;
  const click = Math.round((engine.place_s + click_s - engine.start_s) * rate);
  const misfit = (shift, n) => {
    let worst = 0;
    for (let i = first; i < first + n && worst < 1e-4; i++)
      worst = Math.max(worst, Math.abs(heard[i] - sound(before, shift + i)));
    return worst;
  };
  for (let shift = click - 2 * rate; shift < click; shift++) {
    if (misfit(shift, 64) >= 1e-4 || misfit(shift, 4096) >= 1e-4) continue;
    let changed = first, last = 0;
    const isOld = (i) => Math.abs(heard[i] - sound(before, shift + i)) < 1e-4;
    while (changed < heard.length && isOld(changed)) changed++;
    for (let i = changed; i < heard.length; i++)
      if (Math.abs(heard[i] - sound(after, shift + i)) >= 1e-4) last = i;
    return { begins: shift + changed - click, ends: shift + last + 1 - click,
      block: Math.round(context.baseLatency * rate), gaps: last > heard.length - 2048 };
  }
  return null;
})()"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, metavar="FILE", help="one that is there already")
    parser.add_argument("--opens", type=int, default=3, metavar="N", help="how often it is opened")
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tests.comparison.browser import Browser, chromium

    if chromium() is None:
        sys.exit("no chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="unbraid-bench-") as scratch:
        page = arguments.page or write_page(Path(scratch))
        megabytes = page.stat().st_size / 1e6
        with Browser(Path(scratch) / "profile") as browser:
            opened = [open_s(browser, page) for _ in range(arguments.opens)]
            shown, ready, whole = (
                statistics.median(all_of) for all_of in zip(*opened, strict=True)
            )
            switches = [measured for n in range(N_CLICKS) if (measured := switch(browser, n))]
            n_requests = sum(not u.startswith(("file:", "data:")) for u in browser.requests)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    print(f"\n{os.cpu_count()} cores, load {load:.1f}; medians of {arguments.opens} openings")
    verdict(megabytes <= PROMISED_MB, f"the page weighs {megabytes:.1f} MB (at most {PROMISED_MB})")
    verdict(
        ready <= PROMISED_OPEN_S,
        f"it shows after {shown:.2f} s, plays after {ready:.2f} s (at most {PROMISED_OPEN_S}), has "
        f"all models after {whole:.2f} s",
    )
    verdict(n_requests == 0, f"requests: {n_requests} (none)")
    if not switches:
        sys.exit("BROKEN no switch could be measured")
    begins, ends = (statistics.median(m[key] for m in switches) for key in ("begins", "ends"))
    verdict(
        begins <= (1 + PROMISED_BLOCKS) * BLOCK,
        f"a switch is heard {begins:.0f} samples after the click, wholly after {ends:.0f}: block "
        f"{begins / BLOCK:.1f} to {ends / BLOCK:.1f} (median of {len(switches)} of {N_CLICKS} "
        f"recordings, those without gaps; the device's buffer is {switches[0]['block']})",
    )


def write_page(scratch: Path) -> Path:
    """The page of a minute of a song, four stems of three models."""
    from unbraid.comparison.columns import compare
    from unbraid.comparison.song import open_excerpt
    from unbraid.comparison.write import write_comparison

    excerpt = open_excerpt(write_song(scratch / "song.flac", LENGTH_S))
    start = time.monotonic()
    columns = compare(excerpt, ["unet-0.1"])
    rng = np.random.default_rng(3)
    for i in range(1, N_MODELS):
        rough = {
            stem: (x * rng.uniform(0.7, 1.0, x.shape)).astype(np.float32)
            for stem, x in columns[0].stems.items()
        }
        columns.append(replace(columns[0], name=f"rough {i}", stems=rough))
    page, _ = write_comparison(excerpt, columns, scratch / "out")
    print(f"made in {time.monotonic() - start:.0f} s: {N_MODELS} models, 4 stems, {LENGTH_S:g} s")
    return page


def open_s(browser: Any, page: Path) -> list[float]:
    """Seconds until the page is drawn, can play its first model, and can play all."""
    browser.open(page)
    browser.run("unbraidCompare.opening.then(() => 1)")
    times_ms: list[float] = browser.run(
        "[performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd,"
        "...['first sounds open', 'sounds open'].map((name) =>"
        "performance.getEntriesByName(name)[0].startTime)]"
    )
    return [time_ms / 1000 for time_ms in times_ms]


def switch(browser: Any, n: int) -> dict[str, Any] | None:
    """One click on another model while it plays; None where the recording has a gap.

    A ScriptProcessor, all that a page without a server may record with, drops blocks when the
    page is late. That says nothing of what is played: the tests render the same graph offline.
    """
    if not browser.run("unbraidCompare.playing"):
        browser.click("#play")
        browser.wait("unbraidCompare.playing && unbraidCompare.position() > 1")
    found: dict[str, Any] | None = browser.run(SWITCH % {"before": n % 2, "after": (n + 1) % 2})
    return found if found and not found["gaps"] else None


def verdict(kept: bool, text: str) -> None:
    print(f"{'kept  ' if kept else 'BROKEN'} {text}")


if __name__ == "__main__":
    main()
