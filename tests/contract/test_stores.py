"""The behaviour that every store of the collector shares; every search is compared with a scan of all spans."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import TypeAlias

import pytest
from hypothesis import given, settings, strategies as st

from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.collector.dependencies import dependency_links
from opentracing_zipkin.collector.query import TraceQuery, Window
from opentracing_zipkin.collector.stores import Store
from opentracing_zipkin.collector.stores.memory import MemoryStore
from opentracing_zipkin.collector.stores.sqlite import SqliteStore
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .plain_store import ALL, PlainStore, began_in, many_spans, names_of, queries, span, spans

Make: TypeAlias = Callable[[Path], Store]

STORES: dict[str, Make] = {
    "memory": lambda folder: MemoryStore(listed_tags=("k", "http.method")),
    "sqlite": lambda folder: SqliteStore(folder / "spans.db", listed_tags=("k", "http.method")),
}


@pytest.fixture(params=STORES.values(), ids=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = request.param(tmp_path)
    yield made
    made.close()


@settings(deadline=None, max_examples=50)
@given(batches=st.lists(st.lists(spans, max_size=6), max_size=4), asked=st.lists(queries, min_size=1, max_size=5))
@pytest.mark.parametrize(
    ("make", "reopened"),
    [
        pytest.param(STORES["memory"], False, id="memory"),
        pytest.param(STORES["sqlite"], False, id="sqlite"),
        pytest.param(STORES["sqlite"], True, id="sqlite, opened again"),
    ],
)
def test_a_search_finds_what_a_scan_finds(
    make: Make, reopened: bool, batches: list[list[FinishedSpan]], asked: list[TraceQuery]
) -> None:
    """A search finds the same as a scan, however the spans arrived, and also after the file was closed and opened again."""
    scan, windows = PlainStore(), (Window(2, 100), ALL, Window(2, 100))
    with tempfile.TemporaryDirectory() as folder:
        store = make(Path(folder))
        for batch in batches:
            store.add(batch)
            scan.add(batch)
            store.links(ALL)  # called here because it caches its results
            if reopened:
                store.close()
                store = make(Path(folder))
        found = [[list(trace) for trace in store.find(each)] for each in asked]
        traces, names = store.traces(), names_of(store)
        links = [store.links(window) for window in windows]
        store.close()

    assert [scan.find(each) for each in asked] == found
    assert scan.traces() == traces
    assert scan.names() == names
    expected = [dependency_links([trace for trace in scan.traces() if began_in(each, trace)]) for each in windows]
    assert expected == links


def test_a_search_in_many_traces_finds_what_a_scan_finds(store: Store) -> None:
    """A search finds the same as a scan, with terms of one or many traces, and when part of the index is deleted."""
    added = many_spans(9_000)
    scan = PlainStore()
    scan.add(added)
    for at in range(0, len(added), 1000):
        store.add(added[at : at + 1000])
    chance = random.Random(18)
    asked = [
        TraceQuery(
            Window(chance.choice((0, 500_000)), 10**6),
            chance.choice(("", "web", "db")),
            chance.choice(("", "", "db")),
            chance.choice(("", "", "get /7")),
            tuple(
                chance.sample(
                    [("http.method", "GET"), ("user", str(chance.randrange(9_000))), ("k", ""), ("k", "3"), ("note 1", "")],
                    chance.randrange(3),
                )
            ),
            chance.choice((0, 0, 50_000)),
            chance.choice((0, 0, 50_100)),
            chance.choice((1, 10, 3000)),
        )
        for _ in range(15)
    ]

    assert [scan.find(each) for each in asked] == [[list(trace) for trace in store.find(each)] for each in asked]
    assert scan.names()[0] == store.service_names()


HIGH = "463ac35c9f6413ad"


def test_ids_of_64_and_128_bits_are_one_trace(store: Store) -> None:
    """If a library shortened the trace id, its spans are found with the others, under either id."""
    whole, cut = span(HIGH + "a".zfill(16), "1", kind="CLIENT", name="x"), span("a", "1", kind="SERVER", shared=True)
    cut.local = Endpoint("db")
    store.add([whole, cut])
    both = [json_v2.encode(whole), json_v2.encode(cut)]

    assert [both, both] == [list(store.trace_json(each.trace_id)) for each in (whole, cut)]
    assert [both] == store.find(TraceQuery(ALL, "db", "", "", (), 0, 0, 10))
    assert [{"parent": "web", "child": "db", "callCount": 1}] == store.links(ALL)
    assert 1 == store.counts().traces


def test_links_are_those_of_now(store: Store) -> None:
    """The links of a trace are computed anew if another span arrives after they were asked for."""
    client, server = span("a", "1", kind="CLIENT", remote=Endpoint("alias")), span("a", "1", kind="SERVER", shared=True)
    server.local = Endpoint("db")
    store.add([client])
    before = store.links(ALL)
    store.add([server])

    assert [{"parent": "web", "child": "alias", "callCount": 1}] == before
    assert [{"parent": "web", "child": "db", "callCount": 1}] == store.links(ALL)
    store.clear()
    assert [] == store.links(ALL)
    store.add([span("b", "1", kind="CLIENT", remote=Endpoint("queue"))])
    assert [{"parent": "web", "child": "queue", "callCount": 1}] == store.links(ALL)


def test_a_span_sent_twice_is_kept_once(store: Store) -> None:
    """A span that is sent twice is kept once, but the two sides of a shared span stay two."""
    piece = span("a", "1", shared=True)
    store.add([span("a", "1"), span("a", "1"), piece])
    store.add([span("a", "1"), piece])

    assert [span("a", "1"), piece] == store.trace("a".zfill(16))
    assert 2 == store.counts().spans


def test_an_unknown_trace_has_no_spans(store: Store) -> None:
    """An unknown trace has no spans and raises no error."""
    assert ([], []) == (store.trace("a" * 16), list(store.trace_json("b" * 32)))


def test_a_cleared_store_is_empty(store: Store) -> None:
    """A cleared store has none of its former spans, and keeps new ones."""
    store.add([span("a", name="x", tags={"k": "v"}), span("b")])
    store.clear()

    assert ([], [], [], 0, 0) == (store.traces(), store.service_names(), store.tag_values("k"), *store.counts()[:2])
    store.add([span("c")])
    assert [[span("c")]] == store.traces()
    assert [[json_v2.encode(span("c"))]] == store.find(TraceQuery(ALL, "", "", "", (), 0, 0, 10))


def test_a_closed_store_may_be_closed_again(store: Store) -> None:
    """A second `close` does nothing."""
    store.close()
    store.close()


def test_threads_add_and_read_at_the_same_time(store: Store) -> None:
    """With threads that write and read at the same time no span is lost, and every answer has whole spans."""
    failures: list[BaseException] = []

    def work(writer: int) -> None:
        try:
            for number in range(20):
                store.add([span(f"{writer}{number:04}", str(each + 1), name="x") for each in range(5)])
                store.find(TraceQuery(ALL, "web", "", "x", (), 0, 0, 5))
                store.span_names("web")
                store.links(ALL)
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=work, args=(writer + 1,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [] == failures
    assert (400, 80) == store.counts()[:2]
    assert [5] * 80 == list(map(len, store.traces()))


def least_seconds(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def test_a_search_costs_no_look_at_every_trace(store: Store) -> None:
    """A search without results is fast, even if half of the traces fulfil each of its conditions, but none fulfils all."""
    for at in range(0, 20_000, 1000):
        store.add(
            [
                span(
                    f"{number + 1:x}", name="x", tags={"odd": str(number % 2), "mark": str(number % 2)}, duration_us=number + 1
                )
                for number in range(at, at + 1000)
            ]
        )
    asked = [
        TraceQuery(ALL, "web", "", "", (("odd", "1"), ("mark", "0")), 0, 0, 10),
        TraceQuery(ALL, "", "", "y", (), 0, 0, 10),
        TraceQuery(ALL, "web", "", "x", (), 19_999, 20_000, 10),
    ]

    assert [0, 0, 2] == [len(store.find(each)) for each in asked]
    # Measured: 1 ms; a scan takes 30 ms.
    assert least_seconds(lambda: list(chain.from_iterable(map(store.find, asked)))) < 0.03
