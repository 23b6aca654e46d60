// One trace: what it is, where it failed, where the time went, its rows, and the span that was chosen.
//
// Rules: the trace, its span and its zoom are in the address; what is unfolded and what is looked for lasts as long as the trace is
// shown.  A corrected clock is said, and can be taken back.

import { go, state } from "./address.js";
import { colourClass } from "./colours.js";
import { button, h } from "./dom.js";
import { Overview } from "./overview.js";
import { panel, signed } from "./panel.js";
import { matching, openedAtFirst, reveal, rowsOf } from "./rows.js";
import { errorText } from "./spans.js";
import { label, plural } from "./text.js";
import { causesOf, slowest, treeOf } from "./tree.js";
import { duration, moment, utc } from "./units.js";
import { Waterfall, axis } from "./waterfall.js";

const MAX_CAUSES = 3;
const MAX_SERVICES = 12;

export class TracePane {
  /** `events`: copy(text, what), more(changes of the filter), close(). */
  constructor(pane, events) {
    this.pane = pane;
    this.events = events;
    this.id = "";
    new ResizeObserver(() => this.tree && this.paint()).observe(pane);
  }

  /** Words in place of a trace. */
  say(id, ...content) {
    this.id = id;
    this.tree = null;
    this.pane.replaceChildren(h("div", { class: "note-page" }, ...content));
  }

  show(id, spans) {
    const again = this.tree && this.id === id, { opened, find } = this;
    this.id = id;
    this.spans = spans;
    this.correct = again ? this.correct : true;
    this.tree = treeOf(spans, { correct: this.correct });
    this.opened = again ? opened : openedAtFirst(this.tree);
    this.find = again ? find : { text: "", service: "", kind: "", errors: false };
    this.selected = null;
    this.build();
    this.follow(state(), { middle: true });
  }

  build() {
    const { tree } = this;
    this.overview = new Overview((window) => this.zoom(window));
    this.scroller = h("div", { class: "rows", role: "tree", tabindex: "0", "aria-label": "Spans" });
    this.axis = h("div", { class: "axis" });
    this.legend = h("div", { class: "legend" });
    this.hits = h("span", { class: "hits", role: "status" });
    this.panelPlace = h("div", { class: "panel-place" });
    const splitter = h("span", { class: "splitter", on: { pointerdown: (event) => this.split(event) } });
    this.head = h("div", { class: "columns" }, h("span", { class: "column-name" }, this.hits, splitter), this.axis);
    this.pane.replaceChildren(...[this.title(), this.notes(), this.insights(), this.toolbar(), this.overview.canvas, this.head, this.scroller, this.panelPlace].filter(Boolean));
    this.waterfall = new Waterfall(this.scroller, { select: (entry) => this.select(entry), toggle: (entry) => this.toggle(entry) });
    this.showLegend(tree);
  }

  title() {
    const { tree, spans } = this, root = tree.roots[0], errors = tree.nodes.filter((node) => node.failed).length;
    const facts = [
      h("span", { title: utc(tree.begin) }, tree.begin ? moment(tree.begin) : "no timestamp"),
      h("b", {}, duration(tree.end - tree.begin)),
      h("span", {}, plural(spans.length, "span")),
      h("span", {}, plural(tree.services.size, "service")),
      errors > 0 && h("span", { class: "bad" }, h("i", { class: "mark" }, "!"), plural(errors, "error")),
    ];
    return h(
      "header",
      { class: "trace-head" },
      button("‹", { class: "icon back", "aria-label": "Back to the list", title: "Back to the list (Esc)" }, this.events.close),
      h("h2", {}, h("b", {}, label(root.main.service || "unnamed service")), " ", label(root.name || "unnamed")),
      h("span", { class: "actions" }, button("Copy JSON", { title: "Copy the trace as JSON" }, () => this.copyJson()), button("×", { class: "icon close", "aria-label": "Close the trace", title: "Close (Esc)" }, this.events.close)),
      h("p", { class: "trace-facts" }, ...facts.filter(Boolean), button(label(this.id), { class: "id", title: "Copy the trace id (c)" }, () => this.copyId())),
    );
  }

