"""Applications that break the rules of ASGI: the server sees exactly what it sees without the middleware."""

from __future__ import annotations

import asyncio
import builtins
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from opentracing_zipkin.instrument.asgi import TracingMiddleware

from .servers import Traced

Log = list[Any]
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
BODY = {"type": "http.response.body", "body": b"a"}


def sending(*messages: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


def raising(error: BaseException, *messages: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        raise error

    return app


async def swallowing(scope: Any, receive: Any, send: Any) -> None:
    for message in ({"type": "nonsense"}, START, START, BODY, BODY):
        with suppress(Exception):
            await send(message)


async def receiving(scope: Any, receive: Any, send: Any) -> None:
    got = [await receive() for _ in range(2)]
    await send(START)
    await send({**BODY, "body": repr(got).encode()})


async def replying(scope: Any, receive: Any, send: Any) -> Any:
    await send(START)
    await send(BODY)
    return "an answer that nobody asked for"


APPS: dict[str, Any] = {
    "good": sending(START, BODY),
    "silent": sending(),
    "only started": sending(START),
    "body first": sending(BODY),
    "started twice": sending(START, START, BODY),
    "ended twice": sending(START, BODY, BODY),
    "endless": sending(START, *[{**BODY, "more_body": True}] * 5),
    "streamed": sending(START, {**BODY, "more_body": True}, {"type": "http.response.body"}),
    "informational": sending({**START, "status": 103}, START, BODY),
    "no content": sending({**START, "status": 204}, {"type": "http.response.body"}),
    "pushed": sending({"type": "http.response.push", "path": "/"}, START, BODY),
    "trailers": sending({**START, "trailers": True}, BODY, {"type": "http.response.trailers", "headers": []}),
    "none": sending(None),
    "number": sending(7),
    "no type": sending({}),
    "wrong type": sending({"type": None}),
    "unhashable type": sending({"type": []}),
    "no status": sending({"type": "http.response.start"}, BODY),
    "status of text": sending({**START, "status": "200"}, BODY),
    "status of words": sending({**START, "status": "okay"}, BODY),
    "status of nothing": sending({**START, "status": None}, BODY),
    "huge status": sending({**START, "status": 10**100}, BODY),
    "body of text": sending(START, {**BODY, "body": "a"}),
    "more of nothing": sending(START, {**BODY, "more_body": None}),
    "websocket": sending({"type": "websocket.accept"}, {"type": "websocket.close"}),
    "raising": raising(ValueError("x")),
    "raising when started": raising(ValueError("x"), START),
    "raising when ended": raising(ValueError("x"), START, BODY),
    "raising after 500": raising(ValueError("x"), {**START, "status": 500}, BODY),
    "exiting": raising(SystemExit(3)),
    "cancelled": raising(asyncio.CancelledError()),
    "interrupted": raising(KeyboardInterrupt(), START),
    "swallowing": swallowing,
    "receiving": receiving,
    "replying": replying,
    "no coroutine": lambda scope, receive, send: None,
    "two steps": lambda scope: sending(START, BODY),
}


def lenient(message: Any, seen: Log) -> None:
    """A server that accepts every message."""


def strict(message: Any, seen: Log) -> None:
    """A server that refuses a message that may not come next, with a different exception for each mistake."""
    if message["type"] == "http.response.start":
        if any(isinstance(part, dict) and part.get("type") == "http.response.start" for part in seen):
            raise RuntimeError("started twice")
        int(message["status"])
    elif message["type"] == "http.response.body":
        if not seen:
            raise AssertionError("not started")
        bytes(message.get("body", b""))
    else:
        raise LookupError(message["type"])


def gone(message: Any, seen: Log) -> None:
    """A server whose client has left."""
    raise ConnectionResetError("the client")


async def served(app: Any, check: Callable[[Any, Log], None], scope: dict[str, Any]) -> Log:
    """Everything that a server sees of an application."""
    seen: Log = []

    async def receive() -> Any:
        seen.append("receive")
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        check(message, seen)
        seen.append(message)

    try:
        seen.append(await app(scope, receive, send))
    except BaseException as error:
        seen.append((type(error).__name__, str(error), repr(error.__cause__ or error.__context__)))
    return seen


def scope(**more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "client": ("192.0.2.1", 1),
        "query_string": b"",
        **more,
    }


@pytest.mark.parametrize("check", [lenient, strict, gone])
@pytest.mark.parametrize("name", APPS)
def test_a_server_sees_what_the_application_does(name: str, check: Any) -> None:
    """Messages, their order and exceptions are the same with the middleware and without; there is one span."""
    traced = Traced()
    expected = asyncio.run(served(APPS[name], check, scope()))
    if name == "replying" and check is not gone:
        expected[-1] = None  # the middleware's coroutine returns None, as ASGI asks

    assert expected == asyncio.run(served(TracingMiddleware(APPS[name], traced.policy), check, scope()))
    assert 1 == len(traced.spans)
    if check is gone and "raising" not in name and name not in ("no coroutine", "two steps", "exiting"):
        assert "error" not in traced.spans[0].tags


def test_what_is_no_application_is_refused_at_once() -> None:
    """`TracingMiddleware(None)` raises TypeError."""
    with pytest.raises(TypeError, match="NoneType"):
        TracingMiddleware(None)  # type: ignore[arg-type]


REQUESTS: dict[str, dict[str, Any]] = {
    "large header": {"headers": [(b"b3", b"b" * 1_000_000), (b"x-large", b"a" * 1_000_000)]},
    "header of bytes": {"headers": [(b"\xff\x00", b"\xff\x00"), (b"b3", b"\xff")]},
    "headers of text": {"headers": [("b3", "1")]},
    "headers of lists": {"headers": [[b"b3", b"1"]]},
    "headers of nothing": {"headers": None},
    "headers of numbers": {"headers": [7]},
    "large path": {"path": "/" + "a" * 1_000_000},
    "path of surrogates": {"path": "/\ud800\x00"},
    "path of bytes": {"path": b"/"},
    "long method": {"method": "G" * 10_000},
    "method of bytes": {"method": b"GET"},
    "no client": {"client": None},
    "client of a socket": {"client": ("", 0)},
    "client of one": {"client": ("192.0.2.1",)},
    "client of text": {"client": "unix:"},
    "client of bytes": {"client": (b"\xff", b"\xff")},
    "unknown type": {"type": "smoke.signals"},
    "type of nothing": {"type": None},
}


@pytest.mark.parametrize("trust_forwarded", [False, True])
@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_of_a_stranger_is_served(name: str, trust_forwarded: bool) -> None:
    """Any scope reaches the application unchanged, and its answer is the same; a scope that we cannot read is counted."""
    traced = Traced(trust_forwarded=trust_forwarded)
    found: Log = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append({key: value for key, value in scope.items() if not key.startswith("opentracing_zipkin")})
        await send(START)
        await send(BODY)

    expected = asyncio.run(served(app, lenient, scope(**REQUESTS[name])))

    assert expected == asyncio.run(served(TracingMiddleware(app, traced.policy), lenient, scope(**REQUESTS[name])))
    assert found[0] == found[1]
    assert (0 if "type" in name else 1) == len(traced.spans) + traced.policy.faults
    assert None is traced.tracer.active_span


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with Python 3.11")
def test_a_group_of_one_is_the_exception_in_it() -> None:
    """An exception group with one exception counts as that exception; a group of two is the span's error itself."""
    traced = Traced()
    group_of = vars(builtins)["ExceptionGroup"]
    one = group_of("tasks", [group_of("tasks", [ValueError("x")])])
    two = group_of("tasks", [ValueError("x"), KeyError("y")])
    for group in (one, two):
        asyncio.run(served(TracingMiddleware(raising(group), traced.policy), lenient, scope()))

    assert ["ValueError: x", "ExceptionGroup: tasks (2 sub-exceptions)"] == [span.tags["error"] for span in traced.spans]


def test_headers_that_can_be_read_once_are_the_applications() -> None:
    """Where a server passes an iterator of headers, the application can still read all of them."""
    traced = Traced()
    found: Log = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.extend(scope["headers"])

    asyncio.run(served(TracingMiddleware(app, traced.policy), lenient, scope(headers=iter([(b"b3", b"0")]))))

    assert ([(b"b3", b"0")], []) == (found, traced.spans)


@pytest.mark.parametrize("missing", ["method", "path", "headers", "client", "query_string"])
def test_a_scope_may_lack_anything(missing: str) -> None:
    """A server that leaves a key out of the scope gets the application's answer."""
    traced = Traced()
    broken = scope()
    del broken[missing]

    assert [START, BODY, None] == asyncio.run(served(TracingMiddleware(APPS["good"], traced.policy), lenient, broken))
    assert 1 == len(traced.spans) + traced.policy.faults


def test_a_message_that_we_do_not_understand_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """An unreadable message is passed on and counted, and the first one is logged."""
    traced = Traced()
    app = TracingMiddleware(APPS["status of words"], traced.policy)
    for _ in range(3):
        asyncio.run(served(app, lenient, scope()))

    assert (3, 1) == (traced.policy.faults, len(caplog.records))
