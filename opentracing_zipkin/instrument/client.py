"""A request that is sent: one span for each physical one, from its headers to the end of the answer's body.

Rules: nothing here raises into the application.  Of nested libraries (requests over urllib3) the outermost makes the span.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import opentracing

from .http import METHODS, UNKNOWN_METHOD, HttpPolicy, Request, Response

__all__ = ["INSIDE", "Call", "Calling", "calling"]

# True while a traced library sends, so that those below it stand back.
INSIDE: ContextVar[bool] = ContextVar("opentracing_zipkin_inside_call", default=False)

MAX_REMEMBERED = 2000


class Calling:
    """A policy for one tracer, looked up once."""

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
        method: str,
        address: str,
        path: str,
        headers: Any,
        native: Any = None,
        header: Callable[[Any, str], str | None] | None = None,
    ) -> Call | None:
        """The span of a request to `address`, which is a `host:port` without credentials, and its context in `headers`.

        A child of the active span.  None where something is beyond us: then the request goes untraced.
        """
        try:
            known = self._addresses.get(address) or self._add_address(address)
            tags: dict[str, Any] = {"span.kind": "client", "http.method": method, "http.path": path, **known}
            policy = self.policy
            if policy.sample is not None and self.tracer.active_span is None and header is not None:
                decision = self._call("sample", policy.sample, Request(native, method, path, False, header))
                if decision is not None:
                    tags["sampling.priority"] = 1 if decision else 0
            span = self.start_span(method if method in METHODS else UNKNOWN_METHOD, None, None, tags)
            call = Call()
            call.calling = self
            call.span = span
            call.ended = False
            if policy.on_request is not None or policy.on_response is not None:
                call.request = Request(native, method, path, False, header or _no_header)
                if policy.on_request is not None:
                    self._call("on_request", policy.on_request, span, call.request)
            self.inject(span.context, opentracing.Format.HTTP_HEADERS, headers)
            return call
        except Exception as fault:
            self.policy.tell("the start of a sent request's span", fault)
            return None

    def _add_address(self, address: str) -> dict[str, str]:
        """The tags of the other end; `peers` names it by `host:port` or by `host`."""
        tags = {"peer.address": address}
        low = address.lower()
        name = self.peers.get(low) or self.peers.get(low.rpartition(":")[0] or low)
        if name:
            tags["peer.service"] = name
        if len(self._addresses) < MAX_REMEMBERED:
            self._addresses[address] = tags
        return tags

    def _call(self, name: str, hook: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return hook(*arguments)
        except Exception as fault:
            self.policy.tell(f"the hook {name}", fault)
            return None


class Call:
    """One physical request that is under way.  May be ended from any thread, once."""

    __slots__ = ("calling", "ended", "request", "span")

    calling: Calling
    ended: bool
    request: Request  # only where a hook looks at it
    span: opentracing.Span

    def end(self, status: int, native: Any = None, error: BaseException | None = None, url: str = "") -> None:
        """Tags, hooks, finish; only the first call counts.

        `status`: 0 where there was no answer.  `url`: whose query is left out of the error's text.
        """
        if self.ended:
            return
        self.ended = True
        span, policy = self.span, self.calling.policy
        try:
            if not 200 <= status < 300 and status:
                span.set_tag("http.status_code", status)
            if error is not None:
                span._on_error(span, type(error), error, error.__traceback__)
                _hide_query(span, error, url)
            elif status >= 400:
                span.set_tag("error", str(status))
            if policy.on_response is not None:
                self.calling._call("on_response", policy.on_response, span, self.request, Response(native, status), error)
        except Exception as fault:
            policy.tell("the description of an answer", fault)
        span.finish()


def calling(policy: HttpPolicy) -> Calling | None:
    """The policy for the tracer of now; None for the no-op, and inside another call."""
    if INSIDE.get():
        return None
    tracer = policy.tracer or opentracing.global_tracer()
    found: Calling | None = policy._calling
    if found is not None and found.tracer is tracer:
        return found
    if type(tracer) is opentracing.Tracer:
        return None
    policy._calling = found = Calling(policy, tracer)
    return found


def _hide_query(span: opentracing.Span, error: BaseException, url: str) -> None:
    """Where an exception's text has the URL's query in it, which may hold a secret, the span's error has it without."""
    query = url.partition("?")[2]
    text = str(error) if query else ""
    if query and query in text:
        span.set_tag("error", f"{type(error).__name__}: {text.replace('?' + query, '').replace(query, '...')}")


def _no_header(native: Any, name: str) -> str | None:
    return None
