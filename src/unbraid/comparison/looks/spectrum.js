/* Pictures of differences, drawn where they are asked for: any two models of any stem. */

const N_FFT = 4096;
const [LOWEST_HZ, HIGHEST_HZ] = [40, 16000];
const [TOP_DB, RANGE_DB] = [-20, 65]; // as in the other pictures

/* In place, of interleaved complex values; Cooley and Tukey 1965. */
function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const half = size >> 1;
    const step = N_FFT / size;
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < half; k++) {
        const c = TWIDDLES.cos[k * step], s = TWIDDLES.sin[k * step];
        const i = start + k, j = i + half;
        const x = c * re[j] + s * im[j], y = c * im[j] - s * re[j];
        re[j] = re[i] - x; im[j] = im[i] - y;
        re[i] += x; im[i] += y;
      }
    }
  }
}
const TWIDDLES = {
  cos: Float64Array.from({ length: N_FFT / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / N_FFT)),
  sin: Float64Array.from({ length: N_FFT / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / N_FFT)),
};
const WINDOW = Float64Array.from({ length: N_FFT }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / N_FFT));

/* The difference of two buffers with their gains, as two channels. */
function difference(one, other) {
  return [0, 1].map((channel) => {
    const a = one.buffer.getChannelData(channel), b = other.buffer.getChannelData(channel);
    const out = new Float32Array(Math.min(a.length, b.length));
    for (let i = 0; i < out.length; i++) out[i] = one.gain * a[i] - other.gain * b[i];
    return out;
  });
}

function level_dbfs([left, right]) {
  let power = 0;
  for (let i = 0; i < left.length; i++) power += left[i] * left[i] + right[i] * right[i];
  return 10 * Math.log10(power / (2 * left.length));
}

/* Time to the right, frequency upward on a logarithmic axis, in shades of grey. */
function drawSpectrum(canvas, [left, right], rate) {
  const { width, height } = canvas;
  const drawing = canvas.getContext("2d");
  const image = drawing.createImageData(width, height);
  const re = new Float64Array(N_FFT), im = new Float64Array(N_FFT), power = new Float64Array(N_FFT / 2);
  const edges = Array.from({ length: height + 1 }, (_, row) =>
    (HIGHEST_HZ * (LOWEST_HZ / HIGHEST_HZ) ** (row / height) * N_FFT) / rate);
  for (let x = 0; x < width; x++) {
    const start = Math.round(((x + 0.5) / width) * left.length) - N_FFT / 2;
    for (let i = 0; i < N_FFT; i++) {
      // Left and right as one complex signal: one transform for both.
      re[i] = WINDOW[i] * (left[start + i] ?? 0);
      im[i] = WINDOW[i] * (right[start + i] ?? 0);
    }
    fft(re, im);
    for (let k = 1; k < N_FFT / 2; k++) {
      const m = N_FFT - k;
      // Half of both sides' sum is the sum of the channels' powers; a full-scale sine reads 0 dB.
      const both = (re[k] ** 2 + im[k] ** 2 + re[m] ** 2 + im[m] ** 2) / 2;
      power[k] = both / 2 / (N_FFT / 4) ** 2;
    }
    for (let y = 0; y < height; y++) {
      const [high, low] = [edges[y], edges[y + 1]];
      let value = 0;
      if (high - low < 1) {
        const middle = (high + low) / 2, k = Math.floor(middle);
        value = power[k] + (middle - k) * (power[k + 1] - power[k]);
      } else {
        const [first, last] = [Math.round(low), Math.round(high)];
        for (let k = first; k < last; k++) value += power[k];
        value /= Math.max(1, last - first);
      }
      const db = 10 * Math.log10(value + 1e-12);
      const shade = Math.min(1, Math.max(0, (db - TOP_DB) / RANGE_DB + 1));
      const grey = 14 + 232 * shade ** 1.15;
      image.data.set([grey, grey, grey + 3 * shade, 255], 4 * (y * width + x));
    }
  }
  drawing.putImageData(image, 0, 0);
}
