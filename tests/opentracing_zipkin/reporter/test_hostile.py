"""Hostile code: whatever the application raises in the reporter's thread, spans are sent or counted, and the thread lives."""

from __future__ import annotations

import asyncio
import atexit
import gc
import logging
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.senders import Sender, SendError
from opentracing_zipkin.testing import FakeSender

from ...waiting import wait_until


class TimeOut(BaseException):
    """Like gevent's Timeout, which is no Exception."""


RAISED: list[type[BaseException]] = [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit, TimeOut]


class Raising:
    """Raises once, or always, when it is called; stands for any code of the application in the reporter's thread."""

    def __init__(self, error: type[BaseException], always: bool) -> None:
        self.error = error
        self.always = always
        self.calls = 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.always or self.calls == 1:
            raise self.error
        return arguments[0] if arguments else None


class RaisingSender(FakeSender):
    def __init__(self, error: type[BaseException], always: bool) -> None:
        super().__init__()
        self.call = Raising(error, always)

    def send(self, body: bytes, /) -> None:
        self.call()
        super().send(body)


class RaisingLog(logging.Handler):
    def __init__(self, error: type[BaseException], always: bool) -> None:
        super().__init__()
        self.call = Raising(error, always)

    def handle(self, record: logging.LogRecord) -> bool:
        self.call()
        return True


_others: set[threading.Thread] = set()  # threads of earlier tests


def reporters() -> list[threading.Thread]:
    """The reporters' threads that this test has started."""
    return [thread for thread in threading.enumerate() if thread.name == "zipkin-reporter" and thread not in _others]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    _others.clear()
    _others.update(reporters())
    yield
    gc.collect()
    wait_until(lambda: not reporters())


def in_handler(error: type[BaseException], always: bool) -> tuple[ZipkinTracer, set[str]]:
    return ZipkinTracer("service", sender=FakeSender(), handlers=[Raising(error, always)], flush_interval=0.01), {"handler"}


def in_on_stats(error: type[BaseException], always: bool) -> tuple[ZipkinTracer, set[str]]:
    return ZipkinTracer("service", sender=FakeSender(), on_stats=Raising(error, always), flush_interval=0.01), set()


def in_sender(error: type[BaseException], always: bool) -> tuple[ZipkinTracer, set[str]]:
    return ZipkinTracer("service", sender=RaisingSender(error, always), flush_interval=0.01), {"rejected"}


class Handing(RaisingSender):
    """Fails in a usual way at first, so that the log is used."""

    def __init__(self) -> None:
        super().__init__(ValueError, False)

    def send(self, body: bytes, /) -> None:
        self.call.calls += 1
        if self.call.calls <= 2:
            raise SendError("away", retryable=True)
        FakeSender.send(self, body)


def in_log(error: type[BaseException], always: bool) -> tuple[ZipkinTracer, set[str]]:
    logging.getLogger("opentracing_zipkin").addHandler(RaisingLog(error, always))
    return ZipkinTracer("service", sender=Handing(), flush_interval=0.01), set()


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    log = logging.getLogger("opentracing_zipkin")
    handlers = list(log.handlers)
    yield log
    log.handlers[:] = handlers


@pytest.mark.parametrize("always", [False, True], ids=["once", "always"])
@pytest.mark.parametrize("error", RAISED)
@pytest.mark.parametrize("place", [in_handler, in_on_stats, in_sender, in_log])
def test_nothing_that_the_applications_code_raises_ends_the_thread(
    place: Callable[..., tuple[ZipkinTracer, set[str]]], error: type[BaseException], always: bool, log: logging.Logger
) -> None:
    """No span is stranded: each is sent or counted by its cause, and the same thread sends later spans."""
    tracer, causes = place(error, always)
    for number in range(3):
        for _ in range(40):
            tracer.start_trace(f"span {number}").finish()
        tracer.flush(5)
    [thread] = reporters()
    stats = tracer.stats
    lost = {cause for cause, count in stats.dropped.items() if count}

    assert (120, 0, 0) == (stats.finished, stats.queued, stats.in_flight)
    assert lost <= causes
    if not always:
        assert stats.sent >= 80
    assert thread.is_alive()
    tracer.close(5).result(10)


@pytest.mark.parametrize("error", [SystemExit, asyncio.CancelledError, TimeOut])
def test_what_interrupts_a_sender_costs_no_span(error: type[BaseException]) -> None:
    """An interruption of the sender does not count against the message, which is tried again."""
    tracer = ZipkinTracer("service", sender=RaisingSender(error, always=False))
    tracer.start_trace("x").finish()

    assert True is tracer.flush(5)
    tracer.close().result(5)


