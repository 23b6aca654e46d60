"""The demo's application: the effect of its instrumentation with any tracer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults

import pytest

import opentracing
import opentracing_zipkin.demo.services
from opentracing_zipkin import Endpoint, ZipkinTracer
from opentracing_zipkin.demo.services import payment
from opentracing_zipkin.demo.services.serving import application, error_page
from opentracing_zipkin.demo.services.tracing import TracingMiddleware
from opentracing_zipkin.testing import InMemoryRecorder

IDENTITY = {"X-B3-TraceId": "0" * 31 + "1", "X-B3-SpanId": "0" * 15 + "2", "X-B3-Sampled": "1"}


class Reply(NamedTuple):
    status: str
    headers: dict[str, str]
    body: Any


def charge(amount: str, headers: Mapping[str, str]) -> Reply:
    """Send POST /charge to the payment service in this thread."""
    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": "/charge", "QUERY_STRING": f"amount={amount}"}
    environ |= {"REMOTE_ADDR": "127.0.0.2", "REMOTE_PORT": "40000"}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    setup_testing_defaults(environ)
    started: list[Any] = []
    service = error_page(TracingMiddleware(application(payment.routes({}))))
    body = b"".join(service(environ, lambda *arguments: started.extend(arguments)))  # type: ignore[arg-type]
    return Reply(started[0], dict(started[1]), json.loads(body))


@pytest.fixture
def recorder() -> Iterator[InMemoryRecorder]:
    """The spans of a ZipkinTracer that is the global tracer."""
    recorder = InMemoryRecorder()
    opentracing.set_global_tracer(ZipkinTracer("payment", recorder=recorder))
    yield recorder
    opentracing._reset_global_tracer()


def test_the_application_runs_without_a_tracer() -> None:
    """With the no-op tracer the service gives the same answers, good and bad, and names no trace."""
    assert ("200 OK", {"paid": "5.00"}) == (charge("5.00", {}).status, charge("5.00", {}).body)
    assert "402 Payment Required" == charge("500.00", IDENTITY).status
    assert {"Content-Type"} == charge("5.00", IDENTITY).headers.keys()


def test_a_request_with_a_trace_joins_it(recorder: InMemoryRecorder) -> None:
    """The server's span has the caller's ids, name and address, and the attributes of the trace."""
    charge("5.00", {**IDENTITY, "X-Caller": "orders", "Ot-Baggage-Customer": "Ada"})
    bank, server = recorder.spans

    assert ("SERVER", "post /charge", True) == (server.kind, server.name, server.shared)
    assert (IDENTITY["X-B3-TraceId"][16:], IDENTITY["X-B3-SpanId"]) == (server.trace_id[-16:], server.span_id)
    assert Endpoint("orders", "127.0.0.2", port=40000) == server.remote
    assert ("Ada", "200") == (server.tags["customer"], server.tags["http.status_code"])
    assert (server.span_id, None) == (bank.parent_id, bank.kind)


def test_a_request_without_a_trace_starts_one(recorder: InMemoryRecorder) -> None:
    """A request without a trace starts one with a server span as root, and the answer's headers name the trace."""
    reply = charge("5.00", {})
    _, server = recorder.spans

    assert ("SERVER", None, False) == (server.kind, server.parent_id, server.shared)
    assert server.trace_id == reply.headers["x-b3-traceid"]


def test_an_exception_marks_the_server_s_span(recorder: InMemoryRecorder) -> None:
    """An exception of the view becomes the `error` tag, and the answer has the exception's status."""
    reply = charge("500.00", {})
    bank, server = recorder.spans

    assert ("402 Payment Required", {"error": "insufficient funds"}) == (reply.status, reply.body)
    assert "CardDeclined: insufficient funds" == server.tags["error"]
    assert "error" not in bank.tags
    assert ["card number sent", "the bank said no"] == [text for _, text in bank.annotations]


def test_the_application_names_zipkin_in_one_line_a_service() -> None:
    """Besides the import, only the line that configures it names the tracer in a service."""
    named = [
        (path.stem, line.strip())
        for path in Path(opentracing_zipkin.demo.services.__file__).parent.glob("[!_]*.py")
        for line in path.read_text().splitlines()
        if "zipkin" in line.lower() and not line.startswith("import ")
    ]

    assert [(name, f'opentracing_zipkin.configure("{name}")') for name in ("frontend", "orders", "payment")] == sorted(named)
