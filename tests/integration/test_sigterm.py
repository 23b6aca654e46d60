"""SIGTERM and SIGHUP that are no ordinary end: in process 1 of a container, and in a process with gevent's event loop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from opentracing_zipkin.collector import Collector

from .apps.first_process import HOW, SIGNAL_AT, SPANS
from .test_processes import PROJECT, environment, spans_of


@pytest.mark.parametrize("how", HOW)
def test_process_1_sends_what_waits_at_sigterm_and_keeps_its_tracer(how: str) -> None:
    """The kernel does not end process 1: each signal sends waiting spans, nothing is dropped, and later spans arrive."""
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-m", "tests.integration.apps.first_process", how]
    if os.geteuid() != 0:
        command[1:1] = ["--user", "--map-root-user"]
    with Collector() as collector:
        result = subprocess.run(
            command, env=environment(collector), cwd=PROJECT, timeout=60, check=False, capture_output=True, text=True
        )
        arrived = len(spans_of(collector))

    assert (0, "") == (result.returncode, result.stderr)
    assert [*map(str, SIGNAL_AT), f"True {SPANS} 0"] == result.stdout.splitlines()
    assert SPANS == arrived


GEVENT = """
from gevent import monkey
monkey.patch_all()
import gevent, os, signal, subprocess, sys
import opentracing_zipkin
tracer = opentracing_zipkin.configure("service", flush_interval=60)

def finish():
    for _ in range(100):
        tracer.start_trace("x").finish()

def slow():
    with tracer.start_active_span("slow"):
        gevent.sleep(0.2)

gevent.spawn(slow)
gevent.spawn(finish).join()
{end}
gevent.sleep(20)
"""
GEVENT_ENDS = {
    "in the hub": "subprocess.Popen([sys.executable, '-c', f'import os; os.kill({os.getpid()}, {number})'])",
    "in a greenlet": "os.kill(os.getpid(), {number})",
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("where", GEVENT_ENDS)
def test_under_gevent_every_span_is_sent_before_sigterm_ends_the_process(where: str, number: signal.Signals) -> None:
    """Wherever the signal comes, spans of greenlets that end within half a second are sent; the status is the signal's."""
    with Collector() as collector:
        code = GEVENT.replace("{end}", GEVENT_ENDS[where].replace("{number}", str(int(number))))
        result = subprocess.run(
            [sys.executable, "-c", code],
            env=environment(collector), cwd=PROJECT, timeout=60, check=False, capture_output=True, text=True,
        )  # fmt: skip
        arrived = len(spans_of(collector))

    assert (-number, "") == (result.returncode, result.stderr)
    assert 101 == arrived


TWICE = """
import os, signal, subprocess, sys, time
import opentracing_zipkin
tracer = opentracing_zipkin.configure("service", flush_interval=60)
for _ in range(1000):
    tracer.start_trace("x").finish()
code = f"import os, time; os.kill({os.getpid()}, 15); time.sleep({PAUSE}); os.kill({os.getpid()}, 15)"
subprocess.Popen([sys.executable, "-c", code])
time.sleep(20)
"""


@pytest.mark.parametrize("pause", [0.0, 0.005, 0.05])
def test_a_second_sigterm_at_once_belongs_to_the_first(pause: float) -> None:
    """A second SIGTERM at once, as multiprocessing sends it to daemons when their parent ends, costs no span."""
    with Collector() as collector:
        command = [sys.executable, "-c", TWICE.replace("{PAUSE}", str(pause))]
        result = subprocess.run(command, env=environment(collector), cwd=PROJECT, timeout=30, check=False)

        assert (-signal.SIGTERM, 1000) == (result.returncode, len(spans_of(collector)))
