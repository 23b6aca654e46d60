"""Spans read back from a store, damaged or not."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.collector.query import TraceQuery, Window
from opentracing_zipkin.collector.stores.reading import read_back
from opentracing_zipkin.collector.stores.sqlite import SqliteStore
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .faults import spans, sqlite

WHOLE = FinishedSpan(
    "a" * 16, "b" * 16, "c" * 16, "CLIENT", "get", 5, 7, Endpoint("web", "192.0.2.1"), Endpoint("db", port=80),
    annotations=[(6, "note")], tags={"k": "ä"},
)  # fmt: skip
JSON = json_v2.encode(WHOLE)
ALL = TraceQuery(Window(1, 1 << 62), "", "", "", (), 0, 0, 100)


def test_what_is_whole_is_read_as_it_was_written() -> None:
    """An undamaged span is read with every field as it was written."""
    assert [WHOLE, WHOLE] == read_back([JSON, JSON])


@pytest.mark.parametrize("damaged", [b"", b"\xff", b"{}", b"[]", b"null", b"1", b'{"traceId":1}', b"[" * 100_000])
def test_what_is_no_span_is_left_out(damaged: bytes) -> None:
    """JSON that is no span is left out, and the spans beside it are read."""
    assert [WHOLE, WHOLE] == read_back([JSON, damaged, JSON])


def test_any_damage_of_a_span_leaves_the_others_readable() -> None:
    """A span with one changed byte is left out or read as another span, and the spans beside it are read."""
    chance = random.Random(1)
    for at in range(len(JSON)):
        damaged = bytearray(JSON)
        damaged[at] ^= chance.randrange(1, 256)
        read = read_back([JSON, bytes(damaged), JSON])

        assert [WHOLE, WHOLE] == [read[0], read[-1]]


VALUES: list[object] = [None, 1, "x", [], {}, [1], ["x"], [{}], {"x": 1}, True, 1e300]
FIELDS = [(name, value) for name in json.loads(JSON) for value in VALUES]


@pytest.mark.parametrize(("name", "value"), FIELDS)
def test_json_that_is_no_span_hurts_nobody(name: str, value: object) -> None:
    """Damaged values in a span's JSON do not affect the spans beside it."""
    read = read_back([JSON, json.dumps({**json.loads(JSON), name: value}).encode(), JSON])

    assert [WHOLE, WHOLE] == [read[0], read[-1]]


def test_a_file_with_a_damaged_span_is_opened(tmp_path: Path) -> None:
    """A file with a damaged span is opened; the other spans are found, and the index is made without it."""
    path = tmp_path / "spans.db"
    store = SqliteStore(path)
    for trace in (1, 2, 3):
        store.add(spans(trace))
    store.close()
    sqlite(path, "update spans set json = x'fffe00' where trace = 2; update segments set body = x'00';")
    store = SqliteStore(path)
    try:
        found = store.find(ALL)
        store.add(spans(4))

        assert ["web"] == store.service_names()
        assert [10, 10] == [len(each) for each in found]
        assert [] == store.trace("2".zfill(16))
        assert [4, 3, 1] == [int(read_back(each)[0].trace_id, 16) for each in store.find(ALL)]
    finally:
        store.close()


def test_a_name_that_sqlite_has_another_use_for_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name `:memory:` is a file, because SQLite would give each connection its own memory."""
    monkeypatch.chdir(tmp_path)
    store = SqliteStore(":memory:")
    store.add(spans(1))
    store.close()
    store = SqliteStore(":memory:")

    assert 1 == len(store.traces())
    store.close()
