"""Links between services, aggregated over traces.

Rules: a call counts as one link, although two spans report it.  The server's span counts, because a server knows its own name
best.  A client's span counts if no server answered.  Messages link to their broker.  Local spans in between are skipped.
Source: openzipkin/zipkin, DependencyLinker and SpanNode; each rule measured on zipkin-server 3.5.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from ..model import Endpoint, FinishedSpan

__all__ = ["Call", "calls_of", "dependency_links", "links_of"]

Call: TypeAlias = tuple[str, str, bool]  # the caller, the called service, and whether the call failed


@dataclass(eq=False)
class _Node:
    """A span in its tree; several reported pieces of one span are one node."""

    span: FinishedSpan
    parent: _Node | None = None
    children: list[_Node] = field(default_factory=list)
    walked: bool = False  # whether `remote` is the result of `_nearest_remote`
    remote: _Node | None = None


def dependency_links(traces: Iterable[Sequence[FinishedSpan]]) -> list[dict[str, object]]:
    """`parent`, `child`, `callCount` and, where it is not 0, `errorCount`, in the form of the API's answer."""
    return links_of(map(calls_of, traces))


def calls_of(trace: Iterable[FinishedSpan]) -> list[Call]:
    """The calls in a trace."""
    return [call for node in _tree(trace) for call in _calls(node)]


def links_of(traces: Iterable[Iterable[Call]]) -> list[dict[str, object]]:
    """The result of `dependency_links` for traces whose calls are known."""
    links: dict[tuple[str, str], list[int]] = {}
    for calls in traces:
        for parent, child, failed in calls:
            counts = links.setdefault((parent, child), [0, 0])
            counts[0] += 1
            counts[1] += failed
    return [
        {"parent": parent, "child": child, "callCount": count, **({"errorCount": errors} if errors else {})}
        for (parent, child), (count, errors) in links.items()
    ]


def _calls(node: _Node) -> Iterable[Call]:
    """The calls that this span reports."""
    span = node.span
    own, remote = _name(span.local), _name(span.remote)
    kind = span.kind or ("CLIENT" if own and remote else None)
    if kind is None or (span.kind == "CLIENT" and node.children):
        return  # the server's span below reports the call better
    parent, child = (remote, own) if kind in ("SERVER", "CONSUMER") else (own, remote)
    failed = "error" in span.tags
    if kind in ("CLIENT", "SERVER"):
        ancestor = _remote_ancestor(node)
        ancestor_name = _name(ancestor.local) if ancestor else ""
        if ancestor and ancestor_name:
            if kind == "CLIENT" and own and own != ancestor_name:
                yield ancestor_name, own, False  # the span that would report this call is missing
            if kind == "SERVER" or not parent:
                parent = ancestor_name
            # If client and server have different span ids, both may report the failure, or only the client.
            if ancestor.kind == "CLIENT" and span.parent_id == ancestor.span_id:
                failed = failed or "error" in ancestor.tags
    if parent and child:
        yield parent, child, failed


def _name(endpoint: Endpoint | None) -> str:
    return "" if endpoint is None else endpoint.service_name


def _remote_ancestor(node: _Node) -> FinishedSpan | None:
    """The nearest ancestor that is not a local span."""
    found = None if node.parent is None else _nearest_remote(node.parent)
    return None if found is None or found is node else found.span  # ids in a circle form no tree


def _nearest_remote(node: _Node) -> _Node | None:
    """The node itself or its nearest ancestor that is not local; the result is kept, so that a long chain is walked once."""
    path: list[_Node] = []
    above: _Node | None = node
    while above is not None and above.span.kind is None and not above.walked:
        above.walked = True
        path.append(above)
        above = above.parent
    if above is not None and above.span.kind is None:  # walked before, or a circle without a result yet
        above = above.remote
    for passed in path:
        passed.remote = above
    return above


