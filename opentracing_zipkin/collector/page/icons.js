// The few pictures of buttons, drawn here because a font may lack them.

import { svg } from "./dom.js";

const PATHS = {
  copy: "M5.5 5.5h7v8h-7z M3.5 10.5v-8h7",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z M10.5 10.5l3.5 3.5",
  close: "M4 4l8 8 M12 4l-8 8",
  back: "M10 3l-5 5l5 5",
  open: "M2.5 12.5v-9h4l1.5 2h5.5v7z",
};

export const icon = (name) =>
  svg(
    "svg",
    { class: "picture", viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" },
    svg("path", { d: PATHS[name] }),
  );
