// A trace as a tree of nodes: one node for each span id, with a half for each side that reported it.
//
// Rules: nothing here recurses, because a trace may be a chain of 20,000 spans.  Ids that form a circle get a root,
// too.  A span whose parent is missing stands at the top, marked as such.

import { corrected } from "./skew.js";
import { isServing, normal } from "./spans.js";

/** `{ roots, nodes, byId, shifts, services, begin, end }`; `nodes` are in the order of the tree. */
export function treeOf(rawSpans, { correct = true } = {}) {
  const byId = new Map();
  for (const raw of rawSpans) {
    const span = normal(raw);
    if (!byId.has(span.id)) byId.set(span.id, { id: span.id, halves: [], children: [], parent: null, depth: 0 });
    addHalf(byId.get(span.id), span);
  }
  const all = [...byId.values()],
    roots = linked(all, byId);
  const shifts = correct ? corrected(roots) : [];
  for (const node of all) measure(node);
  for (const node of [{ children: roots }, ...all]) node.children.sort(byBegin);
  const nodes = inOrder(roots);
  total(nodes);
  return { roots, nodes, byId, shifts, services: servicesOf(nodes), ...extent(nodes) };
}

const byBegin = (one, other) => (one.begin === other.begin ? 0 : one.begin - other.begin);

// Pieces of one half (a span that was reported twice, or while it ran) are merged.
function addHalf(node, span) {
  const same = node.halves.find((half) => half.service === span.service && isServing(half) === isServing(span));
  if (!same) {
    node.halves.push(span);
    node.halves.sort((one, other) => isServing(one) - isServing(other));
    return;
  }
  for (const [key, value] of span.tags) same.tags.set(key, value);
  const known = new Set(same.annotations.map((each) => each.timestamp + each.value));
  same.annotations.push(...span.annotations.filter((each) => !known.has(each.timestamp + each.value)));
  for (const key of ["parentId", "kind", "name", "timestamp"]) same[key] ||= span[key];
  same.duration = Math.max(same.duration, span.duration);
}

function linked(all, byId) {
  const roots = [];
  for (const node of all) {
    const parentId = node.halves.find((half) => half.parentId && half.parentId !== node.id)?.parentId;
    const parent = parentId ? byId.get(parentId) : undefined;
    node.orphan = Boolean(parentId && !parent);
    if (parent) [node.parent] = [parent, parent.children.push(node)];
    else roots.push(node);
  }
  const seen = new Set(inOrder(roots));
  for (const node of all) {
    if (seen.has(node)) continue; // the rest of the loop handles a circle
    const { parent } = node;
    parent.children.splice(parent.children.indexOf(node), 1);
    [node.parent, node.orphan] = [null, true];
    roots.push(node);
    for (const each of inOrder([node])) seen.add(each);
  }
  return roots;
}

/** The nodes, depth first; sets each node's depth. */
function inOrder(roots) {
  const ordered = [],
    stack = [...roots].reverse();
  while (stack.length) {
    const node = stack.pop();
    node.depth = node.parent ? node.parent.depth + 1 : 0;
    ordered.push(node);
    for (let at = node.children.length - 1; at >= 0; at--) stack.push(node.children[at]);
  }
  return ordered;
}

// The last half names a row, because a server knows its own name best.
function measure(node) {
  const timed = node.halves.filter((half) => half.timestamp);
  node.main = node.halves[node.halves.length - 1];
  node.name = node.main.name || node.halves[0].name;
  node.begin = timed.length ? Math.min(...timed.map((half) => half.timestamp)) : Infinity;
  node.end = timed.length ? Math.max(...timed.map((half) => half.timestamp + half.duration)) : Infinity;
  node.duration = timed.length ? node.end - node.begin : Math.max(...node.halves.map((half) => half.duration));
  node.failed = node.halves.some((half) => half.tags.has("error"));
}

/** Compute, from the leaves up, the own time of each node, and the numbers of spans and errors in its subtree. */
function total(nodes) {
  for (const node of nodes) {
    if (node.begin !== Infinity) continue;
    node.begin = node.end = node.parent && node.parent.begin !== Infinity ? node.parent.begin : Infinity;
    node.untimed = true;
  }
  for (let at = nodes.length - 1; at >= 0; at--) {
    const node = nodes[at];
    node.size = 1;
    node.errorsBelow = 0;
    for (const child of node.children) {
      node.size += child.size;
      node.errorsBelow += child.errorsBelow + Number(child.failed);
    }
    node.own = node.untimed ? 0 : node.duration - covered(node);
  }
}

// The part of a node's time that its children cover; the children are in the order of their begin.
function covered(node) {
  let sum = 0,
    until = node.begin;
  for (const child of node.children) {
    if (child.untimed) continue;
    const begin = Math.max(until, child.begin),
      end = Math.min(node.end, child.end);
    if (end > begin) [sum, until] = [sum + end - begin, end];
  }
  return sum;
}

function extent(nodes) {
  let begin = Infinity,
    end = 0;
  for (const node of nodes) {
    if (node.untimed) continue;
    begin = Math.min(begin, node.begin);
    end = Math.max(end, node.end);
  }
  return begin === Infinity ? { begin: 0, end: 1 } : { begin, end: Math.max(end, begin + 1) };
}

/** For each service, the number of its spans and of its failed spans. */
function servicesOf(nodes) {
  const services = new Map();
  for (const node of nodes) {
    for (const half of node.halves) {
      const counts = services.get(half.service) ?? { count: 0, errors: 0 };
      counts.count++;
      counts.errors += Number(half.tags.has("error"));
      services.set(half.service, counts);
    }
  }
  return services;
}

/** The nodes where an error began: they failed, and no node below them did. */
export const causesOf = (tree) =>
  tree.nodes.filter((node) => node.failed && !node.errorsBelow).sort((one, other) => one.end - other.end);

/** The nodes with the most own time. */
export const slowest = (tree, count) =>
  tree.nodes
    .filter((node) => node.own > 0)
    .sort((one, other) => other.own - one.own)
    .slice(0, count);