  copyId() {
    this.events.copy(this.id, "the trace id");
  }

  copyJson() {
    this.events.copy(JSON.stringify(this.spans), "the trace");
  }

  // What is not as it seems: corrected clocks, spans that are not here.
  notes() {
    const { tree } = this, notes = [], orphans = tree.nodes.filter((node) => node.orphan).length;
    const shifted = tree.shifts.map(({ service, us }) => `${label(service || "unnamed service")} by ${signed(us)}`).join(", ");
    if (tree.shifts.length) notes.push(h("p", { class: "note-line skew" }, `Clocks disagree; shown shifted: ${shifted}. `, button("Show as reported", { class: "link" }, () => this.setCorrect(false))));
    if (!this.correct) notes.push(h("p", { class: "note-line skew" }, "Times as reported, clocks not corrected. ", button("Correct them", { class: "link" }, () => this.setCorrect(true))));
    if (orphans) notes.push(h("p", { class: "note-line" }, `${plural(orphans, "span")} without their parent: it was not reported, or not yet.`));
    return h("div", { class: "notes" }, ...notes, (this.growing = h("p", { class: "note-line", hidden: true })));
  }

  setCorrect(correct) {
    this.correct = correct;
    this.show(this.id, this.spans);
  }

  /** More spans of this trace have come; whoever reads it decides when they are shown. */
  grown(spans) {
    const more = spans.length - this.spans.length;
    if (!this.tree || more <= 0) return;
    this.growing.hidden = false;
    this.growing.replaceChildren(button(`Show ${plural(more, "new span")}`, { class: "link" }, () => this.show(this.id, spans)));
  }

  // Where it failed, the cause first, and where the time went.
  insights() {
    const causes = causesOf(this.tree), shown = causes.slice(0, MAX_CAUSES).map((node) => {
      const half = node.halves.find((each) => each.tags.has("error"));
      return button([h("i", { class: "mark" }, "!"), h("b", {}, label(half.service || "unnamed service")), " ", h("span", { class: "words" }, label(errorText(half)))], { class: "cause", title: label(errorText(half)) }, () => this.jump(node));
    });
    const more = causes.length > MAX_CAUSES && button(`${causes.length - MAX_CAUSES} more`, { class: "link", title: "Next error (e)" }, () => this.nextError(1));
    const rows = [];
    if (causes.length) rows.push(h("div", { class: "insight causes" }, h("span", { class: "dim" }, causes.length === 1 ? "Cause" : "Causes"), ...shown, more));
    const top = this.tree.nodes.length > 2 ? slowest(this.tree, 5) : [];
    const whole = this.tree.end - this.tree.begin;
    const chips = top.map((node) => button([h("span", { class: `dot ${colourClass(node.main.service)}` }), h("span", { class: "words" }, label(node.name || node.main.service)), h("b", {}, duration(node.own)), h("span", { class: "share" }, `${Math.round((100 * node.own) / whole)} %`)], { class: "slow", title: label(`${node.main.service}: ${node.name}`) }, () => this.jump(node)));
    if (chips.length) rows.push(h("div", { class: "insight" }, h("span", { class: "dim", title: "Time that no child covers" }, "Own time"), ...chips));
    return h("div", { class: "insights" }, ...rows);
  }

  toolbar() {
    const kinds = ["", "CLIENT", "SERVER", "PRODUCER", "CONSUMER", "LOCAL"].map((value) => h("option", { value }, value ? value.toLowerCase() : "any kind"));
    this.finder = h("input", { type: "search", class: "find", placeholder: "Find in this trace", "aria-label": "Find in this trace", spellcheck: "false", value: this.find.text, on: { input: () => this.look({ text: this.finder.value.trim() }) } });
    const kind = h("select", { "aria-label": "Kind", on: { change: () => this.look({ kind: kind.value }) } }, ...kinds);
    kind.value = this.find.kind;
    const errors = h("input", { type: "checkbox", checked: this.find.errors, on: { change: () => this.look({ errors: errors.checked }) } });
    this.whole = button("Whole trace", { title: "Zoom out (0)", class: "whole" }, () => this.zoom(null));
    return h(
      "div",
      { class: "toolbar" },
      this.finder,
      kind,
      h("label", { class: "check" }, errors, " Errors"),
      this.legend,
      h("span", { class: "actions" }, this.whole, button("Unfold all", { title: "Unfold all (+)" }, () => this.unfoldAll()), button("Fold all", { title: "Fold all (-)" }, () => this.foldAll())),
    );
  }

