// Conditions that the API does not know, or that apply to a file: the page tests them itself.

import { isServing, normal } from "./spans.js";
import { readDuration } from "./units.js";

/** Whether a service was called by another in this trace: by its remote endpoint, or by the service above it. */
export function calledBy(rawSpans, service, caller) {
  const spans = rawSpans.map(normal),
    byId = new Map();
  for (const span of spans) byId.set(span.id, [...(byId.get(span.id) ?? []), span]);
  return spans.some((span) => span.service === service && (isCalled(span, caller) || callerOf(span, byId) === caller));
}

const isCalled = (span, caller) => isServing(span) && span.remote.serviceName === caller;

// The nearest other service above a span; ids in a circle end the search.
function callerOf(span, byId) {
  const seen = new Set();
  for (let each = span; each && !seen.has(each);) {
    seen.add(each);
    const other = byId.get(each.id).find((half) => half !== each && half.service !== span.service);
    if (other && isServing(each)) return other.service;
    const above = byId.get(each.parentId) ?? [];
    each = above.find((half) => half.service === span.service) ?? above[above.length - 1];
    if (each && each.service !== span.service) return each.service;
  }
  return "";
}

/** Whether a trace of a file meets the filter, as on a server; the time range does not count. */
export function matches(rawSpans, { service, name, remote, q, errors, min }) {
  const spans = rawSpans.map(normal).filter((span) => !service || span.service === service);
  const terms = (q ? q.split(" and ") : []).map((term) => term.trim()).filter(Boolean);
  const least = readDuration(min || "") ?? 0;
  return (
    spans.length > 0 &&
    (!name || spans.some((span) => span.name.toLowerCase() === name)) &&
    (!remote || spans.some((span) => span.remote.serviceName === remote)) &&
    (!errors || spans.some((span) => span.tags.has("error"))) &&
    (!least || spans.some((span) => span.duration >= least)) &&
    terms.every((term) => spans.some((span) => has(span, term)))
  );
}

function has(span, term) {
  const [, key, value] = /^([^=]*)(?:=(.*))?$/s.exec(term);
  if (value) return span.tags.get(key) === value;
  return span.tags.has(key) || span.annotations.some((each) => each.value === key);
}
