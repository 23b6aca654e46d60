// A trace's rows in time: the tree on the left, each span's time on the right.
//
// Rules: rows are virtual, see virtual.js.  A node with two halves is one row: a frame for the client's time, and a
// bar in it for the server's.  The caller chooses the window of time; a row only draws it.

import { colourClass } from "./colours.js";
import { h } from "./dom.js";
import { label, plural, thousands } from "./text.js";
import { duration, ticks } from "./units.js";
import { VirtualRows } from "./virtual.js";

const WIDE_ROW = 26;
const NARROW_ROW = 42;
const MAX_INDENT_LEVELS = 24;
const MAX_MARKS = 40;

export class Waterfall {
  /** `events`: select(entry) and toggle(entry); an entry is what a row shows, a node or a group of nodes. */
  constructor(scroller, events) {
    this.scroller = scroller;
    this.events = events;
    this.list = [];
    this.selected = null;
    this.virtual = new VirtualRows(scroller, { rowHeight: WIDE_ROW, render: (index) => this.row(index) });
  }

  show(list, window, selected) {
    this.list = list;
    this.window = window;
    this.selected = selected;
    this.virtual.refresh(list.length, this.scroller.clientWidth < 560 ? NARROW_ROW : WIDE_ROW);
    this.mark();
  }

  index(entry) {
    return this.list.findIndex((row) => row.entry === entry);
  }

  select(entry, { middle = false } = {}) {
    const before = this.index(this.selected),
      index = this.index(entry);
    this.selected = entry;
    if (before >= 0) this.virtual.again(before);
    if (index >= 0) {
      this.virtual.again(index);
      this.virtual.show(index, { middle });
    }
    this.mark();
  }

