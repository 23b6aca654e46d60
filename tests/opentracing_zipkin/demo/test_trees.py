"""How the spans of a query API become a tree."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from opentracing_zipkin.demo.trees import Json, Node, grow, key_of
from opentracing_zipkin.demo.visits import SpanKey

from .spans import CALL, DRAW, JOINED, READ, ROOT, TRACE


def shape(nodes: list[Node]) -> list[Any]:
    return [(node.span, shape(node.children)) for node in nodes]


def test_a_trace_grows_into_one_tree_in_any_order_of_arrival() -> None:
    """The server's side of a shared span hangs below the client's, and its own children below it; siblings stand by start."""
    expected: list[Any] = [(ROOT, [(CALL, [(JOINED, [(READ, [])])]), (DRAW, [])])]

    for spans in permutations(TRACE):
        assert expected == shape(grow(spans))


def test_a_child_of_a_shared_id_hangs_below_the_side_of_its_own_service() -> None:
    """A local span of the calling service stays on the client's side of a shared span."""
    local: Json = {**READ, "localEndpoint": {"serviceName": "frontend"}}

    assert [(CALL, [(JOINED, []), (local, [])])] == shape(grow([local, JOINED, CALL]))


def test_a_span_whose_parent_is_missing_is_a_root() -> None:
    """What is not connected stands beside the root, by start."""
    assert [(ROOT, []), (READ, [])] == shape(grow([READ, ROOT]))


def test_a_shared_span_whose_client_is_missing_hangs_below_its_parent() -> None:
    """A server's side whose client did not report is a child of the caller's span."""
    assert [(ROOT, [(JOINED, [])])] == shape(grow([JOINED, ROOT]))


def test_a_span_without_times_and_endpoint_has_a_place() -> None:
    """Only the ids are required."""
    bare: Json = {"traceId": "1", "id": "9", "parentId": "1"}

    assert [(ROOT, [(bare, [])])] == shape(grow([ROOT, bare]))
    assert SpanKey("", "", "") == key_of(bare)
