// One trace: its title, its failures, its slowest spans, its rows, and the chosen span.
//
// Rules: the trace, its span and its zoom are in the address.  Unfolded rows and the search within the trace last as
// long as the trace is shown.  If clocks were corrected, the page tells so, and shows the reported times on request.

import { go, state } from "./address.js";
import { button, h } from "./dom.js";
import * as head from "./head.js";
import { Overview } from "./overview.js";
import { panel } from "./panel.js";
import { entriesOf, matching, openedAtFirst, reveal, rowsOf } from "./rows.js";
import { plural, thousands } from "./text.js";
import { causesOf, treeOf } from "./tree.js";
import { Waterfall, axis } from "./waterfall.js";

export class TracePane {
  /** `events`: copy(text, what), more(changes of the filter), close(). */
  constructor(pane, events) {
    this.pane = pane;
    this.events = events;
    this.id = "";
    new ResizeObserver(() => this.tree && this.paint()).observe(pane);
  }

  /** Show a text in place of a trace. */
  say(id, ...content) {
    this.id = id;
    this.tree = null;
    this.pane.replaceChildren(h("div", { class: "note-page" }, ...content));
  }

  show(id, spans) {
    const again = this.tree && this.id === id,
      { opened, find } = this;
    this.id = id;
    this.spans = spans;
    this.correct = again ? this.correct : true;
    this.tree = treeOf(spans, { correct: this.correct });
    this.opened = again ? opened : openedAtFirst(this.tree);
    this.find = again ? find : { text: "", service: "", kind: "", errors: false };
    this.selected = this.zoomed = null;
    this.build();
    this.follow(state(), { middle: true });
  }

  build() {
    this.overview = new Overview((window) => this.zoom(window));
    this.scroller = h("div", { class: "rows", role: "tree", tabindex: "0", "aria-label": "Spans" });
    this.axis = h("div", { class: "axis" });
    this.legend = h("div", { class: "legend" });
    this.hits = h("span", { class: "hits", role: "status" });
    this.panelPlace = h("div", { class: "panel-place" });
    const splitter = h("span", { class: "splitter", on: { pointerdown: (event) => this.split(event) } });
    this.head = h(
      "div",
      { class: "columns" },
      h("span", { class: "column-name" }, this.hits, splitter),
      h("span", {}),
      this.axis,
    );
    this.pane.replaceChildren(
      ...[
        head.title(this),
        head.notes(this),
        head.insights(this),
        head.toolbar(this),
        this.overview.canvas,
        this.head,
        this.scroller,
        this.panelPlace,
      ].filter(Boolean),
    );
    this.waterfall = new Waterfall(this.scroller, {
      select: (entry) => this.select(entry),
      toggle: (entry) => this.toggle(entry),
    });
    head.showLegend(this);
  }

  copyId() {
    this.events.copy(this.id, "the trace id");
  }

  copyJson() {
    this.events.copy(JSON.stringify(this.spans), "the trace");
  }

  setCorrect(correct) {
    this.correct = correct;
    this.show(this.id, this.spans);
  }

  /** Offer new spans of this trace; they are shown when the user asks for them. */
  grown(spans) {
    const more = spans.length - this.spans.length;
    if (!this.tree || more <= 0) return;
    this.growing.hidden = false;
    this.growing.replaceChildren(
      button(`Show ${plural(more, "new span")}`, { class: "link" }, () => this.show(this.id, spans)),
    );
  }

  filterRows(changes) {
    this.find = { ...this.find, ...changes };
    this.paint();
    const first = this.rows.findIndex((row) => !row.dim);
    if (this.matches && first >= 0) this.waterfall.virtual.show(first);
  }

  /** Follow the state of the address. */
  follow(now, { middle = false } = {}) {
    const { tree } = this,
      [from, to] = (now.zoom || "").split(",").map(Number),
      zoom = now.zoom || "";
    if (this.selected?.id === now.span && this.zoomed === zoom) return; // this pane itself has made the change
    this.zoomed = zoom;
    this.window = to > from ? { begin: tree.begin + from, end: tree.begin + to } : { begin: tree.begin, end: tree.end };
    this.whole.hidden = !(to > from);
    const node = now.span ? tree.byId.get(now.span) : null;
    if (!this.selected?.nodes || node) this.selected = node ?? null;
    if (node) reveal(node, this.opened);
    this.paint();
    if (node) this.waterfall.select(node, { middle });
  }

