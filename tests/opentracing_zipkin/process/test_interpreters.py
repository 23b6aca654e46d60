"""Subinterpreters: each kind that a Python has, and each way to end, in a separate process, because a fault is a crash."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import opentracing_zipkin
from opentracing_zipkin.process import interpreter

ROOT = Path(opentracing_zipkin.__file__).parents[1]

# Whether our thread exists in each kind; a Python that is missing here is a failure.
HAS_THREAD = {
    (3, 10): {"isolated": False, "legacy": False},
    (3, 11): {"isolated": False, "legacy": False},
    (3, 12): {"isolated": True, "legacy": False},
    (3, 13): {"isolated": True, "legacy": True},
}[sys.version_info[:2]]

# An error that a thread or a finalizer has printed.  One error of Python 3.13.0 is left out: its `threading` prints it at the
# end of a subinterpreter for a thread that it has not started, and one log call there is enough to cause it.
_ERROR = r"^(?!TypeError: 'NoneType' object does not support the context manager protocol)[\w.]*(Error|Exception)\b: .*"

# Python 3.12.1 aborts at its exit ("free(): invalid pointer") if an isolated interpreter was the first to import these.
FIRST = "import hashlib, ssl" if sys.version_info[:2] == (3, 12) else ""

SPANS = 30

# This runs in the main interpreter of a process: `kind` and the code for the subinterpreter come as arguments.
MAIN = """
import json, os, sys, threading, time

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

kind, inside, times, at_a_time, main = json.loads(sys.argv[1])


def create():
    if sys.version_info >= (3, 13):
        return interpreters.create(kind)
    return interpreters.create(isolated=kind == "isolated")


def run(one, code):
    # The current folder is in the path of the main interpreter alone.
    failure = interpreters.run_string(one, f"import sys; sys.path.insert(0, {os.getcwd()!r})\\n{code}")
    if failure is not None:  # before Python 3.13 it is raised
        raise RuntimeError(failure)


def live():
    for _ in range(times):
        one = create()
        run(one, inside)
        start = time.monotonic()
        interpreters.destroy(one)
        os.write(1, b"destroyed after %f\\n" % (time.monotonic() - start))  # in one piece, because two write


exec(main)
threads = [threading.Thread(target=live) for _ in range(at_a_time)]
if at_a_time == 1:
    live()
else:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("over", flush=True)
"""

# This runs inside: each message is a line of the file, with the kind of thread that sent it.
INSIDE = """
import json, threading, time
import opentracing_zipkin
from opentracing_zipkin.senders import SendError, Sender

class Own(Sender):
    max_bytes = 2_000
    def send(self, body):
        if {away}:
            raise SendError("away", retryable=True)
        with open({file!r}, "a") as file:
            file.write(json.dumps([len(json.loads(body)), threading.current_thread().name]) + "\\n")

tracer = opentracing_zipkin.{make}("inside", {settings})
for number in range({spans}):
    with tracer.start_active_span("span"):
        pass
print("thread", any(thread.name == "zipkin-reporter" for thread in threading.enumerate()), flush=True)
{end}
"""


def run(
    kind: str,
    tmp_path: Path,
    end: str = "",
    *,
    make: str = "configure",
    settings: str = "sender=Own(), exit_stall_timeout=0.5",
    away: bool = False,
    times: int = 1,
    at_a_time: int = 1,
    main: str = "",
) -> tuple[list[Any], subprocess.CompletedProcess[str], float]:
    """The messages, the result of the process, and the seconds that the slowest end of an interpreter took."""
    file = tmp_path / "messages"
    file.touch()
    inside = INSIDE.format(away=away, file=str(file), make=make, settings=settings, spans=SPANS, end=end)
    given = json.dumps([kind, inside, times, at_a_time, main or FIRST])
    result = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", MAIN, given],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=ROOT,
    )
    ends = [float(seconds) for seconds in re.findall(r"destroyed after ([\d.]+)\n", result.stdout)]

    assert 0 == result.returncode, result.stdout + result.stderr
    assert "over" == result.stdout.splitlines()[-1]
    assert times * at_a_time == len(ends)
    assert None is re.search(_ERROR, result.stderr, re.MULTILINE), result.stderr
    return [json.loads(line) for line in file.read_text().splitlines()], result, max(ends)


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    """A server's URL, and the spans that it has accepted."""
    accepted: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            accepted.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", accepted
        server.shutdown()


def test_this_is_the_main_interpreter() -> None:
    """In the main interpreter the thread is a daemon."""

    assert interpreter.is_main()
    assert interpreter.DAEMON == interpreter.thread_kind()


@pytest.mark.parametrize("kind", HAS_THREAD)
@pytest.mark.parametrize(
    ("make", "end"),
    [
        ("configure", "assert tracer.flush()"),
        ("configure", "assert tracer.close().result()"),
        ("configure", ""),
        ("ZipkinTracer", ""),
        ("ZipkinTracer", "del tracer"),
    ],
    ids=["flush", "close", "exit", "exit-tracer", "dropped"],
)
def test_every_span_of_a_subinterpreter_is_sent_whatever_its_end(kind: str, make: str, end: str, tmp_path: Path) -> None:
    """Every span is sent by flush, by close, or when the interpreter ends; on our own thread where Python allows one."""
    messages, result, _ = run(kind, tmp_path, end, make=make)

    assert SPANS == sum(spans for spans, _ in messages)
    assert f"thread {HAS_THREAD[kind]}" in result.stdout
    assert HAS_THREAD[kind] is (["zipkin-reporter"] == sorted({thread for _, thread in messages}))
    said = [line for line in result.stderr.splitlines() if line.startswith("zipkin: ")]
    assert (not HAS_THREAD[kind]) == sum("allows no reporter's thread" in line for line in said) == len(said)


