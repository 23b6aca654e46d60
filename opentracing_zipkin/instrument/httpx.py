"""httpx: a span for each physical request of any client, also for redirects and steps of authentication.

Rules: httpx' own transports are wrapped, so that clients, event hooks, authentication and outer transports are not changed.
A request is sent as a copy with the context in its headers; the body's stream ends the span.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
from httpx import AsyncByteStream, Headers, SyncByteStream

from .client import PLAIN_HEADERS, Call, Calling, calling, header_of, stale
from .http import OFF, HttpPolicy, check_policy, in_force
from .other_instrumentations import stand_back
from .patching import Patches

__all__ = ["install", "uninstall"]

_patches = Patches()
_policy = OFF
_new = object.__new__
_PLAIN = frozenset(name.encode("ascii") for name in PLAIN_HEADERS)
MAX_REMEMBERED = 100
_raw: dict[str, bytes] = {}
# Whether httpx keeps headers as a list of (name as sent, name in lower case, value).  If not, each is set singly: 8 µs more.
_is_list = getattr(Headers({"A": "b"}), "_list", None) == [(b"A", b"a", b"b")]

_SYNC = ("HTTPTransport", "MockTransport", "WSGITransport")
_ASYNC = ("AsyncHTTPTransport", "MockTransport", "ASGITransport")


def install(policy: HttpPolicy | None = None) -> None:
    """Trace the requests of all clients; `policy`: None for the policy that `configure` fills."""
    global _policy
    check_policy(policy)
    if stand_back("httpx") is not None:
        return
    _policy = in_force(policy, _policy)
    if not _patches:
        for name in _SYNC:
            _patches.replace(getattr(httpx, name), "handle_request", _handling)
        for name in _ASYNC:
            _patches.replace(getattr(httpx, name), "handle_async_request", _handling_async)


def uninstall() -> None:
    """Put back what `install` has replaced."""
    global _policy
    _policy = OFF
    _patches.undo()


def _handling(original: Any) -> Any:
    def handle_request(self: Any, request: Any) -> Any:
        called = calling(_policy)
        begun = None if called is None else _begin(called, request)
        if begun is None:
            return original(self, request)
        call, sent = begun
        try:
            response = original(self, sent)
        except BaseException as error:
            call.end(error)
            raise
        finally:
            if sent.stream is not request.stream:
                _take_over(request, sent)
        return _end_with_body(call, response, _Body)

    return handle_request


def _handling_async(original: Any) -> Any:
    def handle_async_request(self: Any, request: Any) -> Any:
        called = calling(_policy)
        if called is None:  # without tracing there is no coroutine around the original: 1 µs less
            return original(self, request)
        return _handle_async(original, called, self, request)

    return handle_async_request


# The same as `handle_request`, with `await` in the middle.
async def _handle_async(original: Any, called: Calling, transport: Any, request: Any) -> Any:
    begun = _begin(called, request)
    if begun is None:
        return await original(transport, request)
    call, sent = begun
    try:
        response = await original(transport, sent)
    except BaseException as error:
        call.end(error)
        raise
    finally:
        if sent.stream is not request.stream:
            _take_over(request, sent)
    return _end_with_body(call, response, _AsyncBody)


def _begin(called: Calling, request: Any) -> tuple[Call, Any] | None:
    """The call, and a copy of the request to send; the request itself is the application's, which may send it twice."""
    try:
        sent = _new(type(request))
        sent.__dict__.update(request.__dict__)
        url, given = request.url, request.headers
        sent.headers = headers = _new(Headers)
        headers._encoding = given._encoding
        if _is_list:
            headers._list = items = given._list.copy()
        else:
            Headers.__init__(headers, given, given._encoding)
        path = url.raw_path.partition(b"?")[0].decode("ascii")
        call = called.start(sent, request.method, url.netloc.decode("ascii"), path, url, header_of)
        carrier = call.carrier()
        if not _is_list:
            for name in stale(call, [name.lower() for name in headers]):
                del headers[name]
            headers.update(carrier)
            return call, sent
        if not _PLAIN.issuperset([low for _, low, _ in items]):
            drop = stale(call, [low.decode("latin-1") for _, low, _ in items])
            if drop:
                headers._list = items = [item for item in items if item[1].decode("latin-1") not in drop]
        for name in carrier:
            raw = _raw.get(name) or _encoded(name)
            items.append((raw, raw, carrier[name].encode("ascii")))
        return call, sent
    except Exception as fault:
        called.tell(fault)
        return None


def _encoded(name: str) -> bytes:
    """A header's name in bytes, remembered up to a limit: tracers write few names, but there may be many keys of baggage."""
    raw = name.encode("ascii")
    if len(_raw) < MAX_REMEMBERED:
        _raw[name] = raw
    return raw


def _take_over(request: Any, sent: Any) -> None:
    """Copy to the application's request the state that a transport has set, for instance a streamed body that it has read."""
    headers = request.headers
    vars(request).update(vars(sent))
    request.headers = headers


def _end_with_body(call: Call, response: Any, body: Any) -> Any:
    """The response, whose stream will end the call; a response without a body to read ends it at once."""
    if call.is_silent:
        call.end()
        return response
    try:
        call.status = response.status_code
        if call.request is not None:
            call.answer = weakref.ref(response)
        if response.is_closed:
            call.end()
        else:
            response.stream = body(response.stream, call)
    except Exception as fault:  # the transport has not returned an httpx.Response; the client will raise for that
        call.calling.policy.log_fault("the answer of a transport", fault)
    return response


class _Body(SyncByteStream):  # type: ignore[misc]  # so that mypy reports the same with and without httpx
    def __init__(self, stream: Any, call: Call) -> None:
        self._stream = stream
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except BaseException as error:
            self._call.end(error)
            raise
        # The client calls `close` next, and only then the connection is free; so `close` ends the span.

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._call.end()

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_stream"], name)


class _AsyncBody(AsyncByteStream):  # type: ignore[misc]
    def __init__(self, stream: Any, call: Call) -> None:
        self._stream = stream
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except BaseException as error:
            self._call.end(error)
            raise

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._call.end()

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_stream"], name)
