/* Blind tests: what the answers mean, without any of the page's looks. */

/* Chance of at least `n_hits` of `n_trials` by guessing. */
function chanceOf(n_hits, n_trials) {
  let term = 1; // binomial coefficient, k = 0
  let sum = n_hits <= 0 ? 1 : 0;
  for (let k = 1; k <= n_trials; k++) {
    term *= (n_trials - k + 1) / k;
    if (k >= n_hits) sum += term;
  }
  return sum / 2 ** n_trials;
}

/* A fair coin. */
const coin = () => crypto.getRandomValues(new Uint8Array(1))[0] & 1;

/* A test of two models, the number of trials fixed in advance: looking at the score and stopping
   at a good moment would make any p-value small.

   abx:        A and B are the two in a hidden order; X is one of them, drawn anew in each trial.
   preference: 1 and 2 are the two, in an order drawn anew in each trial. */
class BlindTest {
  constructor({ kind, names, n_trials, toss = coin }) {
    Object.assign(this, { kind, names, n_trials, toss });
    this.trials = [];
    this.swapped = toss();
    this.next();
  }

  next() {
    if (this.kind === "preference") this.swapped = this.toss();
    this.x = this.toss();
    this.started = Date.now();
  }

  get labels() {
    return this.kind === "abx" ? ["A", "B", "X"] : ["1", "2"];
  }

  get isOver() {
    return this.trials.length >= this.n_trials;
  }

  /* Which of the two models a label stands for, 0 or 1. */
  modelOf(label) {
    const place = label === "X" ? this.x : "A1".includes(label) ? 0 : 1;
    return place ^ this.swapped;
  }

  /* abx: "A" or "B" is X; preference: "1" or "2" is better. */
  answer(label) {
    const heard = this.labels.map((each) => this.names[this.modelOf(each)]);
    const trial = { trial: this.trials.length + 1, heard, answer: label, seconds: (Date.now() - this.started) / 1000 };
    if (this.kind === "abx") trial.hit = this.modelOf(label) === this.modelOf("X");
    else trial.hit = this.modelOf(label) === 0; // the first of the two was preferred
    trial.chosen = this.names[this.modelOf(label)];
    this.trials.push(trial);
    if (!this.isOver) this.next();
  }

  get result() {
    const n = this.trials.length;
    const n_hits = this.trials.filter((trial) => trial.hit).length;
    const p = this.kind === "abx" ? chanceOf(n_hits, n) : Math.min(1, 2 * chanceOf(Math.max(n_hits, n - n_hits), n));
    return { n, n_hits, p };
  }

  get sentence() {
    const { n, n_hits, p } = this.result;
    const chance = p < 0.001 ? "p < 0.001" : `p = ${p.toFixed(3)}`;
    if (this.kind === "abx") {
      const verdict = p < 0.05 ? "You hear a difference" : "No difference was shown";
      return `${verdict}: ${n_hits} of ${n} right, ${chance} (binomial, one-sided).`;
    }
    const verdict = p < 0.05 ? `You prefer ${this.names[n_hits > n / 2 ? 0 : 1]}` : "No preference was shown";
    return `${verdict}: ${this.names[0]} ${n_hits}, ${this.names[1]} ${n - n_hits}, ${chance} (binomial, two-sided).`;
  }

  /* facts: what is the same in all trials, by column. */
  csv(facts) {
    const rows = this.trials.map(({ trial, heard, answer, chosen, hit, seconds }) => ({
      ...facts, test: this.kind, trial,
      ...Object.fromEntries(this.labels.map((label, i) => [label, heard[i]])),
      answer, chosen, [this.kind === "abx" ? "right" : "first_preferred"]: hit ? 1 : 0,
      seconds: seconds.toFixed(1), p_value: this.result.p.toPrecision(4),
    }));
    // A spreadsheet takes a cell that starts with one of these for a formula.
    const cell = (value) => `"${String(value).replace(/^(?=[=+\-@\t\r])/, "'").replaceAll('"', '""')}"`;
    return [Object.keys(rows[0]), ...rows.map(Object.values)].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  }
}
