"""A service of the user's: it is called with B3 headers, and its span is looked for in the trace that they name.

Rules: the service is called by GET, once, without the collector's headers and credentials.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from ..codec import encoder_named
from ..model import Endpoint, FinishedSpan
from ..senders.url import shown
from .connection import NoAnswer, send_once, wait_until
from .probe import SERVICE, random_id
from .query import QueriedServer
from .report import FAULT, OK, WARNING, Finding, Kind

__all__ = ["check_service"]

MAX_ARRIVAL_WAIT_S = 8.0  # one second until a tracer sends, and a few seconds for the server's storage
POLL_INTERVAL_S = 0.2
_CHECK = "service"

ANSWERED = Kind("answered", OK, _CHECK, "GET {url} answers HTTP {status}, in {milliseconds} ms")
ANSWERED_BADLY = Kind(
    "answered-badly",
    WARNING,
    _CHECK,
    "GET {url} answers HTTP {status}, in {milliseconds} ms",
    "give --url an address that the service answers with success; a request without a route may be answered before it is "
    "traced",
)
UNANSWERED = Kind(
    "unanswered",
    FAULT,
    _CHECK,
    "GET {url} has no answer: {reason}",
    "start the service, and give --url the address at which it listens",
)
SHARED = Kind(
    "shared",
    OK,
    _CHECK,
    "its server span {name} arrived as {service}, in the trace {trace_id}; it shares the span id of its caller",
)
CHILD = Kind(
    "child",
    OK,
    _CHECK,
    "its server span {name} arrived as {service}, in the trace {trace_id}; it is a child of its caller's span",
)
STRANGER = Kind(
    "stranger",
    WARNING,
    _CHECK,
    "a span {name} of {service} arrived in the trace {trace_id}, but it is not the server span of the call, because it has "
    "another parent",
    "find out whether a gateway or a sidecar before the service has a span of its own that was not sent",
)
NAMELESS = Kind(
    "nameless",
    WARNING,
    _CHECK,
    "the service is called {service} in Zipkin, because nobody has given it a name",
    "set ZIPKIN_SERVICE_NAME where the service runs",
)
DISTRUSTFUL = Kind(
    "distrustful",
    WARNING,
    _CHECK,
    "{service} has begun a trace of its own, {trace_id}, and kept ours as the tag caller.trace_id: it does not trust its "
    "callers",
    "if its callers are your own services, remove ZIPKIN_TRUST_INCOMING=false, or trust_incoming=False in code",
)
UNTRACED = Kind(
    "untraced",
    FAULT,
    _CHECK,
    "no span of the service arrived within {seconds} s in the trace {trace_id}, which the headers of the call named",
    "look for these reasons, the most probable first:\n"
    "1. it is not traced: start it with `opentracing-zipkin run`, or call configure(instrument=True) before the framework "
    "makes "
    "its application\n"
    "2. it sends to another collector than {server}: look at its ZIPKIN_ENDPOINT\n"
    "3. tracing is switched off there: ZIPKIN_ENABLED, OTEL_SDK_DISABLED\n"
    "4. the path is left out by ZIPKIN_HTTP_EXCLUDED_PATHS\n"
    "5. a gateway before it removes the B3 headers: call it without the gateway\n"
    "6. its worker cannot send: its log has lines that begin with zipkin:",
)
UNASKED = Kind(
    "unasked",
    WARNING,
    _CHECK,
    "it is not known whether a span of the service arrived, because the collector cannot be queried: {reason}",
    "look for the trace {trace_id} in the server's own UI",
)


def check_service(url: str, server: QueriedServer, encoding: str) -> Iterator[Finding]:
    """Call a service, send our own span of the call, and look for the service's span."""
    trace_id, span_id = random_id() + random_id(), random_id()
    begin_us = time.time_ns() // 1000
    try:
        reply = server.connection.call(url, _headers(trace_id, span_id))
    except NoAnswer as error:
        yield UNANSWERED(url=shown(url), reason=error)
        return
    kind = ANSWERED if reply.status < 400 else ANSWERED_BADLY
    yield kind(url=shown(url), status=reply.status, milliseconds=round(reply.seconds * 1000))
    local = Endpoint(SERVICE)
    duration_us = max(1, int(reply.seconds * 1_000_000))
    call = FinishedSpan(trace_id, span_id, None, "CLIENT", "get", begin_us, duration_us, local)
    # Our span of the call completes the trace.  Where it is refused, another check has told the reason.
    encoder = encoder_named(encoding)
    send_once(server.connection.sender(server.endpoint, encoder), encoder.join([encoder.encode(call)]))
    reason = server.query_problem()
    if reason:
        yield UNASKED(reason=reason, trace_id=trace_id)
        return
    yield from _check_arrival(server, trace_id, span_id)


def _headers(trace_id: str, span_id: str) -> dict[str, str]:
    """Headers in both spellings of B3, because a service may read only one of them."""
    return {
        "X-B3-TraceId": trace_id,
        "X-B3-SpanId": span_id,
        "X-B3-Sampled": "1",
        "b3": f"{trace_id}-{span_id}-1",
    }


def _check_arrival(server: QueriedServer, trace_id: str, span_id: str) -> Iterator[Finding]:
    spans: list[dict[str, Any]] = []
    own_trace: list[Finding] = []

    def has_arrived() -> bool:
        spans[:] = [span for span in server.spans(trace_id) if _service(span) != SERVICE]
        own_trace[:] = [] if spans else _own_trace_findings(server, trace_id)
        return bool(own_trace) or any(_is_answer(span, span_id) for span in spans)

    wait_until(MAX_ARRIVAL_WAIT_S, has_arrived, POLL_INTERVAL_S)
    if not spans:
        untraced = UNTRACED(seconds=f"{MAX_ARRIVAL_WAIT_S:g}", trace_id=trace_id, server=server.shown_address)
        yield own_trace[0] if own_trace else untraced
        return
    span = next((one for one in spans if _is_answer(one, span_id)), spans[0])
    kind = SHARED if span.get("id") == span_id else CHILD if span.get("parentId") == span_id else STRANGER
    service = _service(span)
    yield kind(name=span.get("name", "without a name"), service=service or "a service without a name", trace_id=trace_id)
    if service in ("", "unknown_service", "unknown"):
        yield NAMELESS(service=service or "nothing")


def _is_answer(span: dict[str, Any], span_id: str) -> bool:
    """Whether a span is the service's answer to our call."""
    return span_id in (span.get("id"), span.get("parentId"))


def _service(span: dict[str, Any]) -> str:
    endpoint = span.get("localEndpoint")
    return str(endpoint.get("serviceName", "")) if isinstance(endpoint, dict) else ""


def _own_trace_findings(server: QueriedServer, trace_id: str) -> list[Finding]:
    """A finding on a new trace that the service has begun, where its span has our trace id as a tag; else no finding."""
    query = f"/api/v2/traces?limit=1&annotationQuery={quote(f'caller.trace_id={trace_id}', safe='')}"
    try:
        [[span, *_], *_] = server.connection.get(server.url(query)).json()
        return [DISTRUSTFUL(service=_service(span), trace_id=span["traceId"])]
    except (NoAnswer, TypeError, ValueError, KeyError, AttributeError):
        return []
