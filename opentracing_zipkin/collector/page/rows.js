// The rows of a tree that are shown: unfolded nodes, matching nodes, and groups of similar siblings.
//
// Rules: one level unfolds at a time.  MIN_GROUP_NODES or more siblings of one service, name and kind are one row.  During a
// search in the trace, the rows are the matching nodes and their ancestors, unfolded.

const MIN_GROUP_NODES = 10;
const MAX_UNFOLDED_NODES = 150; // a trace up to this length is unfolded completely when it opens

/** A node's children as rows: nodes, and groups of similar ones in the place of their first node. */
export function entriesOf(parent) {
  if (parent.entries) return parent.entries;
  const alike = new Map();
  for (const node of parent.children) {
    const key = [node.main.service, node.name, node.main.kind].join("\u0000");
    if (!alike.has(key)) alike.set(key, []);
    alike.get(key).push(node);
  }
  const placed = new Set();
  parent.entries = [];
  for (const node of parent.children) {
    const key = [node.main.service, node.name, node.main.kind].join("\u0000"),
      nodes = alike.get(key);
    if (nodes.length < MIN_GROUP_NODES) parent.entries.push(node);
    else if (!placed.has(key)) parent.entries.push(groupOf(nodes, `${parent.id ?? "top"}/${parent.entries.length}`));
    placed.add(key);
  }
  return parent.entries;
}

function groupOf(nodes, id) {
  const timed = nodes.filter((node) => !node.untimed),
    durations = nodes.map((node) => node.duration);
  const group = {
    id,
    nodes,
    main: nodes[0].main,
    name: nodes[0].name,
    parent: nodes[0].parent,
    begin: timed.reduce((least, node) => Math.min(least, node.begin), Infinity),
    end: timed.reduce((most, node) => Math.max(most, node.end), 0),
    total: durations.reduce((sum, each) => sum + each, 0),
    slowest: nodes.reduce((one, other) => (other.duration > one.duration ? other : one)),
    errors: nodes.reduce((sum, node) => sum + Number(node.failed) + node.errorsBelow, 0),
  };
  for (const node of nodes) node.group = group;
  return group;
}

/** The ids that are unfolded when a trace opens: all ids of a short trace, the first level of a long one. */
export function openedAtFirst(tree) {
  if (tree.nodes.length <= MAX_UNFOLDED_NODES) return new Set(tree.nodes.map((node) => node.id));
  return new Set(tree.roots.length === 1 ? [tree.roots[0].id] : []);
}

/** Rows `{ entry, depth, expandable, expanded, dim }`; `matches` is null without a search. */
export function rowsOf(tree, opened, matches) {
  const shown = matches && withAncestors(matches),
    rows = [];
  const stack = [[entriesOf({ children: tree.roots, entries: tree.top }), 0, 0]];
  if (!tree.top) tree.top = stack[0][0];
  while (stack.length) {
    const frame = stack[stack.length - 1],
      [entries, at, depth] = frame;
    if (at >= entries.length) {
      stack.pop();
      continue;
    }
    frame[1]++;
    const entry = entries[at],
      below = entry.nodes ?? entry.children;
    if (shown && entry.nodes) {
      stack.push([entry.nodes, 0, depth]);
      continue;
    }
    if (shown && !shown.has(entry)) continue;
    const expandable = below.length > 0 && (!shown || below.some((each) => shown.has(each)));
    const expanded = expandable && (Boolean(shown) || opened.has(entry.id));
    rows.push({ entry, depth, expandable, expanded, dim: Boolean(matches && !matches.has(entry)) });
    if (expanded) stack.push([entry.nodes ?? entriesOf(entry), 0, depth + 1]);
  }
  return rows;
}

function withAncestors(nodes) {
  const all = new Set();
  for (const node of nodes) for (let each = node; each && !all.has(each); each = each.parent) all.add(each);
  return all;
}

/** Unfold all ancestors that hide this node. */
export function reveal(node, opened) {
  if (node.parent) entriesOf(node.parent);
  for (let each = node; each; each = each.parent) {
    if (each.parent) {
      entriesOf(each.parent);
      opened.add(each.parent.id);
    }
    if (each.group) opened.add(each.group.id);
  }
}

/** The nodes that match all of `{ text, service, kind, errors }`; null where none of them is given. */
export function matching(tree, { text, service, kind, errors }) {
  if (!text && !service && !kind && !errors) return null;
  const wanted = text.toLowerCase();
  return new Set(
    tree.nodes.filter(
      (node) =>
        (!errors || node.failed) &&
        node.halves.some((half) => (!service || half.service === service) && (!kind || (half.kind || "LOCAL") === kind)) &&
        (!wanted || node.halves.some((half) => says(half, wanted))),
    ),
  );
}

/** Whether a text, in lower case, is in any part of a span that is shown. */
export function says(span, wanted) {
  const has = (text) => text.toLowerCase().includes(wanted);
  if (has(span.name) || has(span.service) || span.id === wanted) return true;
  for (const [key, value] of span.tags) if (has(key) || has(value) || `${key}=${value}`.toLowerCase() === wanted) return true;
  return span.annotations.some((each) => has(each.value));
}