def _tree(trace: Iterable[FinishedSpan]) -> list[_Node]:
    """Nodes with parents and children; a shared span becomes a child of the client span with the same id."""
    nodes = [_Node(span) for span in _merged(trace)]
    clients = {node.span.span_id: node for node in reversed(nodes) if not node.span.shared}
    servers: dict[str, dict[Endpoint | None, _Node]] = {}
    for node in nodes:
        if node.span.shared:
            servers.setdefault(node.span.span_id, {}).setdefault(node.span.local, node)
    for node in nodes:
        span = node.span
        if span.shared and span.span_id in clients:
            parent: _Node | None = clients[span.span_id]
        else:
            parent = _parent_of(span, clients, servers)
        node.parent = parent if parent is not node else None
    _attach_to_root(nodes)
    for node in nodes:
        if node.parent is not None:
            node.parent.children.append(node)
    return nodes


def _attach_to_root(nodes: Sequence[_Node]) -> None:
    """Make the root the parent of all nodes that have none in the trace; of several roots, the one with the least id counts."""
    roots = [node for node in nodes if node.span.parent_id is None and node.parent is None]
    if not roots:
        return
    root = min(roots, key=lambda node: node.span.span_id)
    for node in nodes:
        if node.parent is None and node is not root:
            node.parent = root


def _parent_of(span: FinishedSpan, clients: dict[str, _Node], servers: dict[str, dict[Endpoint | None, _Node]]) -> _Node | None:
    """The parent: the server span on the same endpoint if there is one, because its client is on another endpoint."""
    parent_id = span.parent_id or ""
    sharing = servers.get(parent_id, {})
    return sharing.get(span.local) or clients.get(parent_id) or next(iter(sharing.values()), None)


def _merged(trace: Iterable[FinishedSpan]) -> list[FinishedSpan]:
    """The pieces of each span merged into one; a server with the id of a client counts as shared, even without the flag.

    Merging comes first: a client and a server without the flag are one span, if their endpoints do not differ.
    """
    by_id: dict[str, list[FinishedSpan]] = {}
    for span in trace:
        by_id.setdefault(span.span_id, []).append(span)
    merged = []
    for pieces in by_id.values():
        pieces.sort(key=_order)
        whole: list[FinishedSpan] = []
        for piece in pieces:
            if not whole or not _merge_into(whole[-1], piece):
                whole.append(_copy(piece))
        for before, span in pairwise(whole):
            if before.kind == "CLIENT" and span.kind == "SERVER":
                span.shared = True
            if span.shared:
                span.parent_id = span.parent_id or before.parent_id
        merged += whole
    return merged


def _order(piece: FinishedSpan) -> tuple[object, ...]:
    """The sort key of a piece: clients first, servers that share their id last, the others by endpoint.

    So pieces of one span are neighbours.  A piece without endpoint comes first; unknown parts of an endpoint come after known
    ones.
    """
    side = 2 if piece.shared else 0 if piece.kind == "CLIENT" else 1
    if piece.local is None:
        return side, False
    return side, True, *((not text, text) for text in piece.local[:3])


def _merge_into(whole: FinishedSpan, piece: FinishedSpan) -> bool:
    """Add a piece to a span, and return True, unless a part of their endpoints is known in both and differs."""
    if whole.shared != piece.shared:
        return False
    if whole.local is not None and piece.local is not None:
        pairs = list(zip(whole.local, piece.local, strict=True))
        if any(left and right and left != right for left, right in pairs):
            return False
        whole.local = Endpoint(*(left or right for left, right in pairs))  # type: ignore[arg-type]  # field by field
    whole.local = whole.local or piece.local
    whole.parent_id = whole.parent_id or piece.parent_id
    whole.kind = whole.kind or piece.kind
    whole.remote = whole.remote or piece.remote
    whole.tags.update(piece.tags)
    return True


def _copy(span: FinishedSpan) -> FinishedSpan:
    """A copy with only the fields that links need."""
    return FinishedSpan(
        span.trace_id,
        span.span_id,
        span.parent_id,
        span.kind,
        local=span.local,
        remote=span.remote,
        tags=dict(span.tags),
        shared=span.shared,
    )
