// The keyboard: one table, used by the page and shown by the dialog.

import { $, button, h } from "./dom.js";
import { icon } from "./icons.js";

/** Keys, their effect, and the action's name; the first group works everywhere. */
export const KEYS = [
  ["Anywhere"],
  [["/"], "search: a trace id, a tag, an annotation", "search"],
  [["t"], "the traces", "traces"],
  [["d"], "the dependencies", "graph"],
  [["r"], "search again; the time range ends now", "refresh"],
  [["n"], "show the new traces", "fresh"],
  [["l"], "turn live updates on or off", "live"],
  [["s"], "the durations' plot: arrows, Home for the slowest, Enter", "scatter"],
  [["o"], "open a file", "file"],
  [["?"], "these keys", "help"],
  [["Escape"], "close the span, then the trace", "back"],
  ["In the list and in the trace"],
  [["j", "ArrowDown"], "next row", "down"],
  [["k", "ArrowUp"], "previous row", "up"],
  [["PageDown"], "ten rows down", "pageDown"],
  [["PageUp"], "ten rows up", "pageUp"],
  [["Home"], "the first row", "first"],
  [["End"], "the last row", "last"],
  [["Enter"], "open the trace; unfold the span", "enter"],
  [["J"], "open the next trace", "nextTrace"],
  [["K"], "open the previous trace", "previousTrace"],
  ["In the trace"],
  [["ArrowRight"], "unfold, then go down", "right"],
  [["ArrowLeft"], "fold, then go up", "left"],
  [["+"], "unfold all", "unfoldAll"],
  [["-"], "fold all", "foldAll"],
  [["e"], "next error, where it began", "error"],
  [["f"], "find in the trace", "find"],
  [["z"], "zoom to the span", "zoom"],
  [["0"], "the whole trace", "whole"],
  [["m"], "search for this span's service and name", "more"],
  [["c"], "copy the trace id", "copy"],
];

const SIGNS = {
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowRight: "→",
  ArrowLeft: "←",
  Escape: "Esc",
  PageDown: "Page ↓",
  PageUp: "Page ↑",
};
// Keys that a control of the browser needs while it has the focus.
const BUTTON_KEYS = new Set(["Enter"]);

const isText = (element) => element.matches("input:not([type=checkbox]), textarea, select");

/** Actions are called by name; one that returns false leaves the key to the browser. */
export function listenToKeys(actions) {
  const named = new Map(
    KEYS.filter(([keys]) => Array.isArray(keys)).flatMap(([keys, , name]) => keys.map((key) => [key, name])),
  );
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const { target } = event,
      name = named.get(event.key);
    if (!name || !actions[name] || $("keys").open) return;
    if (isText(target)) {
      if (event.key === "Escape") [event.preventDefault(), target.blur()]; // a search field would clear itself
      return;
    }
    if (BUTTON_KEYS.has(event.key) && target.closest("button, a, [role=button]")) return;
    if (actions[name]() !== false) event.preventDefault();
  });
}

export function showHelp() {
  const dialog = $("keys");
  if (!dialog.firstChild) dialog.append(...content(dialog));
  dialog.showModal();
}

function content(dialog) {
  const groups = [];
  for (const [keys, words] of KEYS) {
    if (!words) groups.push(h("dl", {}, h("h3", {}, keys)));
    else
      groups[groups.length - 1].append(
        h("div", {}, h("dt", {}, ...keys.map((key) => h("kbd", {}, SIGNS[key] ?? key))), h("dd", {}, words)),
      );
  }
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  const close = button(icon("close"), { class: "icon", "aria-label": "Close" }, () => dialog.close());
  return [h("header", {}, h("h2", { id: "keys-title" }, "Keys"), close), h("div", { class: "key-groups" }, ...groups)];
}
