"""Spans that are never finished and scopes that are never closed are counted and named on request."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import gc
import logging
import os
import pickle
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from opentracing import Format
from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.testing import FakeSender, InMemoryRecorder
from opentracing_zipkin.unfinished import MAX_LOGGED_PLACES

HERE = re.escape(__file__)


@pytest.fixture(autouse=True)
def _collected() -> None:
    """Collect the cycles of earlier tests before a test reads the log."""
    gc.collect()


def make(**settings: Any) -> tuple[ZipkinTracer, InMemoryRecorder]:
    recorder = InMemoryRecorder()
    return ZipkinTracer("service", **{"recorder": recorder, "warn_unfinished": True, **settings}), recorder


def in_a_context(function: Callable[[], object]) -> None:
    """Run a function as a task does: its context, with the active span, ends with it."""
    contextvars.Context().run(function)
    gc.collect()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[int], list[str]]:
    """A function that waits for this number of warnings, because a thread logs them."""
    caplog.set_level(logging.WARNING, "opentracing_zipkin")

    def wait(count: int) -> list[str]:
        deadline = time.monotonic() + 10
        while len(caplog.messages) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return sorted(caplog.messages)

    return wait


LEAKS: dict[str, Callable[[ZipkinTracer], object]] = {
    "span": lambda tracer: tracer.start_span("lost"),
    "started earlier": lambda tracer: tracer.start_span("lost", start_time=1.0),
    "root": lambda tracer: tracer.start_trace("lost", {"n": 5}),
    "child": lambda tracer: tracer.start_span("lost", child_of=tracer.extract(Format.TEXT_MAP, {"b3": "1"})).set_tag("k", "v"),
    "joined": lambda tracer: tracer.join_trace("lost", None),
    "renamed": lambda tracer: tracer.start_span("found").set_operation_name("lost"),
    "scope": lambda tracer: tracer.start_active_span("lost"),
    "scope of the manager": lambda tracer: tracer.scope_manager.activate(tracer.start_span("lost"), True),
    "both": lambda tracer: tracer.scope_manager.activate(tracer.start_span("lost"), False),
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_a_span_that_is_never_finished_is_counted_and_named(
    leak: Callable[[ZipkinTracer], object], said: Callable[[int], list[str]]
) -> None:
    """A lost span is logged once, with the line of the application that started it."""
    tracer, recorder = make()
    in_a_context(lambda: leak(tracer))

    [line] = said(1)
    assert re.fullmatch(
        rf"zipkin: span 'lost' was never finished; it was started at {HERE}:\d+ \(logged once for this line\)", line
    )
    assert (1, []) == (tracer.unfinished, recorder.spans)


@pytest.mark.parametrize("finish_on_close", [True, False])
def test_a_scope_that_is_never_closed_is_counted_and_named(finish_on_close: bool, said: Callable[[int], list[str]]) -> None:
    """A scope that stays open is named even if its span was finished by hand."""
    tracer, recorder = make()

    def leak() -> None:
        with tracer.start_span("done") as span:
            tracer.scope_manager.activate(span, finish_on_close)

    in_a_context(leak)

    [line] = said(1)
    assert re.fullmatch(
        rf"zipkin: scope of 'done' was never closed; it was opened at {HERE}:\d+ \(logged once for this line\)", line
    )
    assert (1, 1) == (tracer.unfinished, len(recorder.spans))


def finished_in_time(tracer: ZipkinTracer) -> None:
    with tracer.start_active_span("a") as scope:
        assert scope.span is copy.deepcopy(scope.span)
        scope.span.start_child("b").finish()
        pickle.dumps(scope.span.context)
    with tracer.start_span("c", start_time=1.0):
        pass
    for finish_on_close in (True, False):
        inner = tracer.scope_manager.activate(tracer.start_span("d"), finish_on_close)
        inner.close()
        inner.span.finish()


def closed_elsewhere(tracer: ZipkinTracer) -> None:
    scope = tracer.start_active_span("a")
    thread = threading.Thread(target=scope.close)
    thread.start()
    thread.join()


def closed_in_another_order(tracer: ZipkinTracer) -> None:
    outer, inner = tracer.start_active_span("a"), tracer.start_active_span("b")
    outer.close()
    inner.close()


def in_tasks(tracer: ZipkinTracer) -> None:
    async def work() -> None:
        with tracer.start_active_span("task"):
            await asyncio.sleep(0)

    async def main() -> None:
        with tracer.start_active_span("main"):
            await asyncio.gather(*(work() for _ in range(3)))

    asyncio.run(main())


def unsampled(tracer: ZipkinTracer) -> None:
    """Leave unsampled spans open, which would not be sent anyway."""
    span = tracer.start_span("a", tags={"sampling.priority": 0})
    span.start_child("b")
    tracer.start_span("c").set_tag("sampling.priority", 0)


def disabled(tracer: ZipkinTracer) -> None:
    tracer.enabled = False
    tracer.start_span("a")


@pytest.mark.parametrize(
    "work",
    [
        finished_in_time,
        pytest.param(closed_elsewhere, marks=pytest.mark.needs_our_api),
        pytest.param(closed_in_another_order, marks=pytest.mark.needs_our_api),
        in_tasks,
        unsampled,
        disabled,
    ],
)
def test_what_is_finished_is_not_counted(work: Callable[[ZipkinTracer], None], caplog: pytest.LogCaptureFixture) -> None:
    """Neither a finished span nor one that records nothing is counted, whichever code finishes it."""
    tracer, _ = make()
    in_a_context(lambda: work(tracer))
    tracer.close().result(5)

    assert (0, []) == (tracer.unfinished, caplog.messages)


def test_spans_are_recorded_as_without_the_setting() -> None:
    """With and without the setting parents, children, tags and headers are the same."""
    seen = []
    for warn in (True, False):
        tracer, recorder = make(warn_unfinished=warn)
        context = tracer.extract(Format.TEXT_MAP, {"b3": "463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-1"})
        with tracer.start_active_span("server", context, tags={"span.kind": "server"}) as scope:
            child = tracer.start_span("send", tags={"span.kind": "producer"})
            child.log_kv({"event": "x"})
            carrier: dict[str, str] = {}
            tracer.inject(child.context, Format.TEXT_MAP, carrier)
            child.finish()
        sent, served = recorder.spans
        seen.append(
            (
                (served.trace_id, served.span_id, served.shared, served.kind),
                (sent.trace_id, sent.parent_id, sent.kind, [text for _, text in sent.annotations]),
                list(carrier),
                isinstance(scope.span, type(scope.span.context)),
            )
        )

    assert seen[0] == seen[1]


def test_a_place_is_said_once_and_each_span_is_counted(said: Callable[[int], list[str]]) -> None:
    """A place is logged once, so that a leak in a loop does not fill the log."""
    tracer, _ = make()
    for _ in range(10):
        tracer.start_span("lost")
    tracer.start_span("other")

    assert 2 == len(said(2))
    assert 11 == tracer.unfinished


def test_at_most_a_hundred_places_are_said(said: Callable[[int], list[str]]) -> None:
    """At most a hundred places are logged, because code that is made at run time has any number of places."""
    tracer, _ = make()
    for line in range(MAX_LOGGED_PLACES + 50):
        exec(compile("\n" * line + "tracer.start_span('lost')", "made.py", "exec"), {"tracer": tracer})

    assert MAX_LOGGED_PLACES + 50 == tracer.unfinished
    assert MAX_LOGGED_PLACES == len(said(MAX_LOGGED_PLACES))


def test_what_is_open_when_the_tracer_is_closed_is_counted(said: Callable[[int], list[str]]) -> None:
    """An open span is counted at the close, and not again if it is collected or finished later."""
    tracer, _ = make()
    kept = [tracer.start_span("kept")]
    kept += [tracer.start_span("finished later")]
    scope = contextvars.Context().run(tracer.start_active_span, "scope")
    tracer.close().result(5)

    assert 3 == tracer.unfinished
    assert ["finished later", "kept", "scope"] == [re.findall("'(.*?)'", line)[0] for line in said(3)]
    kept.pop().finish()
    scope.close()
    kept.clear()
    gc.collect()
    assert 3 == tracer.unfinished


def test_without_the_setting_nothing_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Without the setting the tracer, its spans and its scopes are the usual ones."""
    tracer, _ = make(warn_unfinished=None)
    in_a_context(lambda: tracer.start_active_span("lost"))
    span = tracer.start_span("lost")

    assert "RecordingSpan" == type(span).__name__
    assert "start_span" not in vars(tracer)
    tracer.close().result(5)
    assert (0, []) == (tracer.unfinished, caplog.messages)