  mark() {
    const index = this.index(this.selected);
    if (index >= 0) this.scroller.setAttribute("aria-activedescendant", `row-${index}`);
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  row(index) {
    const { entry, depth, expandable, expanded, dim } = this.list[index],
      group = Boolean(entry.nodes);
    const failed = group ? entry.errors > 0 : entry.failed;
    const classes = [
      "row",
      colourClass(entry.main.service),
      failed && "failed",
      dim && "dimmed",
      entry === this.selected && "selected",
      group && "group",
    ];
    return h(
      "div",
      {
        class: classes.filter(Boolean).join(" "),
        role: "treeitem",
        id: `row-${index}`,
        "aria-level": depth + 1,
        "aria-expanded": expandable ? String(expanded) : null,
        "aria-selected": String(entry === this.selected),
        on: {
          click: () => this.events.select(entry),
          dblclick: () => expandable && this.events.toggle(entry),
        },
      },
      this.name(entry, depth, expandable, expanded),
      h("div", { class: "took" }, group ? duration(entry.total) : this.words(entry)),
      h("div", { class: "lane" }, ...(group ? this.groupBar(entry) : this.bars(entry))),
    );
  }

  name(entry, depth, expandable, expanded) {
    const indent = Math.min(depth, MAX_INDENT_LEVELS);
    const twisty = h(
      "span",
      { class: expandable ? "twisty" : "leaf", "aria-hidden": "true" },
      expandable ? (expanded ? "▾" : "▸") : "",
    );
    if (expandable) {
      twisty.addEventListener("click", (event) => {
        event.stopPropagation();
        this.events.toggle(entry);
      });
      twisty.addEventListener("dblclick", (event) => event.stopPropagation());
    }
    const whole = `${entry.main.service || "unnamed service"}: ${entry.name || "unnamed"}`;
    return h(
      "div",
      { class: "name", title: label(whole) },
      h("span", { class: "guides", style: { "--depth": indent } }),
      twisty,
      entry.nodes ? h("span", { class: "times" }, `×${thousands(entry.nodes.length)}`) : null,
      this.errorMark(entry, expanded),
      h("b", {}, label(entry.main.service || "unnamed service")),
      " ",
      h("span", { class: "operation" }, label(entry.name || "unnamed")),
      this.called(entry),
      entry.orphan && h("span", { class: "note", title: "its parent is not in this trace" }, "no parent"),
      !expanded &&
        expandable &&
        !entry.nodes &&
        h("span", { class: "hidden-count", title: `${plural(entry.size - 1, "span")} below` }, `+${thousands(entry.size - 1)}`),
    );
  }

  // The name of the called system, for the case that it sent no span itself.
  called({ main }) {
    const name = main.kind === "CLIENT" || main.kind === "PRODUCER" ? main.remote.serviceName : "";
    return name && h("span", { class: "called" }, `→ ${label(String(name))}`);
  }

  errorMark(entry, expanded) {
    if (entry.nodes)
      return (
        entry.errors > 0 &&
        h("i", { class: "mark", title: plural(entry.errors, "error"), "aria-label": "error" }, String(entry.errors))
      );
    if (entry.failed) return h("i", { class: "mark", role: "img", "aria-label": "error" }, "!");
    const below = !expanded && entry.errorsBelow;
    return below > 0 && h("i", { class: "mark below", title: `${plural(below, "error")} below` }, String(below));
  }

  at(us) {
    const { begin, end } = this.window;
    return (100 * (us - begin)) / (end - begin);
  }

  // A bar, cut at the window, so that it is never a million pixels wide.
  bar(begin, end, classes) {
    const left = Math.max(-1, this.at(begin)),
      right = Math.min(101, this.at(end));
    if (right < 0 || left > 100) return null;
    return h("span", { class: classes, style: { left: `${left}%`, width: `${Math.max(0, right - left)}%` } });
  }

  bars(node) {
    const halves = node.halves.filter((half) => half.timestamp),
      pair = halves.length > 1;
    const drawn = halves.map((half, at) => {
      const failed = half.tags.has("error") ? " bad" : "";
      const part = !pair ? "whole" : at === 0 ? "client" : "server";
      return this.bar(
        half.timestamp,
        half.timestamp + half.duration,
        `bar ${part} ${colourClass(half.service)}${failed}${half.duration ? "" : " open"}`,
      );
    });
    const marks = halves.flatMap((half) => half.annotations).slice(0, MAX_MARKS);
    return [...drawn, ...marks.map((each) => this.annotation(each)), this.outside(node)].filter(Boolean);
  }

  words(node) {
    if (node.untimed) return node.duration ? duration(node.duration) : "no time";
    return node.duration ? duration(node.duration) : "open";
  }

  annotation({ timestamp, value }) {
    const left = this.at(timestamp);
    if (!timestamp || left < 0 || left > 100) return null;
    return h("span", { class: "annotation", title: label(value), style: { left: `${left}%` } });
  }

  groupBar(group) {
    if (group.begin === Infinity) return [];
    return [this.bar(group.begin, group.end, "bar many"), this.outside(group)].filter(Boolean);
  }

  // An arrow, if the span is outside the window of time.
  outside({ begin, end }) {
    if (begin === Infinity) return null;
    if (this.at(end) < 0) return h("span", { class: "outside" }, "◂");
    return this.at(begin) > 100 && h("span", { class: "outside later" }, "▸");
  }
}

/** Draw labels of the window's time, counted from the trace's begin; the rows get lines at the same places. */
export function axis(element, rows, window, origin) {
  const count = Math.max(2, Math.min(10, Math.floor(element.clientWidth / 90))),
    length = window.end - window.begin;
  const places = ticks(window.begin - origin, window.end - origin, count);
  const at = (us) => (100 * (us - (window.begin - origin))) / length;
  rows.style.setProperty("--first", `${places.length ? at(places[0]) : 0}%`);
  rows.style.setProperty("--every", `${places.length > 1 ? at(places[1]) - at(places[0]) : 100}%`);
  const shown = places.filter((us) => at(us) < 94);
  element.replaceChildren(
    ...shown.map((us) => h("span", { style: { left: `${at(us)}%` } }, us ? (us < 0 ? "−" : "") + duration(Math.abs(us)) : "0")),
  );
}
