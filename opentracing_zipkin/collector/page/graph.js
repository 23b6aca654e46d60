// The dependencies: services and the calls between them, in the time of the filter.
//
// Rules: a large system is shown around one service, because the whole picture is unreadable.  An arrow leads to its
// traces.  The table below has the same links for users without a mouse.

import { go, state } from "./address.js";
import * as api from "./api.js";
import { colourClass } from "./colours.js";
import { button, h, svg } from "./dom.js";
import { searchOnly } from "./search.js";
import { label, plural, thousands } from "./text.js";

const MAX_NODES = 40; // for more services, only one service and its neighbours are drawn
const MAX_TABLE_ROWS = 100;
const NODE_HEIGHT = 34;
const MAX_NAME_CHARS = 26;

export class Graph {
  constructor(view) {
    this.view = view;
    this.services = new Set();
  }

  /** Request the links and draw them; the caller handles exceptions. */
  async load(signal) {
    const asked = state();
    const [links, services, { layout, Graph: Layout }] = await Promise.all([
      api.dependencies(asked, signal),
      api.services(),
      import("./dagre.js"),
    ]);
    this.services = new Set(services);
    this.links = links.map((link) => ({ ...link, errorCount: link.errorCount ?? 0 }));
    this.tools = { layout, Layout };
    this.show();
  }

  show() {
    if (!this.links) return;
    const names = [...new Set(this.links.flatMap(({ parent, child }) => [parent, child]))].sort();
    const crowded = names.length > MAX_NODES,
      focus = state().focus || (crowded ? this.busiest() : "");
    const links = focus ? this.links.filter(({ parent, child }) => parent === focus || child === focus) : this.links;
    const kept = [...links].sort((one, other) => other.callCount - one.callCount).slice(0, 2 * MAX_NODES);
    const select = h(
      "select",
      { "aria-label": "Around the service", on: { change: () => go({ focus: select.value }) } },
      h("option", { value: "" }, crowded ? "the busiest service" : "all services"),
      ...names.map((value) => h("option", { value }, label(value))),
    );
    select.value = state().focus || "";
    const words = `${plural(names.length, "service")}, ${plural(this.links.length, "link")}`;
    const hint =
      crowded &&
      !state().focus &&
      h("p", { class: "note-line" }, `Too many services for one picture: shown around ${label(focus)}, the busiest.`);
    const focused = this.view.contains(document.activeElement) ? nameOf(document.activeElement) : "";
    this.view.replaceChildren(
      h(
        "div",
        { class: "graph-head" },
        h("h2", {}, "Dependencies"),
        h("label", {}, "Around ", select),
        h("span", { class: "dim" }, words),
        this.links.length ? h("span", { class: "dim" }, "On each arrow: the calls and, in red, the share that failed.") : "",
      ),
      ...[hint].filter(Boolean),
      this.links.length
        ? h("div", { class: "graph" }, this.draw(kept, focus))
        : h(
            "p",
            { class: "note-page" },
            "No calls between services in this time. Choose a longer time, or send spans of two services that call each other.",
          ),
      this.links.length ? this.table(kept) : "",
    );
    // The elements are new.  The one with the name of the focused old one gets the focus, so that no key press is lost.
    const named = focused ? [...this.view.querySelectorAll("[aria-label]")] : [];
    named.find((each) => nameOf(each) === focused)?.focus({ preventScroll: true });
  }

  busiest() {
    const calls = new Map();
    for (const { parent, child, callCount } of this.links)
      for (const name of [parent, child]) calls.set(name, (calls.get(name) ?? 0) + callCount);
    return [...calls].reduce((one, other) => (other[1] > one[1] ? other : one))[0];
  }

