// The parts above a trace's rows; `pane` is the TracePane that they are made for.

import { colourClass } from "./colours.js";
import { button, h } from "./dom.js";
import { icon } from "./icons.js";
import { signed } from "./panel.js";
import { errorText } from "./spans.js";
import { label, plural } from "./text.js";
import { causesOf, slowest } from "./tree.js";
import { duration, moment, utc } from "./units.js";

const MAX_CAUSES = 3;
const MAX_SERVICES = 12;

/** The title of a trace: its name, begin, duration, and numbers of spans, services and errors. */
export function title(pane) {
  const { tree, spans } = pane,
    root = tree.roots[0],
    errors = tree.nodes.filter((node) => node.failed).length;
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
    button(
      icon("back"),
      { class: "icon back", "aria-label": "Back to the list", title: "Back to the list (Esc)" },
      pane.events.close,
    ),
    h("h2", {}, h("b", {}, label(root.main.service || "unnamed service")), " ", label(root.name || "unnamed")),
    h(
      "span",
      { class: "actions" },
      button("Copy JSON", { title: "Copy the trace as JSON" }, () => pane.copyJson()),
      button(icon("close"), { class: "icon close", "aria-label": "Close the trace", title: "Close (Esc)" }, pane.events.close),
    ),
    h(
      "p",
      { class: "trace-facts" },
      ...facts.filter(Boolean),
      button([label(pane.id), icon("copy")], { class: "id", title: "Copy the trace id (c)" }, () => pane.copyId()),
    ),
  );
}

/** Warnings: corrected clocks, and spans whose parent is missing. */
export function notes(pane) {
  const { tree } = pane,
    notes = [],
    orphans = tree.nodes.filter((node) => node.orphan).length;
  const shifted = tree.shifts.map(({ service, us }) => `${label(service || "unnamed service")} by ${signed(us)}`).join(", ");
  if (tree.shifts.length)
    notes.push(
      h(
        "p",
        { class: "note-line skew" },
        `The services' clocks disagree. These services are shown shifted: ${shifted}. `,
        button("Show as reported", { class: "link" }, () => pane.setCorrect(false)),
      ),
    );
  if (!pane.correct)
    notes.push(
      h(
        "p",
        { class: "note-line skew" },
        "Times as reported, clocks not corrected. ",
        button("Correct them", { class: "link" }, () => pane.setCorrect(true)),
      ),
    );
  if (orphans)
    notes.push(
      h("p", { class: "note-line" }, `${plural(orphans, "span")} ${orphans === 1 ? "has" : "have"} no parent here: it was not reported, or has not arrived yet.`),
    );
  return h("div", { class: "notes" }, ...notes, (pane.growing = h("p", { class: "note-line", hidden: true })));
}

/** The places of failure, with the cause first, and the spans with the most own time. */
export function insights(pane) {
  const causes = causesOf(pane.tree),
    shown = causes.slice(0, MAX_CAUSES).map((node) => {
      const half = [...node.halves].reverse().find((each) => each.tags.has("error")); // the server knows more than its client
      return button(
        [
          h("i", { class: "mark" }, "!"),
          h("b", {}, label(half.service || "unnamed service")),
          " ",
          h("span", { class: "words" }, label(errorText(half))),
        ],
        { class: "cause", title: label(errorText(half)) },
        () => pane.jump(node),
      );
    });
  const more =
    causes.length > MAX_CAUSES &&
    button(`${causes.length - MAX_CAUSES} more`, { class: "link", title: "Next error (e)" }, () => pane.nextError(1));
  const rows = [];
  if (causes.length)
    rows.push(
      h(
        "div",
        { class: "insight causes" },
        h("span", { class: "dim" }, causes.length === 1 ? "Cause" : "Causes"),
        ...shown,
        more,
      ),
    );
  const top = pane.tree.nodes.length > 2 ? slowest(pane.tree, 5) : [];
  const whole = pane.tree.end - pane.tree.begin;
  const chips = top.map((node) =>
    button(
      [
        h("span", { class: `dot ${colourClass(node.main.service)}` }),
        h("span", { class: "words" }, label(node.name || node.main.service)),
        h("b", {}, duration(node.own)),
      ],
      {
        class: "slow",
        title: `${label(`${node.main.service}: ${node.name}`)}, ${Math.round((100 * node.own) / whole)} % of the trace`,
      },
      () => pane.jump(node),
    ),
  );
  if (chips.length)
    rows.push(
      h("div", { class: "insight" }, h("span", { class: "dim", title: "Time that no child covers" }, "Own time"), ...chips),
    );
  return h("div", { class: "insights" }, ...rows);
}

/** The controls that reduce the rows. */
export function toolbar(pane) {
  const kinds = ["", "CLIENT", "SERVER", "PRODUCER", "CONSUMER", "LOCAL"].map((value) =>
    h("option", { value }, value ? value.toLowerCase() : "any kind"),
  );
  pane.finder = h("input", {
    type: "search",
    class: "find",
    placeholder: "Find in this trace",
    "aria-label": "Find in this trace",
    spellcheck: "false",
    value: pane.find.text,
    on: { input: () => pane.filterRows({ text: pane.finder.value.trim() }) },
  });
  const kind = h("select", { "aria-label": "Kind", on: { change: () => pane.filterRows({ kind: kind.value }) } }, ...kinds);
  kind.value = pane.find.kind;
  const errors = h("input", {
    type: "checkbox",
    checked: pane.find.errors,
    on: { change: () => pane.filterRows({ errors: errors.checked }) },
  });
  pane.whole = button("Whole trace", { title: "Zoom out (0)", class: "whole" }, () => pane.zoom(null));
  return h(
    "div",
    { class: "toolbar" },
    pane.finder,
    kind,
    h("label", { class: "check" }, errors, " Errors"),
    pane.legend,
    h(
      "span",
      { class: "actions" },
      pane.whole,
      button("Unfold all", { title: "Unfold all (+)" }, () => pane.unfoldAll()),
      button("Fold all", { title: "Fold all (-)" }, () => pane.foldAll()),
    ),
  );
}

/** The services, each with a button that filters by it. */
export function showLegend(pane) {
  const { services } = pane.tree;
  const sorted = [...services].sort(([, one], [, other]) => other.count - one.count).slice(0, MAX_SERVICES);
  const chip = ([name, { count, errors }]) =>
    button(
      [
        h("span", { class: `dot ${colourClass(name)}` }),
        label(name || "unnamed service"),
        h("span", { class: "dim" }, String(count)),
        errors > 0 && h("i", { class: "mark", title: plural(errors, "error") }, "!"),
      ],
      { class: "service", "aria-pressed": String(pane.find.service === name), title: "Only this service" },
      () => {
        pane.filterRows({ service: pane.find.service === name ? "" : name });
        showLegend(pane);
      },
    );
  pane.legend.replaceChildren(
    ...sorted.map(chip),
    services.size > MAX_SERVICES ? h("span", { class: "dim" }, `+${services.size - MAX_SERVICES}`) : "",
  );
}
