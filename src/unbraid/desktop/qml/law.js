.pragma library
// How numbers become positions on faders, and words.

const UNITY = 0.75, TOP_DB = 12, QUIETEST_DB = -60

// A fader's way is steep far down and even around 0 dB, as on a desk.
function gainAt(position) {
    if (position <= 0)
        return -Infinity
    if (position >= UNITY)
        return TOP_DB * (position - UNITY) / (1 - UNITY)
    return Math.max(QUIETEST_DB, 40 * Math.log10(position / UNITY))
}

function positionOf(gain) {
    if (!(gain > QUIETEST_DB))
        return 0
    return gain >= 0 ? UNITY + (1 - UNITY) * gain / TOP_DB : UNITY * Math.pow(10, gain / 40)
}

function decibels(gain) {
    if (!(gain > QUIETEST_DB))
        return "−∞"
    const text = Math.abs(gain).toFixed(1)
    return (text === "0.0" ? "" : gain < 0 ? "−" : "+") + text
}

function balance(pan) {
    const per_cent = Math.round(Math.abs(pan) * 100)
    return per_cent === 0 ? "C" : (pan < 0 ? "L" : "R") + per_cent
}

function semitones(key) {
    return key === 0 ? "0" : (key < 0 ? "−" : "+") + Math.abs(key)
}

// 83.46 s, 1 digit: "1:23.4"
function time(seconds, digits) {
    const scale = Math.pow(10, digits || 0)
    const units = Math.max(0, Math.floor(seconds * scale + 1e-6))
    const whole = Math.floor(units / scale)
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60
    const two = n => (n < 10 ? "0" : "") + n
    const head = hours ? hours + ":" + two(minutes) : String(minutes)
    const tail = digits ? "." + String(units % scale).padStart(digits, "0") : ""
    return head + ":" + two(whole % 60) + tail
}

function capital(word) {
    return word.charAt(0).toUpperCase() + word.slice(1)
}
