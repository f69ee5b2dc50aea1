"""The page of `unbraid compare`, by clicks, in Chromium: what is shown and what sounds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comparison.browser import Browser, chromium
from tests.comparison.conftest import Compared

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="no chromium here to click through the page"),
]

# Renders the page's own graph offline. `script` runs at sample `at`; the answer tells, for every
# sound, the largest difference to it (with its gain) before the switch and after it.
RENDER = """(async () => {
  const page = unbraidCompare, at = 128 * 100, n = 128 * 300, start = 44100;
  const buffers = await page.opening;
  const context = new OfflineAudioContext(2, n, 44100);
  const engine = new page.Engine(context, buffers);
  const set = (heard, difference) => {
    page.state.heard = heard;
    Object.assign(page.state.difference, difference ?? {});
    return page.gainsNow();
  };
  engine.mixAtOnce(set(%(before)s));
  engine.start(start / 44100, %(loop)s);
  const first = Math.round(engine.start_s * 44100);
  const gains = [page.gainsNow()];
  context.suspend(at / 44100).then(() => {
    gains.push(set(%(after)s));
    engine.mix(gains[1]);
    %(also)s
    context.resume();
  });
  const out = (await context.startRendering()).getChannelData(0);
  const place = (i) => {
    const p = start + i - first, loop = %(loop)s;
    if (!loop) return p;
    const [a, b] = [loop.start_s, loop.end_s].map((s) => Math.round(s * 44100));
    return p < b ? p : a + ((p - a) %% (b - a));
  };
  const wanted = (i, g) => g.reduce((sum, gain, k) =>
    gain ? sum + gain * buffers[k].getChannelData(0)[place(i)] : sum, 0);
  const worst = (from, to, g) => {
    let most = 0;
    for (let i = from; i < to; i++) most = Math.max(most, Math.abs(out[i] - wanted(i, g)));
    return most;
  };
  let loudest = 0;
  for (let i = at + 256; i < n; i++) loudest = Math.max(loudest, Math.abs(out[i]));
  return { before: worst(first + 128, at + 128, gains[0]), after: worst(at + 256, n, gains[1]),
    unlike: worst(at + 256, n, gains[0]), loudest };
})()"""


def rendered(browser: Browser, before: str, after: str, loop: str = "null", also: str = "") -> Any:
    return browser.run(RENDER % {"before": before, "after": after, "loop": loop, "also": also})


@pytest.fixture(scope="module")
def browser(compared: Compared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.open(compared.folder / "index.html")
        opened.run("unbraidCompare.opening.then(() => 1)")
        yield opened


@pytest.fixture
def page(browser: Browser, compared: Compared) -> Browser:
    """Freshly loaded."""
    browser.open(compared.folder / "index.html")
    browser.run("unbraidCompare.opening.then(() => 1)")
    return browser


@pytest.mark.parametrize("loop", ["null", "{ start_s: 0.9, end_s: 1.2 }"], ids=["plain", "loop"])
def test_a_switch_is_complete_within_two_blocks_at_the_same_sample(
    page: Browser, loop: str
) -> None:
    heard = rendered(page, "0", "1", loop)
    assert heard["before"] < 1e-5
    assert heard["after"] < 1e-5
    assert heard["unlike"] > 1e-2


def test_a_sound_that_opens_late_joins_at_the_same_sample(page: Browser) -> None:
    # The second model's sounds are taken away at first and join while the first one plays a loop.
    late = RENDER.replace(
        "engine.start(start",
        """const late = Object.values(page.columns[1].stems).map(({ sound }) => sound);
        const given = [...buffers];
        engine.buffers = given.map((buffer, i) => (late.includes(i) ? null : buffer));
        context.suspend(128 * 40 / 44100).then(() => {
          for (const i of late) engine.join(i, given[i]);
          context.resume();
        });
        engine.start(start""",
    )
    loop = "{ start_s: 0.9, end_s: 1.0301 }"
    heard = page.run(late % {"before": "0", "after": "1", "loop": loop, "also": ""})
    assert heard["before"] < 1e-5
    assert heard["after"] < 1e-5
    assert heard["unlike"] > 1e-2


def test_a_minus_a_is_silence(page: Browser) -> None:
    heard = rendered(page, "0", '"difference", { a: 1, b: 1 }')
    assert heard["loudest"] == 0


def test_the_difference_is_heard_sample_by_sample(page: Browser) -> None:
    heard = rendered(page, "0", '"difference", { a: 0, b: 1 }')
    assert heard["after"] < 1e-5
    assert heard["loudest"] > 1e-2


def test_sounds_are_decoded_from_their_first_sample(page: Browser) -> None:
    # Lossless here: the stems of the true column sum to the mixture, sample by sample.
    worst = page.run("""unbraidCompare.opening.then((buffers) => {
      const truth = Object.values(unbraidCompare.columns.at(-1).stems).map(({ sound }) =>
        buffers[sound].getChannelData(0));
      return buffers[0].getChannelData(0).reduce((most, value, i) =>
        Math.max(most, Math.abs(value - truth.reduce((sum, stem) => sum + stem[i], 0))), 0);
    })""")
    assert worst < 4 / 32_768


def test_playing_by_clicks_and_keys(page: Browser) -> None:
    heard = "unbraidCompare.state.heard"
    page.click("#play")
    page.wait("unbraidCompare.playing && unbraidCompare.position() > 0.1")
    page.click('#heard button[value="1"]')
    assert page.run(heard) == 1
    page.press("1", "Digit1")
    assert page.run(heard) == 0
    page.press("t", "KeyT")
    assert page.run(heard) == 5
    page.press("x", "KeyX")
    assert page.run(heard) == 0
    page.press("V", "KeyV", shift=True)
    assert page.run("unbraidCompare.gainsNow().filter(Boolean).length") == 1
    page.click('[data-stem="vocals"] .solo')
    page.click('[data-stem="drums"] .mute')
    assert page.run("unbraidCompare.gainsNow().filter(Boolean).length") == 3
    page.click('[data-stem="bass"] [data-column="1"] .picture', part=0.5)
    assert page.run(heard) == 1
    assert 1.8 < page.run("unbraidCompare.position()") < 3.9
    page.click("[data-stem=mixture] .picture", part=0.25, to=0.5)
    page.wait("unbraidCompare.engine.loop !== null")
    assert page.run("unbraidCompare.position()") < 2.1
    page.run("new Promise((resolve) => setTimeout(resolve, 1500))")
    assert 0.9 < page.run("unbraidCompare.position()") < 2.1
    page.press(" ", "Space")
    assert not page.run("unbraidCompare.playing")
    assert not page.messages
    assert all(url.startswith(("file:", "data:")) for url in page.requests)


@pytest.mark.parametrize("kind", ["abx", "preference"])
def test_a_blind_test_to_its_end(page: Browser, kind: str) -> None:
    page.click("#open-test")
    page.run(f"document.querySelectorAll('#test select')[0].value = {kind!r}")
    page.run("document.querySelectorAll('#test select')[3].value = 5")
    page.click("#test [type=submit]")
    page.wait("unbraidCompare.playing")
    hidden = "getComputedStyle(document.querySelector('.heads')).display"
    assert page.run(hidden) == "none"
    assert "set1" not in page.run("document.querySelector('#test').innerText")
    for _ in range(5):
        assert page.run("document.querySelector('#test .answers button').disabled")
        for digit in "123" if kind == "abx" else "12":
            page.press(digit, f"Digit{digit}")
        # The one that is X, or the first model: read from the test itself.
        best = page.run("""(() => { const { test } = unbraidCompare.blind;
          return test.modelOf("A1".includes(test.labels[0]) ? test.labels[0] : "1") ===
            (test.kind === "abx" ? test.modelOf("X") : 0); })()""")
        page.click(f"#test .answers button:nth-child({1 if best else 2})")
    result = page.run("JSON.parse(document.querySelector('#test').dataset.result)")
    assert result == {"n": 5, "n_hits": 5, "p": 1 / 32 if kind == "abx" else 2 / 32}
    csv = page.run("document.querySelector('#test textarea').value").splitlines()
    assert len(csv) == 6
    assert '"tiny (set0)"' in csv[1]
    assert not page.messages


def test_p_values_are_the_binomials(page: Browser) -> None:
    assert page.run("unbraidCompare.chanceOf(9, 10)") == pytest.approx(11 / 1024)
    assert page.run("unbraidCompare.chanceOf(0, 10)") == 1


def test_a_spreadsheet_takes_no_name_for_a_formula(page: Browser) -> None:
    csv = page.run("""(() => { const t = new unbraidCompare.BlindTest(
      { kind: "abx", names: ['=1+1', 'a"b'], n_trials: 1 });
      t.answer("A");
      return t.csv({}); })()""")
    assert '"\'=1+1"' in csv
    assert '"a""b"' in csv


@pytest.mark.parametrize("width", [390, 1_400])
def test_nothing_is_wider_than_the_window(page: Browser, tmp_path: Path, width: int) -> None:
    page.look(tmp_path / "page.png", width=width, height=900)
    assert page.run("document.documentElement.scrollWidth") <= width
    assert (tmp_path / "page.png").stat().st_size > 20_000
    page.call("Emulation.clearDeviceMetricsOverride")