  showLegend({ services }) {
    const sorted = [...services].sort(([, one], [, other]) => other.count - one.count).slice(0, MAX_SERVICES);
    const chip = ([name, { count, errors }]) =>
      button([h("span", { class: `dot ${colourClass(name)}` }), label(name || "unnamed service"), h("span", { class: "dim" }, String(count)), errors > 0 && h("i", { class: "mark", title: plural(errors, "error") }, "!")], { class: "service", "aria-pressed": String(this.find.service === name), title: "Only this service" }, () => {
        this.look({ service: this.find.service === name ? "" : name });
        this.showLegend(this.tree);
      });
    this.legend.replaceChildren(...sorted.map(chip), services.size > MAX_SERVICES ? h("span", { class: "dim" }, `+${services.size - MAX_SERVICES}`) : "");
  }

  look(changes) {
    this.find = { ...this.find, ...changes };
    this.paint();
    const first = this.rows.findIndex((row) => !row.dim);
    if (this.matches && first >= 0) this.waterfall.virtual.show(first);
  }

  /** As the address has it. */
  follow(now, { middle = false } = {}) {
    const { tree } = this, [from, to] = (now.zoom || "").split(",").map(Number);
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
    this.hits.textContent = this.matches ? `${this.matches.size.toLocaleString("en")} of ${this.tree.nodes.length.toLocaleString("en")}` : "";
    this.showPanel();
    axis(this.axis, this.window, this.tree.begin);
    this.overview.show(this.tree, this.window);
    this.waterfall.show(this.rows, this.window, this.selected);
  }

  showPanel() {
    if (this.panelOf === this.selected && this.panelPlace.firstChild) return;
    this.panelOf = this.selected;
    const { copy, more } = this.events;
    const events = { copy, more, close: () => this.select(null), toggle: (entry) => this.toggle(entry), select: (entry) => this.jump(entry) };
    this.panelPlace.replaceChildren(...(this.selected ? [panel(this.selected, this.tree, events)] : []));
  }

  /** Choose a row: a span is in the address, a group is not. */
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
    for (const node of this.tree.nodes) this.opened.add(node.id);
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

  /** To the time of the chosen span, with some room. */
  zoomToSelected() {
    const { selected } = this;
    if (!selected || selected.untimed || !(selected.end > selected.begin)) return;
    const room = Math.ceil((selected.end - selected.begin) / 20);
    this.zoom({ begin: selected.begin - room, end: selected.end + room });
  }

  step(by) {
    if (!this.rows.length) return;
    const now = this.waterfall.index(this.selected), last = this.rows.length - 1;
    this.select(this.rows[now < 0 ? 0 : Math.max(0, Math.min(last, now + by))].entry);
  }

  /** Right unfolds, then goes down; left folds, then goes up. */
  unfold(open) {
    const row = this.rows[this.waterfall.index(this.selected)];
    if (!row) return this.step(0);
    if (open ? row.expandable && !row.expanded : row.expanded && this.opened.has(row.entry.id)) return this.toggle(row.entry);
    if (open) return row.expanded && this.step(1);
    const up = row.entry.group && this.waterfall.index(row.entry.group) >= 0 ? row.entry.group : row.entry.parent;
    return up && this.select(up);
  }

  nextError(by) {
    const causes = causesOf(this.tree), now = causes.indexOf(this.selected);
    if (causes.length) this.jump(causes[(now + by + causes.length) % causes.length]);
  }

  split(event) {
    const { left, width } = this.head.getBoundingClientRect();
    event.preventDefault();
    const move = ({ clientX }) => this.pane.style.setProperty("--names", `${Math.max(15, Math.min(80, (100 * (clientX - left)) / width))}%`);
    const stop = () => [removeEventListener("pointermove", move), removeEventListener("pointerup", stop)];
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
  }
}
