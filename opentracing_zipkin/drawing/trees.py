"""A trace as a tree.

Rules: each reported piece is shown: the server side of a shared span is a child of the client side with the same id.
Source: openzipkin/zipkin, SpanNode.java.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model import FinishedSpan

__all__ = ["Node", "roots_of", "service_of", "traces_of", "walk"]

MAX_LEVELS = 1_000  # deeper spans stand at the last level, because each span copies one flag for each level above it


class Node:
    """A span and its children, in the order of their starts."""

    __slots__ = ("children", "span")

    def __init__(self, span: FinishedSpan) -> None:
        self.span = span
        self.children: list[Node] = []


def service_of(span: FinishedSpan) -> str:
    """The name of the service that reported the span; "" where it is unknown."""
    return "" if span.local is None else span.local.service_name


def roots_of(spans: Sequence[FinishedSpan]) -> list[Node]:
    """The roots in the order of their starts: one if the trace is complete, more if parents are missing."""
    nodes = [Node(span) for span in sorted(spans, key=lambda span: (span.timestamp_us, span.shared))]
    if not nodes:
        return []
    known = _Known(nodes)
    roots = Node(nodes[0].span)
    parents = [known.parent(node) or roots for node in nodes]
    for node, parent in zip(nodes, parents, strict=True):
        parent.children.append(node)
    return roots.children + _cut_circles(nodes, parents, roots)


class _Known:
    """The nodes by id, found in constant time, however many nodes have the same id."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._first: dict[tuple[str, str], Node] = {}  # by id and service
        self._last: dict[str, Node] = {}
        self._client: dict[str, Node] = {}  # by id: the first node that is not shared
        for node in nodes:
            span = node.span
            self._first.setdefault((span.span_id, service_of(span)), node)
            self._last[span.span_id] = node
            if not span.shared:
                self._client.setdefault(span.span_id, node)

    def parent(self, node: Node) -> Node | None:
        """The client side of a shared span, else the parent; of a parent with several sides, the one of the same service."""
        span = node.span
        if span.shared and span.span_id in self._client:
            return self._client[span.span_id]
        if span.parent_id is None:
            return None
        return self._first.get((span.parent_id, service_of(span))) or self._last.get(span.parent_id)


def _cut_circles(nodes: Sequence[Node], parents: Sequence[Node], roots: Node) -> list[Node]:
    """Cut circles: damaged input may have spans that are their own ancestors.

    The first span of each circle becomes a root.
    """
    reached = {id(node) for node, _ in walk(roots.children)}
    cut = []
    for node, parent in zip(nodes, parents, strict=True):
        if id(node) not in reached:
            parent.children.remove(node)
            cut.append(node)
            reached.update(id(below) for below, _ in walk([node]))
    return cut


def walk(roots: Sequence[Node]) -> Iterator[tuple[Node, tuple[bool, ...]]]:
    """Each node from the top, with one flag for each level: whether the branch at that level ends there.

    Spans below MAX_LEVELS levels are placed at the last level.
    """
    waiting: list[tuple[Node, tuple[bool, ...]]] = [(root, (root is roots[-1],)) for root in reversed(roots)]
    while waiting:  # no recursion, because a trace may be deeper than Python's stack
        node, ancestry = waiting.pop()
        yield node, ancestry
        above = ancestry[: MAX_LEVELS - 1]
        waiting += [(child, (*above, child is node.children[-1])) for child in reversed(node.children)]


def traces_of(spans: Sequence[FinishedSpan]) -> list[list[FinishedSpan]]:
    """Spans by trace, in the order of each trace's first span; the low 64 bits of an id identify the trace, as on a server."""
    traces: dict[str, list[FinishedSpan]] = {}
    for span in spans:
        traces.setdefault(span.trace_id[-16:], []).append(span)
    return list(traces.values())
