"""Traces drawn as they arrive."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time

import pytest

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.clock import monotonic
from opentracing_zipkin.drawing import printer as module
from opentracing_zipkin.drawing.printer import Printer
from opentracing_zipkin.drawing.waterfall import Style
from opentracing_zipkin.model import FinishedSpan

from .spans import TRACE, changed

STYLE = Style(width=78)


def heads(stream: io.StringIO) -> list[str]:
    """The first line of each drawn trace."""
    return [line.partition("  ")[0] + line.partition("spans")[2] for line in stream.getvalue().splitlines() if "trace " in line]


def test_a_trace_is_drawn_when_it_has_come_to_rest() -> None:
    """A trace is drawn once and completely, a second after its last span."""
    stream = io.StringIO()
    printer = Printer(stream, STYLE)
    printer.add(TRACE[:2])
    now = monotonic()
    printer.draw(now + 0.5)
    printer.add(TRACE[2:])
    printer.draw(now + 0.9)
    assert "" == stream.getvalue()

    printer.draw(now + 2)
    printer.draw(now + 4)
    assert ["trace 1, 2 services, 1 error"] == heads(stream)
    assert stream.getvalue().endswith("ms\n\n")
    assert 8 == stream.getvalue().count("\n")


def test_what_comes_later_is_drawn_as_more_of_the_trace() -> None:
    """A late span is drawn as more of its trace; the rest is not drawn again."""
    stream = io.StringIO()
    printer = Printer(stream, STYLE)
    for spans in (TRACE[1:3], TRACE[3:]):
        printer.add(spans)
        printer.draw(monotonic() + 2)

    assert ["trace 1, 2 services", "trace 1, 1 service, more of it"] == heads(stream)


def test_a_trace_that_never_rests_is_drawn_all_the_same() -> None:
    """A trace whose spans keep coming is drawn after ten seconds."""
    stream = io.StringIO()
    printer = Printer(stream, STYLE)
    printer.add(TRACE)
    waiting = printer._waiting["1"]
    waiting.last = waiting.begun + module.MAX_WAIT_S
    printer.draw(waiting.last)

    assert 1 == len(heads(stream))


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit of waiting spans all are drawn at once, and spans over the limit are dropped."""
    monkeypatch.setattr(module, "MAX_WAITING_SPANS", 3)
    stream = io.StringIO()
    printer = Printer(stream, STYLE)
    printer.add(FinishedSpan(f"{n:016x}", f"{n:016x}") for n in range(1, 6))
    printer.draw(monotonic())

    assert 3 == stream.getvalue().count("trace ")
    assert 0 == len(printer._waiting)


def test_a_stream_that_is_closed_harms_nobody() -> None:
    """After the stream is closed, drawing ends, and adding spans still works."""
    stream = io.StringIO()
    with Printer(stream, STYLE) as printer:
        stream.close()
        printer.add(TRACE)
    printer.add(TRACE)
    printer.draw(monotonic() + 2)

    assert (0, None) == (len(printer._waiting), printer._stream)


def test_control_characters_are_not_drawn() -> None:
    """Control characters of a span are not drawn."""
    stream = io.StringIO()
    with Printer(stream, STYLE) as printer:
        printer.add([changed(TRACE[0], name="\033[2J", tags={"error": "\u202e\a"})])

    assert all(line.isprintable() for line in stream.getvalue().splitlines())


def test_the_collector_draws_what_arrives() -> None:
    """`collector --print` draws plain text into a pipe; Ctrl-C draws the waiting traces."""
    command = [sys.executable, "-m", "opentracing_zipkin", "collector", "--port", "0", "--print"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[3].rstrip(",")
        tracer = ZipkinTracer("shop", endpoint=url)
        with tracer.start_active_span("checkout"):
            tracer.start_span("charge").finish()
        assert tracer.flush()
        tracer.close()
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        drawn = process.stdout.read()

        assert 0 == process.wait(10)
    rows = [line.partition("█")[0].rstrip() for line in drawn.splitlines()]
    assert ["shop  checkout  local", "shop  └─charge  local", ""] == [" ".join(row.split(" " * 3)) for row in rows[1:]]
    assert rows[0].startswith("trace ")
    assert rows[0].endswith(" ms, 2 spans, 1 service")
