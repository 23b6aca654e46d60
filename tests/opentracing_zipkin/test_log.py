"""The log: foreign text in any line is escaped and cut, and cannot forge a line."""

from __future__ import annotations

import io
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import pytest
import requests
from hypothesis import given, strategies as st

import opentracing
from opentracing import Format
from opentracing_zipkin import ZipkinTracer, configure
from opentracing_zipkin.__main__ import main
from opentracing_zipkin.collector.api import refusal
from opentracing_zipkin.collector.server import Collector
from opentracing_zipkin.demo.failure import DemoFailed
from opentracing_zipkin.log import MAX_LINE, log
from opentracing_zipkin.process import forking
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.testing import FakeSender
from opentracing_zipkin.text import printable

from .senders.raw_server import raw_server, saying

pytestmark = pytest.mark.usefixtures("no_settings")

FORGED = "2026-01-01 CRITICAL forged"
# C0 and C1, escape sequences, every line end of Unicode, marks of direction, invisible characters, a lone surrogate, and a
# flood.
HOSTILE = (
    f"begin\x1b[2J\x00\x07\x7f\x9b31m\r\n{FORGED}\x85\u2028\u2029\x0b\x0c\x1c\u202e\u2066\u200b\xad\ufeff\ud800\U000e0041"
    + "x" * 100_000
)
HOSTILE_BYTES = HOSTILE.encode("utf-8", "surrogatepass")


class Hostile(Exception):
    """An exception whose text, notes and repr are foreign text."""

    def __init__(self) -> None:
        super().__init__(HOSTILE)

    def __repr__(self) -> str:
        return HOSTILE


def fail(*_: Any) -> Any:
    try:
        raise Hostile
    except Hostile as error:
        raise Hostile from error


def report(**given: Any) -> None:
    """Report one span to a collector, or to none."""
    tracer = ZipkinTracer("service", flush_interval=60, **given)
    tracer.start_trace("x").finish()
    tracer.flush(1)
    tracer.close(0)


