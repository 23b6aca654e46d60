// The summary of a trace, for a row of the list.

import { causes, endOf, normal, rootOf } from "./spans.js";
import { treeOf } from "./tree.js";

const MAX_CORRECTED_SPANS = 2000; // spans; the clocks of a longer trace are corrected only when it is opened

/** The summary of unchanged spans; `begin` is 0 where no span has a timestamp. */
export function summary(rawSpans) {
  const spans = rawSpans.map(normal),
    services = new Map(),
    root = rootOf(spans);
  for (const span of spans) services.set(span.service, (services.get(span.service) ?? 0) + 1);
  const errors = spans.filter((span) => span.tags.has("error")).length;
  const cause = errors ? causes(spans)[0] : null;
  return { id: root.traceId, root, services, errors, cause, count: spans.length, spans: rawSpans, ...extent(rawSpans, spans) };
}

function extent(rawSpans, spans) {
  const timed = spans.filter((span) => span.timestamp);
  if (!timed.length) return { begin: 0, duration: 0 };
  if (spans.length <= MAX_CORRECTED_SPANS) {
    const { begin, end } = treeOf(rawSpans);
    return { begin, duration: end - begin };
  }
  const begin = timed.reduce((least, span) => Math.min(least, span.timestamp), Infinity);
  return { begin, duration: timed.reduce((most, span) => Math.max(most, endOf(span)), 0) - begin };
}