def test_a_tracer_that_nobody_holds_ends_all_the_same() -> None:
    """Watching spans keeps no tracer alive."""
    sender = FakeSender()
    tracer, _ = make(recorder=None, sender=sender)
    tracer.start_span("x").finish()
    assert True is tracer.flush(5)
    recorder = tracer._recorder
    del tracer
    gc.collect()

    assert "closed" in repr(recorder)


def test_the_garbage_collector_never_logs(said: Callable[[int], list[str]]) -> None:
    """Collecting a span logs nothing at once, because the application may hold a lock of its log handlers."""
    tracer, _ = make()
    lock = threading.Lock()

    class Locking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with lock:
                pass

    handler = Locking()
    logger = logging.getLogger("opentracing_zipkin")
    logger.addHandler(handler)
    try:
        with lock:
            tracer.start_span("lost")
            gc.collect()
        assert 1 == len(said(1))
    finally:
        logger.removeHandler(handler)


def run(program: str) -> tuple[int, str]:
    header = "import gc, os, sys\nfrom opentracing_zipkin import ZipkinTracer, configure\n"
    done = subprocess.run(
        [sys.executable, "-c", header + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )
    return done.returncode, done.stderr


LOST = r"zipkin: span '{}' was never finished; it was started at <string>:\d+ \(logged once for this line\)\n"


@pytest.mark.parametrize("ending", ["", "sys.exit(0)", "tracer.close()", "del tracer"])
def test_what_is_open_when_the_process_ends_is_said(ending: str) -> None:
    """Each open span is one line, and the process ends as usual."""
    status, error = run(f"""
        from opentracing_zipkin.testing import InMemoryRecorder
        tracer = ZipkinTracer("service", recorder=InMemoryRecorder(), warn_unfinished=True)
        scope = tracer.start_active_span("open")
        {ending}
        """)

    assert 0 == status
    assert re.fullmatch(LOST.format("open"), error), error


def test_a_forked_child_does_not_answer_for_its_parents_spans() -> None:
    """A forked child reports only its own open spans."""
    status, error = run("""
        from opentracing_zipkin.testing import InMemoryRecorder
        tracer = ZipkinTracer("service", recorder=InMemoryRecorder(), warn_unfinished=True)
        with tracer.start_span("parent") as span:
            if os.fork() == 0:
                del span
                own = tracer.start_span("child")
                sys.exit(0)
            os.wait()
        """)

    assert 0 == status
    assert re.fullmatch(LOST.format("child"), error), error


def test_the_environment_turns_it_on() -> None:
    """`ZIPKIN_WARN_UNFINISHED=true` turns the warning on; a span in a cycle is found when it is collected."""
    status, error = run("""
        os.environ["ZIPKIN_WARN_UNFINISHED"] = "true"
        tracer = configure("service", endpoint="http://127.0.0.1:9", exit_timeout=0)
        cycle = [tracer.start_span("lost")]
        cycle.append(cycle)
        del cycle
        gc.collect()
        assert tracer.unfinished == 1
        """)

    assert 0 == status
    assert re.fullmatch(LOST.format("lost"), error), error
