"""aiohttp's client: a span for each physical request of any session, also for redirects and requests that a middleware repeats.

Rules: a span begins where the session asks its connector for a connection, so a refused connection is the span's error; it ends
with the answer's body.  The session's `trace_configs` are not changed.  The parent is the span that was active at the call,
although aiohttp sends the request only when it is awaited.
"""

from __future__ import annotations

import sys
import weakref
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from aiohttp import BaseConnector, ClientRequest, ClientResponse, ClientSession

from .client import Call, Calling, calling, header_of, stale
from .http import OFF, HttpPolicy, check_policy, in_force
from .other_instrumentations import stand_back
from .patching import Patches

__all__ = ["install", "uninstall"]

_patches = Patches()
_policy = OFF
_UNKNOWN: Any = object()
_KEY = "_opentracing_zipkin_call"
# The span that was active when the application called for the request; the request may be awaited much later.
_parent: ContextVar[Any] = ContextVar("opentracing_zipkin_aiohttp_parent")


def install(policy: HttpPolicy | None = None) -> None:
    """Trace the requests of all sessions; `policy`: None for the policy that `configure` fills."""
    global _policy
    check_policy(policy)
    if stand_back("aiohttp") is not None:
        return
    _policy = in_force(policy, _policy)
    if not _patches:
        _patches.replace(ClientSession, "_request", _requesting)
        _patches.replace(BaseConnector, "connect", _connecting)
        _patches.replace(ClientRequest, "send", _sending)
        _patches.replace(ClientResponse, "start", _starting)
        for name in ("_response_eof", "close", "release"):
            _patches.replace(ClientResponse, name, _ending)


def uninstall() -> None:
    """Put back what `install` has replaced."""
    global _policy
    _policy = OFF
    _patches.undo()


def _requesting(original: Any) -> Any:
    def _request(self: Any, *args: Any, **kwargs: Any) -> Any:
        called = calling(_policy)
        running = original(self, *args, **kwargs)
        return running if called is None else _run(called.tracer.active_span, running)

    return _request


async def _run(parent: Any, running: Any) -> Any:
    token = _parent.set(parent)
    try:
        return await running
    finally:
        with suppress(ValueError):  # a coroutine that nobody awaited to its end may be closed in another context
            _parent.reset(token)


def _connecting(original: Any) -> Any:
    def connect(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        called = calling(_policy)
        if called is None:  # without tracing there is no coroutine around the original: 1 µs less
            return original(self, req, *args, **kwargs)
        return _connect(original, called, self, req, args, kwargs)

    return connect


async def _connect(original: Any, called: Calling, connector: Any, req: Any, args: Any, kwargs: Any) -> Any:
    call = _begin(called, req)
    try:
        return await original(connector, req, *args, **kwargs)
    except BaseException as error:
        if call is not None:
            call.end(error)
        raise


def _begin(called: Calling, request: Any) -> Call | None:
    """The call of a request; its context is added to the headers of aiohttp's request, a copy of the application's headers."""
    try:
        url, headers = request.url, request.headers
        host, port = url.raw_host or "", url.explicit_port
        if ":" in host:
            host = f"[{host}]"
        address = f"{host}:{port}" if port else host
        parent = _parent.get(_UNKNOWN)
        known = parent is not _UNKNOWN  # the connector was called without a session where it is unknown
        path = url.raw_path or "/"
        call = called.start(request, request.method, address, path, url, header_of, parent if known else None, known)
        carrier = call.carrier()
        for name in stale(call, [name.lower() for name in headers]):
            headers.popall(name, None)
        for name in carrier:
            headers[name] = carrier[name]
        vars(request)[_KEY] = call
        return call
    except Exception as fault:
        called.tell(fault)
        return None


def _sending(original: Any) -> Any:
    def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        call: Call | None = vars(self).pop(_KEY, None)
        running = original(self, *args, **kwargs)
        return running if call is None else _send(call, running)

    return send


async def _send(call: Call, running: Any) -> Any:
    try:
        response = await running
    except BaseException as error:
        call.end(error)
        raise
    vars(response)[_KEY] = call
    return response


def _starting(original: Any) -> Any:
    def start(self: Any, *args: Any, **kwargs: Any) -> Any:
        running = original(self, *args, **kwargs)
        return _start(self, running) if _KEY in vars(self) else running

    return start


async def _start(response: Any, running: Any) -> Any:
    try:
        started = await running
    except BaseException as error:
        _end(response, error)
        raise
    if response.closed:  # the whole body came with the head
        _end(response, None)
    return started


def _ending(original: Any) -> Any:
    def end(self: Any) -> Any:
        if _KEY not in vars(self) or self.status is None:  # `start` has not ended yet
            return original(self)
        error = _error_of(self)
        try:
            return original(self)
        finally:
            _end(self, error)

    return end


def _end(response: Any, error: BaseException | None) -> None:
    call: Call | None = vars(response).pop(_KEY, None)
    if call is not None:
        call.status = response.status or 0
        if call.request is not None:
            call.answer = weakref.ref(response)
        call.end(error)


def _error_of(response: Any) -> BaseException | None:
    """The exception that ended the answer before its body was complete; None where the application ended it."""
    content, error = response.content, sys.exc_info()[1]
    failure: BaseException | None = content.exception() if content is not None else None
    if failure is not None or error is None:
        return failure
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_locals.get("self") is content:
            return error  # the exception was raised by the reading of the body
        trace = trace.tb_next
    return None