  draw(links, focus) {
    const { layout, Layout } = this.tools,
      graph = new Layout({ multigraph: false });
    const narrow = this.view.clientWidth < 640;
    graph.setGraph({
      rankdir: narrow ? "TB" : "LR",
      nodesep: narrow ? 18 : 26,
      ranksep: narrow ? 54 : 96,
      marginx: 12,
      marginy: 12,
    });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const name of new Set(links.flatMap(({ parent, child }) => [parent, child])))
      graph.setNode(key(name), { name, width: 44 + 7.3 * Math.min(MAX_NAME_CHARS, label(name).length), height: NODE_HEIGHT });
    for (const link of links) graph.setEdge(key(link.parent), key(link.child), { link, width: 40, height: 14, labelpos: "c" });
    layout(graph);
    const { width, height } = graph.graph();
    const picture = svg(
      "svg",
      {
        viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`,
        width: Math.ceil(width),
        height: Math.ceil(height),
        role: "group",
        "aria-label": "Graph of the services",
      },
      arrowHeads(),
    );
    picture.append(
      ...graph.edges().map((edge) => this.arrow(graph.edge(edge))),
      ...graph.nodes().map((each) => this.node(graph.node(each), focus)),
    );
    return picture;
  }

  arrow({ link, points, x, y }) {
    const failed = link.errorCount > 0,
      words = wordsOf(link),
      path = curve(points);
    const rate = failed ? `${thousands(link.callCount)} · ${percent(link)}` : thousands(link.callCount);
    return svg(
      "g",
      buttonProps(() => tracesOf(link, this.services), { class: failed ? "link bad" : "link", "aria-label": words }),
      svg("title", {}, words),
      svg("path", {
        class: "line",
        d: path,
        "stroke-width": 1.2 + Math.min(3, Math.log10(link.callCount) * 0.8),
        "marker-end": failed ? "url(#head-bad)" : "url(#head)",
      }),
      svg("path", { class: "target", d: path }),
      svg("rect", { class: "plate", x: x - 4 - rate.length * 3.3, y: y - 9, width: 8 + rate.length * 6.6, height: 17, rx: 8 }),
      svg("text", { x, y: y + 4, "text-anchor": "middle" }, rate),
    );
  }

  node({ name, x, y, width, height }, focus) {
    const shown = label(name),
      words = shown.length > MAX_NAME_CHARS ? shown.slice(0, MAX_NAME_CHARS - 1) + "…" : shown;
    const again = name === state().focus;
    return svg(
      "g",
      buttonProps(() => go({ focus: again ? undefined : name }), {
        class: `service ${colourClass(name)}${name === focus ? " chosen" : ""}${this.services.has(name) ? "" : " remote"}`,
        "aria-label": again ? `${shown}: show all` : `${shown}: show its neighbours`,
      }),
      svg("title", {}, this.services.has(name) ? shown : `${shown} (sent no spans itself)`),
      svg("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: 7 }),
      svg("circle", { cx: x - width / 2 + 17, cy: y, r: 5 }),
      svg("text", { x: x - width / 2 + 30, y: y + 4.5 }, words),
    );
  }

  table(links) {
    const rows = links.slice(0, MAX_TABLE_ROWS).map((link) =>
      h(
        "tr",
        { class: link.errorCount ? "bad" : "" },
        h("td", {}, h("span", { class: `dot ${colourClass(link.parent)}` }), label(link.parent)),
        h("td", {}, h("span", { class: `dot ${colourClass(link.child)}` }), label(link.child)),
        h(
          "td",
          { class: "number" },
          button(thousands(link.callCount), { class: "link", title: "The traces of these calls" }, () => tracesOf(link, this.services)),
        ),
        h(
          "td",
          { class: "number" },
          link.errorCount
            ? button(
                `${thousands(link.errorCount)} (${percent(link)})`,
                { class: "link bad", title: "The traces with errors" },
                () => tracesOf(link, this.services, true),
              )
            : "0",
        ),
      ),
    );
    const head = h(
      "tr",
      {},
      h("th", { scope: "col" }, "Caller"),
      h("th", { scope: "col" }, "Called"),
      h("th", { scope: "col", class: "number" }, "Calls"),
      h("th", { scope: "col", class: "number" }, "Errors"),
    );
    const more =
      links.length > MAX_TABLE_ROWS && h("p", { class: "dim" }, `${links.length - MAX_TABLE_ROWS} more; choose a service.`);
    return h("div", { class: "links" }, h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows)), more);
  }
}

// The layout keeps nodes in an object, and a service may have the name "__proto__".
const key = (name) => `service ${name}`;

const percent = ({ errorCount, callCount }) => {
  const share = (100 * errorCount) / callCount;
  return share > 0 && share < 1 ? "<1 %" : `${Math.round(share)} %`;
};

const wordsOf = (link) =>
  `${label(link.parent)} calls ${label(link.child)}: ${plural(link.callCount, "call")}, ${plural(link.errorCount, "error")}`;

// A service without spans of its own is known only from its callers.
function tracesOf({ parent, child }, services, errors = false) {
  searchOnly({
    ...(services.has(child) ? { service: child, caller: parent } : { service: parent, remote: child }),
    errors,
    from: state().from,
    to: state().to,
    trace: undefined,
    span: undefined,
  });
}

/** The name of an element, without the numbers behind the colon, which change. */
const nameOf = (element) => (element.getAttribute("aria-label") ?? "").split(":")[0];

function buttonProps(press, attributes) {
  const keydown = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    press();
  };
  return { tabindex: 0, role: "button", ...attributes, on: { click: press, keydown } };
}

/** A path through the middles between the layout's points. */
function curve(points) {
  const [first, ...rest] = points,
    last = rest[rest.length - 1];
  let path = `M${first.x},${first.y}`;
  rest.slice(0, -1).forEach((point, at) => {
    path += ` Q${point.x},${point.y} ${(point.x + rest[at + 1].x) / 2},${(point.y + rest[at + 1].y) / 2}`;
  });
  return `${path} L${last.x},${last.y}`;
}

function arrowHeads() {
  const head = (id) =>
    svg(
      "marker",
      {
        id,
        viewBox: "0 0 8 8",
        refX: 7,
        refY: 4,
        markerWidth: 8,
        markerHeight: 8,
        markerUnits: "userSpaceOnUse",
        orient: "auto",
      },
      svg("path", { d: "M0,0.6 L8,4 L0,7.4 z" }),
    );
  return svg("defs", {}, head("head"), head("head-bad"));
}
