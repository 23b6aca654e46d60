"""Trees of spans."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from opentracing_zipkin.drawing.trees import Node, roots_of, service_of, traces_of, walk
from opentracing_zipkin.model import FinishedSpan

from .spans import CALL, DRAW, FRONTEND, JOINED, READ, ROOT, TRACE, changed


def shape(nodes: list[Node]) -> list[Any]:
    return [(node.span, shape(node.children)) for node in nodes]


def test_a_trace_grows_into_one_tree_in_any_order_of_arrival() -> None:
    """A trace becomes one tree in any order of arrival.

    The server's side of a shared span is below the client's, with its own children; siblings are sorted by start.
    """
    expected: list[Any] = [(ROOT, [(CALL, [(JOINED, [(READ, [])])]), (DRAW, [])])]

    for spans in permutations(TRACE):
        assert expected == shape(roots_of(spans))


def test_a_child_of_a_shared_id_hangs_below_the_side_of_its_own_service() -> None:
    """A local span of the calling service is below the client's side of a shared span."""
    local = changed(READ, local=FRONTEND)

    assert [(CALL, [(JOINED, []), (local, [])])] == shape(roots_of([local, JOINED, CALL]))


def test_a_span_whose_parent_is_missing_is_a_root() -> None:
    """A span whose parent is missing is a root beside the others, sorted by start."""
    assert [(ROOT, []), (READ, [])] == shape(roots_of([READ, ROOT]))


def test_a_shared_span_whose_client_is_missing_hangs_below_its_parent() -> None:
    """A server's side without a reported client is a child of the caller's span."""
    assert [(ROOT, [(JOINED, [])])] == shape(roots_of([JOINED, ROOT]))


def test_a_span_without_times_and_endpoint_has_a_place() -> None:
    """A span needs only its ids to have a place in the tree."""
    bare = FinishedSpan("1", "9", "1")

    assert [(ROOT, [(bare, [])])] == shape(roots_of([ROOT, bare]))
    assert "" == service_of(bare)


def test_spans_in_a_circle_are_all_there() -> None:
    """A span that is its own ancestor becomes a root: no span is lost, and no loop is endless."""
    first, second = changed(CALL, parent_id="3"), changed(READ, parent_id="2")
    own = changed(DRAW, span_id="7", parent_id="7")

    assert [(first, [(second, [])]), (own, [])] == shape(roots_of([first, second, own]))


def test_a_trace_may_be_deeper_than_the_stack() -> None:
    """A trace of 5,000 levels is walked without recursion; levels beyond 1,000 are shown at that one."""
    deep = [FinishedSpan("1", str(number), str(number - 1), timestamp_us=number) for number in range(1, 5_001)]

    assert 5_000 == sum(1 for _ in walk(roots_of(deep)))
    assert 1_000 == max(len(ancestry) for _, ancestry in walk(roots_of(deep)))


def test_spans_are_sorted_by_trace() -> None:
    """Ids of 64 and 128 bits with the same low half belong to one trace."""
    long, other = changed(DRAW, trace_id="f" * 16 + "1" * 16), changed(ROOT, trace_id="2" * 16)
    short = changed(READ, trace_id="1" * 16)

    assert [[long, short], [other]] == traces_of([long, other, short])


@pytest.mark.parametrize("shared", [True, False])
def test_many_spans_of_one_id_take_no_longer_than_others(shared: bool) -> None:
    """20,000 spans with one id, each its own parent, become 20,000 nodes in the usual time."""
    same = [FinishedSpan("1", "2", "2", timestamp_us=number, shared=shared) for number in range(20_000)]

    assert 20_000 == sum(1 for _ in walk(roots_of(same)))
