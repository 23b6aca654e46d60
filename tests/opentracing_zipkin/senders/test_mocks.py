"""An application's tests: what they put in place of the network and the clock is not for us, and harms nothing."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import freezegun
import pytest
import pytest_socket
import time_machine

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.senders import SendError
from opentracing_zipkin.senders.http import HttpSender

from .certificates import Certificates
from .raw_server import ACCEPTED, answer, raw_server, saying

# An application's test under a mock that answers everything: the mock sees its one request and none of ours.
APPLICATION = """
import json, re, sys
from contextlib import contextmanager
from unittest import mock

tool, moment, port, folder = sys.argv[1:]
collector = f"http://127.0.0.1:{port}"

@contextmanager
def by_responses():
    import responses
    with responses.RequestsMock() as active:
        active.add(responses.GET, re.compile(".*"), body="mocked")
        active.add(responses.POST, re.compile(".*"), body="mocked")
        active.assert_all_requests_are_fired = False
        yield lambda: [call.request.url for call in active.calls]

@contextmanager
def by_requests_mock():
    import requests_mock
    with requests_mock.Mocker() as active:
        active.register_uri(requests_mock.ANY, requests_mock.ANY, text="mocked")
        yield lambda: [request.url for request in active.request_history]

@contextmanager
def by_vcr():
    import vcr
    with vcr.use_cassette(folder + "/cassette.yaml") as active:
        yield lambda: [request.uri for request in active.requests]

@contextmanager
def by_patching(*names):
    import requests, urllib3
    answer = requests.Response()
    answer.status_code, answer._content = 200, b"mocked"
    mocks = [mock.patch(name, return_value=answer) for name in names]
    seen = [one.start() for one in mocks]
    yield lambda: [call.args[0].url if call.args else call.kwargs["url"] for one in seen for call in one.call_args_list]
    for one in mocks:
        one.stop()

@contextmanager
def by_patching_http_client():
    # As some record or instrument: with wrappers, which call what they stand for.
    import functools, http.client
    class_, seen = http.client.HTTPConnection, []
    def wrapped(method):
        @functools.wraps(method)
        def wrapper(self, *args, **kwargs):
            seen.append((method.__name__, self.host, args[1:2]))
            return method(self, *args, **kwargs)
        return wrapper
    with mock.patch.multiple(class_, putrequest=wrapped(class_.putrequest), endheaders=wrapped(class_.endheaders)):
        yield lambda: [f"http://{host}:{port}{path[0]}" for name, host, path in seen if path] + seen[2:]

tools = {
    "responses": by_responses,
    "requests-mock": by_requests_mock,
    "VCR.py": by_vcr,
    "patch of the adapter": lambda: by_patching("requests.adapters.HTTPAdapter.send"),
    "patch of the pool": lambda: by_patching("urllib3.connectionpool.HTTPConnectionPool.urlopen"),
    "patch of http.client": lambda: by_patching_http_client(),
}

def ask():
    import requests, urllib3
    if tool == "patch of the pool":
        urllib3.HTTPConnectionPool("127.0.0.1").urlopen(method="GET", url=collector + "/application")
    else:
        requests.get(collector + "/application")

def report(tracer):
    tracer.start_trace("x").finish()
    assert tracer.flush(10), tracer.stats

def start():
    from opentracing_zipkin import ZipkinTracer
    return ZipkinTracer("service", endpoint=collector, max_connection_age=0, local_ip="127.0.0.1")

tracer = None if moment == "cold" else start()
if moment == "late":
    report(tracer)
with tools[tool]() as seen:
    tracer = tracer or start()
    report(tracer)
    report(tracer)
    ask()
    report(tracer)
    urls = seen()
