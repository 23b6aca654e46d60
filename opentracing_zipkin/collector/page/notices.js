// Short texts at the bottom of the window, and copies to the clipboard.

import { $, button, h } from "./dom.js";

let end = 0;

export function toast(text, bad = false) {
  $("toast").textContent = text;
  $("toast").classList.toggle("bad", bad);
  $("toast").hidden = false;
  clearTimeout(end);
  end = setTimeout(() => ($("toast").hidden = true), bad ? 10_000 : 2500);
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { value: text, class: "off-screen" }); // for addresses where the browser has no clipboard
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(`Copied ${what}`);
}

/** A line to paste elsewhere. */
export const snippet = (text) =>
  h(
    "div",
    { class: "snippet" },
    h("code", {}, text),
    button("Copy", {}, () => copy(text, "the line")),
  );
