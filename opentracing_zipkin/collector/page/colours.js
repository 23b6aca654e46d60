// A colour for each service, the same everywhere on the page.
//
// Rules: the colours of style.css differ in brightness as well as in hue, so that they are told apart by those who see no hue.
// A service keeps its colour while the page is open; its name decides where the colour is free.

export const COLOURS = 10;

const taken = new Map();

/** The number of the service's colour: class `c0` to `c9`. */
export function colourOf(service) {
  const known = taken.get(service);
  if (known !== undefined) return known;
  const first = hash(service) % COLOURS, used = new Set(taken.values());
  let free = first;
  for (let step = 0; step < COLOURS; step++) {
    free = (first + step) % COLOURS;
    if (!used.has(free)) break;
    free = first;
  }
  taken.set(service, free);
  return free;
}

export const colourClass = (service) => `c${colourOf(service)}`;

function hash(text) {
  let value = 2166136261;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 16777619) >>> 0;
  return value;
}