report(tracer)
tracer.close(5).result()
print(json.dumps([urls, tracer.stats.sent, sum(tracer.stats.dropped.values())]))
"""


@pytest.mark.parametrize("moment", ["cold", "warm", "late"])
@pytest.mark.parametrize(
    "tool", ["responses", "requests-mock", "VCR.py", "patch of the adapter", "patch of the pool", "patch of http.client"]
)
def test_our_requests_are_invisible_to_an_applications_mocks(tool: str, moment: str, tmp_path: Path) -> None:
    """With a mock of the application's, installed before or after us, spans arrive, and it sees only the application's requests."""

    def say(connection: socket.socket) -> None:
        path = server.requests[-1][0].split()[1]
        connection.sendall(ACCEPTED if path == "/api/v2/spans" else answer(200, "real"))

    with raw_server(say) as server:
        command = [sys.executable, "-c", APPLICATION, tool, moment, str(server.port), str(tmp_path)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert 0 == run.returncode, run.stderr
    urls, sent, dropped = json.loads(run.stdout)
    paths = [head.split()[1] for head, _ in server.requests]
    reports = 5 if moment == "late" else 4

    assert [f"http://127.0.0.1:{server.port}/application"] == urls
    assert (reports, reports, 0) == (paths.count("/api/v2/spans"), sent, dropped)
    assert "" == run.stderr


# Sockets


@contextmanager
def blocked() -> Iterator[None]:
    pytest_socket.disable_socket()
    try:
        yield
    finally:
        pytest_socket.enable_socket()


@contextmanager
def only_elsewhere() -> Iterator[None]:
    pytest_socket.socket_allow_hosts(["192.0.2.1"])
    try:
        yield
    finally:
        pytest_socket._remove_restrictions()


BLOCKS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "pytest-socket": blocked,
    "pytest-socket, hosts": only_elsewhere,
    "a mock": lambda: mock.patch("socket.socket"),
    "a mock with a spec": lambda: mock.patch("socket.socket", autospec=True),
    "names": lambda: mock.patch("socket.getaddrinfo"),
    "a mock of connect": lambda: mock.patch("socket.socket.connect"),
    "a mock that raises": lambda: mock.patch("socket.socket", side_effect=AssertionError("no network in tests")),
}


@pytest.mark.parametrize("block", BLOCKS)
def test_where_sockets_are_blocked_spans_wait_and_it_is_said_once(block: str, caplog: pytest.LogCaptureFixture) -> None:
    """Where sockets are blocked, one warning is logged, and the spans arrive when the block is over."""
    with raw_server(saying(ACCEPTED)) as server:
        tracer = ZipkinTracer("service", endpoint=f"http://127.0.0.1:{server.port}", local_ip="127.0.0.1", flush_interval=0.02)
        with BLOCKS[block]():
            for _ in range(3):
                tracer.start_trace("x").finish()
                assert False is tracer.flush(0.2)
        said = [(record.levelno, bool(record.exc_info), "\n" in record.getMessage()) for record in caplog.records]
        arrived = tracer.flush(5)
        tracer.close(1).result(5)

    assert [(logging.WARNING, False, False)] == said
    assert (True, 3, 0) == (arrived, tracer.stats.sent, sum(tracer.stats.dropped.values()))


@pytest.mark.parametrize("block", BLOCKS)
def test_a_blocked_socket_costs_no_time(block: str) -> None:
    """A blocked socket takes no time, although a mock might answer each read with one byte until the deadline."""
    one = HttpSender("http://127.0.0.1:9", "/api/v2/spans", "application/json")
    start = time.thread_time()
    with BLOCKS[block](), pytest.raises(SendError) as caught:
        one.send(b"[]")

    assert True is caught.value.retryable
    assert time.thread_time() - start < 0.5


# Clocks


@contextmanager
def broken() -> Iterator[None]:
    """A clock that raises at each reading, because its answers are meant for the application."""
    with mock.patch.multiple(
        "time", **dict.fromkeys(("time", "monotonic", "perf_counter"), mock.Mock(side_effect=AssertionError))
    ):
        yield


CLOCKS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "freezegun, the past": lambda: freezegun.freeze_time("2012-01-14"),
    "freezegun, the future": lambda: freezegun.freeze_time("2112-01-14"),
    "time-machine": lambda: time_machine.travel("2012-01-14", tick=False),
    "a mock": broken,
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_messages_are_sent_whatever_the_clock_says(clock: str, scheme: str, certificates: Certificates) -> None:
    """Messages are sent in time whatever the clock says, with cookies, on new and on kept connections."""
    said = [answer(202, headers={"Set-Cookie": "a=b; Max-Age=100; Expires=Wed, 21 Oct 2026 07:28:00 GMT"}), answer(503)]
    with raw_server(saying(*said), certificates.server if scheme == "https" else None) as server:
        one = HttpSender(
            f"{scheme}://127.0.0.1:{server.port}", "/api/v2/spans", "application/json", ca_bundle=certificates.authority
        )
        with warnings.catch_warnings(record=True) as warned, CLOCKS[clock]():
            one.send(b"[]")
            with pytest.raises(SendError, match="HTTP 503"):
                one.send(b"[]")

    assert [] == [str(warning.message) for warning in warned]
    assert (2, 1) == (len(server.requests), len(server.connections))


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_deadline_is_kept_while_the_clock_stands_still(clock: str) -> None:
    """The deadline holds, and connections grow old, while the clock stands still."""

    def trickle(connection: socket.socket) -> None:
        for _ in count():
            connection.sendall(b"HTTP/1.1 " if len(server.requests) > 2 else ACCEPTED)
            if len(server.requests) <= 2:
                return
            threading_sleep(0.05)

    threading_sleep = time.sleep
    with raw_server(trickle) as server:
        one = HttpSender(
            f"http://127.0.0.1:{server.port}", "/api/v2/spans", "application/json", send_timeout=0.5, max_connection_age=0.1
        )
        with CLOCKS[clock]():
            one.send(b"[]")
            threading_sleep(0.15)
            one.send(b"[]")
            with pytest.raises(SendError) as caught:
                one.send(b"[]")

    assert True is caught.value.retryable
    assert len(server.connections) >= 2
