// The page: what the address asks for is searched, shown and kept up to date.

import { DEFAULT_RANGE, RANGES, go, listen, sameFilter, state } from "./address.js";
import * as api from "./api.js";
import { $, button, h } from "./dom.js";
import { readTraces } from "./files.js";
import { Graph } from "./graph.js";
import { listenToKeys, showHelp } from "./keys.js";
import { TraceList } from "./list.js";
import { calledBy, matches } from "./match.js";
import { Scatter } from "./scatter.js";
import * as search from "./search.js";
import { grouped, summary } from "./spans.js";
import { label, plural } from "./text.js";
import { TracePane } from "./trace.js";

const POLL_MS = 3000;
const OVERLAP_MS = 60_000; // spans come late: each look goes back so far
const MAX_LIVE = 5000; // traces of one page; more are a matter of searching again

const open = (id) => go({ view: "traces", trace: id, span: undefined, zoom: undefined });
const more = (changes) => search.searchOnly({ ...changes, q: changes.q, file: state().file, from: state().from, to: state().to });

const list = new TraceList($("list"), open);
const scatter = new Scatter($("scatter"), open);
const pane = new TracePane($("trace-pane"), { copy, more, close: () => close() });
const graph = new Graph($("graph-view"));

let file = null; // { name, traces } of a file that was opened
let fresh = new Map(); // new traces that are not in the list yet
let live = true, away = false, lastLookMs = 0, searching = null, looks = 0;

// ---- searching

async function find() {
  searching?.abort();
  const { signal } = (searching = new AbortController()), now = state(), startedMs = Date.now();
  fresh = new Map();
  showFresh();
  $("list-pane").setAttribute("aria-busy", "true");
  try {
    const found = now.file ? fileTraces(now) : await api.traces(api.searchOf(now, startedMs), signal);
    if (signal.aborted) return;
    lastLookMs = startedMs;
    back();
    show(summaries(found, now));
  } catch (error) {
    if (!signal.aborted) failed(error);
  } finally {
    if (!signal.aborted) $("list-pane").removeAttribute("aria-busy");
  }
}

function summaries(found, now) {
  const wanted = now.caller ? found.filter((spans) => calledBy(spans, now.service, now.caller)) : found;
  return wanted.filter((spans) => spans.length).map(summary);
}

function fileTraces(now) {
  if (file?.name === now.file) return file.traces.filter((spans) => matches(spans, now));
  throw new Error(`The file ${label(now.file)} was open here; a page cannot open it again by itself. Open it once more, or drop it here.`);
}

function show(items) {
  list.set(items, state().sort);
  note(items.length ? null : empty());
  showCount();
  scatter.set(list.items, state().trace);
  if (state().trace) list.setOpened(state().trace);
}

function showCount() {
  const { items } = list, bad = items.filter((item) => item.errors).length;
  const full = !state().file && items.length >= Number(state().limit || 100);
  $("count").textContent = items.length ? `${plural(items.length, "trace")}${full ? ", the newest" : ""}${bad ? `, ${bad.toLocaleString("en")} with errors` : ""}` : "";
  $("scatter").hidden = items.length < 2;
}

function note(content) {
  $("list-note").hidden = !content;
  $("list").hidden = Boolean(content);
  $("list-note").replaceChildren(...[content ?? []].flat());
}

const isFiltered = (now) => ["service", "name", "remote", "caller", "q", "errors", "min"].some((key) => now[key]);

function empty() {
  const now = state();
  if (isFiltered(now) || now.file || now.from) {
    const clear = button("Clear the filter", {}, () => search.searchOnly({ range: now.range, file: now.file }));
    return [h("h2", {}, "No trace matches"), h("p", {}, "Take a condition away, or look further back."), clear];
  }
  const endpoint = new URL(".", location.href).href.replace(/\/$/, "");
  const line = `opentracing_zipkin.configure("shop", endpoint="${endpoint}", instrument=True)`;
  const command = `ZIPKIN_ENDPOINT=${endpoint} opentracing-zipkin run --service-name shop python app.py`;
  const [, words] = RANGES[now.range || DEFAULT_RANGE];
  return [
    h("h2", {}, `No traces in the last ${words}`),
    h("p", {}, "Send the first spans: start an application without changing it,"),
    snippet(command),
    h("p", {}, "or put one line into it:"),
    snippet(line),
    h("p", { class: "dim" }, "They appear here by themselves. A trace from elsewhere opens from a file (o), or is dropped on this page."),
  ];
}

const snippet = (text) => h("div", { class: "snippet" }, h("code", {}, text), button("Copy", {}, () => copy(text, "the line")));

// ---- live