  paint() {
    this.matches = matching(this.tree, this.find);
    this.rows = rowsOf(this.tree, this.opened, this.matches);
    this.hits.textContent = this.matches ? `${thousands(this.matches.size)} of ${thousands(this.tree.nodes.length)}` : "";
    this.showPanel();
    axis(this.axis, this.scroller, this.window, this.tree.begin);
    this.overview.show(this.tree, this.window);
    this.waterfall.show(this.rows, this.window, this.selected);
  }

  showPanel() {
    if (this.panelOf === this.selected && this.panelPlace.firstChild) return;
    this.panelOf = this.selected;
    const { copy, more } = this.events;
    const events = {
      copy,
      more,
      close: () => this.select(null),
      toggle: (entry) => this.toggle(entry),
      select: (entry) => this.jump(entry),
    };
    this.panelPlace.replaceChildren(...(this.selected ? [panel(this.selected, this.tree, events)] : []));
  }

  /** Choose a row: a span is put into the address, a group is not. */
  select(entry) {
    this.selected = entry;
    this.showPanel();
    this.waterfall.select(entry);
    go({ span: entry && !entry.nodes ? entry.id : undefined }, { replace: true });
  }

  jump(node) {
    reveal(node, this.opened);
    this.find = { text: "", service: "", kind: "", errors: false };
    this.finder.value = "";
    this.selected = node;
    this.paint();
    this.waterfall.select(node, { middle: true });
    this.scroller.focus({ preventScroll: true });
    go({ span: node.id }, { replace: true });
  }

  toggle(entry) {
    if (!this.opened.delete(entry.id)) this.opened.add(entry.id);
    this.paint();
  }

  unfoldAll() {
    for (const node of this.tree.nodes) {
      this.opened.add(node.id);
      for (const entry of entriesOf(node)) if (entry.nodes) this.opened.add(entry.id);
    }
    this.paint();
  }

  foldAll() {
    this.opened = new Set();
    this.paint();
  }

  zoom(window) {
    const { begin } = this.tree;
    go({ zoom: window ? `${window.begin - begin},${window.end - begin}` : undefined });
  }

  /** Zoom to the time of the chosen span, with some room. */
  zoomToSelected() {
    const { selected } = this;
    if (!selected || selected.untimed || !(selected.end > selected.begin)) return;
    const room = Math.ceil((selected.end - selected.begin) / 20);
    this.zoom({ begin: selected.begin - room, end: selected.end + room });
  }

  step(by) {
    if (!this.rows.length) return;
    const now = this.waterfall.index(this.selected),
      last = this.rows.length - 1;
    this.select(this.rows[Math.max(0, Math.min(last, now < 0 && by !== Infinity ? 0 : now + by))].entry);
  }

  /** The right key unfolds, then goes down; the left key folds, then goes up. */
  unfold(open) {
    const row = this.rows[this.waterfall.index(this.selected)];
    if (!row) return this.step(0);
    if (open ? row.expandable && !row.expanded : row.expanded && this.opened.has(row.entry.id)) return this.toggle(row.entry);
    if (open) return row.expanded && this.step(1);
    const up = row.entry.group && this.waterfall.index(row.entry.group) >= 0 ? row.entry.group : row.entry.parent;
    return up && this.select(up);
  }

  nextError(by) {
    const causes = causesOf(this.tree),
      now = causes.indexOf(this.selected);
    if (causes.length) this.jump(causes[(now + by + causes.length) % causes.length]);
  }

  split(event) {
    const { left, width } = this.head.getBoundingClientRect();
    event.preventDefault();
    const move = ({ clientX }) =>
      this.pane.style.setProperty("--names", `${Math.max(15, Math.min(80, (100 * (clientX - left)) / width))}%`);
    const stop = () => [removeEventListener("pointermove", move), removeEventListener("pointerup", stop)];
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
  }
}
