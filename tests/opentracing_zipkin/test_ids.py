"""Ids: their width, never 0, and never the same in two processes."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from opentracing import Format
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.context import ZipkinContext
from opentracing_zipkin.testing import InMemoryRecorder


def make(bits: int = 128, **settings: Any) -> ZipkinTracer:
    return ZipkinTracer("service", recorder=InMemoryRecorder(), trace_id_bits=bits, **settings)


@pytest.mark.parametrize(("bits", "digits"), [(128, 32), (64, 16)])
def test_a_new_trace_has_an_id_of_the_width_asked_for(bits: int, digits: int) -> None:
    """A trace id has 128 bits by default, and a span id always has 64."""
    contexts = [make(bits).start_trace("x").context for _ in range(50)]

    assert {digits} == {len(context.trace_id or "") for context in contexts}
    assert {16} == {len(context.span_id or "") for context in contexts}


def test_an_id_is_never_zero() -> None:
    """An id of 0 is drawn again, because it means "no id" on the wire."""
    tracer = make()
    draws = [0, 1 << 64, 5, 0, 7]
    tracer._random_bits = lambda bits: draws.pop(0)
    root = tracer.start_trace("x")

    assert ("5".zfill(16), "5".zfill(16)) == (root.context.trace_id, root.context.span_id)
    assert "7".zfill(16) == root.start_child("y").context.span_id


def injected(span: Any, **settings: Any) -> list[str]:
    """The trace id, the span id and the parent id, as far as the format has them."""
    headers: dict[str, str] = {}
    make(**settings).inject(span.context, Format.HTTP_HEADERS, headers)
    if "b3" in headers:
        trace_id, span_id, _, *parent_id = headers["b3"].split("-")
        return [trace_id, span_id, *parent_id]
    if "traceparent" in headers:
        return headers["traceparent"].split("-")[1:3]
    return [headers[f"x-b3-{name}"] for name in ("traceid", "spanid", "parentspanid") if f"x-b3-{name}" in headers]


def in_a_context(span: Any) -> list[str]:
    context: ZipkinContext = span.context
    return [id for id in (context.trace_id, context.span_id, context.parent_id) if id]


def recorded(span: Any) -> list[str]:
    span.finish()
    finished = span.to_finished()
    return [id for id in (finished.trace_id, finished.span_id, finished.parent_id) if id]


def in_bytes(span: Any) -> list[str]:
    trace_id, span_id, _, *parent_id = make().trace_context_to_binary(span.context)[0].decode().split("-")
    return [trace_id, span_id, *parent_id]


IDS: dict[str, Callable[[Any], list[str]]] = {
    "a context": in_a_context,
    "five headers": injected,
    "one header": lambda span: injected(span, b3_format="single"),
    "traceparent": lambda span: injected(span, w3c=True),
    "bytes": in_bytes,
    "a record": recorded,
}


@pytest.mark.parametrize("bits", [128, 64])
@pytest.mark.parametrize("before", [None, *IDS])
@pytest.mark.parametrize("shape", IDS)
def test_a_roots_span_id_is_the_low_half_of_its_trace_id(shape: str, before: str | None, bits: int) -> None:
    """A root's span id and its child's parent id are the low half in every shape, whichever shape was used before."""
    root = make(bits).start_trace("x")
    child = root.start_child("y")
    for span in (root, child) if before else ():
        IDS[before or ""](span)
    trace_id, *of_root = IDS[shape](root)
    childs_trace_id, childs_id, *childs_parent_id = IDS[shape](child)

    assert [trace_id[-16:]] == of_root
    assert trace_id == childs_trace_id
    assert childs_id not in of_root
    assert childs_parent_id == ([] if shape == "traceparent" else of_root)


def test_a_forked_child_draws_other_ids_than_its_parent() -> None:
    """The generator of ids is renewed on both sides of a fork."""
    tracer = make()
    tracer.start_trace("seeds the generator")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, str(tracer.start_trace("x").context.trace_id).encode())
        finally:
            os._exit(0)
    mine = tracer.start_trace("x").context.trace_id
    os.close(write)
    os.waitpid(child, 0)
    theirs = os.read(read, 100).decode()

    assert 32 == len(theirs)
    assert mine != theirs


def test_all_who_ask_an_unsampled_root_first_have_the_same_context() -> None:
    """Eight threads that first use a root at the same time get one trace id, and no baggage is lost."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(200):
            tracer = ZipkinTracer("service", recorder=InMemoryRecorder(), sample_rate=0.0)
            span = tracer.start_trace("x")
            begun = threading.Barrier(8)

            def ask(number: int, span: Any = span, begun: threading.Barrier = begun) -> Any:
                begun.wait(10)
                span.set_baggage_item(f"key {number}", "v")
                return span.context

            with ThreadPoolExecutor(8) as executor:
                contexts = list(executor.map(ask, range(8)))

            assert 1 == len(set(map(id, contexts)))
            assert 8 == len(span.context.baggage)
    finally:
        sys.setswitchinterval(interval)