async function look() {
  if (document.hidden) return;
  if (away) return recover();
  const now = state();
  if (!live || now.file || now.view === "graph" || now.to || !lastLookMs) return;
  const startedMs = Date.now();
  try {
    const found = await api.traces(api.searchOf(now, startedMs, lastLookMs - OVERLAP_MS));
    if (sameFilter(now, state())) [lastLookMs] = [startedMs, took(summaries(found, now))];
    if (looks++ % 5 === 4) await search.loadNames();
  } catch (error) {
    failed(error);
  }
}

function took(items) {
  const known = items.filter((item) => list.find(item.id)), grown = known.filter((item) => item.count > list.find(item.id).count);
  list.update(grown);
  const current = items.find((item) => item.id === pane.id);
  if (current) pane.grown(current.spans);
  for (const item of items) if (!list.find(item.id)) fresh.set(item.id, item);
  if (!list.items.length && fresh.size) showFresh(take());
  else showFresh();
}

function showFresh() {
  $("fresh").hidden = !fresh.size;
  $("fresh").textContent = `${plural(fresh.size, "new trace")} ↑`;
}

/** Put the new traces into the list; the list is at its top then. */
function take() {
  const items = [...fresh.values()];
  fresh = new Map();
  if (list.items.length + items.length > MAX_LIVE) return find();
  if (!items.length) return undefined;
  note(null);
  list.add(items, { toTop: true });
  showCount();
  scatter.set(list.items, state().trace);
  showFresh();
  return undefined;
}

async function recover() {
  try {
    await search.loadNames();
    await Promise.all([find(), state().view === "graph" && graph.load()]);
    if (state().trace && !pane.tree) await openTrace(state());
  } catch (error) {
    failed(error);
  }
}

function failed(error) {
  away = error instanceof api.Away;
  $("banner").hidden = !away;
  if (away) $("banner").textContent = `The collector at ${location.host} does not answer. What is shown stays; trying again every ${POLL_MS / 1000} seconds.`;
  else if (!list.items.length || error.status === 400 || state().file) [list.set([], ""), showCount(), note([h("h2", {}, "This cannot be searched"), h("p", {}, label(error.message))])];
  else toast(label(error.message));
}

function back() {
  away = false;
  $("banner").hidden = true;
}

// ---- a trace

async function openTrace(now) {
  const { trace: id } = now;
  document.body.classList.toggle("has-trace", Boolean(id));
  list.setOpened(id ?? "");
  scatter.set(list.items, id);
  if (!id) return pane.say("", h("p", { class: "dim" }, "Choose a trace to see its spans. ", h("kbd", {}, "?"), " lists the keys."));
  const spans = list.find(id)?.spans ?? file?.traces.find((each) => each[0].traceId === id);
  if (spans) return showTrace(id, spans);
  pane.say(id, h("p", { class: "dim" }, "Loading …"));
  try {
    const found = await api.trace(id);
    if (state().trace === id) showTrace(id, grouped(found)[0]);
  } catch (error) {
    if (state().trace !== id) return undefined;
    failedTrace(id, error);
    if (error instanceof api.Away) failed(error);
  }
  return undefined;
}

function failedTrace(id, error) {
  const close_ = button("Back to the list", {}, () => close());
  if (error.status === 404) pane.say(id, h("h2", {}, "This trace is not here"), h("p", {}, `The collector has no spans of ${label(id)}: it was not sampled, has not arrived yet, or was dropped to make room.`), close_);
  else pane.say(id, h("h2", {}, "The trace cannot be shown"), h("p", {}, label(error.message)), close_);
}

function showTrace(id, spans) {
  pane.show(id, spans);
  const { name, main } = pane.tree.roots[0];
  document.title = `${label(main.service)}: ${label(name)}`.slice(0, 80);
}

function close() {
  go({ trace: undefined, span: undefined, zoom: undefined });
  $("list").focus({ preventScroll: true });
}

// ---- files, copies

async function openFile(chosen) {
  if (!chosen) return;
  try {
    file = await readTraces(chosen);
    const only = file.traces.length === 1 ? file.traces[0][0].traceId : undefined;
    const before = state();
    search.searchOnly({ range: undefined, file: file.name, trace: only, span: undefined, zoom: undefined });
    if (sameFilter(before, state())) await find();
    if (before.trace === state().trace) await openTrace(state());
  } catch (error) {
    toast(label(error.message), true);
  }
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { value: text, class: "off-screen" }); // where the browser has no clipboard for this address
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(`Copied ${what}`);
}

let toastEnd = 0;
function toast(text, bad = false) {
  $("toast").textContent = text;
  $("toast").classList.toggle("bad", bad);
  $("toast").hidden = false;
  clearTimeout(toastEnd);
  toastEnd = setTimeout(() => ($("toast").hidden = true), bad ? 10_000 : 2500);
}

