"""Applications that break the rules of WSGI: the server sees exactly what it sees without the middleware."""

from __future__ import annotations

import io
import itertools
import re
import sys
import tempfile
import warnings
import wsgiref.handlers
import wsgiref.util
import wsgiref.validate
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gunicorn.http.wsgi import FileWrapper

from opentracing_zipkin.instrument.wsgi import TracingMiddleware

from .servers import Traced

OK = [("Content-Type", "text/plain")]
Log = list[Any]


# Bodies, named by how they behave when a server iterates over them.  `log` has the calls that the application saw.


class Closing:
    """A body that logs its `iter` and its `close`."""

    def __init__(self, log: Log, chunks: Iterable[Any] = (b"a", b"b"), fault: BaseException | None = None) -> None:
        self.log = log
        self.chunks = iter(chunks)
        self.fault = fault

    def __iter__(self) -> Iterator[Any]:
        self.log.append("iter")
        return self.chunks

    def close(self) -> None:
        self.log.append("close")
        if self.fault is not None:
            raise self.fault


class Sized(Closing):
    def __len__(self) -> int:
        self.log.append("len")
        return 2


class NoLength(Closing):
    def __len__(self) -> int:
        raise OSError("no length")


class NoIterator(Closing):
    def __iter__(self) -> Iterator[Any]:
        self.log.append("iter")
        raise KeyError("no iterator")


class WrongIterator(Closing):
    def __iter__(self) -> Any:
        return 7


class OldStyle:
    """A sequence without `__iter__`."""

    def __getitem__(self, index: int) -> bytes:
        return [b"a", b"b"][index]


class CloseIsNone(Closing):
    close = None  # type: ignore[assignment]


class ListOfItsOwn(list):  # type: ignore[type-arg]
    def close(self) -> None:
        self.append(b"closed")


class Chunk:
    """An object that is not bytes, and whose length raises."""

    def __len__(self) -> int:
        raise OSError("no length")


def generator(log: Log, *, fails: BaseException | None = None) -> Iterator[bytes]:
    try:
        yield b"a"
        if fails is not None:
            raise fails
        yield b"b"
    except GeneratorExit:
        log.append("exit")
        raise
    finally:
        log.append("finally")


BODIES: dict[str, Callable[[Log], Any]] = {
    "list": lambda log: [b"a", b"b"],
    "tuple": lambda log: (b"a",),
    "empty": lambda log: [],
    "bytes": lambda log: b"ab",
    "text": lambda log: "ab",
    "none": lambda log: None,
    "number": lambda log: 7,
    "type": lambda log: dict,
    "dict": lambda log: {b"a": 1},
    "set": lambda log: {b"a"},
    "iterator": lambda log: iter([b"a", b"b"]),
    "wrong chunks": lambda log: iter(["a", None, 7, Chunk()]),
    "closing": Closing,
    "closing raises": lambda log: Closing(log, fault=ValueError("close")),
    "closing exits": lambda log: Closing(log, fault=SystemExit(3)),
    "sized": Sized,
    "no length": NoLength,
    "no iterator": NoIterator,
    "wrong iterator": WrongIterator,
    "old style": lambda log: OldStyle(),
    "close is none": CloseIsNone,
    "list of its own": lambda log: ListOfItsOwn([b"a"]),
    "generator": generator,
    "generator raises": lambda log: generator(log, fails=ValueError("half")),
    "generator exits": lambda log: generator(log, fails=KeyboardInterrupt()),
    "generator stops": lambda log: generator(log, fails=StopIteration(1)),
    "endless": lambda log: Closing(log, itertools.repeat(b"x")),
    "itself": lambda log: TracingMiddleware,
}


# Ways in which an application may use `start_response`.


def start_once(start: Any, log: Log) -> None:
    start("200 OK", OK)


def start_twice(start: Any, log: Log) -> None:
    start("200 OK", OK)
    start("404 Not Found", OK)


def start_again_with_error(start: Any, log: Log) -> None:
    start("200 OK", OK)
    try:
        raise ValueError("late")
    except ValueError:
        start("500 Oops", OK, sys.exc_info())


def start_by_name(start: Any, log: Log) -> None:
    start("200 OK", OK, exc_info=None)


def start_and_write(start: Any, log: Log) -> None:
    write = start("200 OK", [*OK, ("Content-Length", "6")])
    log.append(write(b"1234"))


