"""A trace as a tree.

Rules: the pieces are shown as they were reported: a shared span's server side hangs below the client's side of the same id.
Source: openzipkin/zipkin, SpanNode.java.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model import FinishedSpan

__all__ = ["Node", "grow", "service_of", "traces_of", "walk"]


class Node:
    """A span and what was done on its behalf, in the order of the starts."""

    __slots__ = ("children", "span")

    def __init__(self, span: FinishedSpan) -> None:
        self.span = span
        self.children: list[Node] = []


def service_of(span: FinishedSpan) -> str:
    """The name of the service that reported it; "" where it is unknown."""
    return "" if span.local is None else span.local.service_name


def grow(spans: Sequence[FinishedSpan]) -> list[Node]:
    """The roots, in the order of their starts: one where the trace is whole, more where parents are missing."""
    nodes = [Node(span) for span in sorted(spans, key=lambda span: (span.timestamp_us, span.shared))]
    by_id: dict[str, list[Node]] = {}
    for node in nodes:
        by_id.setdefault(node.span.span_id, []).append(node)
    roots = Node(nodes[0].span) if nodes else None
    parents = [_parent(node, by_id) or roots for node in nodes]
    for node, parent in zip(nodes, parents, strict=True):
        if parent is not None:
            parent.children.append(node)
    return [] if roots is None else roots.children + _cut_circles(nodes, parents, roots)


def _cut_circles(nodes: Sequence[Node], parents: Sequence[Node | None], roots: Node) -> list[Node]:
    """Spans that are their own ancestors, as damaged input has it: the first of each circle is taken out as a root."""
    reached = {id(node) for node, _ in walk(roots.children)}
    cut = []
    for node, parent in zip(nodes, parents, strict=True):
        if id(node) not in reached and parent is not None:
            parent.children.remove(node)
            cut.append(node)
            reached.update(id(below) for below, _ in walk([node]))
    return cut


def _parent(node: Node, by_id: dict[str, list[Node]]) -> Node | None:
    span = node.span
    if span.shared:
        client = next((other for other in by_id[span.span_id] if not other.span.shared), None)
        if client is not None:
            return client
    candidates = by_id.get(span.parent_id or "", [])
    service = service_of(span)
    same_service = [other for other in candidates if service_of(other.span) == service]
    return next(iter(same_service or candidates[::-1]), None)


def walk(roots: Sequence[Node]) -> Iterator[tuple[Node, tuple[bool, ...]]]:
    """Each node from the top, with one flag a level: whether the branch at that level ends there."""
    waiting: list[tuple[Node, tuple[bool, ...]]] = [(root, (root is roots[-1],)) for root in reversed(roots)]
    while waiting:  # no recursion, because a trace may be deeper than Python's stack
        node, ancestry = waiting.pop()
        yield node, ancestry
        waiting += [(child, (*ancestry, child is node.children[-1])) for child in reversed(node.children)]


def traces_of(spans: Sequence[FinishedSpan]) -> list[list[FinishedSpan]]:
    """Spans by trace, in the order of each trace's first span; the low 64 bits of a trace id decide, as on the server."""
    traces: dict[str, list[FinishedSpan]] = {}
    for span in spans:
        traces.setdefault(span.trace_id[-16:], []).append(span)
    return list(traces.values())
