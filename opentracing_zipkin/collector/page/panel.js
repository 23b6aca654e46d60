// All that is known about one span, or about a group of similar ones; each tag leads to more spans with it.

import { colourClass } from "./colours.js";
import { button, h } from "./dom.js";
import { icon } from "./icons.js";
import { address, isServing } from "./spans.js";
import { label, lines, plural, thousands } from "./text.js";
import { clock, duration, moment, utc } from "./units.js";

const MAX_SHOWN_CHARS = 1500; // characters of a value that are shown at first

/** `events`: more(changes of the filter), copy(text, what), close(), toggle(entry), select(entry). */
export function panel(entry, tree, events) {
  return entry.nodes ? groupPanel(entry, events) : spanPanel(entry, tree, events);
}

function head(entry, extra, events) {
  return h(
    "header",
    {},
    h("span", { class: `dot ${colourClass(entry.main.service)}` }),
    h("h3", {}, h("b", {}, label(entry.main.service || "unnamed service")), " ", label(entry.name || "unnamed")),
    h(
      "span",
      { class: "actions" },
      ...extra,
      button(icon("close"), { class: "icon", "aria-label": "Close the span", title: "Close (Esc)" }, events.close),
    ),
  );
}

function spanPanel(node, tree, events) {
  const similar = () => events.more({ service: node.main.service, name: node.name });
  const copy = () =>
    events.copy(
      JSON.stringify(
        node.halves.map((half) => half.raw),
        null,
        2,
      ),
      "the span",
    );
  const actions = [
    button("More like this span", { title: "Search for this service and name (m)", class: "similar" }, similar),
    button("Copy JSON", {}, copy),
  ];
  return h(
    "section",
    { class: "panel", "aria-label": "Span" },
    head(node, actions, events),
    facts([
      [
        "Start",
        node.untimed ? "no timestamp" : `+${duration(node.begin - tree.begin)}`,
        node.untimed ? "" : `${moment(node.begin)} · ${utc(node.begin)}`,
      ],
      ["Duration", node.duration ? duration(node.duration) : "unfinished", `${node.duration} µs`],
      ["Own time", duration(node.own), "the time that no child covers"],
      ["Span id", node.id],
      node.halves[0].parentId && ["Parent", node.halves[0].parentId + (node.orphan ? " (not in this trace)" : "")],
      node.size > 1 && ["Below", plural(node.size - 1, "span")],
    ]),
    h("div", { class: "halves" }, ...node.halves.map((half) => halfOf(half, node, tree, events))),
  );
}

function facts(pairs) {
  const shown = pairs.filter(Boolean);
  return h(
    "dl",
    { class: "facts" },
    ...shown.map(([key, value, title]) => h("div", { title: title || value }, h("dt", {}, key), h("dd", {}, label(value)))),
  );
}

// One half of a span: the place where it ran, its tags, its annotations.
function halfOf(half, node, tree, events) {
  const kind = half.kind ? half.kind.toLowerCase() : "local",
    remote = address(half.remote);
  const title = [h("span", { class: "kind" }, kind), h("b", {}, label(half.service || "unnamed service"))];
  if (half.timestamp)
    title.push(
      h("span", { class: "dim", title: utc(half.timestamp) }, `${clock(half.timestamp)} · ${duration(half.duration)}`),
    );
  if (half.shift) title.push(h("span", { class: "note" }, `clock shifted by ${signed(half.shift)}`));
  const place = [h("span", {}, "at ", label(address(half.local) || "an unnamed endpoint"))];
  if (remote) place.push(h("span", {}, isServing(half) ? " from " : " to ", label(remote)));
  return h(
    "div",
    { class: `half ${colourClass(half.service)}` },
    h("h4", {}, ...title),
    h("p", { class: "dim" }, ...place),
    tags(half, node, events),
    annotations(half, tree),
  );
}

export const signed = (us) => (us < 0 ? "−" : "+") + duration(Math.abs(us));

function tags(half, node, events) {
  const pairs = [...half.tags].sort(([one], [other]) => (other === "error") - (one === "error") || (one < other ? -1 : 1));
  if (!pairs.length) return h("p", { class: "dim" }, "no tags");
  return h("table", { class: "tags" }, h("tbody", {}, ...pairs.map(([key, value]) => tag(key, value, half, events))));
}

function tag(key, value, half, events) {
  const query = value && !/ and /.test(value) && !/ and |=/.test(key) ? `${key}=${value}` : key;
  const more = button(
    icon("search"),
    { class: "icon more", title: "More with this tag", "aria-label": `More with ${label(key)}` },
    () => events.more({ service: half.service, q: query }),
  );
  const copy = button(icon("copy"), { class: "icon", title: "Copy the value", "aria-label": `Copy ${label(key)}` }, () =>
    events.copy(value, label(key)),
  );
  return h(
    "tr",
    { class: key === "error" ? "bad" : "" },
    h("th", { scope: "row" }, label(key)),
    h("td", {}, ...long(value)),
    h("td", { class: "actions" }, more, copy),
  );
}

function long(value) {
  if (!value) return [h("span", { class: "dim" }, "empty")];
  if (value.length <= MAX_SHOWN_CHARS) return [h("span", { class: "value" }, lines(value))];
  const text = h("span", { class: "value" }, lines(value.slice(0, MAX_SHOWN_CHARS)) + "…");
  const rest = button(`Show all ${thousands(value.length)} characters`, { class: "link" }, () => {
    text.textContent = lines(value);
    rest.remove();
  });
  return [text, " ", rest];
}

function annotations(half, tree) {
  if (!half.annotations.length) return null;
  const sorted = [...half.annotations].sort((one, other) => one.timestamp - other.timestamp);
  const row = ({ timestamp, value }) =>
    h(
      "tr",
      {},
      h(
        "td",
        { class: "offset", title: `${moment(timestamp)} · ${utc(timestamp)}` },
        timestamp ? `+${duration(Math.max(0, timestamp - tree.begin))}` : "–",
      ),
      h("td", {}, ...long(value)),
    );
  return h("table", { class: "annotations" }, h("tbody", {}, ...sorted.slice(0, 200).map(row)));
}

function groupPanel(group, events) {
  const count = group.nodes.length,
    { slowest } = group;
  const actions = [
    button("Slowest of them", {}, () => events.select(slowest)),
    button("Unfold or fold", {}, () => events.toggle(group)),
    button("More like these", { class: "similar" }, () => events.more({ service: group.main.service, name: group.name })),
  ];
  return h(
    "section",
    { class: "panel", "aria-label": "Group of spans" },
    head(group, actions, events),
    facts([
      ["Spans", thousands(count)],
      ["Total", duration(group.total)],
      ["On average", duration(group.total / count)],
      ["At most", duration(slowest.duration)],
      ["Errors", String(group.errors)],
    ]),
    h("p", { class: "dim" }, "Siblings of one service, name and kind, as one row."),
  );
}
