// The page: connects the address, the keys and the parts of the page with each other.

import { go, listen, sameFilter, state } from "./address.js";
import * as api from "./api.js";
import { $, button, h } from "./dom.js";
import { Found, POLL_INTERVAL_MS } from "./found.js";
import { icon } from "./icons.js";
import { listenToKeys, showHelp } from "./keys.js";
import { copy, toast } from "./notices.js";
import * as search from "./search.js";
import { grouped } from "./spans.js";
import { label } from "./text.js";
import { TracePane } from "./trace.js";

const open = (id) => go({ view: "traces", trace: id, span: undefined, zoom: undefined });
const more = (changes) => search.searchOnly({ ...changes, file: state().file, from: state().from, to: state().to });

const pane = new TracePane($("trace-pane"), { copy, more, close: () => close() });
const found = new Found({
  open,
  seen: (item) => {
    if (item.id !== pane.id) return;
    if (pane.tree) pane.grown(item.spans);
    else showTrace(item.id, item.spans); // the trace was requested before its first span arrived
  },
  recovered: async () => {
    if (state().view === "graph") await loadGraph();
    if (state().trace && !pane.tree) await openTrace(state());
  },
});

const failed = (error) => found.failed(error);

// ---- a trace

async function openTrace(now) {
  const { trace: id } = now;
  document.body.classList.toggle("has-trace", Boolean(id));
  found.setOpened(id);
  if (!id)
    return pane.say("", h("p", { class: "dim" }, "Choose a trace to see its spans. ", h("kbd", {}, "?"), " lists the keys."));
  const spans = found.spansOf(id);
  if (spans) return showTrace(id, spans);
  pane.say(id, h("p", { class: "dim" }, "Loading …"));
  try {
    const spans = await api.trace(id);
    if (state().trace === id) showTrace(id, grouped(spans)[0]);
  } catch (error) {
    if (state().trace !== id) return undefined;
    failedTrace(id, error);
    if (error instanceof api.Away) found.failed(error);
  }
  return undefined;
}

function failedTrace(id, error) {
  const away = button("Back to the list", {}, () => close());
  if (error.status === 404)
    pane.say(
      id,
      h("h2", {}, "This trace is not here"),
      h(
        "p",
        {},
        `The collector has no spans of ${label(id)}: it was not sampled, has not arrived yet, or was dropped to make room.`,
      ),
      away,
    );
  else pane.say(id, h("h2", {}, "The trace cannot be shown"), h("p", {}, label(error.message)), away);
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

// ---- files

async function openFile(chosen) {
  if (!chosen) return;
  try {
    const { readTraces } = await import("./files.js");
    const file = (found.file = await readTraces(chosen));
    const only = file.traces.length === 1 ? file.traces[0][0].traceId : undefined;
    const before = state();
    search.searchOnly({ range: undefined, file: file.name, trace: only, span: undefined, zoom: undefined });
    if (sameFilter(before, state())) await found.find();
    if (before.trace === state().trace) await openTrace(state());
  } catch (error) {
    toast(label(error.message), true);
  }
}

// ---- the dependencies, loaded when they are needed

let graph = null;
async function loadGraph() {
  if (!graph) $("graph-view").replaceChildren(h("p", { class: "dim" }, "Loading …"));
  const { Graph } = await import("./graph.js");
  graph ??= new Graph($("graph-view"));
  await graph.load();
}

// ---- the address, the keys

function showView(now) {
  const isGraph = now.view === "graph";
  $("traces-view").hidden = isGraph;
  $("graph-view").hidden = !isGraph;
  document.body.classList.toggle("on-graph", isGraph);
  $("to-traces").setAttribute("aria-pressed", String(!isGraph));
  $("to-graph").setAttribute("aria-pressed", String(isGraph));
  if (!now.trace || isGraph) document.title = isGraph ? "Dependencies" : "Traces";
}

listen((now, before) => {
  search.show(now);
  showView(now);
  const filtered = !sameFilter(now, before);
  if (filtered || (now.sort || "") !== (before.sort || "")) filtered ? found.find() : found.sort();
  if (now.service !== before.service) search.loadNames(fileServices(now)).catch(failed);
  if (now.view === "graph" && (filtered || before.view !== "graph")) loadGraph().catch(failed);
  else if (now.view === "graph" && now.focus !== before.focus) graph?.show();
  if (now.trace !== before.trace) openTrace(now);
  else if (pane.tree && (now.span !== before.span || now.zoom !== before.zoom)) pane.follow(now);
});

const fileServices = (now) =>
  now.file && found.file
    ? [...new Set(found.file.traces.flat().map((span) => span.localEndpoint?.serviceName ?? ""))].filter(Boolean).sort()
    : undefined;

const inTrace = () =>
  Boolean(pane.tree) &&
  ($("trace-pane").contains(document.activeElement) || getComputedStyle($("list-pane")).display === "none");
const onTrace = (run) => () => (state().view !== "graph" && pane.tree ? run() : false);
const step = (by) => () => {
  if (state().view === "graph" || document.activeElement === $("scatter").querySelector("canvas")) return false;
  return inTrace() ? pane.step(by) : found.list.step(by);
};
const stepTrace = (by) => () => {
  if (state().view === "graph") return;
  found.list.step(by);
  if (found.list.active) open(found.list.active);
};

listenToKeys({
  search: () => [$("q").focus(), $("q").select()],
  traces: () => go({ view: "traces" }),
  graph: () => go({ view: "graph" }),
  refresh: () => (state().view === "graph" ? loadGraph().catch(failed) : found.find()),
  fresh: () => found.take(),
  live: () => $("live").click(),
  scatter: () => $("scatter").querySelector("canvas").focus(),
  file: () => $("file").click(),
  help: showHelp,
  back: () =>
    state().view === "graph" ? go({ focus: undefined }) : pane.selected ? pane.select(null) : state().trace && close(),
  down: step(1),
  up: step(-1),
  pageDown: step(10),
  pageUp: step(-10),
  first: step(-Infinity),
  last: step(Infinity),
  enter: () => {
    if (inTrace()) return pane.selected && pane.toggle(pane.selected);
    if (!found.list.active) return false;
    open(found.list.active);
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

$("brand").addEventListener("click", (event) => [
  event.preventDefault(),
  search.searchOnly({ range: undefined, trace: undefined, span: undefined, zoom: undefined, focus: undefined }),
]);
$("to-traces").addEventListener("click", () => go({ view: "traces" }));
$("to-graph").addEventListener("click", () => go({ view: "graph" }));
$("help").addEventListener("click", showHelp);
$("open-file").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => [openFile($("file").files[0]), ($("file").value = "")]);
$("sort").addEventListener("change", () => go({ sort: $("sort").value }));
$("fresh").addEventListener("click", () => found.take());
$("live").addEventListener("click", () => {
  found.live = !found.live;
  $("live").setAttribute("aria-pressed", String(found.live));
  if (found.live) found.look();
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => [event.preventDefault(), openFile(event.dataTransfer.files[0])]);
document.addEventListener("visibilitychange", () => found.look());

$("open-file").prepend(icon("open"));
search.setUp();
search.show(state());
showView(state());
const first = found.find();
openTrace(state());
search.loadNames(state().file && []).catch(failed);
if (state().view === "graph") loadGraph().catch(failed);
first.finally(function again(lookMs = 0) {
  // The longer a look takes, the longer is the pause after it.
  const rest = Math.max(POLL_INTERVAL_MS, 5 * lookMs);
  setTimeout(async () => {
    const startedMs = performance.now();
    await found.look();
    again(performance.now() - startedMs);
  }, rest);
});
