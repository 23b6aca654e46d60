"""The end of a program in Python's development mode, which warns of each socket and file that is left open."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from opentracing_zipkin.collector import Collector

from .certificates import Certificates
from .raw_broker import raw_broker
from .raw_server import ACCEPTED, raw_server, saying

PROGRAM = """
import atexit, os, signal, sys, weakref
import opentracing_zipkin

class Thing: pass

def finish(*_):
    tracer.start_span("x").finish()

thing = Thing()
{begin}
tracer = opentracing_zipkin.configure("shop", **{settings!r})
{end}
assert not sum(tracer.stats.dropped.values())
"""
# The first finalizer registers their end with `atexit`, so finalizers end after the tracer where they began earlier.
BEGINS = {
    "nothing earlier": "",
    "finalizers earlier": "weakref.finalize(thing, int)",
}
ENDS = {
    "a span": "finish()",
    "a flush": "finish(); assert tracer.flush(20)",
    "a flush and a span": "finish(); assert tracer.flush(20); finish()",
    "a span of atexit": "atexit.register(finish)",
    "a flush and a span of atexit": "finish(); assert tracer.flush(20); atexit.register(finish)",
    "a flush and a span of a finalizer": "finish(); assert tracer.flush(20); weakref.finalize(thing, finish)",
    "close": "finish(); tracer.close(20)",
    "a flush and SIGTERM": "finish(); assert tracer.flush(20); finish(); signal.raise_signal(signal.SIGTERM)",
    "a forked process": "finish(); assert tracer.flush(20); child = os.fork(); finish(); child and os.waitpid(child, 0)",
}
NOT_OURS = "ignore:This process:DeprecationWarning"  # Python 3.12 warns of each fork of a process with threads
CASES = [("http", begin, end) for begin in BEGINS for end in ENDS] + [
    (sender, "nothing earlier", end)
    for sender in ("https", "proxy", "several", "amqp", "console")
    for end in ("a flush and a span of atexit", "a forked process")
]


@pytest.fixture(scope="module")
def settings(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """The settings for each sender, whose receiver accepts all."""
    with ExitStack() as stack:
        collector = stack.enter_context(Collector())
        tls = stack.enter_context(raw_server(saying(ACCEPTED), certificates.server))
        proxy = stack.enter_context(raw_server(saying(ACCEPTED)))
        broker = stack.enter_context(raw_broker())
        yield {
            "http": {"endpoint": collector.url},
            "https": {"endpoint": f"https://127.0.0.1:{tls.port}", "ca_bundle": certificates.authority},
            "proxy": {"endpoint": "http://zipkin.invalid", "proxy": f"http://127.0.0.1:{proxy.port}"},
            "several": {"endpoint": ["http://127.0.0.1:9", collector.url]},
            "amqp": {"endpoint": broker.url},
            "console": {"endpoint": f"console:{tmp_path_factory.mktemp('console') / 'spans.jsonl'}"},
        }


@pytest.mark.parametrize(("sender", "begin", "end"), CASES)
def test_nothing_is_left_open(settings: dict[str, dict[str, Any]], sender: str, begin: str, end: str) -> None:
    """A program ends without a ResourceWarning, also if its last spans are sent after all finalizers have run."""
    code = PROGRAM.format(begin=BEGINS[begin], settings=settings[sender], end=ENDS[end])
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", NOT_OURS, "-c", code], capture_output=True, text=True, timeout=50, check=False
    )

    assert (-signal.SIGTERM if "SIGTERM" in end else 0, "") == (done.returncode, done.stderr)
