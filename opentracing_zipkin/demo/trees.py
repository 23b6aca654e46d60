"""A trace as a tree, of the spans that a collector's query API gives.

Rules: the pieces are shown as they were reported: a shared span's server side hangs below the client's side of the same id.
Source: openzipkin/zipkin, SpanNode.java.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .visits import SpanKey

__all__ = ["Json", "Node", "grow", "key_of", "walk"]

Json = dict[str, Any]


@dataclass
class Node:
    """A span and what was done on its behalf, in the order of the starts."""

    span: Json
    children: list[Node] = field(default_factory=list)


def key_of(span: Json) -> SpanKey:
    """Service, kind and name."""
    service = (span.get("localEndpoint") or {}).get("serviceName", "")
    return SpanKey(service, span.get("kind") or "", span.get("name", ""))


def grow(spans: Sequence[Json]) -> list[Node]:
    """The roots, in the order of their starts: one where the trace is whole, more where parents are missing."""
    nodes = [Node(span) for span in sorted(spans, key=lambda span: (span.get("timestamp", 0), bool(span.get("shared"))))]
    by_id: dict[str, list[Node]] = {}
    for node in nodes:
        by_id.setdefault(node.span["id"], []).append(node)
    roots = Node({})
    for node in nodes:
        (_parent(node, by_id) or roots).children.append(node)
    return roots.children


def _parent(node: Node, by_id: dict[str, list[Node]]) -> Node | None:
    if node.span.get("shared"):
        client = next((other for other in by_id[node.span["id"]] if not other.span.get("shared")), None)
        if client is not None:
            return client
    candidates = by_id.get(node.span.get("parentId") or "", [])
    service = key_of(node.span).service
    same_service = [other for other in candidates if key_of(other.span).service == service]
    return next(iter(same_service or candidates[::-1]), None)


def walk(roots: Sequence[Node], ancestry: tuple[bool, ...] = ()) -> Iterator[tuple[Node, tuple[bool, ...]]]:
    """Each node from the top, with one flag a level: whether the branch at that level ends there."""
    for number, node in enumerate(roots, 1):
        here = (*ancestry, number == len(roots))
        yield node, here
        yield from walk(node.children, here)