def test_a_span_that_two_threads_finish_at_a_time_is_sent_once() -> None:
    """Spans that three threads finish at the same time are counted once each, and a flush waits for all."""
    sender = FakeSender()
    tracer = ZipkinTracer("service", sender=sender, flush_interval=0.01)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            spans = [tracer.start_trace("x") for _ in range(200)]
            begun = threading.Barrier(3)

            def finish(spans: list[Any] = spans, begun: threading.Barrier = begun) -> None:
                begun.wait(10)
                for span in spans:
                    span.finish()

            threads = [threading.Thread(target=finish) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
    finally:
        sys.setswitchinterval(interval)

    assert True is tracer.flush(20)
    assert (4000, 4000) == (tracer.stats.finished, tracer.stats.sent)
    assert 4000 == sum(body.count(b'"name":"x"') for body in sender.bodies)
    tracer.close().result(5)


# Flush and close


@pytest.mark.parametrize("timeout", [float("inf"), float("nan"), -1, "2", True])
@pytest.mark.parametrize("call", ["flush", "close"])
def test_a_timeout_is_a_finite_number(call: str, timeout: Any) -> None:
    """A wrong timeout raises ValueError at once and closes nothing; None means the default."""
    tracer = ZipkinTracer("service", sender=FakeSender())
    with pytest.raises(ValueError, match=r"timeout is .*; use seconds, 0 or more, or None"):
        getattr(tracer, call)(timeout)
    tracer.start_trace("x").finish()

    assert True is tracer.flush(None)
    assert True is tracer.close(None).result(5)


class Refusing(Sender):
    def send(self, body: bytes, /) -> None:
        time.sleep(0.05)
        raise SendError("404", retryable=False)


def test_each_of_several_that_flush_at_a_time_has_its_own_answer() -> None:
    """Each of four flushes at the same time learns of a rejected span; the next flush, without a new loss, returns True."""
    tracer = ZipkinTracer("service", sender=Refusing(), flush_interval=3600)
    tracer.start_trace("x").finish()
    answers: list[bool] = []
    begun = threading.Barrier(4)

    def flush() -> None:
        begun.wait(10)
        answers.append(tracer.flush(10))

    threads = [threading.Thread(target=flush) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert [False] * 4 == answers
    assert True is tracer.flush(5)
    tracer.close().result(5)


def test_the_future_of_close_cannot_be_cancelled() -> None:
    """All callers of `close` get the same Future, so it cannot be cancelled."""
    tracer = ZipkinTracer("service", sender=Refusing())
    tracer.start_trace("x").finish()
    future = tracer.close(5)

    assert False is future.cancel()
    assert future is tracer.close() is tracer.close(0)
    assert False is future.result(10)
    assert False is tracer.close().result(0)


def test_closed_is_for_good() -> None:
    """A closed tracer that is turned off and on again takes no span, and none is left waiting."""
    tracer = ZipkinTracer("service", sender=FakeSender())
    tracer.start_trace("x").finish()
    tracer.close(5).result(5)
    tracer.enabled = False
    tracer.enabled = True
    for _ in range(10):
        tracer.start_trace("late").finish()

    assert (0, 10, 1) == (tracer.stats.queued, tracer.stats.dropped["closed"], tracer.stats.sent)


# Tracers that are no longer referenced


def test_a_tracer_that_nobody_holds_is_drained_and_leaves_nothing() -> None:
    """The thread of an unreferenced tracer ends after the last span; no tracer leaves an exit handler behind."""
    ZipkinTracer("first", sender=FakeSender()).close().result(5)
    gc.collect()
    before = atexit._ncallbacks()  # type: ignore[attr-defined]
    sender = FakeSender()
    dropped = [ZipkinTracer("service", sender=sender, flush_interval=0.2) for _ in range(5)]
    for tracer in dropped:
        tracer.start_trace("x").finish()
    for _ in range(50):
        closed = ZipkinTracer("closed", sender=FakeSender())
        closed.start_trace("x").finish()
        closed.close(5).result(5)
    gone = [weakref.ref(tracer) for tracer in dropped]
    del tracer, dropped, closed
    # A span references its tracer, so the waiting spans are sent first.
    wait_until(lambda: gc.collect() >= 0 and not any(each() for each in gone))

    wait_until(lambda: not reporters())
    assert 5 == sum(body.count(b'"name":"x"') for body in sender.bodies)
    assert before == atexit._ncallbacks()  # type: ignore[attr-defined]
