"""A tracer that keeps its spans, and a real server on a loopback port, for the tests of servers."""

from __future__ import annotations

import asyncio
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.instrument.http import HttpPolicy
from opentracing_zipkin.model import FinishedSpan
from opentracing_zipkin.testing import InMemoryRecorder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette warns that it wants a newer httpx
    from starlette.testclient import TestClient

__all__ = ["SAMPLED", "TestClient", "Traced", "served_by_uvicorn"]

SAMPLED = {"x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124", "x-b3-spanid": "a2fb4a1d1a96d312", "x-b3-sampled": "1"}


class Traced:
    """A tracer, its policy and its finished spans."""

    def __init__(self, **settings: Any) -> None:
        self.recorder = InMemoryRecorder()
        self.tracer = ZipkinTracer("web", recorder=self.recorder)
        self.policy = HttpPolicy(tracer=self.tracer, **settings)

    @property
    def spans(self) -> list[FinishedSpan]:
        return self.recorder.spans

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.recorder.spans]

    def one(self) -> FinishedSpan:
        """Remove the only finished span from the list and return it."""
        [span] = self.recorder.spans
        self.recorder.spans.clear()
        return span

    def active_id(self) -> str | None:
        active = self.tracer.active_span
        return None if active is None else active.context.span_id


@contextmanager
def served_by_uvicorn(app: Any, **settings: Any) -> Iterator[str]:
    """`host:port` of a real server that runs in a thread; the server has ended when the `with` block is left."""
    listening = socket.socket(proto=socket.IPPROTO_TCP)  # without `proto`, asyncio leaves Nagle's algorithm on: 40 ms a request
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, **settings))
    started = threading.Event()
    original = server.startup

    async def startup(sockets: Any = None) -> None:
        await original(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
