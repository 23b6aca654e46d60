// Times in a form for people.  Inside the page every time is in microseconds since 1970, and every duration is in
// microseconds.

const pad = (number, width = 2) => String(number).padStart(width, "0");

/** A duration with at least three significant digits: `950 µs`, `1.25 ms`, `412 ms`, `2.50 s`, `3 min 05 s`. */
export function duration(us) {
  if (us === undefined || us === null) return "";
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 999_950) return `${digits(us / 1000)} ms`;
  if (us < 120e6) return `${digits(us / 1e6)} s`;
  const seconds = Math.round(us / 1e6),
    minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min ${pad(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

const digits = (value) => (value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0));

/** A day such as `2026-11-26`, in the browser's time zone. */
export function day(us) {
  const date = new Date(us / 1000);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** A time such as `14:03:22.125`, in the browser's time zone. */
export function clock(us) {
  const date = new Date(us / 1000);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

export const moment = (us) => (us ? `${day(us)} ${clock(us)}` : "no timestamp");

/** The moment in UTC, to the microsecond, for a title. */
export function utc(us) {
  if (!us) return "";
  return new Date(us / 1000).toISOString().replace("Z", "") + pad(Math.floor(us % 1000), 3) + " UTC";
}

const UNITS = { "": 1000, us: 1, µs: 1, ms: 1000, s: 1e6, m: 60e6, min: 60e6, h: 3600e6 };

/** The microseconds in `250ms`, `1.5 s`, or a bare number of milliseconds; undefined for any other text. */
export function readDuration(text) {
  const found = /^\s*(\d+(?:[.,]\d+)?)\s*(|us|µs|ms|s|m|min|h)\s*$/i.exec(text);
  if (!found) return undefined;
  const us = Math.round(Number(found[1].replace(",", ".")) * UNITS[found[2].toLowerCase()]);
  return us > 0 ? us : undefined;
}

/** Round values for an axis: about `count` of them between `begin` and `end`. */
export function ticks(begin, end, count) {
  const rough = (end - begin) / count,
    power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let at = Math.ceil(begin / step) * step; at <= end; at += step) found.push(at);
  return found;
}