def start_and_write_then_fail(start: Any, log: Log) -> None:
    write = start("200 OK", OK)
    write(b"1234")
    try:
        raise ValueError("late")
    except ValueError:
        start("500 Oops", OK, sys.exc_info())


def start_with_iterator(start: Any, log: Log) -> None:
    start("200 OK", iter([*OK, ("Content-Length", "2")]))


STARTS: dict[str, Callable[[Any, Log], None]] = {
    "once": start_once,
    "never": lambda start, log: None,
    "twice": start_twice,
    "again with error": start_again_with_error,
    "by name": start_by_name,
    "write": start_and_write,
    "write then fail": start_and_write_then_fail,
    "iterator": start_with_iterator,
    "no headers": lambda start, log: start("200 OK", None),
    "wrong headers": lambda start, log: start("200 OK", [7, ("a",), (b"Content-Length", 3), ("Content-Length", "many")]),
    "no arguments": lambda start, log: start(),
    "too many": lambda start, log: start("200 OK", OK, None, None),
    "number": lambda start, log: start(200, OK),
    "short": lambda start, log: start("2", OK),
    "words": lambda start, log: start("Okay", OK),
    "empty": lambda start, log: start("", OK),
    "continue": lambda start, log: start("100 Continue", OK),
    "no content": lambda start, log: start("204 No Content", []),
    "not modified": lambda start, log: start("304 Not Modified", [("Content-Length", "2")]),
    "length": lambda start, log: start("200 OK", [*OK, ("Content-Length", "2")]),
    "too long": lambda start, log: start("200 OK", [*OK, ("content-length", "1")]),
    "too short": lambda start, log: start("200 OK", [*OK, ("CONTENT-LENGTH", "99")]),
    "negative": lambda start, log: start("200 OK", [*OK, ("Content-Length", "-1")]),
    "huge": lambda start, log: start("200 OK", [*OK, ("Content-Length", "9" * 5000)]),
    "large header": lambda start, log: start("200 OK", [*OK, ("X-Large", "a" * 100_000)]),
}


def application(start: str, body: str, log: Log) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        STARTS[start](start_response, log)
        return BODIES[body](log)

    return app


# Servers, each of which returns everything that it saw.


def plain_server(app: Any, environ: dict[str, Any], chunks: int = 4) -> Log:
    """A server that checks nothing, reads up to `chunks` chunks and closes the body."""
    seen: Log = []

    def start_response(status: Any, headers: Any, exc_info: Any = None) -> Any:
        seen.append((status, list(headers) if headers is not None else None, exc_info and repr(exc_info[1])))
        if exc_info and any(type(part) is bytes for part in seen):
            raise exc_info[1].with_traceback(exc_info[2])
        return lambda data: seen.append(data)

    try:
        body = app(environ, start_response)
        try:
            with_length = hasattr(body, "__len__")
            seen.append(("sized", len(body) if with_length else None))
            for chunk in itertools.islice(body, chunks):
                seen.append(type(chunk) if isinstance(chunk, Chunk) else chunk)
        finally:
            if hasattr(body, "close"):
                seen.append("closes" if type(body) in (list, tuple) else "")
                body.close()
    except BaseException as error:
        seen.append(fault_of(error))
    # A server closes a body only where it has `close`, so nobody can see whether the wrapped body has one.
    return [what for what in seen if what != ""]


def wsgiref_server(app: Any, environ: dict[str, Any]) -> Log:
    """The server of the standard library; returns its output and its log."""
    out, errors = io.BytesIO(), io.StringIO()

    class Handler(wsgiref.handlers.SimpleHandler):
        def log_exception(self, exc_info: Any) -> None:
            errors.write(repr(exc_info[1]))

    handler = Handler(io.BytesIO(), out, errors, environ)
    handler.http_version = "1.1"
    try:
        handler.run(app)
    except BaseException as error:
        errors.write(f"raised {fault_of(error)}")
    return [re.sub(rb"Date: .*", b"", out.getvalue()), errors.getvalue()]


def fault_of(error: BaseException) -> tuple[str, str, str]:
    return (type(error).__name__, str(error), repr(error.__cause__ or error.__context__))