// ---- the address, the keys

function showView(now) {
  const isGraph = now.view === "graph";
  $("traces-view").hidden = isGraph;
  $("graph-view").hidden = !isGraph;
  document.body.classList.toggle("graph", isGraph);
  $("to-traces").setAttribute("aria-pressed", String(!isGraph));
  $("to-graph").setAttribute("aria-pressed", String(isGraph));
  if (!now.trace || isGraph) document.title = isGraph ? "Dependencies" : "Traces";
}

listen((now, before) => {
  search.show(now);
  showView(now);
  const filtered = !sameFilter(now, before);
  if (filtered || (now.sort || "") !== (before.sort || "")) filtered ? find() : list.set(list.items, now.sort);
  if (now.service !== before.service) search.loadNames(fileServices(now)).catch(failed);
  if (now.view === "graph" && (filtered || before.view !== "graph")) graph.load().catch(failed);
  else if (now.view === "graph" && now.focus !== before.focus) graph.show();
  if (now.trace !== before.trace) openTrace(now);
  else if (pane.tree && (now.span !== before.span || now.zoom !== before.zoom)) pane.follow(now);
});

const fileServices = (now) => (now.file && file ? [...new Set(file.traces.flat().map((span) => span.localEndpoint?.serviceName ?? ""))].filter(Boolean).sort() : undefined);

const inTrace = () => Boolean(pane.tree) && ($("trace-pane").contains(document.activeElement) || getComputedStyle($("list-pane")).display === "none");
const onTrace = (run) => () => (state().view !== "graph" && pane.tree ? run() : false);
const step = (by) => () => {
  if (state().view === "graph" || document.activeElement === $("scatter").querySelector("canvas")) return false;
  return inTrace() ? pane.step(by) : list.step(by);
};
const stepTrace = (by) => () => {
  if (state().view === "graph") return;
  list.step(by);
  if (list.active) open(list.active);
};

listenToKeys({
  search: () => [$("q").focus(), $("q").select()],
  traces: () => go({ view: "traces" }),
  graph: () => go({ view: "graph" }),
  refresh: () => (state().view === "graph" ? graph.load().catch(failed) : find()),
  fresh: () => take(),
  live: () => $("live").click(),
  scatter: () => $("scatter").querySelector("canvas").focus(),
  file: () => $("file").click(),
  help: showHelp,
  back: () => (state().view === "graph" ? go({ focus: undefined }) : pane.selected ? pane.select(null) : state().trace && close()),
  down: step(1),
  up: step(-1),
  pageDown: step(10),
  pageUp: step(-10),
  first: step(-Infinity),
  last: step(Infinity),
  enter: () => {
    if (inTrace()) return pane.selected && pane.toggle(pane.selected);
    if (!list.active) return false;
    open(list.active);
    return pane.scroller?.focus({ preventScroll: true });
  },
  nextTrace: stepTrace(1),
  previousTrace: stepTrace(-1),
  right: () => inTrace() && pane.unfold(true),
  left: () => inTrace() && pane.unfold(false),
  unfoldAll: onTrace(() => pane.unfoldAll()),
  foldAll: onTrace(() => pane.foldAll()),
  error: onTrace(() => pane.nextError(1)),
  find: onTrace(() => pane.finder.focus()),
  zoom: onTrace(() => pane.zoomToSelected()),
  whole: onTrace(() => pane.zoom(null)),
  more: onTrace(() => pane.selected && more({ service: pane.selected.main.service, name: pane.selected.name })),
  copy: onTrace(() => pane.copyId()),
});

$("brand").addEventListener("click", (event) => [event.preventDefault(), search.searchOnly({ range: undefined, trace: undefined, span: undefined, zoom: undefined, focus: undefined })]);
$("to-traces").addEventListener("click", () => go({ view: "traces" }));
$("to-graph").addEventListener("click", () => go({ view: "graph" }));
$("help").addEventListener("click", showHelp);
$("open-file").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => [openFile($("file").files[0]), ($("file").value = "")]);
$("sort").addEventListener("change", () => go({ sort: $("sort").value }));
$("fresh").addEventListener("click", () => take());
$("live").addEventListener("click", () => {
  live = !live;
  $("live").setAttribute("aria-pressed", String(live));
  if (live) look();
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => [event.preventDefault(), openFile(event.dataTransfer.files[0])]);
document.addEventListener("visibilitychange", () => look());

search.setUp();
search.show(state());
showView(state());
const first = find();
openTrace(state());
search.loadNames(state().file && []).catch(failed);
if (state().view === "graph") graph.load().catch(failed);
first.finally(function again() {
  setTimeout(() => look().finally(again), POLL_MS);
});
