// Clocks that disagree: a server that seems to have begun before its client asked.
//
// Rules: the server's host is shifted so that its span lies in the middle of its client's, together with what the
// same host did below.  A page that shows a corrected trace says so, with the amounts (`shifts`).
// Source: openzipkin/zipkin, the correction of clock skew in its UI; only a trace with one root is corrected.

/** Shifts the halves' timestamps in place; `[{ service, us }]`, one a shifted service, the largest shift of each. */
export function corrected(roots) {
  if (roots.length !== 1) return [];
  const shifts = new Map(),
    stack = [[roots[0], null]];
  while (stack.length) {
    const [node, above] = stack.pop();
    let skew = above,
      caller = node.parent && node.parent.halves[node.parent.halves.length - 1];
    for (const half of node.halves) {
      const found = skewOf(caller, { ...half, timestamp: half.timestamp - amountFor(half, skew) });
      const us = amountFor(half, skew) + (found?.us ?? 0);
      skew = found ? { host: half.local, us } : skew;
      if (us) shift(half, us, shifts);
      caller = half;
    }
    for (const child of node.children) stack.push([child, skew]);
  }
  return [...shifts].map(([service, us]) => ({ service, us }));
}

const amountFor = (half, skew) => (skew && half.timestamp && sameHost(half.local, skew.host) ? skew.us : 0);

function shift(half, us, shifts) {
  half.timestamp -= us;
  half.shift = -us;
  for (const each of half.annotations) each.timestamp -= us;
  if (Math.abs(us) > Math.abs(shifts.get(half.service) ?? 0)) shifts.set(half.service, -us);
}

/** How far the clock of the server is off, seen from its client; undefined where that cannot be seen. */
function skewOf(client, server) {
  if (!client || client.kind !== "CLIENT" || server.kind !== "SERVER") return undefined;
  if (!client.timestamp || server.timestamp <= 0 || server.timestamp > client.timestamp) return undefined;
  if (!hasHost(client) || !hasHost(server) || sameHost(client.local, server.local)) return undefined;
  const early = server.timestamp - client.timestamp;
  // One way, or an answer that came after the client had gone: it began after the client, that is all we know.
  if (!client.duration || !server.duration || client.duration < server.duration) return { us: early - 1 };
  const us = Math.floor(early - (client.duration - server.duration) / 2);
  return us ? { us } : undefined;
}

const hasHost = (span) => Boolean(span.local && Object.keys(span.local).length);

function sameHost(one, other) {
  if (!one || !other) return false;
  return Boolean((one.ipv6 && one.ipv6 === other.ipv6) || (one.ipv4 && one.ipv4 === other.ipv4));
}