def environ(**more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"REMOTE_ADDR": "192.0.2.1", **more}
    wsgiref.util.setup_testing_defaults(made)
    return made


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("start", STARTS)
def test_a_server_sees_what_the_application_does(start: str, method: str) -> None:
    """Statuses, headers, chunks, lengths, exceptions and calls of `close` are the same with the middleware and without."""
    traced = Traced()
    for body in BODIES:
        plain: Log = []
        log: Log = []
        expected = plain_server(application(start, body, plain), environ(REQUEST_METHOD=method))
        app = TracingMiddleware(application(start, body, log), traced.policy)

        assert (body, expected, plain) == (body, plain_server(app, environ(REQUEST_METHOD=method)), log)
        if body != "endless":
            expected = wsgiref_server(application(start, body, []), environ(REQUEST_METHOD=method))
            assert (body, expected) == (body, wsgiref_server(app, environ(REQUEST_METHOD=method)))
        assert None is traced.tracer.active_span
    assert 2 * len(BODIES) - 1 == len(traced.spans)


@pytest.mark.parametrize("chunks", [0, 1])
@pytest.mark.parametrize("body", BODIES)
def test_a_client_may_leave_at_any_chunk(body: str, chunks: int) -> None:
    """A server that closes early closes the application's body, and the span ends there without an error."""
    traced = Traced()
    plain: Log = []
    log: Log = []
    expected = plain_server(application("once", body, plain), environ(), chunks)
    actual = plain_server(TracingMiddleware(application("once", body, log), traced.policy), environ(), chunks)

    assert (expected, plain) == (actual, log)
    assert 1 == len(traced.spans)
    if body == "generator":
        assert "error" not in traced.spans[0].tags


@pytest.mark.parametrize("body", ["iterator", "generator", "generator raises"])
def test_an_iterator_may_be_asked_at_once(body: str) -> None:
    """A server may call `next` on a body without calling `iter` first."""
    traced = Traced()
    app = TracingMiddleware(application("once", body, []), traced.policy)

    assert b"a" == next(app(environ(), lambda *arguments: None))  # type: ignore[call-overload]


FAULTS = [ValueError("x"), KeyError(), StopIteration(), KeyboardInterrupt(), SystemExit(2), GeneratorExit()]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize("start", ["once", "never", "write"])
def test_an_exception_of_the_application_is_the_servers(start: str, fault: BaseException) -> None:
    """Any exception from the application's call reaches the server as the same object."""

    def app(environ: Any, start_response: Any) -> Any:
        STARTS[start](start_response, [])
        raise fault

    traced = Traced()
    with pytest.raises(type(fault)) as raised:
        TracingMiddleware(app, traced.policy)(environ(), lambda *arguments: lambda data: None)

    assert fault is raised.value
    assert 1 == len(traced.spans)


REQUESTS: dict[str, dict[str, Any]] = {
    "large header": {"HTTP_X_LARGE": "a" * 1_000_000, "HTTP_B3": "b" * 1_000_000},
    "large path": {"PATH_INFO": "/" + "a" * 1_000_000},
    "path of bytes": {"PATH_INFO": "/caf\xe9\xff\x00"},
    "path of text": {"PATH_INFO": "/\u65e5\ud800"},
    "path of no text": {"PATH_INFO": None},
    "long method": {"REQUEST_METHOD": "G" * 10_000},
    "method of bytes": {"REQUEST_METHOD": b"GET"},
    "method of nothing": {"REQUEST_METHOD": ""},
    "address of nothing": {"REMOTE_ADDR": None},
    "address of a socket": {"REMOTE_ADDR": "", "REMOTE_PORT": ""},
    "address of bytes": {"REMOTE_ADDR": b"\xff", "REMOTE_PORT": 7},
    "wrong headers": {"HTTP_B3": None, "HTTP_X_B3_TRACEID": 7, "HTTP_X_FORWARDED_FOR": b"\xff"},
    "surrogates": {"HTTP_OT_BAGGAGE_A": "\ud800", "HTTP_X_B3_SAMPLED": "\udfff"},
}


@pytest.mark.parametrize("trust_forwarded", [False, True])
@pytest.mark.parametrize("request_of", REQUESTS)
def test_a_request_of_a_stranger_is_served(request_of: str, trust_forwarded: bool) -> None:
    """With any environ the answer is the application's; a request that we cannot read is counted once."""
    traced = Traced(trust_forwarded=trust_forwarded)
    app = application("once", "generator", [])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = plain_server(TracingMiddleware(app, traced.policy), environ(**REQUESTS[request_of]))
    assert plain_server(app, environ()) == answer
    assert 1 == len(traced.spans) + traced.policy.faults
    assert None is traced.tracer.active_span


