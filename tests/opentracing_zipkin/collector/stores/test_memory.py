"""The store that keeps spans in memory."""

from __future__ import annotations

from opentracing_zipkin.collector.stores.memory import MemoryStore
from opentracing_zipkin.model import FinishedSpan


def span(trace: int, number: int) -> FinishedSpan:
    return FinishedSpan(f"{trace:016x}", f"{number:016x}", timestamp_us=1)


def sizes(store: MemoryStore) -> list[tuple[int, int]]:
    """For each trace, its id and its number of spans."""
    return [(int(trace[0].trace_id, 16), len(trace)) for trace in store.traces()]


def test_the_oldest_traces_go_when_there_are_too_many_spans() -> None:
    """A full store drops whole traces, the earliest arrived first."""
    store = MemoryStore(max_spans=4)
    store.add([span(1, 1), span(2, 1), span(1, 2), span(3, 1)])
    store.add([span(3, 2)])

    assert [(2, 1), (3, 2)] == sizes(store)


def test_one_trace_without_end_stays_bounded() -> None:
    """A trace longer than the store loses its oldest spans."""
    store = MemoryStore(max_spans=3)
    store.add(span(1, number) for number in range(1, 10))

    assert ["7", "8", "9"] == [each.span_id[-1] for each in store.trace("1".zfill(16))]


def test_a_span_sent_twice_is_kept_once() -> None:
    """A message that is sent again does not double its spans."""
    store = MemoryStore(max_spans=10)
    store.add([span(1, 1)])
    store.add([span(1, 1), span(1, 2)])

    assert [(1, 2)] == sizes(store)


def test_an_unknown_trace_has_no_spans() -> None:
    """An unknown trace is an empty list, and no error."""
    assert [] == MemoryStore(max_spans=1).trace("a" * 16)
