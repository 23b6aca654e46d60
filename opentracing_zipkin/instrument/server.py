"""A request that is served: one span from its first byte to its last, the same for all frameworks.

Rules: no exception of ours reaches the application.  A request costs one object.  `MARK` in the environ or scope shows that a
request has a span already, so it gets no second one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import opentracing

from .http import DEFAULT, METHODS, UNKNOWN_METHOD, HttpPolicy, Request, Response, check_policy, server_name

__all__ = ["MARK", "POLICY", "Exchange", "Serving", "forwarded_address", "policy_or_default", "serving"]

MARK = "opentracing_zipkin.exchange"  # the key of the Exchange in a WSGI environ or an ASGI scope
POLICY = "_opentracing_zipkin_policy"  # an attribute of a Starlette application, or a class of applications, that is traced


class Serving:
    """A policy with one tracer: holds everything that is the same for each request, looked up once.  Use it from any thread."""

    __slots__ = (
        "activate",
        "excluded_paths",
        "excluded_prefixes",
        "extract",
        "has_request_rules",
        "policy",
        "reads_raw",
        "start_span",
        "tracer",
        "trust_forwarded",
    )

    def __init__(self, policy: HttpPolicy, tracer: opentracing.Tracer) -> None:
        self.policy = policy
        self.tracer = tracer
        self.start_span = tracer.start_span
        self.extract = tracer.extract
        self.activate = tracer.scope_manager.activate
        # Our tracer reads a WSGI environ and ASGI's list of pairs directly; any other tracer gets a dict.
        self.reads_raw: bool = getattr(tracer, "reads_raw_carriers", False)
        self.excluded_paths = frozenset(path for path in policy.excluded_paths if not path.endswith("/*"))
        self.excluded_prefixes = tuple(path[:-1] for path in policy.excluded_paths if path.endswith("/*"))
        self.has_request_rules = policy.sample is not None or bool(policy.excluded_paths)
        self.trust_forwarded = policy.trust_forwarded

    def start(
        self,
        carrier: Any,
        native: Any,
        method: str,
        path: str,
        address: str,
        header: Callable[[Any, str], str | None],
    ) -> opentracing.Span:
        """Start the span of a request; `address` is the caller's `ip:port`, or empty."""
        try:
            context = self.extract(opentracing.Format.HTTP_HEADERS, carrier)
        except opentracing.SpanContextCorruptedException:  # some tracers raise it where the headers carry no context
            context = None
        tags: dict[str, Any] = {"span.kind": "server", "http.method": method, "http.path": path}
        if address:
            tags["peer.address"] = address
        if self.has_request_rules:
            self._apply_request_rules(tags, context, native, method, path, header)
        name = method if method in METHODS else UNKNOWN_METHOD
        span: opentracing.Span = self.start_span(name, context, None, tags, None, True)
        if self.policy.on_request is not None:
            self.policy.call_hook("on_request", self.policy.on_request, span, Request(native, method, path, True, header))
        return span

    def _apply_request_rules(
        self, tags: dict[str, Any], context: Any, native: Any, method: str, path: str, header: Callable[[Any, str], str | None]
    ) -> None:
        if path in self.excluded_paths or (self.excluded_prefixes and path.startswith(self.excluded_prefixes)):
            tags["sampling.priority"] = 0
        # The context of another tracer may not tell its sampling decision; then we treat it as decided.
        elif self.policy.sample is not None and (context is None or getattr(context, "sampled", True) is None):
            decision = self.policy.call_hook("sample", self.policy.sample, Request(native, method, path, True, header))
            if decision is not None:
                tags["sampling.priority"] = 1 if decision else 0


def serving(policy: HttpPolicy) -> Serving | None:
    """The policy with its present tracer; None where that is the no-op tracer."""
    # `client.calling` has the same lines: they run once for each request, so they are written out, without a call.
    tracer = policy.tracer or opentracing.tracer
    found: Serving | None = policy._serving
    if found is not None and found.tracer is tracer:
        return found
    if type(tracer) is opentracing.Tracer:
        return None
    policy._serving = found = Serving(policy, tracer)
    return found


class Exchange:
    """One request, and its answer as far as it is known.  A framework's module may set `route` and `error`."""

    # No slots: the usual values are attributes of the class, so a request assigns only those that differ.
    route: str | None = None
    error: BaseException | None = None
    status = 0
    ended = False

    is_silent: bool  # as `http.is_silent` says
    serving: Serving
    method: str
    path: str
    span: opentracing.Span  # stays active after its end, for background tasks
    header: Callable[[Any, str], str | None]
    native: Any  # None when the exchange has ended

    def run(self, function: Callable[[], Any]) -> Any:
        """Call `function()` while the span is active again; a scope's `run_again` may take the place of this method."""
        scope = self.serving.activate(self.span, False)
        try:
            return function()
        finally:
            scope.close()

    def __deepcopy__(self, memo: object) -> Exchange:
        return self  # a copied environ or scope still belongs to the same request

    __copy__ = __deepcopy__

    def end(self, error: BaseException | None = None) -> None:
        """Set the name and the tags, call the hooks, finish the span; only the first call has an effect."""
        if self.ended:
            return
        self.ended = True
        span = self.span
        try:
            if not self.is_silent:
                self._describe(span, self.error if error is None else error)
            span.finish()
        except Exception as fault:
            self.serving.policy.log_fault("the end of a served request's span", fault)
            with suppress(Exception):
                span.finish()
        self.native = self.error = None  # both refer back to this object

    def _find_route(self) -> str | None:
        """The route that can be read from `native`; called where no module has set `route`."""
        return None

    def _describe(self, span: opentracing.Span, error: BaseException | None) -> None:
        status, route = self.status, self.route or self._find_route()
        if error is not None and not status and isinstance(error, Exception):
            status = 500  # every server sends a 500 for an exception
        span.set_operation_name(server_name(self.method, route, status))
        if route:
            span.set_tag("http.route", route)
        if not 200 <= status < 300 and status:
            span.set_tag("http.status_code", status)
        if error is not None:
            span._on_error(span, type(error), error, error.__traceback__)
        elif status >= 500:
            span.set_tag("error", str(status))
        policy = self.serving.policy
        if policy.on_response is not None:
            request = Request(self.native, self.method, self.path, True, self.header)
            policy.call_hook("on_response", policy.on_response, span, request, Response(None, status), error)


_ADDRESS = re.compile(r"([0-9.]+|[0-9A-Fa-f:.]+|\[([0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?")


def forwarded_address(header: str | None) -> str:
    """The first entry of `X-Forwarded-For`, with its port; empty where the entry is no IP address.

    Any other word would become a service in the dependency graph.
    """
    first = (header or "")[:100].partition(",")[0].strip()
    found = _ADDRESS.fullmatch(first)
    if found is None:
        return ""
    from ipaddress import ip_address  # imported late, because few applications trust the header

    try:
        ip_address(found[2] or found[1])
    except ValueError:
        return ""
    return first


def policy_or_default(policy: HttpPolicy | None) -> HttpPolicy:
    """The given policy, or else the policy that `configure` fills; raises TypeError for another object."""
    return check_policy(policy) or DEFAULT
