// Traces from a file: Zipkin's JSON, version 2, as a list of spans or a list of such lists, also compressed with
// gzip.
//
// Rules: a file stays in the page; nothing of it is sent.  For a wrong file one line tells the fault.

import { grouped } from "./spans.js";

const MAX_FILE_BYTES = 300e6;

/** `{ name, traces }`; throws an Error with the reason. */
export async function readTraces(file) {
  if (file.size > MAX_FILE_BYTES)
    throw new Error(`${file.name} has ${Math.round(file.size / 1e6)} MB; at most ${MAX_FILE_BYTES / 1e6} are read`);
  return { name: file.name, traces: grouped(spansOf(parsed(await textOf(file), file.name), file.name)) };
}

async function textOf(file) {
  const start = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (start[0] !== 0x1f || start[1] !== 0x8b) return file.text();
  try {
    return await new Response(file.stream().pipeThrough(new DecompressionStream("gzip"))).text();
  } catch {
    throw new Error(`${file.name} is a damaged gzip file`);
  }
}

function parsed(text, name) {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    const lines = text.trim().split("\n");
    try {
      return lines.map((line) => JSON.parse(line)); // one span on each line
    } catch {
      throw new Error(`${name} is no JSON: ${error.message}`);
    }
  }
}

function spansOf(value, name) {
  if (!Array.isArray(value))
    throw new Error(`${name} holds ${kindOf(value)}; a list of spans in Zipkin's JSON (version 2) is expected`);
  const spans = value.flat();
  if (!spans.length) throw new Error(`${name} holds no spans`);
  spans.forEach((span, at) => check(span, `${name}, span ${at + 1}`));
  return spans;
}

function kindOf(value) {
  if (value?.resourceSpans) return "OpenTelemetry's JSON (OTLP)";
  if (value?.data?.[0]?.traceID) return "Jaeger's JSON";
  if (value?.traceId) return "one span outside a list";
  return value && typeof value === "object" ? "an object" : "a bare value";
}

function check(span, where) {
  if (!span || typeof span !== "object" || Array.isArray(span)) throw new Error(`${where} is no object`);
  if (span.binaryAnnotations || span.annotations?.[0]?.endpoint) {
    throw new Error(`${where} is of Zipkin's version 1; convert it: opentracing-zipkin decode --to json FILE`);
  }
  for (const key of ["traceId", "id"])
    if (typeof span[key] !== "string" || !span[key]) throw new Error(`${where} has no ${key}`);
  if (span.tags && (typeof span.tags !== "object" || Array.isArray(span.tags)))
    throw new Error(`${where} has tags that are no object`);
}
