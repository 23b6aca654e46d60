"""A service of the user's: it is called with B3 headers, and its span is looked for in the trace that they name.

Rules: the service is called by GET, once, without the collector's headers and credentials.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
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
MAX_LISTED_SPANS = 3
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
    FAULT,
    _CHECK,
    "the server span of the call did not arrive within {seconds} s in the trace {trace_id}; only other spans arrived: {spans}",
    "look for these reasons, the most probable first; if these spans are the service's own, begin with the last reason:\n"
    "1. the service that was called sends its spans to another collector than {server}: look at its ZIPKIN_ENDPOINT\n"
    "2. its worker cannot send: its log has lines that begin with zipkin:\n"
    "3. a gateway or a sidecar before it has a span of its own that was not sent: call it without the gateway",
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
    answers: list[Mapping[str, Any]] = []
    own_trace: list[Finding] = []

    def has_arrived() -> bool:
        spans[:] = [span for span in server.spans(trace_id) if _service(span) != SERVICE]
        answers[:] = _answers(spans, span_id)
        own_trace[:] = [] if answers else _own_trace_findings(server, trace_id, span_id)
        return bool(answers or own_trace)

    wait_until(MAX_ARRIVAL_WAIT_S, has_arrived, POLL_INTERVAL_S)
    named = {"trace_id": trace_id, "seconds": f"{MAX_ARRIVAL_WAIT_S:g}", "server": server.shown_address}
    if answers:
        span, service = answers[0], _service(answers[0])
        kind = SHARED if span.get("id") == span_id else CHILD
        yield kind(name=span.get("name", "without a name"), service=service or "a service without a name", **named)
        if service in ("", "unknown_service", "unknown"):
            yield NAMELESS(service=service or "nothing")
    elif own_trace:
        yield own_trace[0]
    elif spans:
        yield STRANGER(spans=_listed(spans), **named)
    else:
        yield UNTRACED(**named)


def _answers(spans: Sequence[Mapping[str, Any]], span_id: str) -> list[Mapping[str, Any]]:
    """The server spans of our call: a span that shares our span id, else a server span whose parent is our span.

    The parent alone does not tell.  Where the service shares our span id, our span is also the parent of its calls.  The server
    of such a call shares the id of its caller's span, so that our span is its parent, too.
    """
    sharing = [span for span in spans if span.get("id") == span_id and span.get("kind") in ("SERVER", None)]
    if sharing:
        return sharing
    called = {span.get("id") for span in spans if span.get("kind") == "CLIENT"}  # for tracers that do not write `shared`
    return [
        span
        for span in spans
        if span.get("parentId") == span_id
        and span.get("kind") == "SERVER"
        and span.get("shared") is not True
        and span.get("id") not in called
    ]


def _listed(spans: Sequence[Mapping[str, Any]]) -> str:
    """The names and services of a few spans."""
    texts = [f"{span.get('name', 'one without a name')} of {_service(span) or 'a service without a name'}" for span in spans]
    texts = list(dict.fromkeys(texts))
    more = len(texts) - MAX_LISTED_SPANS
    return ", ".join(texts[:MAX_LISTED_SPANS]) + (f" and {more} more" if more > 0 else "")


def _service(span: Mapping[str, Any]) -> str:
    endpoint = span.get("localEndpoint")
    return str(endpoint.get("serviceName", "")) if isinstance(endpoint, dict) else ""


def _own_trace_findings(server: QueriedServer, trace_id: str, span_id: str) -> list[Finding]:
    """A finding on a new trace that the service has begun, where its span has our ids as tags; else no finding.

    The span id tells the service that we called from a service that it called.
    """
    tags = {"caller.trace_id": trace_id, "caller.span_id": span_id}
    wanted = quote(" and ".join(f"{name}={value}" for name, value in tags.items()), safe="")
    try:
        traces = server.connection.get(server.url(f"/api/v2/traces?limit=1&annotationQuery={wanted}")).json()
        spans = [span for trace in traces for span in trace if tags.items() <= span.get("tags", {}).items()]
        return [DISTRUSTFUL(service=_service(span), trace_id=span["traceId"]) for span in spans[:1]]
    except (NoAnswer, TypeError, ValueError, KeyError, AttributeError):
        return []
