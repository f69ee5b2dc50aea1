"use strict";
/* The mixer: eight sources (four stems, each separated and true) run on one clock all the time;
   what is heard is decided by gains alone, so that A/B, mute and solo never lose the place. */
(() => {
  const STEMS = ["vocals", "drums", "bass", "other"];
  const TAKES = ["separated", "true"];
  const SILENT_DB = -48; // a fader at its lower end is off
  const RAMP_S = 0.008; // time constant of every gain change: no click
  const DURATION_S = Number(document.body.dataset.duration);

  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const rowOf = (stem) => one(`.row[data-stem="${stem}"]`);
  const amplitude = (db) => (db <= SILENT_DB ? 0 : 10 ** (db / 20));
  const within = (low, value, high) => Math.min(high, Math.max(low, value));

  const strips = {};
  for (const stem of STEMS) strips[stem] = { db: 0, muted: false, soloed: false, take: "separated" };
  const master = { db: 0 };

  let graph = null; // audio nodes, once the sound is decoded
  let opening = null; // the promise of it
  let sources = [];
  let playing = false;
  let place_s = 0; // where playback stands while paused, or stood when it started
  let started_s = 0; // the context's time when it started

  /* ---- sound ---- */

  function bytesOf(audio) {
    const text = atob(audio.src.slice(audio.src.indexOf(",") + 1));
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes.buffer;
  }

  async function openGraph() {
    const context = new AudioContext();
    const volume = context.createGain();
    const meter = context.createAnalyser();
    volume.connect(meter).connect(context.destination);
    const opened = { context, volume, strips: {}, meters: { mixture: meter } };
    await Promise.all(STEMS.map(async (stem) => {
      const gain = context.createGain();
      const stemMeter = context.createAnalyser();
      gain.connect(stemMeter).connect(volume);
      opened.meters[stem] = stemMeter;
      const strip = (opened.strips[stem] = { gain, takes: {} });
      await Promise.all(TAKES.map(async (take) => {
        const audio = one(`[data-take="${take}"] audio`, rowOf(stem));
        const buffer = await context.decodeAudioData(bytesOf(audio));
        const takeGain = context.createGain();
        takeGain.connect(gain);
        strip.takes[take] = { buffer, gain: takeGain };
      }));
    }));
    for (const each of Object.values(opened.meters)) each.fftSize = 1024;
    graph = opened;
    applyGains(true);
  }

  const isHeard = (stem) => {
    const strip = strips[stem];
    return STEMS.some((other) => strips[other].soloed) ? strip.soloed : !strip.muted;
  };

  function applyGains(atOnce = false) {
    if (!graph) return;
    const set = (param, value) => {
      if (atOnce) param.value = value;
      else param.setTargetAtTime(value, graph.context.currentTime, RAMP_S);
    };
    set(graph.volume.gain, amplitude(master.db));
    for (const stem of STEMS) {
      const nodes = graph.strips[stem];
      set(nodes.gain.gain, isHeard(stem) ? amplitude(strips[stem].db) : 0);
      for (const take of TAKES) set(nodes.takes[take].gain.gain, strips[stem].take === take ? 1 : 0);
    }
  }

  function startSources() {
    const at_s = graph.context.currentTime + 0.02;
    sources = [];
    for (const stem of STEMS) {
      for (const take of TAKES) {
        const node = graph.strips[stem].takes[take];
        const source = graph.context.createBufferSource();
        source.buffer = node.buffer;
        source.connect(node.gain);
        source.start(at_s, Math.min(place_s, node.buffer.duration));
        sources.push(source);
      }
    }
    started_s = at_s;
  }

  function stopSources() {
    for (const source of sources) {
      source.stop();
      source.disconnect();
    }
    sources = [];
  }

  const position = () => {
    if (!playing || !graph) return place_s;
    const heard_s = graph.context.currentTime - started_s - (graph.context.outputLatency || 0);
    return within(0, place_s + Math.max(0, heard_s), DURATION_S);
  };

  async function play() {
    if (playing) return;
    playing = true;
    showTransport();
    if (!graph) {
      one("#play span").textContent = "Loading";
      opening ??= openGraph();
      await opening;
    }
    await graph.context.resume();
    if (playing && !sources.length) startSources();
    showTransport();
    requestAnimationFrame(follow);
  }

  function pause() {
    if (!playing) return;
    place_s = position();
    playing = false;
    stopSources();
    showTransport();
  }

  function seek(to_s) {
    place_s = within(0, to_s, DURATION_S);
    if (sources.length) {
      stopSources();
      startSources();
    }
    showPosition(place_s);
  }

  /* ---- looks ---- */

  const heads = all(".playhead");
  const clock = one("#time");
  const slider = one("#seek");

  function showPosition(at_s) {
    const minutes = Math.floor(at_s / 60);
    clock.textContent = `${minutes}:${(at_s - 60 * minutes).toFixed(1).padStart(4, "0")}`;
    slider.value = at_s;
    for (const head of heads) head.style.transform = `translateX(${(100 * at_s) / DURATION_S}%)`;
  }

  function showTransport() {
    one("#play").setAttribute("aria-pressed", playing);
    one("#play span").textContent = playing ? "Pause" : "Play";
  }

  function showStrips() {
    for (const stem of STEMS) {
      const row = rowOf(stem);
      const strip = strips[stem];
      row.classList.toggle("silent", !isHeard(stem) || strip.db <= SILENT_DB);
      one(".mute", row).setAttribute("aria-pressed", strip.muted);
      one(".solo", row).setAttribute("aria-pressed", strip.soloed);
      for (const take of TAKES) {
        const figure = one(`[data-take="${take}"]`, row);
        figure.classList.toggle("unheard", strip.take !== take);
        one("button", figure).setAttribute("aria-pressed", strip.take === take);
      }
    }
    for (const [stem, strip] of [...Object.entries(strips), ["mixture", master]]) {
      const fader = one(".fader", rowOf(stem));
      one("input", fader).value = strip.db;
      const sign = strip.db < 0 ? "−" : "";
      const text = strip.db <= SILENT_DB ? "off" : `${sign}${Math.abs(strip.db).toFixed(1)} dB`;
      one("output", fader).textContent = text;
    }
    for (const button of all("[data-all]")) {
      const isChosen = STEMS.every((stem) => strips[stem].take === button.dataset.all);
      button.setAttribute("aria-pressed", isChosen);
    }
  }

  const block = new Float32Array(1024);
  function showMeters() {
    for (const [name, meter] of Object.entries(graph.meters)) {
      meter.getFloatTimeDomainData(block);
      const peak = block.reduce((high, value) => Math.max(high, Math.abs(value)), 0);
      const part = within(0, 1 + (20 * Math.log10(peak + 1e-9)) / -SILENT_DB, 1);
      one(".meter i", rowOf(name)).style.transform = `scaleX(${part.toFixed(3)})`;
    }
  }

  function follow() {
    if (!playing) {
      for (const bar of all(".meter i")) bar.style.transform = "scaleX(0)";
      return;
    }
    const at_s = position();
    if (at_s >= DURATION_S) {
      pause();
      seek(0);
    } else {
      showPosition(at_s);
      showMeters();
    }
    requestAnimationFrame(follow);
  }

  /* ---- hands ---- */

  const toggle = () => (playing ? pause() : play());

  function change(what) {
    what();
    applyGains();
    showStrips();
  }

  function chooseAll(take) {
    change(() => STEMS.forEach((stem) => (strips[stem].take = take)));
  }

  function reset() {
    change(() => {
      master.db = 0;
      for (const strip of Object.values(strips)) {
        Object.assign(strip, { db: 0, muted: false, soloed: false });
      }
    });
  }

  function scrub(picture) {
    const to = (event) => {
      const box = picture.getBoundingClientRect();
      seek(((event.clientX - box.left) / box.width) * DURATION_S);
    };
    picture.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      picture.setPointerCapture(event.pointerId);
      to(event);
    });
    picture.addEventListener("pointermove", (event) => {
      if (picture.hasPointerCapture(event.pointerId)) to(event);
    });
  }

  for (const [stem, strip] of [...Object.entries(strips), ["mixture", master]]) {
    const fader = one(".fader input", rowOf(stem));
    fader.addEventListener("input", () => change(() => (strip.db = Number(fader.value))));
    fader.addEventListener("dblclick", () => change(() => (strip.db = 0)));
  }
  for (const stem of STEMS) {
    const row = rowOf(stem);
    const strip = strips[stem];
    one(".mute", row).onclick = () => change(() => (strip.muted = !strip.muted));
    one(".solo", row).onclick = () => change(() => (strip.soloed = !strip.soloed));
    for (const take of TAKES) {
      const button = one(`[data-take="${take}"] button`, row);
      button.disabled = false;
      button.title = "Hear this one in the mix";
      button.onclick = () => change(() => (strip.take = take));
    }
  }
  all(".picture").forEach(scrub);
  one("#play").onclick = toggle;
  one("#reset").onclick = reset;
  slider.oninput = () => seek(Number(slider.value));
  for (const button of all("[data-all]")) button.onclick = () => chooseAll(button.dataset.all);

  // A button that was clicked gives the space bar back; one reached by Tab keeps it.
  document.addEventListener("pointerup", () => setTimeout(() => document.activeElement?.blur()));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const onControl = event.target.matches("button, a");
    const onSlider = event.target.matches("input");
    const digit = /^(?:Digit|Numpad)([0-4])$/.exec(event.code)?.[1];
    if (event.code === "Space" && !onControl) toggle();
    else if (digit === "0") reset();
    else if (digit) {
      const strip = strips[STEMS[digit - 1]];
      const which = event.shiftKey ? "soloed" : "muted";
      change(() => (strip[which] = !strip[which]));
    } else if (event.code === "KeyT") {
      chooseAll(STEMS.every((stem) => strips[stem].take === "true") ? "separated" : "true");
    } else if (event.code === "ArrowLeft" && !onSlider) seek(position() - 2);
    else if (event.code === "ArrowRight" && !onSlider) seek(position() + 2);
    else if (event.code === "Home" && !onSlider) seek(0);
    else return;
    event.preventDefault();
  });

  showStrips();
  showPosition(0);

  // For tests: what sounds, not what is shown.
  window.unbraidDemo = {
    gain: (stem) => graph?.strips[stem].gain.gain.value,
    takeGain: (stem, take) => graph?.strips[stem].takes[take].gain.gain.value,
    position,
    get playing() { return sources.length > 0; },
  };
})();
