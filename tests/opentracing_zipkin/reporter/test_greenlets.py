"""A patch during the run of the reporter's thread, with stand-ins; tests/interop has gevent and eventlet themselves."""

from __future__ import annotations

import _thread
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from opentracing_zipkin import FinishedSpan
from opentracing_zipkin.codec import json_v2
from opentracing_zipkin.reporter import Reporter
from opentracing_zipkin.reporter.greenlets import is_hub_missing, prepare_exit, starts_greenlets
from opentracing_zipkin.testing import FakeSender

from ...waiting import wait_until


class Span:
    def to_finished(self) -> FinishedSpan:
        return FinishedSpan("1".zfill(16), "2".zfill(16))


class Sender(FakeSender):
    """Knows which threads have sent."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def send(self, body: bytes, /) -> None:
        self.threads.append(threading.get_ident())
        super().send(body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The class of gevent's hub, with one instance."""
    hub = SimpleNamespace(_hub_counter=1)
    monkeypatch.setitem(sys.modules, "gevent.hub", SimpleNamespace(Hub=hub))  # type: ignore[arg-type]
    return hub


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function after whose call threads seem to be gevent's greenlets."""
    start = _thread.start_new_thread

    def start_new_thread(function: Callable[..., Any], args: tuple[Any, ...]) -> int:
        return start(function, args)

    start_new_thread.__module__ = "gevent.thread"
    return lambda: monkeypatch.setattr(_thread, "start_new_thread", start_new_thread)


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def reporter(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reporter]:
    reporter = Reporter(json_v2, sender, flush_interval=0.01)
    reporter.record(Span())
    wait_until(lambda: 1 == reporter.stats().sent)
    first = reporter._worker._claim
    yield reporter
    reporter.close(1).result(5)
    monkeypatch.undo()
    first.wake()  # its thread waits without a time limit, and ends now


@pytest.mark.usefixtures("hub")
def test_a_thread_that_is_older_than_the_patch_leaves_to_a_greenlet(
    reporter: Reporter, sender: Sender, patch: Callable[[], None]
) -> None:
    """A thread that is older than the patch closes its connection, and the next span starts a greenlet."""
    patch()
    wait_until(lambda: not reporter._worker.is_started)
    wait_until(lambda: 1 == sender.closed)
    reporter.record(Span())
    wait_until(lambda: 2 == reporter.stats().sent)

    assert 2 == len(set(sender.threads))


def test_it_sends_before_what_waits(reporter: Reporter, sender: Sender, patch: Callable[[], None], hub: Any) -> None:
    """The older thread first sends the waiting spans, but not before gevent has a hub.

    Otherwise its own hub would be made at the same time as the application's.
    """
    hub._hub_counter = 0
    patch()
    reporter.record(Span())
    time.sleep(0.2)
    waiting = reporter.stats().sent
    hub._hub_counter = 1
    wait_until(lambda: 2 == reporter.stats().sent)

    assert 1 == waiting
    assert 1 == len(set(sender.threads))


def test_nothing_is_patched_without_gevent_or_eventlet() -> None:
    """In a process without a patch, threads are no greenlets and no hub is missing."""

    assert (False, False) == (starts_greenlets(), is_hub_missing())


def test_only_gevent_has_a_hub_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a patch by gevent needs a hub: eventlet makes its own without imports, and gevent may be loaded without a patch."""
    monkeypatch.setattr(_thread, "start_new_thread", lambda *_: 0)

    assert (True, False) == (starts_greenlets(), is_hub_missing())


def test_a_gevent_that_nobody_has_used_has_no_hub(patch: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A patched gevent that was never used has no hub; a hub of an unknown form counts as present."""
    patch()
    monkeypatch.setitem(sys.modules, "gevent.hub", None)  # type: ignore[arg-type]
    without = is_hub_missing()
    monkeypatch.setitem(sys.modules, "gevent.hub", SimpleNamespace(Hub=object))  # type: ignore[arg-type]

    assert (True, False) == (without, is_hub_missing())


EXECUTORS = "concurrent.futures.thread"


@pytest.mark.parametrize("patched", [True, False])
def test_at_the_exit_gevents_dns_finds_what_it_imports(
    patch: Callable[[], None], monkeypatch: pytest.MonkeyPatch, patched: bool
) -> None:
    """At the exit the import for gevent's DNS succeeds; without gevent nothing is imported."""

    def refuse(*_: Any) -> None:
        raise RuntimeError("can't register atexit after shutdown")

    if patched:
        patch()
    monkeypatch.delitem(sys.modules, EXECUTORS, raising=False)
    monkeypatch.setattr(threading, "_register_atexit", refuse)
    prepare_exit()

    assert patched is (EXECUTORS in sys.modules)
    assert refuse is threading._register_atexit  # type: ignore[attr-defined]