def answered(head: bytes) -> Callable[[], None]:
    """A report to a collector that gives this answer."""

    def run() -> None:
        with raw_server(
            saying(head + b"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(HOSTILE_BYTES) + HOSTILE_BYTES)
        ) as server:
            report(endpoint=f"http://127.0.0.1:{server.port}/own", send_timeout=2)

    return run


ONE_LINE = HOSTILE_BYTES.replace(b"\r", b"").replace(b"\n", b"")[:5000]


class Handler:
    """A span handler with a name."""

    def __call__(self, _: Any) -> Any:
        fail()

    def __repr__(self) -> str:
        return HOSTILE


class ScopeManager(opentracing.ScopeManager):
    def activate(self, *_: Any) -> Any:
        fail()


def renew() -> None:
    class Owner:
        def renew_after_fork(self) -> None:
            fail()

        def __repr__(self) -> str:
            return HOSTILE

    owner = Owner()
    forking._renewables.add(owner)
    pid, forking._pid = forking._pid, -1
    try:
        forking._renew()
    finally:
        forking._renewables.discard(owner)
        forking._pid = pid


def malformed() -> None:
    tracer = ZipkinTracer("service")
    tracer.extract(Format.HTTP_HEADERS, {"b3": HOSTILE, "X-B3-TraceId": HOSTILE, f"X-B3-{HOSTILE}": HOSTILE})


def attributes() -> None:
    tracer = ZipkinTracer("service")
    span = tracer.start_trace("x")
    span.set_baggage_item(HOSTILE, HOSTILE)
    tracer.inject(span.context, Format.HTTP_HEADERS, {})
    tracer.extract(Format.HTTP_HEADERS, {"b3": "a" * 16 + "-" + "b" * 16, f"ot-baggage-{HOSTILE}": HOSTILE})


def configure_twice() -> None:
    for _ in range(2):
        configure(HOSTILE, endpoint=["http://a/" + "b" * 5000])


def misspelt() -> None:
    name = "ZIPKIN_ENDPOINT\x1b"
    os.environ[name] = HOSTILE.replace("\0", "").replace("\ud800", "")
    try:
        configure("service")
    finally:
        del os.environ[name]


def no_answer() -> None:
    with Collector() as collector:
        collector.store.service_names = fail  # type: ignore[method-assign]
        with suppress(requests.ConnectionError):
            requests.get(f"{collector.url}/api/v2/services", timeout=5, proxies={"http": ""})


LINES: dict[str, Callable[[], None]] = {
    "answer": answered(b"HTTP/1.1 400 Bad"),
    "answer that may pass": answered(b"HTTP/1.1 503 Busy"),
    "reason": answered(b"HTTP/1.1 400 " + ONE_LINE),
    "target": answered(b"HTTP/1.1 301 Moved\r\nLocation: http://h/" + ONE_LINE),
    "target's host": answered(b"HTTP/1.1 307 Moved\r\nLocation: http://" + ONE_LINE),
    "no such path": answered(b"HTTP/1.1 404 " + ONE_LINE),
    "status line": answered(ONE_LINE),
    "version": answered(b"HTTP/1.1 4" + ONE_LINE),
    "interim answer": answered(b"HTTP/1.1 102 %s\r\n\r\n" % ONE_LINE * 20),
    "header": answered(b"HTTP/1.1 400 Bad\r\n" + ONE_LINE),
    "compressed": answered(b"HTTP/1.1 400 Bad\r\nContent-Encoding: gzip"),
    "chunks": answered(b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked"),
    "sender of one's own": lambda: report(sender=FakeSender(SendError(HOSTILE, retryable=False))),
    "sender of one's own, later": lambda: report(sender=FakeSender(SendError(HOSTILE, retryable=True))),
    "sender that fails": lambda: report(sender=FakeSender(Hostile())),  # type: ignore[arg-type]
    "handler": lambda: report(sender=FakeSender(), handlers=[Handler()]),
    "on_stats": lambda: report(sender=FakeSender(), on_stats=fail),
    "scope manager": lambda: report(sender=FakeSender(), scope_manager=ScopeManager()),
    "fork": renew,
    "headers": malformed,
    "attributes": attributes,
    "configured twice": configure_twice,
    "variable": misspelt,
    "collector": no_answer,
}


@pytest.mark.parametrize("name", LINES)
def test_words_of_others_are_escaped_and_cut_in_every_line(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """The usual formatter at DEBUG writes foreign text escaped and cut; no exception's text makes a line of a traceback."""
    caplog.set_level(logging.DEBUG, "opentracing_zipkin")
    LINES[name]()
    deadline = time.monotonic() + 5
    while not (records := [record for record in caplog.records if record.name == "opentracing_zipkin"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)

    for record in records:
        line, *more = logging.Formatter("%(message)s").format(record).split("\n")
        assert line.startswith("zipkin: ")
        assert [] == [one for one in (line, *more) if not one.isprintable() or len(one) > MAX_LINE or one.startswith(FORGED)]


def test_the_demo_says_in_one_line_what_a_server_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo reports a server's answer on one line of standard error."""

    def answer(*_: Any, **__: Any) -> None:
        raise DemoFailed(f"the answer was {HOSTILE}")

    monkeypatch.setattr("opentracing_zipkin.demo.runner.run_demo", answer)

    assert 1 == main(["demo"])
    line = capsys.readouterr().err.removesuffix("\n")
    assert line.startswith("opentracing-zipkin demo: the answer was begin\\x1b[2J")
    assert line.isprintable()


def test_the_collector_refuses_in_one_line() -> None:
    """A refusal is one line, even if its reason repeats the request."""
    reason = refusal(HTTPStatus.NOT_FOUND, f"{HOSTILE} not found").body.decode()

    assert reason.isprintable()
    assert len(reason) <= MAX_LINE


def test_a_line_without_such_words_keeps_its_arguments(caplog: pytest.LogCaptureFixture) -> None:
    """A harmless line keeps its pattern for tools that group lines by it, and its traceback keeps their formatter."""
    try:
        raise ValueError("größer ✗")
    except ValueError:
        log.warning("zipkin: %s and %d", "größer ✗", 3, exc_info=True)
    [record] = caplog.records

    assert ("zipkin: %s and %d", ("größer ✗", 3)) == (record.msg, record.args)
    assert "ValueError: größer ✗" in logging.Formatter("%(message)s").format(record)


def test_a_line_that_cannot_be_made_does_not_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that cannot be formatted is left to `logging`, as without this package."""
    monkeypatch.setattr(logging, "raiseExceptions", False)

    class Unshowable:
        def __repr__(self) -> str:
            raise SystemError

    log.warning("zipkin: %r", Unshowable())
    log.warning("zipkin: %d", "x")


@given(st.text(st.characters()), st.integers(0, 50))
def test_a_printable_text_is_one_short_line(text: str, longest: int) -> None:
    """A text becomes one short line whatever it contains, and printable text stays as it is."""
    shown = printable(text, longest)

    assert shown.isprintable()
    assert len(shown) <= longest
    assert not text.isprintable() or shown == text[:longest]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größer ✗ 大", "größer ✗ 大"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x9b\x85\u2028", "\\x9b\\x85\\u2028"),
        ("\u202e\u2066\U000e0041", "\\u202e\\u2066\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("\\n", "\\n"),
    ],
)
def test_what_is_not_printable_is_escaped(text: str, shown: str) -> None:
    """An unprintable character is escaped as in a literal of Python."""

    assert shown == printable(text, 100)


def test_a_line_that_would_wait_for_a_reader_is_left_out() -> None:
    """A line is left out everywhere while one of the streams would make it wait for a reader, and is not written later."""
    reading, writing = os.pipe()
    memory = io.StringIO()
    handlers = [logging.StreamHandler(os.fdopen(writing, "w")), logging.StreamHandler(memory)]
    for handler in handlers:
        log.addHandler(handler)
    try:
        log.warning("zipkin: one")
        os.set_blocking(writing, False)
        with suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 4096)
        os.set_blocking(writing, True)
        log.warning("zipkin: two")
        os.read(reading, 1 << 16)
        log.warning("zipkin: three")
    finally:
        for handler in handlers:
            log.removeHandler(handler)
        handlers[0].stream.close()
        os.close(reading)

    assert "zipkin: one\nzipkin: three\n" == memory.getvalue()
