// The filter's controls: they show the address, and change it.

import { DEFAULT_LIMIT, DEFAULT_RANGE, FILTER, RANGES, go, isTraceId, state } from "./address.js";
import * as api from "./api.js";
import { $, button, h } from "./dom.js";
import { label } from "./text.js";
import { readDuration } from "./units.js";

const CLEAR = Object.fromEntries(FILTER.map((key) => [key, undefined]));

/** Search with the filter in `changes` only; every other condition is removed. */
export const searchOnly = (changes) =>
  go({ ...CLEAR, errors: false, range: state().range, view: "traces", file: undefined, ...changes });

export function setUp() {
  for (const [value, [, words]] of Object.entries(RANGES)) $("range").append(h("option", { value }, words));
  $("range").append(h("option", { value: "between" }, "between…"));
  $("search").addEventListener("submit", (event) => [event.preventDefault(), submit()]);
  $("filters").addEventListener("submit", (event) => [event.preventDefault(), change()]);
  $("filters").addEventListener("change", (event) => change(event.target));
  $("q").addEventListener("search", submit);
  $("q").addEventListener("paste", () => setTimeout(() => isTraceId($("q").value) && submit()));
  $("q").addEventListener("input", complete);
  $("clear").addEventListener("click", () => searchOnly({ range: undefined }));
  $("filters-button").addEventListener("click", () => {
    $("filters-button").setAttribute("aria-expanded", String($("filters").classList.toggle("open")));
  });
  $("q").addEventListener("focus", () => api.completions("").then((keys) => setOptions($("tags"), keys)), { once: true });
}

/** Use the text of the main field: a trace id opens its trace. */
function submit() {
  const text = $("q").value.trim();
  if (isTraceId(text)) {
    $("q").value = state().q || "";
    go({ view: "traces", trace: text.toLowerCase(), span: undefined, zoom: undefined });
  } else go({ view: "traces", q: text || undefined });
}

function change(control) {
  const range = $("range").value;
  if (control === $("range") && range === "between") return startBetween();
  const min = $("min").value.trim();
  $("min").setCustomValidity(min && !readDuration(min) ? "a duration such as 100ms, 1.5s or 2m" : "");
  if (!$("filters").reportValidity()) return undefined;
  const service = $("service").value;
  const between =
    range === "between" ? { from: msOf($("from").value), to: msOf($("to").value) } : { from: undefined, to: undefined };
  return go({
    ...between,
    service,
    name: $("name").value.trim().toLowerCase(),
    remote: service ? $("remote").value : "",
    min,
    errors: $("errors").checked,
    range: range === DEFAULT_RANGE || range === "between" ? undefined : range,
    limit: Number($("limit").value) === DEFAULT_LIMIT ? undefined : $("limit").value,
  });
}

// Set the range to the last hour until now; the user can then change it by hand.
function startBetween() {
  const now = Date.now();
  go({ from: String(now - 3600_000), to: String(now), range: undefined });
}

const msOf = (text) => (text ? String(new Date(text).getTime()) : undefined);

function localTime(ms) {
  const date = new Date(Number(ms));
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Set the controls to the state in the address. */
export function show(now) {
  const between = Boolean(now.from && now.to);
  $("q").value = now.q || "";
  choose($("service"), now.service);
  $("name").value = now.name || "";
  choose($("remote"), now.remote);
  $("remote").disabled = !now.service;
  $("min").value = now.min || "";
  $("errors").checked = now.errors;
  $("range").value = between ? "between" : now.range || DEFAULT_RANGE;
  $("between").hidden = !between;
  if (between) [$("from").value, $("to").value] = [localTime(now.from), localTime(now.to)];
  choose($("limit"), now.limit || String(DEFAULT_LIMIT));
  $("sort").value = now.sort || "";
  const set = FILTER.filter((key) => now[key]);
  $("clear").hidden = !set.length;
  $("filters-button").textContent = set.length ? `Filters (${set.length})` : "Filters";
  const chips = [];
  if (now.caller) chips.push(chip(`called by ${label(now.caller)}`, { caller: undefined }));
  if (now.file) chips.push(chip(`file ${label(now.file)}`, { file: undefined, trace: undefined, span: undefined }));
  $("chips").replaceChildren(...chips);
}

const chip = (text, changes) =>
  button([text, h("span", { "aria-hidden": "true" }, " ×")], { class: "chip", title: "Remove" }, () => go(changes));

// A value in the address stays, even if no server knows it.
function choose(select, value = "") {
  if (![...select.options].some((option) => option.value === value)) select.append(h("option", { value }, label(value)));
  select.value = value;
}

function setOptions(list, names) {
  list.replaceChildren(...names.slice(0, 500).map((value) => h("option", { value })));
}

function setChoices(select, names, chosen) {
  const known = [...select.options].map((option) => option.value).filter(Boolean);
  if (known.join("\u0000") === names.join("\u0000")) return;
  select.replaceChildren(h("option", { value: "" }, "any"), ...names.map((value) => h("option", { value }, label(value))));
  choose(select, chosen);
}

/** Load names to choose from; this is repeated from time to time, because new services come. */
export async function loadNames(fromFile) {
  const { service, remote } = state();
  setChoices($("service"), fromFile ?? (await api.services()), service);
  if (!service || fromFile) return setOptions($("names"), []);
  const [names, remotes] = await Promise.all([api.spanNames(service), api.remoteServices(service)]);
  setOptions($("names"), names);
  return setChoices($("remote"), remotes, remote);
}

// After `key=` the values of that key are offered.
let completed = "";
async function complete() {
  const key = /^([^=]+)=/.exec($("q").value)?.[1] ?? "";
  if (key === completed) return;
  completed = key;
  const values = await api.completions(key);
  if (key === completed) setOptions($("tags"), key ? values.map((value) => `${key}=${value}`) : values);
}
