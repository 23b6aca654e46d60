// Spans of Zipkin's JSON in a regular form.
//
// Rules: a file may come from anywhere, so every field is checked.  Tags are a Map, because a key may be "__proto__".

const text = (value) => (value === undefined || value === null ? "" : String(value));
const whole = (value) => (Number.isFinite(Number(value)) && Number(value) > 0 ? Number(value) : 0);

/** A span in which a missing field is 0 or ""; `raw` is the original. */
export function normal(raw) {
  const local = raw.localEndpoint ?? {},
    remote = raw.remoteEndpoint ?? {};
  return {
    raw,
    traceId: text(raw.traceId),
    id: text(raw.id),
    parentId: text(raw.parentId),
    kind: text(raw.kind).toUpperCase(),
    name: text(raw.name),
    timestamp: whole(raw.timestamp),
    duration: whole(raw.duration),
    service: text(local.serviceName),
    local,
    remote,
    shared: raw.shared === true,
    tags: new Map(Object.entries(raw.tags ?? {}).map(([key, value]) => [key, text(value)])),
    annotations: (Array.isArray(raw.annotations) ? raw.annotations : [])
      .filter((each) => each && typeof each === "object")
      .map((each) => ({ timestamp: whole(each.timestamp), value: text(each.value) })),
  };
}

/** Whether a span is on the answering side of a call. */
export const isServing = (span) => span.shared || span.kind === "SERVER" || span.kind === "CONSUMER";

export const endOf = (span) => span.timestamp + span.duration;

/** An endpoint as text, such as `orders 10.0.0.7:8080`. */
export function address(endpoint) {
  const ip = endpoint.ipv4 || (endpoint.ipv6 && (endpoint.port ? `[${endpoint.ipv6}]` : endpoint.ipv6)) || "";
  return [text(endpoint.serviceName), [ip, endpoint.port].filter(Boolean).join(":")].filter(Boolean).join(" ");
}

/** The traces of an answer or a file, each once, by the low half of the id: some services keep 128 bits, some 64. */
export function grouped(spans) {
  const traces = new Map();
  for (const span of spans) {
    const key = span.traceId.slice(-16).padStart(16, "0");
    if (!traces.has(key)) traces.set(key, []);
    traces.get(key).push(span);
  }
  return [...traces.values()];
}

/** The earliest span without a parent; where there is none, the earliest of all spans. */
export function rootOf(spans) {
  const earlier = (one, other) => ((other.timestamp || Infinity) < (one.timestamp || Infinity) ? other : one);
  const roots = spans.filter((span) => !span.parentId && !span.shared);
  return (roots.length ? roots : spans).reduce(earlier);
}

/** The failed spans without a failed span below them, where the errors began; the span that ended first comes first. */
export function causes(spans) {
  const failed = spans.filter((span) => span.tags.has("error"));
  const above = new Set(failed.map((span) => span.parentId));
  const serving = new Set(failed.filter(isServing).map((span) => span.id));
  const first = failed.filter((span) => !above.has(span.id) && (isServing(span) || !serving.has(span.id)));
  return (first.length ? first : failed).sort((one, other) => endOf(one) - endOf(other));
}

/** The error text of a failed span. */
export const errorText = (span) => {
  const value = span.tags.get("error") ?? "";
  return value && value !== "true" ? value : span.tags.get("http.status_code") || "error";
};
