// Clocks that disagree: a server that seems to have begun before its client sent the request.
//
// Rules: the times of the server's host are shifted so that the server's span lies in the middle of its client's.
// Spans of the same host below it are shifted, too.  A page that shows a corrected trace tells so, with the amounts
// (`shifts`).
// Source: openzipkin/zipkin, the correction of clock skew in its UI; only a trace with one root is corrected.

/** Shift the halves' timestamps in place; returns `[{ service, us }]` with the largest shift of each service. */
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

/** The error of the server's clock, compared with its client; undefined where it cannot be seen. */
function skewOf(client, server) {
  if (!client || client.kind !== "CLIENT" || server.kind !== "SERVER") return undefined;
  if (!client.timestamp || server.timestamp <= 0 || server.timestamp > client.timestamp) return undefined;
  if (!hasHost(client) || !hasHost(server) || sameHost(client.local, server.local)) return undefined;
  const early = server.timestamp - client.timestamp;
  // A one-way call, or an answer after the client had ended: the server began after the client, and no more is known.
  if (!client.duration || !server.duration || client.duration < server.duration) return { us: early - 1 };
  const us = Math.floor(early - (client.duration - server.duration) / 2);
  return us ? { us } : undefined;
}

const hasHost = (span) => Boolean(span.local && Object.keys(span.local).length);

function sameHost(one, other) {
  if (!one || !other) return false;
  return Boolean((one.ipv6 && one.ipv6 === other.ipv6) || (one.ipv4 && one.ipv4 === other.ipv4));
}
