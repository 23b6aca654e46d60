"""The policy of HTTP spans: their names, tags and errors, in one place for all servers and clients.

Rules: uses the `opentracing` API only, so it works with any tracer of that API.  A span's name never contains a raw path.
A hook that raises costs one warning, never a request.  A policy is read once for each tracer, not at each request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import opentracing

from .checks import check_bool, check_callable, check_paths, check_peers, check_tracer

__all__ = ["DEFAULT", "OFF", "HttpPolicy", "Request", "Response", "check_policy", "in_force", "is_silent", "server_name"]

# The methods of RFC 9110 and 5789.  A client may send any other word as a method, and each word would make a new span name.
METHODS = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "WEBSOCKET"))
UNKNOWN_METHOD = "HTTP"


class Request:
    """A request as hooks and `sample` see it, the same for all libraries; it is made only where the policy has one of them.

    `native` is the library's own object: a WSGI environ, an ASGI scope, a prepared request.
    `is_server`: True for a request that is served, False for one that is sent.
    """

    __slots__ = ("_header", "is_server", "method", "native", "path")

    def __init__(self, native: Any, method: str, path: str, is_server: bool, header: Callable[[Any, str], str | None]) -> None:
        self.native = native
        self.method = method
        self.path = path
        self.is_server = is_server
        self._header = header

    def header(self, name: str) -> str | None:
        """The header's value, or None where it is missing; upper and lower case in the name do not matter."""
        return self._header(self.native, name)


class Response:
    """An answer as `on_response` sees it: its status, or 0 without an answer; and the library's own object, or None."""

    __slots__ = ("native", "status")

    def __init__(self, native: Any, status: int) -> None:
        self.native = native
        self.status = status


class OnRequest(Protocol):
    def __call__(self, span: opentracing.Span, request: Request, /) -> object: ...


class OnResponse(Protocol):
    def __call__(
        self, span: opentracing.Span, request: Request, response: Response, error: BaseException | None, /
    ) -> object: ...


