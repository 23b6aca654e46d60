// The whole trace in one small picture; dragging over it zooms into a window of time.

import { cssValue, h, oncePerFrame, pen } from "./dom.js";
import { colourOf } from "./colours.js";

const MIN_DRAG_PX = 4;

export class Overview {
  /** `zoom(window)` is called after a drag over a window, `zoom(null)` after a double click. */
  constructor(zoom) {
    this.zoom = zoom;
    this.canvas = h("canvas", {
      class: "overview",
      title: "Drag to zoom, double click for the whole trace",
      "aria-hidden": "true",
    });
    this.draw = oncePerFrame(() => this.drawNow());
    new ResizeObserver(this.draw).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.draw);
    this.canvas.addEventListener("pointerdown", (event) => this.start(event));
    this.canvas.addEventListener("pointermove", (event) => this.drag(event));
    this.canvas.addEventListener("pointerup", (event) => this.stop(event));
    this.canvas.addEventListener("dblclick", () => zoom(null));
  }

  show(tree, window) {
    this.tree = tree;
    this.window = window;
    this.draw();
  }

  drawNow() {
    const drawing = pen(this.canvas);
    if (!drawing || !this.tree) return;
    const { context, width, height } = drawing,
      { nodes, begin, end } = this.tree;
    const x = (us) => ((us - begin) / (end - begin)) * width,
      tall = Math.min(4, Math.max(1, height / nodes.length));
    const colours = new Map(),
      failed = cssValue("--bad");
    const fill = (node, at, least) => {
      const top = (at / nodes.length) * (height - Math.max(tall, least));
      context.fillRect(x(node.begin), top, Math.max(least, x(node.end) - x(node.begin)), Math.max(tall, least));
    };
    nodes.forEach((node, at) => {
      const { service } = node.main;
      if (!colours.has(service)) colours.set(service, cssValue(`--c${colourOf(service)}`));
      context.fillStyle = colours.get(service);
      if (!node.untimed && !node.failed) fill(node, at, 1);
    });
    context.fillStyle = failed; // drawn over the others, and never too small to be seen
    nodes.forEach((node, at) => node.failed && !node.untimed && fill(node, at, 3));
    this.shade(drawing, x);
  }

  shade({ context, width, height }, x) {
    const dragged = this.from !== undefined,
      left = dragged ? Math.min(this.from, this.to) : x(this.window.begin);
    const right = dragged ? Math.max(this.from, this.to) : x(this.window.end);
    context.fillStyle = cssValue("--shade");
    context.fillRect(0, 0, left, height);
    context.fillRect(right, 0, width - right, height);
    if (left <= 0 && right >= width) return;
    context.strokeStyle = cssValue("--accent");
    context.strokeRect(left + 0.5, 0.5, right - left - 1, height - 1);
  }

  start(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.from = this.to = event.offsetX;
  }

  drag(event) {
    if (this.from === undefined) return;
    this.to = Math.max(0, Math.min(this.canvas.clientWidth, event.offsetX));
    this.draw();
  }

  stop() {
    const { from, to, tree } = this,
      width = this.canvas.clientWidth;
    this.from = this.to = undefined;
    const us = (pixels) => Math.round(tree.begin + (pixels / width) * (tree.end - tree.begin));
    if (Math.abs(to - from) >= MIN_DRAG_PX) this.zoom({ begin: us(Math.min(from, to)), end: us(Math.max(from, to)) + 1 });
    this.draw();
  }
}
