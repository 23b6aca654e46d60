// A colour for each service, the same everywhere on the page and at the next visit.
//
// Rules: the colours of style.css differ in brightness as well as in hue, for readers who do not see hue.  A
// service's name chooses its colour as long as that colour is free.  The browser keeps the choice.

export const COLOURS = 10;

const STORAGE_KEY = "zipkin-colours";
const MAX_KEPT_COLOURS = 300;

const taken = new Map(kept());

function kept() {
  try {
    const pairs = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "[]");
    return pairs.filter(([name, colour]) => typeof name === "string" && colour >= 0 && colour < COLOURS);
  } catch {
    return []; // no storage, or a value that another page stored
  }
}

function keep() {
  try {
    const pairs = [...taken].filter(([name]) => name.length < 200).slice(0, MAX_KEPT_COLOURS);
    localStorage.setItem(STORAGE_KEY, JSON.stringify(pairs));
  } catch {
    // Without a storage, colours last as long as the page.
  }
}

/** The number of the service's colour, for the classes `c0` to `c9`. */
export function colourOf(service) {
  const known = taken.get(service);
  if (known !== undefined) return known;
  const first = hash(service) % COLOURS,
    used = new Set(taken.values());
  const steps = Array.from({ length: COLOURS }, (_, step) => (first + step) % COLOURS);
  const colour = steps.find((each) => !used.has(each)) ?? first;
  taken.set(service, colour);
  keep();
  return colour;
}

export const colourClass = (service) => `c${colourOf(service)}`;

function hash(text) {
  let value = 2166136261;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 16777619) >>> 0;
  return value;
}
