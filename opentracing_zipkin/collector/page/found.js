// The traces of a search: requested, shown in a list and a plot, and kept up to date.
//
// Rules: rows do not move while the user reads them.  New traces wait behind a button; traces that have grown change
// in place.  A hidden page sends no requests.  When the collector does not answer, the page tells so and asks again.

import { DEFAULT_LIMIT, DEFAULT_RANGE, RANGES, go, sameFilter, state } from "./address.js";
import * as api from "./api.js";
import { $, button, h } from "./dom.js";
import { TraceList } from "./list.js";
import { calledBy, matches } from "./match.js";
import { snippet, toast } from "./notices.js";
import { Scatter } from "./scatter.js";
import { early } from "./early.js";
import * as search from "./search.js";
import { summary } from "./summary.js";
import { label, plural, thousands } from "./text.js";

export const POLL_INTERVAL_MS = 3000;
const OVERLAP_MS = 60_000; // spans come late, so each look goes back this far
const MAX_LIVE_TRACES = 5000; // traces of one page; for more a new search is made
const LOOKS_PER_NAMES = 5; // looks after which the names are loaded again

export class Found {
  /** `events`: open(id), seen(summary) for each trace of a look, recovered(). */
  constructor(events) {
    this.events = events;
    this.list = new TraceList($("list"), events.open);
    this.scatter = new Scatter($("scatter"), events.open);
    this.file = null; // { name, traces } of a file that was opened
    this.fresh = new Map(); // new traces that are not in the list yet
    this.live = true;
    this.away = false;
    this.lastLookMs = 0;
    this.looks = 0;
    this.early = early;
  }

  /** Search again. */
  async find() {
    this.searching?.abort();
    const { signal } = (this.searching = new AbortController());
    const now = state(),
      startedMs = Date.now();
    this.fresh = new Map();
    this.showFresh();
    $("list-pane").setAttribute("aria-busy", "true");
    try {
      const traces = now.file ? this.ofFile(now) : await this.asked(now, startedMs, signal);
      if (signal.aborted) return;
      this.lastLookMs = startedMs;
      if (!now.file) this.answered();
      this.show(summaries(traces, now));
    } catch (error) {
      if (!signal.aborted) this.failed(error);
    } finally {
      if (!signal.aborted) $("list-pane").removeAttribute("aria-busy");
    }
  }

  // For the first search, early.js has sent the request already.
  asked(now, startedMs, signal) {
    const { early } = this;
    this.early = null;
    return early ?? api.traces(api.searchOf(now, startedMs), signal);
  }

  ofFile(now) {
    if (this.file?.name === now.file) return this.file.traces.filter((spans) => matches(spans, now));
    throw new Error(
      `The file ${label(now.file)} was open here. A page cannot open it by itself: open it again, or drop it here.`,
    );
  }

  show(items) {
    this.note(items.length ? null : empty(state()));
    this.list.set(items, state().sort);
    this.showCount();
    this.setOpened(state().trace);
  }

  sort() {
    this.list.set(this.list.items, state().sort);
  }

  /** The spans of a trace, if they are known. */
  spansOf(id) {
    return this.list.find(id)?.spans ?? this.file?.traces.find((spans) => spans[0].traceId === id);
  }

  setOpened(id) {
    this.list.setOpened(id ?? "");
    this.scatter.set(this.list.items, id);
  }

  showCount() {
    const { items } = this.list,
      bad = items.filter((item) => item.errors).length;
    const full = !state().file && items.length >= Number(state().limit || DEFAULT_LIMIT);
    const count = items.length ? `${full ? "newest " : ""}${plural(items.length, "trace")}` : "";
    $("count").replaceChildren(h("b", {}, count), bad ? h("span", { class: "bad" }, ` · ${thousands(bad)} failed`) : "");
    $("scatter").hidden = items.length < 2;
  }

  note(content) {
    $("list-note").hidden = !content;
    $("list").hidden = Boolean(content);
    $("list-note").replaceChildren(...[content ?? []].flat());
  }

