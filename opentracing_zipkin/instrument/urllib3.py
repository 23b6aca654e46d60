"""urllib3: a span for each physical request of any pool, unless requests makes it; for both, the end of an answer's body.

Rules: a redirect is a request with its own span, a sibling of the first; a retry is an event of the request's span.
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

from urllib3.connectionpool import HTTPConnectionPool
from urllib3.response import HTTPResponse
from urllib3.util.retry import Retry

from .client import CURRENT_CALL, Call, Calling, calling, stale
from .http import OFF, HttpPolicy, check_policy, in_force
from .other_instrumentations import other_instrumentation, stand_back
from .patching import Patches
from .urls import address_and_path

__all__ = ["end_with_body", "install", "uninstall", "unwatch", "watch"]

_patches = Patches()
_policy = OFF

_below = Patches()  # the patches that our module for requests needs, too
_users: set[str] = set()
_KEY = "_opentracing_zipkin_call"
_DEFAULT_PORTS = {"http": 80, "https": 443}
# The function of urllib3 that every exception from reading a body passes through.
_CATCHER = getattr(getattr(HTTPResponse._error_catcher, "__wrapped__", None), "__code__", None)


def install(policy: HttpPolicy | None = None) -> None:
    """Trace the requests of all pools; `policy`: None for the policy that `configure` fills."""
    global _policy
    check_policy(policy)
    if stand_back("urllib3") is not None:
        return
    _policy = in_force(policy, _policy)
    if not _patches:
        watch("urllib3")
        _patches.replace(HTTPConnectionPool, "urlopen", _opening)


def uninstall() -> None:
    """Put back what `install` has replaced."""
    global _policy
    _policy = OFF
    _patches.undo()
    unwatch("urllib3")


# The patches for requests and for urllib3


def watch(user: str) -> None:
    """Have each response end its call when its body has been read or is closed, and record retries, from now on."""
    _users.add(user)
    if not _below:
        _below.replace(HTTPResponse, "release_conn", _ending)
        _below.replace(HTTPResponse, "close", _ending)
        _below.replace(Retry, "increment", _noting)


def unwatch(user: str) -> None:
    """Undo `watch` when its last user has left; answers that are not read by then end their calls when they are dropped."""
    _users.discard(user)
    if not _users:
        _below.undo()


def end_with_body(raw: Any, call: Call, status: int, native: Any) -> None:
    """End `call` with the body of `raw`; at once where nothing is left to read from a connection."""
    if call.is_silent:
        call.end()
        return
    call.status = status
    if call.request is not None:
        call.answer = weakref.ref(native)  # a weak reference makes no cycle, so a dropped answer is freed at once
    received = getattr(raw, "_original_response", None)
    if received is None or not isinstance(raw, HTTPResponse) or raw.length_remaining == 0 or received.isclosed():
        call.end()
    else:
        vars(raw)[_KEY] = call


def _ending(original: Any) -> Any:
    def wrapped(self: HTTPResponse) -> None:
        original(self)
        if _KEY in self.__dict__:
            call = self.__dict__.pop(_KEY)
            error = sys.exc_info()[1]  # urllib3 releases a broken connection while it raises the exception
            if error is not None:
                where = error.__traceback__
                if where is None or where.tb_frame.f_code is not _CATCHER:
                    error = None  # the application is handling an unrelated exception
            call.end(error)

    return wrapped


def _noting(original: Any) -> Any:
    def increment(self: Retry, *args: Any, **kwargs: Any) -> Any:
        again = original(self, *args, **kwargs)  # raises where no retry is left
        call = CURRENT_CALL.get()
        if call is not None and again.history:
            last = again.history[-1]
            if not last.redirect_location:
                call.note_retry(str(last.status) if last.error is None else type(last.error).__name__)
        return again

    return increment


# The patch for urllib3 alone


def _opening(original: Any) -> Any:
    def urlopen(self: Any, method: Any, url: Any, body: Any = None, headers: Any = None, *args: Any, **kwargs: Any) -> Any:
        called = calling(_policy)
        if called is None:
            return original(self, method, url, body, headers, *args, **kwargs)
        outer = CURRENT_CALL.get()
        if outer is not None:
            if outer.is_sent_below:  # urllib3 calls itself for a retry or a redirect
                status = _redirect_of(*args, **kwargs)
                if not status or outer.calling is not called or outer.headers is not None:
                    return original(self, method, url, body, headers, *args, **kwargs)
                outer.status = status
                outer.end()
            elif outer.headers is not None and outer.headers is headers:
                outer.is_sent_below = True
                try:
                    return original(self, method, url, body, headers, *args, **kwargs)
                finally:
                    outer.is_sent_below = False
        elif sys._getframe(1).f_globals.get("__name__") == "requests.adapters" and other_instrumentation("requests"):
            return original(self, method, url, body, headers, *args, **kwargs)
        begun = _begin(called, self, method, url, headers)
        if begun is None:
            return original(self, method, url, body, headers, *args, **kwargs)
        call, sent = begun
        token = CURRENT_CALL.set(call)
        try:
            response = original(self, method, url, body, sent, *args, **kwargs)
        except BaseException as error:
            call.end(error)
            raise
        finally:
            CURRENT_CALL.reset(token)
        if not call.ended:
            end_with_body(response, call, response.status, response)
        return response

    return urlopen


def _begin(called: Calling, pool: Any, method: str, url: str, headers: Any) -> tuple[Call, Any] | None:
    """The call, and a copy of the headers with its context."""
    try:
        sent = (pool.headers if headers is None else headers).copy()
        address, path = ("", url) if url.startswith("/") else address_and_path(url)
        if not address:
            host = f"[{pool.host}]" if ":" in pool.host and pool.host[0] != "[" else pool.host
            address = host if pool.port in (None, _DEFAULT_PORTS.get(pool.scheme)) else f"{host}:{pool.port}"
            path = path.partition("?")[0]
        call = called.start(sent, method, address, path, url, _header)
        call.is_sent_below = True
        carrier = call.carrier()
        low = {name.lower(): name for name in sent}
        for name in stale(call, low):
            del sent[low[name]]
        sent.update(carrier)
        return call, sent
    except Exception as fault:
        called.tell(fault)
        return None


def _redirect_of(retries: Any = None, *_: Any, **named: Any) -> int:
    """The status of the redirect for which urllib3 calls itself; 0 where it calls itself for a retry."""
    history = getattr(named.get("retries", retries), "history", ())
    status: int | None = history[-1].status if history and history[-1].redirect_location else None
    return status or 0


def _header(headers: Any, name: str) -> str | None:
    low = name.lower()
    return next((headers[key] for key in headers if key.lower() == low), None)
