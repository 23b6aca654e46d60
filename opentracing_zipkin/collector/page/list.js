// The list of the traces found: a row of two lines for each, and only the rows on the screen are in the document.

import { colourClass } from "./colours.js";
import { h } from "./dom.js";
import { errorText } from "./spans.js";
import { label, plural } from "./text.js";
import { duration, moment, utc } from "./units.js";
import { VirtualRows } from "./virtual.js";

const ROW_HEIGHT = 54;
const MAX_DOTS = 6;

const ORDERS = {
  "": (one, other) => other.begin - one.begin,
  slow: (one, other) => other.duration - one.duration,
  errors: (one, other) => other.errors - one.errors || other.begin - one.begin,
  spans: (one, other) => other.count - one.count,
};

export class TraceList {
  /** `open(id)` is called for the trace that the user chooses. */
  constructor(scroller, open) {
    this.scroller = scroller;
    this.open = open;
    this.items = [];
    this.order = "";
    this.active = "";
    this.opened = "";
    this.rows = new VirtualRows(scroller, { rowHeight: ROW_HEIGHT, render: (index) => this.row(index) });
  }

  set(items, order) {
    this.order = order in ORDERS ? order : "";
    this.items = items.sort(ORDERS[this.order]);
    this.longest = this.items.reduce((most, each) => Math.max(most, each.duration), 1);
    this.rows.refresh(this.items.length);
    this.mark();
  }

  /** Show traces that have grown; they stay in their rows. */
  update(summaries) {
    for (const each of summaries) {
      const index = this.items.findIndex((item) => item.id === each.id);
      if (index < 0) continue;
      this.items[index] = each;
      this.rows.again(index);
    }
  }

  index(id) {
    return this.items.findIndex((item) => item.id === id);
  }

  find(id) {
    return this.items.find((item) => item.id === id);
  }

  /** Make this the row from which the keys move on. */
  activate(id, { show = true } = {}) {
    const before = this.index(this.active),
      index = this.index(id);
    this.active = id;
    this.rows.again(before);
    this.rows.again(index);
    if (show && index >= 0) this.rows.show(index);
    this.mark();
  }

  step(by) {
    if (!this.items.length) return;
    const now = this.index(this.active);
    this.activate(this.items[Math.max(0, Math.min(this.items.length - 1, now < 0 && by !== Infinity ? 0 : now + by))].id);
  }

  /** Mark the trace that is shown beside the list. */
  setOpened(id) {
    const before = this.index(this.opened);
    this.opened = id;
    this.rows.again(before);
    if (id) this.activate(id);
  }

  mark() {
    const index = this.index(this.active);
    if (index >= 0) this.scroller.setAttribute("aria-activedescendant", `trace-${this.active}`);
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  row(index) {
    const item = this.items[index],
      { root } = item;
    const classes = [
      "found",
      item.errors && "failed",
      item.id === this.active && "active",
      item.id === this.opened && "opened",
    ];
    const meter = h("span", { class: "meter", style: { width: `${100 * Math.sqrt(item.duration / this.longest)}%` } });
    return h(
      "div",
      {
        class: classes.filter(Boolean).join(" "),
        role: "option",
        id: `trace-${item.id}`,
        "aria-selected": String(item.id === this.opened),
        "aria-posinset": index + 1,
        "aria-setsize": this.items.length,
        on: { click: () => this.open(item.id) },
      },
      h("span", { class: `dot ${colourClass(root.service)}` }),
      h(
        "span",
        { class: "what" },
        h("b", {}, label(root.service || "unnamed service")),
        " ",
        h("span", {}, label(root.name || "unnamed")),
      ),
      h("span", { class: "took" }, item.begin ? duration(item.duration) : "–"),
      h("span", { class: "when", title: utc(item.begin) }, moment(item.begin)),
      this.detail(item),
      meter,
    );
  }

  detail(item) {
    const spans = h("span", { class: "spans" }, plural(item.count, "span"));
    if (!item.errors) return h("span", { class: "more" }, spans, ...dots(item));
    const words = errorText(item.cause);
    return h(
      "span",
      { class: "more" },
      spans,
      h(
        "span",
        { class: "bad", title: label(words) },
        h("i", { class: "mark" }, "!"),
        h("span", { class: "words" }, label(words)),
      ),
    );
  }
}

function dots(item) {
  const names = [...item.services.keys()].filter((name) => name !== item.root.service);
  const shown = names.slice(0, MAX_DOTS).map((name) => h("span", { class: `dot ${colourClass(name)}`, title: label(name) }));
  return [...shown, names.length > MAX_DOTS && h("span", {}, `+${names.length - MAX_DOTS}`)];
}
