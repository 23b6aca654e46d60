// The page's state is in the address: a filter, a trace, a span, a view.  So a reload, or a link sent to a colleague,
// shows the same.
//
// Rules: the address is the only place of the state.  To change it, call `go`; to show it, call `listen`.  Parts that
// are not understood are left out, so an address from a newer or older page still shows something.

const TEXTS = [
  "service",
  "name",
  "remote",
  "caller",
  "q",
  "min",
  "range",
  "from",
  "to",
  "limit",
  "trace",
  "span",
  "zoom",
  "sort",
  "focus",
  "file",
];
export const RANGES = {
  "5m": [5 * 60, "5 minutes"],
  "15m": [15 * 60, "15 minutes"],
  "1h": [3600, "hour"],
  "6h": [6 * 3600, "6 hours"],
  "1d": [86400, "day"],
  "7d": [7 * 86400, "7 days"],
  "30d": [30 * 86400, "30 days"],
};
export const DEFAULT_RANGE = "1d";
export const DEFAULT_LIMIT = 100;
export const FILTER = ["service", "name", "remote", "caller", "q", "errors", "min", "range", "from", "to", "limit"];

const TRACE_ID = /^[0-9a-f]{16}([0-9a-f]{16})?$/i;

/** Whether this text has the form of a trace id; such a text is opened, not searched for. */
export const isTraceId = (text) => TRACE_ID.test(text.trim());

export function read(hash) {
  const text = hash.replace(/^#/, "");
  if (isTraceId(text)) return { view: "traces", errors: false, trace: text.toLowerCase() };
  const given = new URLSearchParams(text);
  const state = { view: given.get("view") === "graph" ? "graph" : "traces", errors: given.has("errors") };
  for (const key of TEXTS) if (given.get(key)) state[key] = given.get(key);
  if (state.range && !(state.range in RANGES)) delete state.range;
  for (const key of ["from", "to", "limit"]) if (state[key] && !/^\d{1,16}$/.test(state[key])) delete state[key];
  if (state.zoom && !/^-?\d+,-?\d+$/.test(state.zoom)) delete state.zoom;
  return state;
}

export function write(state) {
  const parts = new URLSearchParams();
  if (state.view === "graph") parts.set("view", "graph");
  if (state.errors) parts.set("errors", "1");
  for (const key of TEXTS) if (state[key]) parts.set(key, state[key]);
  return parts.toString();
}

let current = read(location.hash);
const listeners = [];

export const state = () => current;
export const listen = (listener) => listeners.push(listener);

/** Change a part of the state (undefined removes it); with `replace` the change adds no step to the browser's history. */
export function go(changes, { replace = false } = {}) {
  const next = read(write({ ...current, ...changes }));
  const text = write(next);
  if (text === write(current)) return;
  history[replace ? "replaceState" : "pushState"](null, "", text ? "#" + text : location.pathname + location.search);
  move(next);
}

function move(next) {
  const before = current;
  current = next;
  for (const listener of listeners) listener(current, before);
}

/** Whether two states search for the same traces. */
export const sameFilter = (one, other) => [...FILTER, "file"].every((key) => (one[key] || "") === (other[key] || ""));

function follow() {
  const next = read(location.hash);
  if (write(next) !== write(current)) move(next);
}

addEventListener("popstate", follow);
addEventListener("hashchange", follow);
