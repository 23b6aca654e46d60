"""The index of some thousand traces: the work for a search."""

from __future__ import annotations

from opentracing_zipkin.collector.query import TraceQuery, Window
from opentracing_zipkin.collector.stores.index import Index
from opentracing_zipkin.collector.stores.segment import Segment, Term
from opentracing_zipkin.model import Endpoint, FinishedSpan

ALL = Window(1, 1 << 62)
TRACES = 200


def span(number: int) -> FinishedSpan:
    """A span with a service and a key that no other span has."""
    number += 1
    id_ = f"{number:016x}"
    return FinishedSpan(id_, id_, timestamp_us=number, local=Endpoint(f"service {number}"), tags={f"key {number}": "x"})


def test_a_search_ends_where_no_trace_is_left() -> None:
    """A search with a hundred terms ends at the first term that no trace has, however many services and keys there are."""
    asked: list[Term] = []

    def counted(term: Term) -> int:
        asked.append(term)
        return hash(term)

    segment = Segment(counted, 1)
    for number in range(TRACES):
        segment.add(segment.open_trace(), span(number))
    asked.clear()
    terms = tuple((f"nobody {at}", "") for at in range(100))

    assert 0 == segment.matching(TraceQuery(ALL, "", "nobody", "nobody", terms, 5, 0, 10), (1 << TRACES) - 1)
    assert len(asked) <= TRACES


def test_any_limit_gives_the_latest_in_order() -> None:
    """A search gives the latest traces in order, over several segments, whether fewer, as many or more match than the limit."""
    index = Index(hash, segment_bytes=20_000)
    for number in range(TRACES):
        index.add(index.open_trace(), span(number))
    latest_first = list(range(TRACES, 0, -1))

    assert len(index._segments) > 3
    for limit in (1, 2, TRACES // 2, TRACES - 1, TRACES, TRACES + 1, 1 << 31):
        assert latest_first[:limit] == index.find(TraceQuery(ALL, "", "", "", (), 0, 0, limit))
