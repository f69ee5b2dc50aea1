"use strict";
/* The sound: every buffer runs on one clock all the time; what is heard is decided by gains alone.
   Works on any BaseAudioContext, so that tests render the very same graph offline. */

const BLOCK = 128; // samples that a browser renders at once

/* A gain that knows its own course: AudioParam.value tells only what was, and when it likes. */
class Fader {
  constructor(param, value) {
    this.param = param;
    param.value = value;
    this.from = this.to = value;
    this.start_s = this.end_s = 0;
  }

  at(time_s) {
    if (time_s >= this.end_s) return this.to;
    if (time_s <= this.start_s) return this.from;
    return this.from + ((this.to - this.from) * (time_s - this.start_s)) / (this.end_s - this.start_s);
  }

  ramp(to, start_s, end_s) {
    if (to === this.to) return;
    const from = this.at(start_s);
    if (start_s < this.end_s) this.param.cancelScheduledValues(start_s);
    this.param.setValueAtTime(from, start_s);
    this.param.linearRampToValueAtTime(to, end_s);
    Object.assign(this, { from, to, start_s, end_s });
  }
}

class Engine {
  /* buffers: AudioBuffers of one length, or null for those that join later. */
  constructor(context, buffers) {
    this.context = context;
    this.buffers = buffers;
    this.block_s = BLOCK / context.sampleRate;
    this.volume = context.createGain();
    this.volume.connect(context.destination);
    const dip = context.createGain();
    dip.connect(this.volume);
    this.dip = new Fader(dip.gain, 1);
    this.gains = Array.from(buffers, () => {
      const node = context.createGain();
      node.connect(dip);
      return node;
    });
    this.faders = this.gains.map((node) => new Fader(node.gain, 0));
    this.sources = [];
    this.place_s = this.start_s = 0;
    this.loop = null;
  }

  /* One block from now, and within one block: a straight line, for two models' stems are so alike
     that the equal-power curve would swell by 3 dB on the way. */
  mix(gains) {
    const start_s = this.context.currentTime + this.block_s;
    gains.forEach((gain, i) => this.faders[i].ramp(gain, start_s, start_s + this.block_s));
  }

  mixAtOnce(gains) {
    this.faders = this.gains.map((node, i) => new Fader(node.gain, gains[i]));
  }

  /* Where playback is at a time of the context's clock. */
  placeAt(time_s) {
    const place_s = this.place_s + Math.max(0, time_s - this.start_s);
    const { loop } = this;
    if (!loop || place_s < loop.end_s) return place_s;
    return loop.start_s + ((place_s - loop.start_s) % (loop.end_s - loop.start_s));
  }

  whole(time_s) {
    const rate = this.context.sampleRate;
    return Math.round(time_s * rate) / rate;
  }

  source(i, start_s, place_s, loop) {
    const source = this.context.createBufferSource();
    source.buffer = this.buffers[i];
    if (loop) Object.assign(source, { loop: true, loopStart: loop.start_s, loopEnd: loop.end_s });
    source.connect(this.gains[i]);
    source.start(start_s, loop && place_s >= loop.end_s ? loop.start_s : place_s);
    return source;
  }

  /* One more buffer, at the sample where the others are. */
  join(i, buffer) {
    this.buffers[i] = buffer;
    for (let lead_s = 0.02; this.sources.length; lead_s *= 2) {
      const start_s = this.whole(Math.max(this.start_s, this.context.currentTime + lead_s));
      const source = this.source(i, start_s, this.whole(this.placeAt(start_s)), this.loop);
      if (this.context.currentTime + 2 * this.block_s < start_s) return void this.sources.push(source);
      Engine.end([source]);
    }
  }

  /* Start all buffers at one time, or move them all to another place or loop at one time; without
     a place they go on where they are. The clock runs on meanwhile: if it gets there before all
     are under way, some would be late, so all are taken back and given more time. */
  start(place_s, loop) {
    if (loop) loop = { start_s: this.whole(loop.start_s), end_s: this.whole(loop.end_s) };
    for (let lead_s = 0.02; ; lead_s *= 2) {
      const start_s = this.whole(this.context.currentTime + lead_s);
      let to_s = this.whole(place_s ?? this.placeAt(start_s));
      if (loop && to_s >= loop.end_s) to_s = loop.start_s;
      const sources = this.buffers.flatMap((buffer, i) => (buffer ? [this.source(i, start_s, to_s, loop)] : []));
      if (this.context.currentTime + 2 * this.block_s >= start_s) {
        Engine.end(sources);
        continue;
      }
      if (this.sources.length) {
        this.dip.ramp(0, start_s - this.block_s, start_s);
        Engine.end(this.sources, start_s);
      }
      this.dip.ramp(1, start_s, start_s + this.block_s);
      Object.assign(this, { sources, start_s, place_s: to_s, loop });
      return;
    }
  }

  stop() {
    const end_s = this.context.currentTime + 2 * this.block_s;
    this.dip.ramp(0, end_s - this.block_s, end_s);
    Engine.end(this.sources, end_s);
    this.sources = [];
  }

  static end(sources, time_s = 0) {
    for (const source of sources) {
      source.onended = () => source.disconnect();
      source.stop(time_s);
    }
  }
}
