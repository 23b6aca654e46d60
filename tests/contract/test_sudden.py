"""A fork, a signal's handler or the garbage collector does no harm, at whatever line of a call on a span it comes.

Rules: the critical moments are too short to be met by chance.  So a trace function waits for the n-th line that a call runs,
also in functions below it, and acts at that line.  Each call is tried at each of its lines.
"""

from __future__ import annotations

import dis
import gc
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from opentracing import Format
from opentracing.mocktracer import MockTracer
from opentracing.mocktracer.context import SpanContext
from opentracing.standard import InMemoryRecorder, RecordingTracer, TraceContext
from opentracing.standard.tracer import RecordingContext
from opentracing_zipkin import ZipkinContext, ZipkinTracer
from opentracing_zipkin.testing import InMemoryRecorder as ZipkinRecorder

from ..traced_lines import at_line, each_line

CHILD_TIMEOUT_S = 5.0

# A tracer, and a function that counts its finished spans.
Subject = tuple[Any, Callable[[], int]]
Act = Callable[[], object]


def mock() -> Subject:
    tracer = MockTracer()
    return tracer, lambda: len(tracer.finished_spans())


def recording() -> Subject:
    recorder = InMemoryRecorder()
    return RecordingTracer(recorder), lambda: len(recorder.spans)


def zipkin() -> Subject:
    recorder = ZipkinRecorder()
    return ZipkinTracer("service", recorder=recorder), lambda: len(recorder.spans)


SUBJECTS = [mock, recording, zipkin]

CALLS: dict[str, Callable[[Any, str], object]] = {
    "set_baggage_item": lambda span, key: span.set_baggage_item(key, "v"),
    "set_trace_attribute": lambda span, key: span.context.set_trace_attribute(key, "v"),
    "set_tag": lambda span, key: span.set_tag(key, "v"),
    "log_kv": lambda span, key: span.log_kv({"event": key}),
    "start_child": lambda span, key: span.start_child(key).finish(),
    "inject": lambda span, key: span.tracer.inject(span.context, Format.TEXT_MAP, {}),
    "finish": lambda span, key: span.finish(),
}


def raise_signal(act: Act) -> None:
    """Call `act` in a signal's handler."""
    former = signal.signal(signal.SIGUSR1, lambda *_: act())
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, former)


def collect_garbage(act: Act) -> None:
    """Call `act` when the garbage collector deletes an object of a cycle."""

    class Acting:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            act()

    Acting()
    gc.collect(0)


@pytest.fixture(params=SUBJECTS)
def make(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.parametrize("call", CALLS)
def test_the_child_of_a_fork_at_any_line_does_not_hang(make: Callable[[], Subject], call: str) -> None:
    """If the process forks while another thread is inside a call on a span, every call on that span works in the child."""

    def run(number: int) -> bool:
        tracer, _ = make()
        span = tracer.start_span("x")
        span.set_baggage_item("before", "v")
        at, forked = threading.Event(), threading.Event()

        def stand() -> None:
            at.set()
            forked.wait()

        def make_call() -> None:
            sys.settrace(at_line(number, stand)[0])
            CALLS[call](span, "outer")
            sys.settrace(None)

        thread = threading.Thread(target=make_call)
        thread.start()
        while not at.wait(0.001):
            if not thread.is_alive():
                return False
        child = os.fork()
        if child == 0:
            try:
                for each in CALLS.values():
                    each(span, "child")
                os._exit(0 if {"before", "child"} <= set(span.context.baggage) else 1)
            finally:
                os._exit(2)
        forked.set()
        thread.join()

        assert 0 == status_of(child), f"at line {number}"
        return True

    assert 1 < each_line(run)


def status_of(child: int) -> int:
    """The exit status of a child; if it does not end in time, it is killed."""
    deadline = time.monotonic() + CHILD_TIMEOUT_S
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGKILL


@pytest.mark.timeout(20)
@pytest.mark.parametrize("suddenly", [raise_signal, collect_garbage])
def test_a_call_inside_a_call_loses_nothing(make: Callable[[], Subject], suddenly: Callable[[Act], None]) -> None:
    """If a handler makes the same call on the same span at any line of it, both take effect, and the span finishes once."""

    def run(number: int, call: str) -> bool:
        tracer, finished = make()
        span = tracer.start_span("x")
        trace, seen = at_line(number, lambda: suddenly(lambda: CALLS[call](span, "inner")))
        former = sys.gettrace()
        sys.settrace(trace)
        CALLS[call](span, "outer")
        sys.settrace(former)
        both = {"inner", "outer"} if seen[0] >= number else {"outer"}
        if call in ("set_baggage_item", "set_trace_attribute"):
            assert both == set(span.context.baggage), f"at line {number}"
        elif call == "finish":
            assert 1 == finished(), f"at line {number}"
        elif call == "start_child":
            assert len(both) == finished(), f"at line {number}"
        return seen[0] >= number

    for call in CALLS:
        assert 0 < each_line(lambda number, call=call: run(number, call)), call  # type: ignore[misc]


def test_threads_that_set_different_baggage_lose_none(make: Callable[[], Subject]) -> None:
    """If eight threads set 250 baggage items each on one span, all items are kept."""
    tracer, _ = make()
    span = tracer.start_span("x")
    start = threading.Barrier(8)

    def work(thread: int) -> None:
        start.wait()
        for number in range(250):
            span.set_baggage_item(f"{thread}.{number}", "v")

    in_threads(work)

    assert {f"{thread}.{number}" for thread in range(8) for number in range(250)} == set(span.context.baggage)


def test_threads_that_finish_the_same_spans_finish_each_once(make: Callable[[], Subject]) -> None:
    """If eight threads finish the same 500 spans, each span is recorded once."""
    tracer, finished = make()
    spans = [tracer.start_span("x") for _ in range(500)]
    start = threading.Barrier(8)

    def work(_: int) -> None:
        start.wait()
        for span in spans:
            span.finish()

    in_threads(work)

    assert 500 == finished()


def in_threads(work: Callable[[int], None]) -> None:
    """Run `work` in eight threads, which switch as often as possible."""
    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(former)


BAGGAGE_SETTERS = [ZipkinContext._set_baggage, SpanContext._set_item, RecordingContext.set_baggage_item]


@pytest.mark.parametrize("setter", BAGGAGE_SETTERS, ids=lambda each: each.__qualname__)
def test_nothing_comes_between_the_comparison_of_baggage_and_its_assignment(setter: Callable[..., object]) -> None:
    """Between comparison and assignment there is no call, jump back or function start, where CPython switches threads."""
    names = [instruction.opname for instruction in dis.get_instructions(setter)]
    compared = names.index("IS_OP")
    loaded = max(index for index, name in enumerate(names[:compared]) if name.startswith("STORE_")) + 1
    assigned = names.index("STORE_ATTR", compared)

    assert [] == [name for name in names[loaded:assigned] if re.search("CALL|BACKWARD|ABSOLUTE|RESUME", name)]


def test_a_context_for_subclasses_has_a_lock_of_each_process() -> None:
    """A lock that was held during a fork does not stop the child, and the thread that holds it may take it again."""
    context = TraceContext()
    lock = context.lock
    with lock, context.lock:
        context.set_trace_attribute("a", "1")
        child = os.fork()
        if child == 0:
            thread = threading.Thread(target=context.set_trace_attribute, args=("b", "2"))
            thread.start()
            thread.join(CHILD_TIMEOUT_S)
            os._exit(0 if {"a": "1", "b": "2"} == context.trace_attributes else 1)

    assert 0 == status_of(child)
    assert lock is context.lock
