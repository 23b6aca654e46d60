// A plot of the begins and durations of the traces found: slow traces stand out, and one click opens them.
//
// Rules: the scale of durations is logarithmic.  Errors are diamonds, so that not only the colour distinguishes them.

import { cssValue, oncePerFrame, pen } from "./dom.js";
import { label } from "./text.js";
import { clock, day, duration } from "./units.js";

const MARGIN = { left: 44, right: 10, top: 8, bottom: 16 };
const MAX_NEAR_PX = 14;

export class Scatter {
  /** `choose(id)` is called for a click or Enter. */
  constructor(figure, choose) {
    this.canvas = figure.querySelector("canvas");
    this.caption = figure.querySelector("figcaption");
    this.choose = choose;
    this.items = [];
    this.current = null;
    this.opened = "";
    this.draw = oncePerFrame(() => this.drawNow());
    const { canvas } = this;
    canvas.addEventListener("pointermove", (event) => this.point(this.nearest(event)));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("click", (event) => this.take(this.nearest(event)));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.point(null));
    new ResizeObserver(this.draw).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.draw);
  }

  set(items, opened) {
    this.items = items.filter((item) => item.begin && item.duration).sort((one, other) => one.begin - other.begin);
    this.opened = opened;
    this.draw();
  }

  scales({ width, height }) {
    const { items } = this,
      [first, last] = [items[0].begin, items[items.length - 1].begin];
    const durations = items.map((item) => item.duration);
    let low = Math.floor(Math.log10(durations.reduce((a, b) => Math.min(a, b))));
    const high = Math.max(low + 1, Math.ceil(Math.log10(durations.reduce((a, b) => Math.max(a, b)))));
    low = Math.min(low, high - 1);
    const across = width - MARGIN.left - MARGIN.right,
      up = height - MARGIN.top - MARGIN.bottom;
    const x = (us) => MARGIN.left + 4 + (last > first ? ((us - first) / (last - first)) * (across - 8) : across / 2);
    const y = (us) => MARGIN.top + up - ((Math.log10(us) - low) / (high - low)) * up;
    return { x, y, low, high, first, last };
  }

  drawNow() {
    const drawing = pen(this.canvas);
    if (!drawing || !this.items.length) return;
    const { context, width } = drawing,
      scales = (this.places = this.scales(drawing));
    this.axes(drawing, scales);
    const [plain, failed, ink] = ["--accent", "--bad", "--ink"].map(cssValue);
    for (const item of this.items) {
      context.fillStyle = item.errors ? failed : plain;
      context.globalAlpha = 0.72;
      shape(context, scales.x(item.begin), scales.y(item.duration), item.errors ? 4.2 : 3.2, item.errors);
      context.fill();
      context.globalAlpha = 1;
      if (item !== this.current && item.id !== this.opened) continue;
      context.strokeStyle = ink;
      context.lineWidth = 1.5;
      shape(context, scales.x(item.begin), scales.y(item.duration), 6.5, item.errors);
      context.stroke();
    }
    this.width = width;
  }

  axes({ context, width, height }, { y, low, high, first, last }) {
    context.font = "10px system-ui, sans-serif";
    context.fillStyle = cssValue("--dim");
    context.strokeStyle = cssValue("--line");
    context.lineWidth = 1;
    const every = Math.ceil((high - low) / 4);
    for (let power = low; power <= high; power += every) {
      const at = Math.round(y(10 ** power)) + 0.5;
      context.beginPath();
      context.moveTo(MARGIN.left, at);
      context.lineTo(width - MARGIN.right, at);
      context.stroke();
      context.textAlign = "right";
      context.fillText(round(10 ** power), MARGIN.left - 5, at + 3);
    }
    const far = last - first > 86_400e6,
      near = last - first < 10e6; // within seconds both ends would have the same label
    const said = (us) => (far ? day(us).slice(5) + " " : "") + (near ? clock(us) : clock(us).slice(0, 8));
    context.textAlign = "left";
    context.fillText(said(first), MARGIN.left, height - 3);
    context.textAlign = "right";
    if (last > first) context.fillText(said(last), width - MARGIN.right, height - 3);
  }

  nearest(event) {
    if (!this.places) return null;
    let found = null,
      least = MAX_NEAR_PX ** 2;
    for (const item of this.items) {
      const away = (this.places.x(item.begin) - event.offsetX) ** 2 + (this.places.y(item.duration) - event.offsetY) ** 2;
      if (away < least) [found, least] = [item, away];
    }
    return found;
  }

  point(item) {
    if (item === this.current) return;
    this.current = item;
    this.canvas.style.cursor = item ? "pointer" : "";
    this.caption.textContent = item
      ? `${duration(item.duration)} · ${label(item.root.service)} ${label(item.root.name)}${item.errors ? " · error" : ""} · ${clock(item.begin)}`
      : "";
    this.draw();
  }

  take(item) {
    if (item) this.choose(item.id);
  }

  key(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1 },
      heights = { ArrowUp: 1, ArrowDown: -1 };
    if (event.key === "Enter") this.take(this.current);
    else if (event.key === "Home") this.point(this.bySlowness()[this.items.length - 1]);
    else if (event.key in steps) this.step(this.items, steps[event.key]);
    else if (event.key in heights) this.step(this.bySlowness(), heights[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  bySlowness() {
    return [...this.items].sort((one, other) => one.duration - other.duration);
  }

  step(ordered, by) {
    if (!ordered.length) return;
    const now = ordered.indexOf(this.current);
    this.point(ordered[now < 0 ? ordered.length - 1 : Math.max(0, Math.min(ordered.length - 1, now + by))]);
  }
}

const round = (us) => (us < 1000 ? `${us} µs` : us < 1e6 ? `${us / 1000} ms` : `${us / 1e6} s`);

function shape(context, x, y, radius, diamond) {
  context.beginPath();
  if (!diamond) context.arc(x, y, radius, 0, 7);
  else {
    context.moveTo(x, y - radius - 1);
    context.lineTo(x + radius + 1, y);
    context.lineTo(x, y + radius + 1);
    context.lineTo(x - radius - 1, y);
    context.closePath();
  }
}
