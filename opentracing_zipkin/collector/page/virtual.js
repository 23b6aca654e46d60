// A list of any length, of which only the rows on the screen are in the document.
//
// Rules: all rows have one height and are placed by number.  `render(index)` makes a row; after `refresh` it is made
// again.

import { h, oncePerFrame } from "./dom.js";

const EXTRA_ROWS = 4; // rows above and below the screen, so that scrolling does not show gaps
const MAX_ROWS = 90; // rows of one list, however high the screen

export class VirtualRows {
  constructor(scroller, { rowHeight, render }) {
    this.scroller = scroller;
    this.rowHeight = rowHeight;
    this.render = render;
    this.count = 0;
    this.shown = new Map();
    this.body = h("div", { class: "virtual", role: "presentation" });
    scroller.append(this.body);
    const update = oncePerFrame(() => this.update());
    scroller.addEventListener("scroll", update, { passive: true });
    new ResizeObserver(update).observe(scroller);
  }

  /** Show other rows, or changed ones: all are made again. */
  refresh(count, rowHeight = this.rowHeight) {
    this.count = count;
    this.rowHeight = rowHeight;
    this.body.style.height = `${count * rowHeight}px`;
    for (const row of this.shown.values()) row.remove();
    this.shown.clear();
    this.update();
  }

  update() {
    const { scrollTop, clientHeight } = this.scroller;
    const begin = Math.max(0, Math.floor(scrollTop / this.rowHeight) - EXTRA_ROWS);
    const visible = Math.ceil(clientHeight / this.rowHeight) + 2 * EXTRA_ROWS + 1;
    const end = Math.min(this.count, begin + Math.min(visible, MAX_ROWS));
    for (const [index, row] of this.shown) {
      if (index >= begin && index < end) continue;
      row.remove();
      this.shown.delete(index);
    }
    for (let index = begin; index < end; index++) if (!this.shown.has(index)) this.put(index);
  }

  put(index) {
    const row = this.render(index);
    row.style.transform = `translateY(${index * this.rowHeight}px)`;
    row.style.height = `${this.rowHeight}px`;
    // In the order of the document, because a screen reader reads rows in that order.
    const before = this.shown.get(index - 1),
      after = this.shown.get(index + 1);
    if (before) before.after(row);
    else if (after) after.before(row);
    else if ([...this.shown.keys()].some((other) => other < index)) this.body.append(row);
    else this.body.prepend(row);
    this.shown.set(index, row);
  }

  /** Make one row again, if it is on the screen. */
  again(index) {
    this.shown.get(index)?.remove();
    if (this.shown.delete(index)) this.put(index);
  }

  /** Scroll to a row, but no further than needed. */
  show(index, { middle = false } = {}) {
    const { scroller, rowHeight } = this,
      top = index * rowHeight,
      room = scroller.clientHeight - rowHeight;
    if (middle && (top < scroller.scrollTop || top > scroller.scrollTop + room)) scroller.scrollTop = top - room / 2;
    else if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top > scroller.scrollTop + room) scroller.scrollTop = top - room;
    this.update();
  }
}
