"""The collector's stores keep to their limit of bytes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opentracing_zipkin.collector.query import TraceQuery, Window
from opentracing_zipkin.collector.stores import Store
from opentracing_zipkin.collector.stores.memory import MemoryStore
from opentracing_zipkin.collector.stores.sqlite import SqliteStore

from . import kept_memory
from .plain_store import ALL, PlainStore, many_spans, names_of, span
from .test_stores import Make

ROOT = Path(__file__).resolve().parents[2]
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
    """Traces that arrived first are deleted whole; no search finds them, and names that only they had are gone."""
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
    """A single endless trace loses its oldest spans and in the end their tags, while the newest spans can be found."""
    for at in range(100):
        bounded.add([span("a", f"{at:x}{each:03x}1", tags={"k": "x" * 400, "n": f"{at}.{each}"}) for each in range(100)])
    counts = bounded.counts()
    ids = [each.span_id for each in bounded.trace("a".zfill(16))]

    assert counts.kept_bytes <= counts.max_bytes
    assert 500 < len(ids) == counts.spans < 10_000
    assert [f"{at:x}{each:03x}1".zfill(16) for at in range(100) for each in range(100)][-len(ids) :] == ids
    assert 1 == len(bounded.find(TraceQuery(ALL, "", "", "", (("n", "99.99"),), 0, 0, 10)))
    assert [] == bounded.find(TraceQuery(ALL, "", "", "", (("n", "0.0"),), 0, 0, 10))


def test_a_search_finds_what_a_scan_of_the_rest_finds(bounded: Store) -> None:
    """Each search finds all spans that are left and none that was deleted."""
    added = many_spans(9000)
    for at in range(0, len(added), 500):
        bounded.add(added[at : at + 500])
    scan = PlainStore()
    for trace in bounded.traces():
        scan.add(trace)
    asked = [
        TraceQuery(ALL, "", "", "", (), 0, 0, 10_000),
        TraceQuery(ALL, "web", "db", "get /7", (), 0, 0, 10_000),
        TraceQuery(ALL, "", "", "", (("http.method", "GET"), ("k", "3")), 0, 0, 20),
        TraceQuery(Window(1000, 900_000), "", "", "", (("note 1", ""),), 50_000, 51_000, 10_000),
    ]

    assert 100 < bounded.counts().spans < 8000
    assert [scan.find(each) for each in asked] == [[list(trace) for trace in bounded.find(each)] for each in asked]
    assert (scan.names()[0], scan.names()[1:-2]) == (names_of(bounded)[0], names_of(bounded)[1:-2])


@pytest.mark.parametrize("max_bytes", [1, 100, 1000])
def test_a_bound_below_one_span_keeps_nothing(max_bytes: int) -> None:
    """A store whose limit is below one span keeps nothing and still answers searches."""
    store = MemoryStore(max_bytes=max_bytes)
    store.add([span("a"), span("b")])

    assert ([], [], 0) == (store.traces(), store.find(TraceQuery(ALL, "", "", "", (), 0, 0, 10)), store.counts().spans)


@pytest.mark.parametrize("shape", kept_memory.SHAPES)
def test_what_a_store_in_memory_says_it_takes_is_what_the_process_takes(shape: str) -> None:
    """The store's count fits the process's memory, for many or few spans in a trace, repeated or different names, long keys."""
    command = [sys.executable, "-m", "tests.contract.kept_memory", shape]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50, cwd=ROOT).stdout
    resident, kept = map(int, printed.split())

    # The difference was within 15 % (CPython 3.11).  A long name counts in each table that has it, though tables may share it:
    # 1.8.
    assert 0.6 < kept / resident < 2.2
