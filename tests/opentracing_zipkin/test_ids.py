"""Ids: as wide as they should be, never 0, never the same in two processes."""

from __future__ import annotations

import os

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.testing import InMemoryRecorder


def make(bits: int = 128) -> ZipkinTracer:
    return ZipkinTracer("service", recorder=InMemoryRecorder(), trace_id_bits=bits)


@pytest.mark.parametrize(("bits", "digits"), [(128, 32), (64, 16)])
def test_a_new_trace_has_an_id_of_the_width_asked_for(bits: int, digits: int) -> None:
    """128 bits by default; span ids have 64 always."""
    contexts = [make(bits).start_trace("x").context for _ in range(50)]

    assert {digits} == {len(context.trace_id or "") for context in contexts}
    assert {16} == {len(context.span_id or "") for context in contexts}


def test_an_id_is_never_zero() -> None:
    """0 means "no id" on the wire: it is drawn again."""
    tracer = make()
    draws = [0, 1 << 64, 5, 0, 7]
    tracer._random_bits = lambda bits: draws.pop(0)
    root = tracer.start_trace("x")

    assert ("5".zfill(16), "5".zfill(16)) == (root.context.trace_id, root.context.span_id)
    assert "7".zfill(16) == root.start_child("y").context.span_id


def test_a_forked_child_draws_other_ids_than_its_parent() -> None:
    """The generator is renewed on both sides of a fork."""
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
