// Zipkin's query API, version 2, at the page's own address: the same requests work on a real Zipkin server.
//
// Rules: addresses are relative, so the page works behind a prefix.  If a server does not answer, `Away` is raised;
// if it refuses, an Error with its text.

import { DEFAULT_LIMIT, DEFAULT_RANGE, RANGES } from "./address.js";
import { readDuration } from "./units.js";

const TIMEOUT_MS = 20_000;

export class Away extends Error {}

/** The JSON answer of a GET request. */
export async function ask(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams(parameters).toString();
  const limit = AbortSignal.timeout ? AbortSignal.timeout(TIMEOUT_MS) : undefined;
  const response = await fetched(path + (query ? "?" + query : ""), signal, limit);
  if (response.status >= 502 && response.status <= 504) throw new Away(`status ${response.status}`);
  if (!response.ok) throw refusalOf(response, await response.text());
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError" || error instanceof TypeError) throw awayError(error, signal);
    throw new Error(`the answer of ${path} is no JSON: is this a Zipkin server?`);
  }
}

async function fetched(url, signal, limit) {
  try {
    return await fetch(url, { signal: both(signal, limit), cache: "no-store" });
  } catch (error) {
    throw awayError(error, signal);
  }
}

const both = (signal, limit) => (signal && limit && AbortSignal.any ? AbortSignal.any([signal, limit]) : (signal ?? limit));
const awayError = (error, signal) => (signal?.aborted ? error : new Away(error.message));

function refusalOf(response, text) {
  const error = new Error(text.trim().slice(0, 500) || `${response.status} ${response.statusText}`);
  error.status = response.status;
  return error;
}

/** The parameters of a search for this state; with `sinceMs` only for traces that began since then. */
export function searchOf(state, nowMs, sinceMs = 0) {
  const parameters = { limit: state.limit || DEFAULT_LIMIT, ...windowOf(state, nowMs) };
  if (sinceMs) parameters.lookback = Math.max(1, Math.min(parameters.lookback, nowMs - sinceMs));
  if (state.service) parameters.serviceName = state.service;
  if (state.name) parameters.spanName = state.name;
  if (state.remote) parameters.remoteServiceName = state.remote;
  const terms = [state.q, state.errors && "error"].filter(Boolean).join(" and ");
  if (terms) parameters.annotationQuery = terms;
  const min = readDuration(state.min || "");
  if (min) parameters.minDuration = min;
  return parameters;
}

/** `endTs` and `lookback`, in milliseconds. */
export function windowOf(state, nowMs) {
  if (state.from && state.to) {
    const endTs = Math.max(1, Number(state.to));
    return { endTs, lookback: Math.max(1, endTs - Number(state.from)) };
  }
  return { endTs: nowMs, lookback: RANGES[state.range || DEFAULT_RANGE][0] * 1000 };
}

export const traces = (parameters, signal) => ask("api/v2/traces", parameters, signal);
export const trace = (id, signal) => ask("api/v2/trace/" + encodeURIComponent(id), {}, signal);
export const services = () => ask("api/v2/services");
export const spanNames = (serviceName) => ask("api/v2/spans", { serviceName });
export const remoteServices = (serviceName) => ask("api/v2/remoteServices", { serviceName });
export const dependencies = (state, signal) => ask("api/v2/dependencies", windowOf(state, Date.now()), signal);

/** The keys that a server was told to complete, or the values of a key; none on a server without such a list. */
export const completions = (key) =>
  (key ? ask("api/v2/autocompleteValues", { key }) : ask("api/v2/autocompleteKeys")).catch(() => []);