class HttpPolicy:
    """A team's decisions about its HTTP spans, for all libraries.  May be used from any thread.

    `on_request(span, request)` is called when a span has begun, `on_response(span, request, response, error)` before it ends.
    `excluded_paths`: served requests with these paths are not recorded, nor are the calls that are made while they are served;
    a path that ends in `/*` stands for all paths below it.  `sample(request)` decides where the caller has not decided: True,
    False, or None to leave the decision to the tracer.
    `peers`: names of services by `host:port` or `host`.  `trust_forwarded`: take the first entry of `X-Forwarded-For`, which
    any client can write, as the caller's address.  `tracer`: None for `opentracing.tracer`, looked up at each request.
    `on_shutdown()` is called in a thread when an ASGI application has shut down; it sends the waiting spans and may take a
    moment.
    Raises TypeError for an argument of a wrong type.
    """

    __slots__ = (
        "_calling",
        "_logged",
        "_serving",
        "excluded_paths",
        "faults",
        "on_request",
        "on_response",
        "on_shutdown",
        "peers",
        "sample",
        "tracer",
        "trust_forwarded",
    )

    def __init__(
        self,
        *,
        on_request: OnRequest | None = None,
        on_response: OnResponse | None = None,
        sample: Callable[[Request], bool | None] | None = None,
        excluded_paths: Iterable[str] = (),
        peers: Mapping[str, str] | None = None,
        trust_forwarded: bool = False,
        tracer: opentracing.Tracer | None = None,
        on_shutdown: Callable[[], object] | None = None,
    ) -> None:
        self.faults = 0  # the number of exceptions that hooks, or our own code, have raised
        self._logged: set[str] = set()  # the places whose first fault was logged
        self.on_request: Any = None
        self.on_response: Any = None
        self.sample: Any = None
        self.excluded_paths: tuple[str, ...] = ()
        self.peers: dict[str, str] = {}
        self.trust_forwarded = False
        self.tracer = check_tracer(tracer)
        self.on_shutdown: Callable[[], object] | None = None
        self.update(
            on_request=on_request,
            on_response=on_response,
            sample=sample,
            excluded_paths=excluded_paths,
            peers={} if peers is None else peers,
            trust_forwarded=trust_forwarded,
            on_shutdown=on_shutdown,
        )

    def update(
        self,
        *,
        on_request: OnRequest | None = None,
        on_response: OnResponse | None = None,
        sample: Callable[[Request], bool | None] | None = None,
        excluded_paths: Iterable[str] | None = None,
        peers: Mapping[str, str] | None = None,
        trust_forwarded: bool | None = None,
        on_shutdown: Callable[[], object] | None = None,
    ) -> None:
        """Replace the settings that are given here, for requests that begin from now on."""
        if on_request is not None:
            self.on_request = check_callable("on_request", on_request)
        if on_response is not None:
            self.on_response = check_callable("on_response", on_response)
        if sample is not None:
            self.sample = check_callable("sample", sample)
        if excluded_paths is not None:
            self.excluded_paths = check_paths(excluded_paths)
        if peers is not None:
            self.peers = check_peers(peers)
        if trust_forwarded is not None:
            self.trust_forwarded = check_bool("trust_forwarded", trust_forwarded)
        if on_shutdown is not None:
            self.on_shutdown = check_callable("on_shutdown", on_shutdown)
        self._serving: Any = None  # server.py and client.py make these two for one tracer
        self._calling: Any = None

    def call_hook(self, name: str, hook: Callable[..., Any], *arguments: Any) -> Any:
        """The hook's result; None where it raises, which is logged once for each name."""
        try:
            return hook(*arguments)
        except Exception as fault:
            self.log_fault(f"the hook {name}", fault)
            return None

    def log_fault(self, where: str, fault: BaseException) -> None:
        """Count an exception of a hook or of our own code, and log the first one of each place."""
        self.faults += 1
        if where not in self._logged:
            self._logged.add(where)
            import logging  # imported late, because a starting process must not load it before gevent has patched

            log = logging.getLogger("opentracing_zipkin")
            log.warning("zipkin: %s raised an exception; the request goes on (logged once)", where, exc_info=fault)


def is_silent(policy: HttpPolicy, span: opentracing.Span) -> bool:
    """Whether a span records nothing and no hook looks at the answer, so that the instrumentation need not look at it."""
    return policy.on_response is None and not getattr(span, "records", True)  # another tracer's span counts as recording


def server_name(method: str, route: str | None, status: int) -> str:
    """The name of a served request's span: the method with the route, else with a word for the status."""
    if method not in METHODS:
        method = UNKNOWN_METHOD
    if route:
        return f"{method} {route}"
    if status == 404:
        return f"{method} not_found"
    if 300 <= status < 400:
        return f"{method} redirected"
    return method


DEFAULT = HttpPolicy()  # in force for every instrumentation that is installed without a policy; `configure` fills it
# The policy of an instrumentation that is not installed.  Another package's patch may keep our function inside it after
# `uninstall`; with this policy our function only passes calls on.  `install` and `uninstall` of each module assign to its own
# global `_policy`, so these few lines stand in each of them.
OFF = HttpPolicy(tracer=opentracing.Tracer())


def check_policy(policy: HttpPolicy | None) -> HttpPolicy | None:
    """The policy as it was given; raises TypeError for another object, which would fail in each request."""
    if policy is not None and not isinstance(policy, HttpPolicy):
        raise TypeError(
            f"policy is of type {type(policy).__name__}; use an opentracing_zipkin.instrument.http.HttpPolicy(...), "
            "or leave it out for the policy that configure() fills"
        )
    return policy


def in_force(given: HttpPolicy | None, present: HttpPolicy) -> HttpPolicy:
    """The policy for an `install`: the given one, else the policy of an earlier `install`, else DEFAULT."""
    if given is not None:
        return given
    return DEFAULT if present is OFF else present
