"""The store in a file: its behaviour when the file, the disk or another process causes a fault."""

from __future__ import annotations

import logging
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opentracing_zipkin.collector.query import TraceQuery, Window
from opentracing_zipkin.collector.stores import StoreUnavailable, sqlite as module
from opentracing_zipkin.collector.stores.sqlite import SqliteStore
from opentracing_zipkin.model import Endpoint, FinishedSpan

from .faults import ended, holding, spans, sqlite

ALL = TraceQuery(Window(0, 10**12), "", "", "", (), 0, 0, 10_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spans.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(path)
    yield made
    made.close()


def test_a_file_that_is_locked_meanwhile_loses_what_comes(
    path: Path, store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    """While another program locks the file, reading works, each new message is refused and counted, and one line is logged."""
    caplog.set_level(logging.INFO, "opentracing_zipkin")
    store.add(spans(1))
    store._database.writer.execute("pragma busy_timeout = 20")
    process = holding(path, "another program")
    try:
        for trace in (2, 3):
            with pytest.raises(StoreUnavailable, match="another process uses it"):
                store.add(spans(trace))
        assert [10] == list(map(len, store.find(ALL)))
        assert 20 == store.counts().lost
    finally:
        ended(process)
    store.add(spans(4))

    assert [10, 10] == list(map(len, store.find(ALL)))
    assert [f"zipkin: spans cannot be kept in {path}: another process uses it; end that process, or name another file"] == [
        record.getMessage() for record in caplog.records if record.levelname == "WARNING"
    ]
    assert f"zipkin: spans are kept in {path} again" == caplog.records[-1].getMessage()


def test_a_full_disk_loses_what_comes(store: SqliteStore) -> None:
    """With a full disk the kept spans can be read, and new ones are kept once there is space again."""
    store.add(spans(1))
    [pages] = store._database.writer.execute("pragma page_count").fetchone()
    store._database.writer.execute(f"pragma max_page_count = {pages + 2}")
    with pytest.raises(StoreUnavailable, match="its disk is full; free some space, or give a smaller --max-bytes"):
        store.add(spans(2, 500))

    assert ([10], 10, 500) == ([len(trace) for trace in store.find(ALL)], store.counts().spans, store.counts().lost)
    store._database.writer.execute("pragma max_page_count = 1000000")
    store.add(spans(3))
    assert [10, 10] == [len(trace) for trace in store.traces()]


WRITING_TO_A_LIMIT = """
import sys
from opentracing_zipkin.collector.stores import StoreUnavailable, database
from opentracing_zipkin.collector.stores.sqlite import SqliteStore
from opentracing_zipkin.model import Endpoint, FinishedSpan
from opentracing_zipkin.model import FinishedSpan
store, kept = SqliteStore(sys.argv[1]), 0
for trace in range(1, 1000):
    try:
        store.add([FinishedSpan(f"{trace:016x}", f"{each + 1:016x}", tags={"k": "x" * 300}) for each in range(50)])
        kept += 50
    except StoreUnavailable as error:
        print(error)
        break
print(kept == store.counts().spans == sum(map(len, store.traces())))
store.close()
"""


def test_a_write_that_the_system_refuses_loses_one_message(path: Path) -> None:
    """At a real limit on the size of files one message is lost with one line, and all spans accepted before can be read."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = subprocess.run(
        [sys.executable, "-c", WRITING_TO_A_LIMIT, str(path)], capture_output=True, text=True, preexec_fn=limit, timeout=50
    )

    assert f"spans cannot be kept in {path}: its disk cannot be written or read" in done.stdout.splitlines()[0]
    assert "True" == done.stdout.splitlines()[1]
    assert "Traceback" not in done.stderr
    again = SqliteStore(path)
    assert again.counts().spans == sum(map(len, again.traces())) > 50
    again.close()


def answers(store: SqliteStore) -> list[object]:
    """The results of searches by name, tag, duration and time, and the names."""
    asked = [ALL._replace(span_name="n7"), ALL._replace(terms=(("n", "5"),)), ALL._replace(min_duration_us=100), ALL]
    return [list(map(store.find, asked)), store.span_names("web"), store.traces(), store.counts()[:2]]


@pytest.mark.parametrize("killed", [False, True])
def test_a_file_from_which_traces_went_is_opened_as_it_was(path: Path, tmp_path: Path, killed: bool) -> None:
    """A file with dropped traces is opened with the same answers, even if a killed process did not write all of the index."""
    first = SqliteStore(path, max_bytes=1 << 20)
    for at in range(1, 5001, 100):
        each = [
            spans(trace, 2, name=f"n{trace % 10}", duration_us=trace % 200, tags={"n": str(trace % 7), "k": "x" * 200})
            for trace in range(at, at + 100)
        ]
        first.add([span for trace in each for span in trace])
        if at == 4001:
            first._write_index()
    expected = answers(first)
    if killed:  # the present files are those that a killed process leaves
        copied = tmp_path / "copied.db"
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", f"{copied}{end}")
    first.close()
    again = SqliteStore(copied if killed else path)  # without the smaller limit; the index is in the file, too

    assert 1000 < first.counts().evicted
    assert expected == answers(again)
    again.close()


KILLED = """
import os, signal, sys
from opentracing_zipkin.collector.stores.sqlite import SqliteStore
from opentracing_zipkin.model import Endpoint, FinishedSpan
from opentracing_zipkin.model import Endpoint, FinishedSpan
store = SqliteStore(sys.argv[1])
for trace in range(1, 51):
    store.add([FinishedSpan(f"{trace:016x}", f"{each + 1:016x}", timestamp_us=trace, name=f"n{trace}") for each in range(10)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_accepted_outlives_the_process(path: Path) -> None:
    """The spans accepted by a process that was killed are found after it, and so are later ones."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=50)
    again = SqliteStore(path)
    again.add(spans(7, 1, name="late", span_id="f" * 16))

    assert (501, 50) == again.counts()[:2]
    assert [11] == list(map(len, again.find(ALL._replace(span_name="n7"))))
    assert [11] == list(map(len, again.find(ALL._replace(span_name="late"))))
    assert 50 == len(again.find(ALL))
    again.close()


def test_a_damaged_index_is_made_anew(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged index is made again from the spans, with one line in the log."""
    first = SqliteStore(path)
    first.add(spans(1, name="x"))
    first.close()
    sqlite(path, "update segments set body = x'00'")
    again = SqliteStore(path)

    assert [10] == list(map(len, again.find(ALL._replace(span_name="x"))))
    assert [f"zipkin: the index of the spans in {path} is rebuilt"] == [
        record.getMessage().rpartition(":")[0].rpartition(":")[0] for record in caplog.records
    ]
    again.close()


def test_damage_that_is_met_later_is_said(path: Path, store: SqliteStore) -> None:
    """Damage that is found later is reported to the caller, only as StoreUnavailable."""
    store.add(spans(1, 2000))
    store._database.writer.execute("pragma wal_checkpoint(truncate)").fetchall()
    data = path.read_bytes()
    path.write_bytes(data[: 8 * 8192] + b"\xa5" * (len(data) - 8 * 8192))

    with pytest.raises(StoreUnavailable, match="it is damaged; move it away and start again"):
        store.traces()


def test_old_traces_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace is dropped by the time of its first span, when the next span comes and when the file is opened."""
    now = [1_000_000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    store = SqliteStore(path, max_age_s=3600)
    store.add(spans(1))
    now[0] += 2000
    store.add(spans(2))
    now[0] += 2000
    store.add(spans(3))

    assert [2, 3] == [int(trace[0].trace_id, 16) for trace in store.traces()]
    assert (20, 2, 10) == (*store.counts()[:2], store.counts().evicted)
    assert 2 == len(store.find(ALL))
    store.close()
    now[0] += 1_000_000
    store = SqliteStore(path, max_age_s=3600)
    assert ([], [], 0) == (store.traces(), store.find(ALL), store.counts().spans)
    store.close()


def test_the_file_stays_below_its_bound_and_shrinks_to_a_smaller_one(path: Path) -> None:
    """The file stays below its limit, apart from its log; free space is reused, and returned when the limit becomes smaller."""
    bound = 4 << 20
    store = SqliteStore(path, max_bytes=bound)
    for trace in range(1, 500):
        store.add(spans(trace, 50))
        assert store._database.page_bytes()[1] <= bound + (1 << 20)
    store.close()

    assert bound // 2 < path.stat().st_size <= bound + (1 << 20)
    store = SqliteStore(path, max_bytes=bound // 2)
    store.add(spans(1000))
    assert [1000] == [int(trace[0].trace_id, 16) for trace in store.traces()][-1:]
    store.close()
    assert path.stat().st_size <= bound // 2 + (1 << 18)


def test_a_closed_store_says_so(path: Path, store: SqliteStore) -> None:
    """A caller of a closed store gets StoreUnavailable, and the message is counted as lost."""
    store.close()

    for call in (lambda: store.add(spans(1)), store.traces, lambda: store.trace("a" * 16)):
        with pytest.raises(StoreUnavailable, match=f"the store in {path} is closed"):
            call()


@pytest.mark.parametrize("spans_a_trace", [1, 50, 1_000_000], ids=["many traces", "some traces", "one trace"])
def test_the_index_in_memory_is_bounded(spans_a_trace: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the index of unique names and keys is over its limit, the oldest traces are dropped before the file is full."""
    monkeypatch.setattr(module, "MIN_INDEX_BYTES", 1 << 20)
    store = module.SqliteStore(tmp_path / "spans.db", max_bytes=2 << 20)
    for batch in range(20):
        numbers = range(batch * 100, batch * 100 + 100)
        store.add(
            FinishedSpan(
                f"{n // spans_a_trace + 1:016x}",
                f"{n + 1:016x}",
                timestamp_us=n + 1,
                local=Endpoint(f"s{n}"),
                tags={f"k{n}": ""},
            )
            for n in numbers
        )

        assert store._index.size <= 1 << 20
    counts = store.counts()

    assert 100 < counts.spans < 2000
    assert 2000 == counts.spans + counts.evicted
    assert "s1999" in store.service_names()
    assert "s0" not in store.service_names()
    store.close()
