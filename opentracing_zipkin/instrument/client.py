"""A request that is sent: one span for each physical request, from its headers to the end of the answer's body.

Rules: no exception of ours reaches the application.  Where one library calls another (requests over urllib3), the outer one
makes the span.  The application's objects are not changed: a library's module sends a copy of the headers.  Each of those
modules writes out the same frame (begin, send, end with the error, end with the body), because each needs a step of its own in
between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import opentracing

from .http import METHODS, UNKNOWN_METHOD, HttpPolicy, Request, Response, is_silent

__all__ = ["CURRENT_CALL", "PLAIN_HEADERS", "Call", "Calling", "calling", "header_of", "stale"]

# The call that a traced library is sending, so that the traced libraries below it make no span.
CURRENT_CALL: ContextVar[Call | None] = ContextVar("opentracing_zipkin_current_call", default=None)

MAX_REMEMBERED = 2000

# Names that no tracer writes, in lower case: a request with only these headers carries no context of another span.
PLAIN_HEADERS = frozenset(
    """accept accept-charset accept-encoding accept-language authorization cache-control connection content-encoding
    content-length content-type cookie date expect host if-match if-modified-since if-none-match keep-alive origin pragma range
    referer te transfer-encoding upgrade user-agent x-api-key x-request-id x-requested-with""".split()  # noqa: SIM905
)

# Exceptions that cancel a task.  Our own tracer does not count them as errors, but another tracer of the 2.4 API would.
_CANCELLATIONS = frozenset(("CancelledError", "Cancelled", "GeneratorExit", "GreenletExit"))

_QUERY = re.compile(r"\?\S*")
_USER = re.compile(r"//[^/\s@]*@")


class Calling:
    """A policy with one tracer: holds everything that is the same for each request, looked up once.  Use it from any thread."""

    __slots__ = ("_addresses", "inject", "peers", "policy", "start_span", "tracer")

    def __init__(self, policy: HttpPolicy, tracer: opentracing.Tracer) -> None:
        self.policy = policy
        self.tracer = tracer
        self.start_span = tracer.start_span
        self.inject = tracer.inject
        self.peers = policy.peers
        self._addresses: dict[str, dict[str, str]] = {}

    def start(
        self,
        native: Any,
        method: str,
        address: str,
        path: str,
        url: object,
        header: Callable[[Any, str], str | None],
        parent: Any = None,
        ignore_active: bool = False,
    ) -> Call:
        """Begin the call of a request to `address`, a `host:port` without credentials; its span is a child of the active span.

        `url`: its query is left out of an error's text.  `parent`: a parent in place of the active span; with None as parent,
        `ignore_active` makes a root.  Raises the tracer's exceptions.
        """
        known = self._addresses.get(address) or self._add_address(address)
        tags: dict[str, Any] = {"span.kind": "client", "http.method": method, "http.path": path, **known}
        call = Call()
        call.calling = self
        call.url = url
        name = method if method in METHODS else UNKNOWN_METHOD
        policy = self.policy
        if policy.sample is None and policy.on_request is None and policy.on_response is None:
            call.span = span = self.start_span(name, parent, None, tags, None, ignore_active)
            call.is_silent = is_silent(policy, span)
            return call
        call.request = request = Request(native, method, path, False, header)
        if policy.sample is not None and parent is None and (ignore_active or self.tracer.active_span is None):
            decision = policy.call_hook("sample", policy.sample, request)
            if decision is not None:
                tags["sampling.priority"] = 1 if decision else 0
        call.span = span = self.start_span(name, parent, None, tags, None, ignore_active)
        call.is_silent = is_silent(policy, span)
        if policy.on_request is not None:
            policy.call_hook("on_request", policy.on_request, span, request)
        return call

    def tell(self, fault: Exception) -> None:
        """Count a fault that prevented a span, and log the first one; the request is sent without a span."""
        self.policy.log_fault("the start of a sent request's span", fault)

    def _add_address(self, address: str) -> dict[str, str]:
        """The tags of the server at this address; `peers` may name it by `host:port` or by `host`."""
        host, _, port = address.rpartition(":")
        if not port.isdigit():
            host, port = address, ""
        if host.startswith("[") or host.replace(".", "").isdigit():
            tags = {"peer.address": address}
        else:  # `peer.address` may have a port only after an IP address
            tags = {"peer.hostname": host, "peer.port": port} if port else {"peer.hostname": host}
        low = host.lower()
        ports = (port,) if port else ("443", "80")
        name = next((self.peers[key] for key in (*(f"{low}:{one}" for one in ports), low) if key in self.peers), None)
        if name:
            tags["peer.service"] = name
        if len(self._addresses) < MAX_REMEMBERED:
            self._addresses[address] = tags
        return tags


class Call:
    """One physical request that is in progress.  Any thread may end it, once; a call that is garbage-collected ends itself."""

    # No slots: rarely replaced defaults are attributes of the class, so a call costs only four assignments.
    ended = False
    status = 0  # 0 where there was no answer
    answer: Callable[[], Any] | None = None  # returns the library's own answer; kept only where a hook looks at it
    headers: Any = None  # the mapping that is sent; by its identity, a library below recognises the request
    is_sent_below = False  # True while the library below sends the request

    request: Request | None = None  # only where a hook looks at it

    is_silent: bool  # as `http.is_silent` says
    calling: Calling
    span: opentracing.Span
    url: object

    def carrier(self) -> dict[str, str]:
        """The headers of the span's context."""
        carrier: dict[str, str] = {}
        self.calling.inject(self.span.context, opentracing.Format.HTTP_HEADERS, carrier)
        return carrier

    def note_retry(self, cause: str) -> None:
        """Record an event on the span: the library sends the request once more by itself."""
        try:
            self.span.log_kv({"event": "retry", "cause": cause})
        except Exception as fault:
            self.calling.policy.log_fault("the note of a retry", fault)

    def end(self, error: BaseException | None = None) -> None:
        """Set the tags, call the hooks, finish the span; only the first call has an effect."""
        if self.ended:
            return
        self.ended = True
        span, status, policy = self.span, self.status, self.calling.policy
        if self.is_silent:
            status, error = 0, None
        try:
            if not 200 <= status < 300 and status:
                span.set_tag("http.status_code", status)
            if error is not None:
                _describe(span, error, self.url)
            elif status >= 400:
                span.set_tag("error", str(status))
            if policy.on_response is not None and self.request is not None:
                response = Response(None if self.answer is None else self.answer(), status)
                policy.call_hook("on_response", policy.on_response, span, self.request, response, error)
        except Exception as fault:
            policy.log_fault("the description of an answer", fault)
        try:
            span.finish()
        except Exception as fault:
            policy.log_fault("the end of a sent request's span", fault)

    def discard(self) -> None:
        """End without recording a span, because no request was sent."""
        with suppress(Exception):
            self.span.set_tag("sampling.priority", 0)
        self.end()

    def __del__(self) -> None:
        # The application has neither read nor closed the answer.
        if not self.ended and hasattr(self, "span"):
            with suppress(Exception):  # the interpreter may be shutting down
                self.end()


