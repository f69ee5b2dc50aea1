/* The page: what is heard, what is shown, hands on keys and pictures. */
(() => {
  const STEMS = ["vocals", "drums", "bass", "other"];
  const FACTS = JSON.parse(document.getElementById("facts").textContent);
  const { columns, rate, duration_s } = FACTS;
  const SHORTEST_LOOP_S = 0.1;
  const MINUS = "\u2212";

  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const within = (low, value, high) => Math.min(high, Math.max(low, value));
  const amplitude = (db) => 10 ** (db / 20);
  const signed = (db) => `${db < 0 ? MINUS : "+"}${Math.abs(db).toFixed(1)} dB`;
  const clockOf = (at_s) => `${Math.floor(at_s / 60)}:${(at_s % 60).toFixed(1).padStart(4, "0")}`;
  function make(tag, text, fields = {}) {
    const node = Object.assign(document.createElement(tag), fields);
    node.textContent = text;
    return node;
  }

  const usable = columns.flatMap((column, i) => (Object.keys(column.stems).length ? [i] : []));
  const truth = columns.findIndex((column) => column.isTrue);

  const state = {
    heard: usable[0] ?? "mixture", // a column, "mixture" or "difference"
    before: "mixture",
    strips: Object.fromEntries(STEMS.map((stem) => [stem, { muted: false, soloed: false }])),
    matched: FACTS.matched,
    difference: { stem: STEMS[0], a: usable[0], b: usable[1] ?? usable[0] },
    looping: false,
    region: { start_s: 0, end_s: duration_s },
  };

  let engine = null;
  let playing = false;
  let place_s = 0; // while paused
  let blind = null; // a BlindTest under way, with its stems and which label is heard

  /* ---- what is heard ---- */

  const isHeard = (stem) => {
    const { strips } = state;
    return STEMS.some((other) => strips[other].soloed) ? strips[stem].soloed : !strips[stem].muted;
  };
  const gainOf = ({ gain_db }, matched = state.matched) => FACTS.scale * (matched ? amplitude(gain_db) : 1);

  /* A gain for each sound: 0 the mixture, then the columns' stems. */
  function gainsNow() {
    const gains = new Array(1 + columns.reduce((n, column) => n + Object.keys(column.stems).length, 0)).fill(0);
    const add = (i, stem, sign = 1, matched = state.matched) => {
      const given = columns[i]?.stems[stem];
      if (given) gains[given.sound] += sign * gainOf(given, matched);
    };
    if (blind?.test) {
      const which = blind.columns[blind.test.modelOf(blind.heard)];
      for (const stem of blind.stems) add(which, stem, 1, true);
    } else if (state.heard === "mixture") gains[0] = FACTS.scale;
    else if (state.heard === "difference") {
      add(state.difference.a, state.difference.stem);
      add(state.difference.b, state.difference.stem, -1);
    } else for (const stem of STEMS) if (isHeard(stem)) add(state.heard, stem);
    return gains;
  }

  function change(what) {
    what();
    engine?.mix(gainsNow());
    show();
  }

  function hear(what) {
    if (what === state.heard || !isOpen(what)) return;
    change(() => {
      state.before = state.heard;
      state.heard = what;
    });
  }

  function volumeNow() {
    const db = Number(one("#volume").value);
    return db <= -40 ? 0 : FACTS.volume * amplitude(db);
  }

  /* ---- opening ---- */

  function bytesOf(text) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const letters = atob(text);
    const bytes = new Uint8Array(letters.length);
    // Uint8Array.from with a function takes twenty times as long.
    for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
    return bytes;
  }

  const sounds = all("script.sound");
  const buffers = new Array(sounds.length).fill(null);
  const soundsOf = (i) => Object.values(columns[i]?.stems ?? {}).map(({ sound }) => sound);

  function isOpen(what) {
    if (what === "mixture") return Boolean(buffers[0]);
    if (what === "difference") return usable.length > 1 && buffers.every(Boolean);
    return usable.includes(what) && soundsOf(what).every((sound) => buffers[sound]);
  }

  /* Decoding needs no permission to play: much is done by the time somebody presses the button.
     The first model can be heard as soon as its own sounds are open; the others join. */
  async function open() {
    const play = one("#play"), label = one("#play span");
    try {
      const decoder = new OfflineAudioContext(2, 1, rate);
      const openAll = (which) => Promise.all(which.map(async (i) => {
        await new Promise((resolve) => setTimeout(resolve));
        const buffer = await decoder.decodeAudioData(bytesOf(sounds[i].textContent).buffer);
        sounds[i].remove(); // its text would stay in memory beside its samples
        buffers[i] = buffer;
        engine?.join(i, buffer);
        show();
      }));
      const first = [0, ...soundsOf(state.heard)];
      await openAll(first);
      play.disabled = false;
      showTransport();
      performance.mark("first sounds open");
      await openAll([...sounds.keys()].filter((i) => !first.includes(i)));
      one("#open-test").disabled = false;
      performance.mark("sounds open");
      return buffers;
    } catch (error) {
      label.textContent = "No sound";
      play.title = `This browser cannot decode the sounds: ${error.message}`;
      throw error;
    }
  }

  function wake() {
    if (engine) return engine.context.resume();
    engine = new Engine(new AudioContext({ sampleRate: rate, latencyHint: "interactive" }), buffers);
    engine.volume.gain.value = volumeNow();
    engine.mixAtOnce(gainsNow());
    return engine.context.resume();
  }

  /* ---- transport ---- */

  const loopNow = () => (state.looping ? { ...state.region } : null);

  const position = () => {
    if (!playing || !engine?.sources.length) return place_s;
    const { context } = engine;
    return within(0, engine.placeAt(context.currentTime - (context.outputLatency || 0)), duration_s);
  };

  async function play() {
    if (playing || one("#play").disabled) return;
    playing = true;
    showTransport();
    await wake();
    if (playing && !engine.sources.length) engine.start(place_s, loopNow());
    requestAnimationFrame(follow);
  }

  function pause() {
    if (!playing) return;
    place_s = position();
    playing = false;
    if (engine) engine.stop();
    showTransport();
  }

  function seek(to_s) {
    place_s = within(0, to_s, duration_s - 0.01);
    if (playing && engine?.sources.length) engine.start(place_s, loopNow());
    showPosition(place_s);
  }

  function setLoop(looping, region = state.region) {
    if (region.end_s - region.start_s < SHORTEST_LOOP_S) return;
    state.looping = looping;
    state.region = region;
    if (playing && engine?.sources.length) {
      const at_s = position();
      const inside = at_s >= region.start_s && at_s < region.end_s;
      engine.start(looping && !inside ? region.start_s : undefined, loopNow());
    } else if (looping) place_s = within(region.start_s, place_s, region.end_s - 0.01);
    show();
    showPosition(position());
  }

  function follow() {
    if (!playing) return;
    const at_s = position();
    if (at_s >= duration_s && !state.looping) {
      pause();
      seek(0);
    } else showPosition(at_s);
    requestAnimationFrame(follow);
  }

  /* ---- looks ---- */

  const heads = all(".playhead");
  const regions = all(".region");

  function showPosition(at_s) {
    one("#time").textContent = clockOf(FACTS.start_s + at_s);
    one("#seek").value = at_s;
    one("#seek").setAttribute("aria-valuetext", clockOf(FACTS.start_s + at_s));
    for (const head of heads) head.style.transform = `translateX(${(100 * at_s) / duration_s}%)`;
  }

  function showTransport() {
    one("#play").setAttribute("aria-pressed", playing);
    one("#play span").textContent = playing ? "Pause" : "Play";
  }

  function show() {
    for (const button of all("#heard button")) {
      button.setAttribute("aria-pressed", button.value === String(state.heard));
      button.disabled = !isOpen(/^\d+$/.test(button.value) ? Number(button.value) : button.value);
    }
    for (const node of all("main [data-column]")) node.classList.toggle("heard", node.dataset.column === String(state.heard));
    const shown = usable.includes(state.heard) ? state.heard : usable.includes(state.before) ? state.before : usable[0];
    for (const node of all("main [data-column]")) node.classList.toggle("shown", node.dataset.column === String(shown));
    for (const stem of STEMS) {
      const row = one(`main [data-stem="${stem}"]`);
      row.classList.toggle("silent", !isHeard(stem));
      one(".mute", row).setAttribute("aria-pressed", state.strips[stem].muted);
      one(".solo", row).setAttribute("aria-pressed", state.strips[stem].soloed);
    }
    one("#match").setAttribute("aria-pressed", state.matched);
    document.body.classList.toggle("matched", state.matched);
    one("#loop").setAttribute("aria-pressed", state.looping);
    const { start_s, end_s } = state.region;
    const isWhole = start_s <= 0 && end_s >= duration_s;
    for (const region of regions) {
      region.hidden = isWhole;
      region.classList.toggle("on", state.looping);
      region.style.left = `${(100 * start_s) / duration_s}%`;
      region.style.width = `${(100 * (end_s - start_s)) / duration_s}%`;
    }
  }

  let drawn = "";
  /* Pictures are drawn once the sounds are open and only if what they show has changed. */
  async function showDifference() {
    const { stem, a, b } = state.difference;
    const key = [stem, a, b, state.matched].join();
    if (key === drawn) return;
    drawn = key;
    await opening;
    if (key !== drawn) return;
    const [first, second] = [columns[a]?.stems[stem], columns[b]?.stems[stem]];
    const level = one("#difference-level");
    const canvas = one("#difference");
    if (!first || !second) {
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      level.textContent = `one of them gives no ${stem}`;
      return;
    }
    const [minuend, subtrahend] = [first, second].map((given) => ({ buffer: buffers[given.sound], gain: gainOf(given) }));
    const samples = difference(minuend, subtrahend);
    drawSpectrum(canvas, samples, rate);
    const [whole, rest] = [level_dbfs(difference(minuend, { ...minuend, gain: 0 })), level_dbfs(samples)];
    canvas.setAttribute("aria-label", `${stem}, ${columns[a].name} minus ${columns[b].name}: spectrogram`);
    level.textContent = Number.isFinite(rest)
      ? `${signed(rest - whole)} relative to ${columns[a].name}`
      : "nothing: they are the same";
  }

  /* ---- buttons ---- */

  function chooser(value, key, name) {
    const button = make("button", "", { type: "button", value: String(value), title: `Hear ${name} (${key})` });
    button.append(make("span", name), make("kbd", key));
    button.setAttribute("aria-pressed", false);
    button.onclick = () => hear(value);
    one("#heard").append(button);
  }
  chooser("mixture", "0", "mixture");
  const models = columns.map((_, i) => i).filter((i) => i !== truth);
  models.forEach((i, n) => usable.includes(i) && chooser(i, n < 9 ? String(n + 1) : "", columns[i].name));
  if (truth >= 0) chooser(truth, "T", columns[truth].name);
  if (usable.length > 1) chooser("difference", MINUS, "difference");
  else one(".difference").hidden = true;

  for (const stem of STEMS) {
    const row = one(`main [data-stem="${stem}"]`);
    const strip = state.strips[stem];
    one(".mute", row).onclick = () => change(() => (strip.muted = !strip.muted));
    one(".solo", row).onclick = () => change(() => (strip.soloed = !strip.soloed));
  }
  function picker(select, options, field) {
    for (const [value, text] of options) select.append(make("option", text, { value }));
    select.value = state.difference[field];
    select.onchange = () => {
      change(() => (state.difference[field] = field === "stem" ? select.value : Number(select.value)));
      showDifference();
    };
  }
  picker(one("#of"), STEMS.map((stem) => [stem, stem]), "stem");
  picker(one("#minuend"), usable.map((i) => [i, columns[i].name]), "a");
  picker(one("#subtrahend"), usable.map((i) => [i, columns[i].name]), "b");

  const toggle = () => (playing ? pause() : play());
  const match = () => {
    change(() => (state.matched = !state.matched));
    showDifference();
  };
  const edge = (which) => {
    const region = { ...state.region, [which]: position() };
    if (region.end_s - region.start_s < SHORTEST_LOOP_S) {
      if (which === "start_s") region.end_s = duration_s;
      else region.start_s = 0;
    }
    setLoop(true, region);
  };
  one("#play").onclick = toggle;
  one("#loop").onclick = () => setLoop(!state.looping);
  one("#from").onclick = () => edge("start_s");
  one("#to").onclick = () => edge("end_s");
  one("#match").onclick = match;
  one("#seek").oninput = (event) => seek(Number(event.target.value));
  one("#volume").oninput = () => {
    engine?.volume.gain.setTargetAtTime(volumeNow(), engine.context.currentTime, 0.01);
  };

  /* A click plays from there what was clicked; a drag marks the region to loop. */
  function handle(take) {
    const picture = one(".picture", take);
    if (!picture) return;
    const timeAt = (event) => {
      const box = picture.getBoundingClientRect();
      return within(0, ((event.clientX - box.left) / box.width) * duration_s, duration_s);
    };
    let down = null;
    picture.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      picture.setPointerCapture(event.pointerId);
      down = { x: event.clientX, at_s: timeAt(event), before: [state.looping, state.region], dragged: false };
    });
    picture.addEventListener("pointermove", (event) => {
      if (!down) return;
      if (Math.abs(event.clientX - down.x) > 6) down.dragged = true;
      if (!down.dragged) return;
      const ends = [down.at_s, timeAt(event)].sort((a, b) => a - b);
      state.region = { start_s: ends[0], end_s: ends[1] };
      show();
    });
    const cancel = () => {
      if (down) [state.looping, state.region] = down.before;
      down = null;
      show();
    };
    picture.addEventListener("pointercancel", cancel); // the finger scrolled
    picture.addEventListener("pointerup", (event) => {
      if (!down) return;
      const { dragged, at_s, before } = down;
      if (!dragged) {
        down = null;
        const { column } = take.dataset;
        hear(/^\d+$/.test(column) ? Number(column) : column);
        seek(at_s);
        return;
      }
      const region = state.region;
      if (region.end_s - region.start_s < SHORTEST_LOOP_S) return cancel();
      down = null;
      state.region = before[1];
      setLoop(true, region);
    });
  }
  all("main .take").forEach(handle);

  const files = columns.flatMap((column) => Object.values(column.stems).map((given) => given.file));
  for (const file of files) one("#files").append(make("a", file, { href: encodeURIComponent(file) }));

  // A button that was clicked gives the space bar back; one reached by Tab keeps it.
  document.addEventListener("pointerup", (event) => {
    if (!event.target.closest?.("select, label")) setTimeout(() => document.activeElement?.blur());
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    const onControl = target.matches("button, a, select, input[type=checkbox], input[type=radio]");
    const onSlider = target.matches("input, select");
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
    const stem = STEMS.find((name) => event.code === `Key${name[0].toUpperCase()}`);
    if (event.code === "Space" && !onControl) toggle();
    else if (event.code === "ArrowLeft" && !onSlider) seek(position() - 2);
    else if (event.code === "ArrowRight" && !onSlider) seek(position() + 2);
    else if (event.code === "Home" && !onSlider) seek(0);
    else if (event.key === "[") edge("start_s");
    else if (event.key === "]") edge("end_s");
    else if (event.code === "KeyL") setLoop(!state.looping);
    else if (target.matches("select")) return;
    else if (blind) {
      if (!blind.test || !digit || !blind.press(Number(digit), event.shiftKey)) return;
    } else if (digit === "0") hear("mixture");
    else if (digit) hear(models[digit - 1]);
    else if (event.code === "KeyT" && truth >= 0) hear(truth);
    else if (event.code === "KeyX") hear(state.before);
    else if (event.code === "KeyM") match();
    else if (event.key === "-" || event.key === MINUS) hear("difference");
    else if (stem) {
      const which = event.shiftKey ? "soloed" : "muted";
      change(() => (state.strips[stem][which] = !state.strips[stem][which]));
    } else return;
    event.preventDefault();
  });

  /* ---- blind test ---- */

  const panel = one("#test");

  function openTest() {
    blind = {};
    document.body.classList.add("blind");
    panel.hidden = false;
    one("#open-test").setAttribute("aria-expanded", true);
    one("#open-test").textContent = "Leave the test";
    showForm();
  }

  function closeTest() {
    blind = null;
    document.body.classList.remove("blind");
    panel.hidden = true;
    panel.replaceChildren();
    one("#open-test").setAttribute("aria-expanded", false);
    one("#open-test").textContent = "Blind test";
    change(() => {});
  }

  function select(label, options, value) {
    const box = make("select", "");
    for (const [key, text] of options) box.append(make("option", text, { value: key }));
    box.value = value;
    const wrap = make("label", `${label} `);
    wrap.append(box);
    return [wrap, () => box.value];
  }

  function showForm() {
    const named = usable.map((i) => [i, columns[i].name]);
    const [kind, kindOf] = select("question", [["abx", "which of the two is X? (ABX)"], ["preference", "which do I prefer?"]], "abx");
    const [first, firstOf] = select("models", named, usable[0]);
    const [second, secondOf] = select("and", named, usable[1] ?? usable[0]);
    const [count, countOf] = select("trials", [5, 10, 16, 20, 30].map((n) => [n, n]), 10);
    const boxes = STEMS.map((stem) => {
      const box = make("input", "", { type: "checkbox", checked: isHeard(stem), value: stem });
      const label = make("label", ` ${stem}`);
      label.prepend(box);
      return label;
    });
    const stems = make("fieldset", "");
    stems.append(make("legend", "heard together"), ...boxes);
    const why = make("p", "", { className: "note", role: "status" });
    const begin = make("button", "Begin", { type: "submit", className: "main" });
    const form = make("form", "");
    const rule = "Names stay hidden and no score is shown until the last trial. Stems are matched in loudness, as far as 6 dB reach.";
    form.append(make("h2", "Blind test"), make("p", rule, { className: "note" }), kind, first, second, count, stems, begin, why);
    form.onsubmit = (event) => {
      event.preventDefault();
      const pair = [Number(firstOf()), Number(secondOf())];
      const chosen = boxes.map((label) => one("input", label)).filter((box) => box.checked).map((box) => box.value);
      const lacks = (i) => chosen.some((stem) => !columns[i].stems[stem]);
      if (pair[0] === pair[1]) why.textContent = "Choose two different models.";
      else if (!chosen.length) why.textContent = "Choose at least one stem.";
      else if (pair.some(lacks)) why.textContent = "One of the models does not give all of these stems.";
      else beginTest(kindOf(), pair, chosen, Number(countOf()));
    };
    panel.replaceChildren(form);
    one("select", form).focus();
  }

  /* What matching left, without telling whose. */
  function matchOf(pair, stems) {
    const apart = stems.map((stem) => {
      const [a, b] = pair.map((i) => columns[i].stems[stem].short_db);
      return [stem, Math.abs(a - b)];
    }).filter(([, db]) => db >= 0.1);
    if (!apart.length) return "loudness matched";
    return `loudness not fully matched: ${apart.map(([stem, db]) => `${stem} ${db.toFixed(1)} dB apart`).join(", ")}`;
  }

  function beginTest(kind, pair, stems, n_trials) {
    const test = new BlindTest({ kind, names: pair.map((i) => columns[i].name), n_trials });
    blind = { test, columns: pair, stems, match: matchOf(pair, stems), heard: test.labels[0], listened: new Set(), press };
    showTrial();
    if (!playing) play();
  }

  function hearLabel(label) {
    blind.heard = label;
    blind.listened.add(label);
    engine?.mix(gainsNow());
    showTrial();
  }

  function answer(label) {
    if (blind.listened.size < blind.test.labels.length) return;
    blind.test.answer(label);
    if (blind.test.isOver) return showResult();
    blind.listened.clear();
    hearLabel(blind.test.labels[0]);
  }

  /* Digits listen, with shift they answer; whether they meant something. */
  function press(digit, shifted) {
    const { labels } = blind.test;
    if (digit < 1 || digit > (shifted ? 2 : labels.length)) return false;
    if (shifted) answer(labels[digit - 1]);
    else hearLabel(labels[digit - 1]);
    return true;
  }

  function showTrial() {
    const { test, heard, listened } = blind;
    listened.add(heard);
    const listen = make("div", "", { className: "listen", role: "group" });
    listen.setAttribute("aria-label", "listen to");
    const focused = document.activeElement?.dataset?.label;
    test.labels.forEach((label, i) => {
      const button = make("button", label, { type: "button", title: `Hear ${label} (${i + 1})`, onclick: () => hearLabel(label) });
      button.dataset.label = label;
      button.setAttribute("aria-pressed", label === heard);
      listen.append(button);
    });
    const answers = make("div", "", { className: "answers" });
    for (const [i, label] of test.labels.slice(0, 2).entries()) {
      const text = test.kind === "abx" ? `X is ${label}` : `I prefer ${label}`;
      const button = make("button", text, { type: "button", className: "main", title: `Shift+${i + 1}`, onclick: () => answer(label) });
      button.disabled = listened.size < test.labels.length;
      answers.append(button);
    }
    const n = test.trials.length + 1;
    const bar = make("progress", "", { max: test.n_trials, value: test.trials.length });
    bar.setAttribute("aria-label", "trials done");
    const hint = test.kind === "abx"
      ? "X is either A or B. Listen to all three; a loop of a few seconds helps."
      : "The two have changed places, or not. Listen to both.";
    const heardOf = `${blind.stems.join(" + ")}, ${blind.match}.`;
    panel.replaceChildren(make("h2", `Trial ${n} of ${test.n_trials}`), bar, listen, answers, make("p", `${hint} Heard: ${heardOf}`, { className: "note" }));
    if (focused) one(`[data-label="${focused}"]`, panel)?.focus();
  }

  function showResult() {
    const { test } = blind;
    pause();
    const region = state.looping ? state.region : { start_s: 0, end_s: duration_s };
    const times = [region.start_s, region.end_s].map((at_s) => (FACTS.start_s + at_s).toFixed(2));
    const facts = { song: FACTS.title, from_s: times[0], to_s: times[1], stems: blind.stems.join("+"), model_1: test.names[0], model_2: test.names[1] };
    const csv = test.csv(facts);
    const table = make("table", "");
    const row = (cells, tag) => {
      const line = make("tr", "");
      line.append(...cells.map((cell) => make(tag, cell)));
      table.append(line);
    };
    row(["trial", ...test.labels, "answer", test.kind === "abx" ? "right" : "preferred"], "th");
    for (const { trial, heard, answer: said, hit, chosen } of test.trials) {
      row([trial, ...heard, said, test.kind === "abx" ? (hit ? "yes" : "no") : chosen], "td");
    }
    const save = make("button", "Save as CSV", { type: "button", onclick: () => {
      const link = make("a", "", { href: URL.createObjectURL(new Blob([csv], { type: "text/csv" })), download: "blind-test.csv" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    } });
    const said = make("textarea", csv, { readOnly: true, rows: 4 });
    said.setAttribute("aria-label", "the result as CSV");
    const again = make("button", "Another test", { type: "button", className: "main", onclick: showForm });
    const done = make("div", "", { className: "answers" });
    done.append(save, again);
    const what = `${facts.stems} from ${clockOf(Number(times[0]))} to ${clockOf(Number(times[1]))}, ${blind.match}.`;
    const scroll = make("div", "", { className: "scroll" });
    scroll.append(table);
    panel.replaceChildren(make("h2", test.sentence, { tabIndex: -1 }), make("p", what, { className: "note" }), done, scroll, said);
    blind = {};
    engine?.mix(gainsNow());
    one("h2", panel).focus();
    panel.dataset.result = JSON.stringify(test.result);
  }

  one("#open-test").onclick = () => (blind ? closeTest() : openTest());
  if (usable.length < 2) one("#open-test").hidden = true;

  show();
  showPosition(0);
  const opening = open();
  opening.then(() => setTimeout(showDifference, 50), () => {});

  // For tests: what sounds, not what is shown.
  window.unbraidCompare = {
    opening, state, columns, position, gainsNow, Engine, BlindTest, chanceOf,
    get engine() { return engine; },
    get playing() { return Boolean(playing && engine?.sources.length); },
    get blind() { return blind; },
  };
})();
