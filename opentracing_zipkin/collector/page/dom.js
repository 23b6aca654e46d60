// Elements made from names, attributes and text.
//
// Rules: text enters the document as text only (`append` of strings), so nothing in a span can become markup.  Styles
// are set on the element, never written as an attribute, because the page's policy forbids that.

export const $ = (id) => document.getElementById(id);

/** An element; `props` are attributes, except `class`, `style` (an object), `on` (listeners) and those of PROPERTIES. */
export function h(name, props, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(props ?? {})) set(made, key, value);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "selected", "tabIndex", "title"]);

function set(element, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key === "class") element.className = value;
  else if (key === "style") for (const [name, text] of Object.entries(value)) element.style.setProperty(name, text);
  else if (key === "on") for (const [name, listener] of Object.entries(value)) element.addEventListener(name, listener);
  else if (PROPERTIES.has(key)) element[key] = value;
  else element.setAttribute(key, value === true ? "" : String(value));
}

/** An SVG element; it has attributes only. */
export function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (value !== null && value !== undefined) made.setAttribute(key, String(value));
  }
  made.append(...children.flat().filter(Boolean));
  return made;
}

export function button(label, props, listener) {
  return h("button", { type: "button", ...props, on: { click: listener } }, label);
}

/** A function whose calls are collected: `run` is called once, at the next frame. */
export function oncePerFrame(run) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      run();
    });
  };
}

/** A drawing context and the size of a canvas, as sharp as the screen and cleared; null while the canvas is hidden. */
export function pen(canvas) {
  const width = canvas.clientWidth,
    height = canvas.clientHeight,
    ratio = window.devicePixelRatio || 1;
  if (!width || !height) return null;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return { context, width, height };
}

/** The value of a CSS variable, for canvases. */
export const cssValue = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
