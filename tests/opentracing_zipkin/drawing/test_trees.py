"""How spans become a tree."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from opentracing_zipkin.drawing.trees import Node, grow, service_of, traces_of, walk
from opentracing_zipkin.model import FinishedSpan

from .spans import CALL, DRAW, FRONTEND, JOINED, READ, ROOT, TRACE, changed


def shape(nodes: list[Node]) -> list[Any]:
    return [(node.span, shape(node.children)) for node in nodes]


def test_a_trace_grows_into_one_tree_in_any_order_of_arrival() -> None:
    """The server's side of a shared span hangs below the client's, and its own children below it; siblings stand by start."""
    expected: list[Any] = [(ROOT, [(CALL, [(JOINED, [(READ, [])])]), (DRAW, [])])]

    for spans in permutations(TRACE):
        assert expected == shape(grow(spans))


def test_a_child_of_a_shared_id_hangs_below_the_side_of_its_own_service() -> None:
    """A local span of the calling service stays on the client's side of a shared span."""
    local = changed(READ, local=FRONTEND)

    assert [(CALL, [(JOINED, []), (local, [])])] == shape(grow([local, JOINED, CALL]))


def test_a_span_whose_parent_is_missing_is_a_root() -> None:
    """What is not connected stands beside the root, by start."""
    assert [(ROOT, []), (READ, [])] == shape(grow([READ, ROOT]))


def test_a_shared_span_whose_client_is_missing_hangs_below_its_parent() -> None:
    """A server's side whose client did not report is a child of the caller's span."""
    assert [(ROOT, [(JOINED, [])])] == shape(grow([JOINED, ROOT]))


def test_a_span_without_times_and_endpoint_has_a_place() -> None:
    """Only the ids are required."""
    bare = FinishedSpan("1", "9", "1")

    assert [(ROOT, [(bare, [])])] == shape(grow([ROOT, bare]))
    assert "" == service_of(bare)


def test_spans_in_a_circle_are_all_there() -> None:
    """A span that is its own ancestor is a root: nothing is lost, and nothing goes on for ever."""
    first, second = changed(CALL, parent_id="3"), changed(READ, parent_id="2")
    own = changed(DRAW, span_id="7", parent_id="7")

    assert [(first, [(second, [])]), (own, [])] == shape(grow([first, second, own]))


def test_a_trace_may_be_deeper_than_the_stack() -> None:
    """No recursion: 5,000 levels are walked; those beyond the thousandth stand there."""
    deep = [FinishedSpan("1", str(number), str(number - 1), timestamp_us=number) for number in range(1, 5_001)]

    assert 5_000 == sum(1 for _ in walk(grow(deep)))
    assert 1_000 == max(len(ancestry) for _, ancestry in walk(grow(deep)))


def test_spans_are_sorted_by_trace() -> None:
    """An id of 64 bits and one of 128 bits with the same low half are one trace."""
    long, other = changed(DRAW, trace_id="f" * 16 + "1" * 16), changed(ROOT, trace_id="2" * 16)
    short = changed(READ, trace_id="1" * 16)

    assert [[long, short], [other]] == traces_of([long, other, short])


@pytest.mark.parametrize("shared", [True, False])
def test_many_spans_of_one_id_take_no_longer_than_others(shared: bool) -> None:
    """20,000 of them, each below the others of the same id, are as many nodes."""
    same = [FinishedSpan("1", "2", "2", timestamp_us=number, shared=shared) for number in range(20_000)]

    assert 20_000 == sum(1 for _ in walk(grow(same)))