  /** Look for new traces. */
  async look() {
    if (document.hidden) return undefined;
    if (this.away) return this.recover();
    const now = state();
    if (!this.live || now.file || now.view === "graph" || now.to || !this.lastLookMs) return undefined;
    const startedMs = Date.now();
    try {
      const traces = await api.traces(api.searchOf(now, startedMs, this.lastLookMs - OVERLAP_MS));
      if (!sameFilter(now, state())) return undefined; // another search is running
      this.receive(
        summaries(
          traces.filter((spans) => this.isNewOrGrown(spans)),
          now,
        ),
      );
      this.lastLookMs = startedMs;
      if (this.looks++ % LOOKS_PER_NAMES === LOOKS_PER_NAMES - 1) await search.loadNames();
    } catch (error) {
      this.failed(error);
    }
    return undefined;
  }

  // An unchanged trace is left out, because its spans, perhaps 20,000, would be read again and again.
  isNewOrGrown(spans) {
    if (!spans.length) return false;
    const known = this.list.find(spans[0].traceId) ?? this.fresh.get(spans[0].traceId);
    return known?.count !== spans.length;
  }

  receive(items) {
    const { list } = this;
    list.update(items.filter((item) => item.count > (list.find(item.id)?.count ?? Infinity)));
    for (const item of items) {
      this.events.seen(item);
      if (!list.find(item.id)) this.fresh.set(item.id, item);
    }
    if (!list.items.length && this.fresh.size) this.take();
    else this.showFresh();
  }

  showFresh() {
    $("fresh").hidden = !this.fresh.size;
    $("fresh").textContent = `${plural(this.fresh.size, "new trace")} ↑`;
  }

  /** Put the new traces into the list, and scroll to its top. */
  take() {
    const items = [...this.fresh.values()],
      { list } = this;
    if (list.items.length + items.length > MAX_LIVE_TRACES) return this.find();
    this.fresh = new Map();
    this.showFresh();
    if (!items.length) return undefined;
    this.note(null);
    list.set([...items, ...list.items], list.order);
    list.scroller.scrollTop = 0;
    this.showCount();
    this.setOpened(state().trace);
    return undefined;
  }

  async recover() {
    try {
      await search.loadNames();
      this.answered();
      await this.find();
      await this.events.recovered();
    } catch (error) {
      this.failed(error);
    }
  }

  answered() {
    this.away = false;
    $("banner").hidden = true;
  }

  failed(error) {
    if (error instanceof api.Away) {
      this.away = true;
      $("banner").hidden = false;
      $("banner").textContent =
        `The collector at ${location.host} does not answer. The traces below stay; trying again every ${POLL_INTERVAL_MS / 1000} seconds.`;
    } else if (!this.list.items.length || error.status === 400 || state().file) {
      this.list.set([], "");
      this.showCount();
      this.note([h("h2", {}, "This cannot be searched"), h("p", {}, label(error.message))]);
    } else toast(label(error.message), true);
  }
}

function summaries(traces, now) {
  const wanted = now.caller ? traces.filter((spans) => calledBy(spans, now.service, now.caller)) : traces;
  return wanted.filter((spans) => spans.length).map(summary);
}

const NARROWING = ["service", "name", "remote", "caller", "q", "errors", "min", "file", "from"];

function empty(now) {
  if (NARROWING.some((key) => now[key])) {
    const clear = button("Clear the filter", {}, () => search.searchOnly({ range: now.range, file: now.file }));
    return [h("h2", {}, "No trace matches"), h("p", {}, "Take a condition away, or look further back."), clear];
  }
  const endpoint = new URL(".", location.href).href.replace(/\/$/, "");
  const [, words] = RANGES[now.range || DEFAULT_RANGE];
  const longer = now.range && button("Look further back", {}, () => go({ range: "30d" }));
  return [
    h("h2", {}, `No traces in the last ${words}`),
    ...[longer].filter(Boolean),
    h("p", {}, "Send the first spans: start an application without changing it,"),
    snippet(`ZIPKIN_ENDPOINT=${endpoint} opentracing-zipkin run --service-name shop python app.py`),
    h("p", {}, "or put one line into it:"),
    snippet(`opentracing_zipkin.configure("shop", endpoint="${endpoint}", instrument=True)`),
    h("p", { class: "dim" }, "They appear here by themselves. Press o to open a trace from a file, or drop one on this page."),
  ];
}