def calling(policy: HttpPolicy) -> Calling | None:
    """The policy with its present tracer; None where that is the no-op tracer."""
    tracer = policy.tracer or opentracing.tracer
    found: Calling | None = policy._calling
    if found is not None and found.tracer is tracer:
        return found
    if type(tracer) is opentracing.Tracer:
        return None
    policy._calling = found = Calling(policy, tracer)
    return found


def stale(call: Call, names: Iterable[str]) -> set[str]:
    """The names of headers with another span's context, for instance where an application passes its caller's headers on.

    `names`: the names of the request's headers, in lower case.  The tracer injects into a dict with these names: those that it
    removes or replaces belong to a context.
    """
    if PLAIN_HEADERS.issuperset(names):
        return _NONE
    probe = dict.fromkeys(names, "")
    before = list(probe)
    call.calling.inject(call.span.context, opentracing.Format.HTTP_HEADERS, probe)
    return {name for name in before if probe.get(name) != ""}


_NONE: set[str] = set()


def header_of(request: Any, name: str) -> str | None:
    """The header of a request whose `headers` disregard upper and lower case."""
    found: str | None = request.headers.get(name)
    return found


def _describe(span: opentracing.Span, error: BaseException, url: object) -> None:
    """Set the error of a span.  Exceptions quote the URL; its query and user may be secrets, so they are removed."""
    if not isinstance(error, Exception) and type(error).__name__ in _CANCELLATIONS:
        return
    try:
        text = str(error)
    except Exception:  # the `__str__` of an application's class may raise
        text = ""
    secret = str(url)
    shown = _USER.sub("//", text)
    if "?" in secret:
        shown = _QUERY.sub("", shown.replace(secret.partition("?")[2] or "?", ""))
    if shown == text:
        span._on_error(span, type(error), error, error.__traceback__)
    else:
        span.set_tag("error", f"{type(error).__name__}: {shown}")
