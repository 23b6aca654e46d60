"""urllib.request: a span for each physical request of any opener, also for redirects and steps of authentication.

Rules: `AbstractHTTPHandler.do_open` is wrapped, by which every handler of HTTP sends, so that the application's openers and
handlers are not changed.  The application's Request is not changed either: a copy is sent.
"""

from __future__ import annotations

from http.client import HTTPResponse
from typing import Any
from urllib.request import AbstractHTTPHandler
from weakref import ref

from .client import Call, Calling, calling, stale
from .http import OFF, HttpPolicy, check_policy, in_force
from .other_instrumentations import stand_back
from .patching import Patches
from .urls import address_and_path

__all__ = ["install", "uninstall"]

_patches = Patches()
_policy = OFF
_new = object.__new__
_watched: dict[type, type] = {}  # for each class of answers, the subclass whose answers end their call


def install(policy: HttpPolicy | None = None) -> None:
    """Trace the requests of all openers; `policy`: None for the policy that `configure` fills."""
    global _policy
    check_policy(policy)
    if stand_back("urllib") is not None:
        return
    _policy = in_force(policy, _policy)
    if not _patches:
        _patches.replace(AbstractHTTPHandler, "do_open", _opening)


def uninstall() -> None:
    """Put back what `install` has replaced."""
    global _policy
    _policy = OFF
    _patches.undo()


def _opening(original: Any) -> Any:
    def do_open(self: Any, http_class: Any, req: Any, **given: Any) -> Any:
        called = calling(_policy)
        begun = None if called is None else _begin(called, req)
        if begun is None:
            return original(self, http_class, req, **given)
        call, sent = begun
        try:
            response = original(self, http_class, sent, **given)
        except BaseException as error:
            call.end(error)
            raise
        finally:
            _take_over(req, sent)
        _end_with_body(call, response)
        return response

    return do_open


def _begin(called: Calling, request: Any) -> tuple[Call, Any] | None:
    """The call, and a copy of the request to send."""
    try:
        sent = _new(type(request))
        vars(sent).update(vars(request))
        sent.headers = dict(request.headers)
        sent.unredirected_hdrs = dict(request.unredirected_hdrs)
        url = request.full_url
        address, path = address_and_path(url)
        call = called.start(sent, request.get_method(), address, path, url, _header)
        carrier = call.carrier()
        drop = stale(call, [name.lower() for name in (*sent.headers, *sent.unredirected_hdrs)])
        for headers in (sent.headers, sent.unredirected_hdrs) if drop else ():
            for name in [name for name in headers if name.lower() in drop]:
                del headers[name]
        sent.headers.update(carrier)
        return call, sent
    except Exception as fault:
        called.tell(fault)
        return None


def _take_over(request: Any, sent: Any) -> None:
    """Copy to the application's request everything that a handler has changed, except the headers."""
    headers, unredirected = request.headers, request.unredirected_hdrs
    vars(request).update(vars(sent))
    request.headers, request.unredirected_hdrs = headers, unredirected


def _end_with_body(call: Call, response: Any) -> None:
    """End `call` with the body; at once where there is no body, or where the answer is not http.client's."""
    try:
        call.status = response.status
        if call.request is not None:
            call.answer = ref(response)
        if response.fp is None or response.length == 0:
            call.end()
            return
        kind = type(response)
        watched = _watched.get(kind)
        if watched is None:
            watched = _watched[kind] = type(kind.__name__, (_Ending, kind), {"__module__": kind.__module__})
        response._opentracing_zipkin_call = call
        response.__class__ = watched
    except Exception:  # the answer is not http.client's
        call.end()


class _Ending(HTTPResponse):
    """A base put before an answer's own class: it ends the call with the body, or with an error before the body's end."""

    _opentracing_zipkin_call: Call

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._opentracing_zipkin_call.end()


def _reading(name: str) -> Any:
    def read(self: Any, *args: Any) -> Any:
        try:
            found = getattr(super(_Ending, self), name)(*args)
        except BaseException as error:
            self._opentracing_zipkin_call.end(error)
            raise
        if self.fp is None or self.length == 0:
            self._opentracing_zipkin_call.end()
        return found

    return read


for _name in ("read", "readinto", "read1", "readline", "peek"):
    setattr(_Ending, _name, _reading(_name))


def _header(request: Any, name: str) -> str | None:
    found: str | None = request.get_header(name.capitalize())
    return found
