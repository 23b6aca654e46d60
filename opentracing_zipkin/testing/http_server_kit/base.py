"""The server under test: the part that a user implements, and the helpers of the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...instrument.http import HttpPolicy
from ...model import FinishedSpan
from ...tracer import ZipkinTracer
from ..fakes import InMemoryRecorder
from .in_process import Answer, Ask, Handler

__all__ = ["SAMPLED", "SPAN_ID", "TRACE_ID", "UNDECIDED", "UNSAMPLED", "ServedApplication", "fail", "ok"]

TRACE_ID = "463ac35c9f6413ad48485a3953bb6124"
SPAN_ID = "a2fb4a1d1a96d312"
SAMPLED = {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID, "x-b3-sampled": "1"}
UNSAMPLED = {**SAMPLED, "x-b3-sampled": "0"}
UNDECIDED = {"x-b3-traceid": TRACE_ID, "x-b3-spanid": SPAN_ID}


class ServedApplication:
    """An application that `serve` makes of handlers, and the spans of its server; see HttpServerKit."""

    has_routes = True
    is_async = False
    streams = True
    client_ip = "127.0.0.1"

    def serve(self, routes: Mapping[str, Handler], policy: HttpPolicy) -> Ask:
        """Make an application with these routes, traced by this policy, and return a function that sends requests to it.

        An exception of a handler is a 500 for the client; the redirect to `Answer.location` is not followed.
        """
        raise NotImplementedError

    # For the tests

    def setup_method(self) -> None:
        self.use(ZipkinTracer("kit", recorder=InMemoryRecorder()))

    def use(self, tracer: Any, **policy: Any) -> None:
        """Let this tracer trace the server from now on."""
        self.tracer = tracer
        self.recorder: InMemoryRecorder = getattr(tracer, "_recorder", None) or InMemoryRecorder()
        self.policy = HttpPolicy(tracer=tracer, **policy)

    def get(self, handler: Handler, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
        """The answer of a route `/`."""
        return self.serve({"/": handler}, self.policy)(method, "/", headers or {})

    @property
    def spans(self) -> list[FinishedSpan]:
        return self.recorder.spans

    def span(self) -> FinishedSpan:
        """The only span, which is the server's."""
        assert 1 == len(self.spans), [span.name for span in self.spans]
        assert "SERVER" == self.spans[0].kind
        return self.spans[0]

    def name(self, method: str, route: str) -> str:
        return (f"{method} {route}" if self.has_routes else method).lower()

    def active_context(self) -> Any:
        active = self.tracer.active_span
        return None if active is None else active.context

    def note_context(self) -> tuple[Handler, list[Any]]:
        """A handler, and the list of the contexts that it found active."""
        found: list[Any] = []

        def handler() -> Answer:
            found.append(self.active_context())
            return Answer()

        return handler, found


def ok() -> Answer:
    return Answer(200, "ok")


def fail() -> Any:
    raise ValueError("out of stock")
