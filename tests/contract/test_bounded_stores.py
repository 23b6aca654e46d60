"""How the collector's stores stay bounded in bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from opentracing_zipkin.collector.query import TraceQuery
from opentracing_zipkin.collector.stores import Store
from opentracing_zipkin.collector.stores.memory import MemoryStore
from opentracing_zipkin.collector.stores.sqlite import SqliteStore

from .test_stores import ALL, Make, span

BOUNDED: dict[str, Make] = {
    "memory": lambda folder: MemoryStore(max_bytes=1 << 20),
    "sqlite": lambda folder: SqliteStore(folder / "spans.db", max_bytes=1 << 20),
}


@pytest.fixture(params=BOUNDED.values(), ids=BOUNDED)
def bounded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = request.param(tmp_path)
    yield made
    made.close()


def test_the_oldest_traces_go_when_there_are_too_many_bytes(bounded: Store) -> None:
    """Whole traces, the ones that began to arrive first; a search finds none of them, and names that only they had are gone."""
    for at in range(100):
        trace = f"{at + 1:016x}"
        bounded.add([span(trace, str(each + 1), name=f"n{at}", tags={"k": "x" * 400}) for each in range(50)])
    counts = bounded.counts()
    kept = [int(trace[0].trace_id, 16) for trace in bounded.traces()]

    assert counts.kept_bytes <= counts.max_bytes
    assert list(range(101 - len(kept), 101)) == kept
    assert 5 < len(kept) < 100
    assert (50 * len(kept), 5000) == (counts.spans, counts.spans + counts.evicted)
    assert sorted(f"n{number - 1}" for number in kept) == bounded.span_names("web")
    assert [] == bounded.trace("1".zfill(16))
    assert [] == bounded.find(TraceQuery(ALL, "", "", "n0", (), 0, 0, 10))
    assert len(kept) == len(bounded.find(TraceQuery(ALL, "", "", "", (("k", ""),), 0, 0, 1000)))


def test_one_trace_without_end_stays_bounded(bounded: Store) -> None:
    """It loses its oldest spans; their tags are forgotten in the end, and the newest are there."""
    for at in range(100):
        bounded.add([span("a", f"{at:x}{each:03x}1", tags={"k": "x" * 400, "n": f"{at}.{each}"}) for each in range(100)])
    counts = bounded.counts()
    ids = [each.span_id for each in bounded.trace("a".zfill(16))]

    assert counts.kept_bytes <= counts.max_bytes
    assert 500 < len(ids) == counts.spans < 10_000
    assert [f"{at:x}{each:03x}1".zfill(16) for at in range(100) for each in range(100)][-len(ids) :] == ids
    assert 1 == len(bounded.find(TraceQuery(ALL, "", "", "", (("n", "99.99"),), 0, 0, 10)))
    assert [] == bounded.find(TraceQuery(ALL, "", "", "", (("n", "0.0"),), 0, 0, 10))
