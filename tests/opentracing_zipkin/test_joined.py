"""The memory of joins: no two spans of a tracer take the same id from their callers, at a bounded cost."""

from __future__ import annotations

import sys
import threading
import tracemalloc

from hypothesis import given, strategies as st

from opentracing_zipkin import ZipkinContext, ZipkinTracer
from opentracing_zipkin.context import DECIDED, REMOTE, SAMPLED, SHARED
from opentracing_zipkin.testing import InMemoryRecorder
from opentracing_zipkin.tracer import MIN_REMEMBERED_JOINS

THREADS = 8
BATCH = 64
MAX_BYTES = 600_000


def make() -> ZipkinTracer:
    return ZipkinTracer("service", recorder=InMemoryRecorder())


def joined(tracer: ZipkinTracer, trace_id: str, span_id: str) -> bool:
    """Whether a span that joins a newly extracted context with these ids has its id."""
    context = ZipkinContext(trace_id, span_id, None, DECIDED | SAMPLED | REMOTE)
    context._once = SHARED
    return tracer.join_trace("x", context).context.shared


IDS = st.tuples(st.sampled_from(["a" * 32, "b" * 32, "b" * 16]), st.sampled_from(["c" * 16, "d" * 16]))


@given(st.lists(IDS, max_size=20))
def test_ids_are_taken_once(asked: list[tuple[str, str]]) -> None:
    """The first span that joins ids takes them; another trace may have an equal span id."""
    tracer = make()

    assert [ids not in asked[:place] for place, ids in enumerate(asked)] == [joined(tracer, *ids) for ids in asked]


def test_the_newest_1024_are_remembered() -> None:
    """Older joins are forgotten, and never more than twice as many are known."""
    tracer = make()
    for number in range(1, 3 * MIN_REMEMBERED_JOINS):
        assert True is joined(tracer, "a" * 32, f"{number:016x}")
        assert False is joined(tracer, "a" * 32, f"{max(1, number - MIN_REMEMBERED_JOINS + 1):016x}")
        assert sum(map(len, tracer._joins)) < 2 * MIN_REMEMBERED_JOINS

    assert True is joined(tracer, "a" * 32, f"{1:016x}")


def test_what_is_remembered_takes_half_a_megabyte_at_most() -> None:
    """The memory of joins takes at most half a megabyte for any number of requests."""
    tracer = make()
    tracemalloc.start()
    try:
        for number in range(1, 4 * MIN_REMEMBERED_JOINS - 1):
            joined(tracer, f"{number:032x}", f"{number:016x}")
        growth, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert growth < MAX_BYTES


def test_of_several_threads_one_takes_an_id() -> None:
    """One thread takes an id, also while older ids are forgotten."""
    tracer = make()
    # Join in another trace before, so that the test covers each way of remembering.
    assert all(joined(tracer, "b" * 32, f"{number:016x}") for number in range(1, MIN_REMEMBERED_JOINS, 2))
    won: list[int] = []
    together = threading.Barrier(THREADS)

    def join() -> None:
        for first in range(1, 3 * MIN_REMEMBERED_JOINS, BATCH):
            together.wait()  # a thread that is far behind would ask for a forgotten id
            won.extend([number for number in range(first, first + BATCH) if joined(tracer, "a" * 32, f"{number:016x}")])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=join) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert list(range(1, 3 * MIN_REMEMBERED_JOINS + 1)) == sorted(won)