@pytest.mark.parametrize("kind", HAS_THREAD)
def test_spans_of_a_subinterpreter_arrive_without_being_asked_for_where_it_has_a_thread(kind: str, tmp_path: Path) -> None:
    """Where a subinterpreter has our thread, spans arrive within `flush_interval`; otherwise they wait."""
    file = str(tmp_path / "messages")
    end = f"time.sleep(1); print('early', len(open({file!r}).readlines()), flush=True)"
    messages, result, _ = run(kind, tmp_path, end, settings="sender=Own(), flush_interval=0.1")

    assert SPANS == sum(spans for spans, _ in messages)
    assert HAS_THREAD[kind] is ("early 0" not in result.stdout)


@pytest.mark.parametrize("kind", HAS_THREAD)
@pytest.mark.parametrize("end", ["tracer.flush(0.2)", "tracer.close(0.2)", ""], ids=["flush", "close", "exit"])
def test_a_subinterpreter_ends_in_time_though_the_collector_is_away(kind: str, end: str, tmp_path: Path) -> None:
    """A subinterpreter ends after `exit_stall_timeout`, with one line that tells how many spans are lost."""
    messages, result, seconds = run(kind, tmp_path, end, away=True)

    assert [] == messages
    assert seconds < 5
    if not end.startswith("tracer.close"):
        assert 0.4 < seconds
        assert f"{SPANS} spans were not accepted before the process ended and are lost" in result.stderr


@pytest.mark.parametrize("kind", HAS_THREAD)
@pytest.mark.parametrize("away", [False, True], ids=["there", "away"])
def test_subinterpreters_come_and_go_two_at_a_time(kind: str, away: bool, tmp_path: Path) -> None:
    """Subinterpreters come and go ten times, while the main interpreter's tracer sends its spans on its own thread."""
    main = """if True:
        import atexit, opentracing_zipkin
        from opentracing_zipkin.testing import FakeSender
        sender = FakeSender()
        tracer = opentracing_zipkin.configure("main", sender=sender, flush_interval=0.02)
        def spans():
            while True:
                tracer.start_span("main").finish()
                time.sleep(0.001)
        threading.Thread(target=spans, daemon=True).start()
        def tell():
            assert tracer.flush()
            print("main", sum(tracer.stats.dropped.values()), tracer.stats.sent > 0, flush=True)
            print("over", flush=True)
        atexit.register(tell)
        """
    messages, result, seconds = run(
        kind,
        tmp_path,
        settings="sender=Own(), exit_stall_timeout=0.1",
        away=away,
        times=10,
        at_a_time=2,
        main=main,
    )

    assert (0 if away else 2 * 10 * SPANS) == sum(spans for spans, _ in messages)
    assert "main 0 True" in result.stdout
    assert seconds < 10


@pytest.mark.parametrize("kind", HAS_THREAD)
@pytest.mark.parametrize("end", ["assert tracer.flush()", "assert tracer.close().result()", ""], ids=["flush", "close", "exit"])
def test_the_http_sender_works_in_a_subinterpreter(
    kind: str, end: str, tmp_path: Path, collector: tuple[str, list[Any]]
) -> None:
    """The HTTP sender works; `requests` may warn that it found no library that detects encodings."""
    url, accepted = collector
    run(kind, tmp_path, end, settings=f"endpoint={url!r}")

    assert SPANS == len(accepted)


@pytest.mark.parametrize("kind", HAS_THREAD)
def test_a_subinterpreter_waits_for_a_request_that_hangs_no_longer_than_one_may_take(kind: str, tmp_path: Path) -> None:
    """The end waits for a hung request at most `send_timeout`, and for a later one at most the rest of the exit's time."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:  # accepts by its backlog, and never answers
        url = f"http://127.0.0.1:{silent.server_port}"
        settings = f"endpoint={url!r}, send_timeout=3, exit_stall_timeout=0.5"
        start = time.monotonic()
        _, result, seconds = run(kind, tmp_path, settings=settings)

    assert seconds < 10
    assert time.monotonic() - start < 40
    assert f"{SPANS} spans were not accepted before the process ended and are lost" in result.stderr


@pytest.mark.parametrize("kind", HAS_THREAD)
def test_sigterm_is_not_handled_in_a_subinterpreter(kind: str, tmp_path: Path) -> None:
    """`configure` leaves signals to the main interpreter, and logs this at DEBUG."""
    end = """if True:
        import logging, signal
        from opentracing_zipkin.process.termination import handle_signals
        logging.basicConfig(level=logging.DEBUG)
        handle_signals()
        assert signal.SIG_DFL == signal.getsignal(signal.SIGTERM)
        """
    _, result, _ = run(kind, tmp_path, end)

    assert "SIGTERM is not handled, because this is not the main thread of the main interpreter" in result.stderr