@pytest.mark.parametrize("missing", ["REQUEST_METHOD", "PATH_INFO", "SCRIPT_NAME", "wsgi.input"])
def test_an_environ_may_lack_anything(missing: str) -> None:
    """A server that leaves a key out of the environ gets the application's answer."""
    traced = Traced()
    environment = environ()
    del environment[missing]
    app = application("once", "list", [])

    assert plain_server(app, environ()) == plain_server(TracingMiddleware(app, traced.policy), environment)


@pytest.mark.parametrize("order", ["inside", "outside", "both"])
@pytest.mark.parametrize("body", ["list", "generator", "closing", "sized", "iterator"])
def test_the_validator_has_no_complaint(body: str, order: str) -> None:
    """`wsgiref.validate` accepts the middleware from outside, and the middleware accepts the validator inside it."""
    traced = Traced()
    app = application("once", body, [])
    if order in ("inside", "both"):
        app = wsgiref.validate.validator(app)
    app = TracingMiddleware(app, traced.policy)
    if order in ("outside", "both"):
        app = wsgiref.validate.validator(app)
    out, errors = wsgiref_server(app, environ(QUERY_STRING="", SERVER_PROTOCOL="HTTP/1.1"))

    assert ("", 1) == (errors, len(traced.spans))
    assert out.startswith((b"HTTP/1.1 200 OK", b"Status: 200 OK"))


def test_a_fault_of_ours_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A request that we cannot read is served untraced and counted; the first one is logged."""
    traced = Traced()
    app = TracingMiddleware(application("once", "list", []), traced.policy)
    for _ in range(3):
        environment = environ()
        del environment["REQUEST_METHOD"]
        plain_server(app, environment)

    assert (3, 1) == (traced.policy.faults, len(caplog.records))


# Files that the server sends itself, for instance by `sendfile`.


@pytest.mark.parametrize("place", ["wsgiref", "gunicorn", "function"])
def test_a_file_stays_what_the_server_knows(place: str, tmp_path: Path) -> None:
    """A file from `wsgi.file_wrapper` reaches the server unchanged, so `sendfile` still works; its `close` ends the span."""

    def itself(file: Any, size: int = 8192) -> Any:  # uWSGI's `wsgi.file_wrapper` is such a function
        return file

    wrapper = {"wsgiref": wsgiref.util.FileWrapper, "gunicorn": FileWrapper, "function": itself}[place]
    made: list[Any] = []
    (tmp_path / "file").write_bytes(b"12345")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "5")])
        made.append(environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"), 2))
        return made[0]

    traced = Traced()
    body = TracingMiddleware(app, traced.policy)(environ(**{"wsgi.file_wrapper": wrapper}), lambda *arguments: None)

    assert body is made[0]
    assert (b"12345", []) == (b"".join(body), traced.spans)
    body.close()
    assert 1 == len(traced.spans)
    assert (body if place == "function" else body.filelike).closed


def test_gunicorn_sends_a_file_by_itself(tmp_path: Path) -> None:
    """A file that passes through the middleware is still of the type that gunicorn sends by `sendfile`."""
    traced = Traced()
    with tempfile.TemporaryFile() as file:

        def app(environ: Any, start_response: Any) -> Any:
            start_response("200 OK", [])
            return environ["wsgi.file_wrapper"](file)

        body = TracingMiddleware(app, traced.policy)(environ(**{"wsgi.file_wrapper": FileWrapper}), lambda *arguments: None)

        assert isinstance(body, FileWrapper)
        body.close()  # type: ignore[attr-defined]
    assert 1 == len(traced.spans)


def test_a_hook_that_exits_reaches_the_server() -> None:
    """A hook's SystemExit reaches the server, although a hook's ordinary exceptions are caught."""

    def hook(*arguments: Any) -> None:
        raise SystemExit(3)

    traced = Traced(on_request=hook)
    with pytest.raises(SystemExit):
        TracingMiddleware(application("once", "list", []), traced.policy)(environ(), lambda *arguments: None)


def test_one_environ_may_serve_twice() -> None:
    """An environ that a server uses twice gives two spans; nested middleware gives one span for each request."""
    traced = Traced()
    inner = TracingMiddleware(application("once", "generator", []), traced.policy)
    app = TracingMiddleware(inner, traced.policy)
    environment = environ()
    for _ in range(2):
        plain_server(app, environment)

    assert 2 == len(traced.spans)
