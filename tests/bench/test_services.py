"""The parts of the services' measurement, without the services: the load, the switch and the arithmetic."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.web import ways
from bench.web.load import CONNECTIONS, Load
from bench.web.measure import Measured, Turn


class Service(ThreadingHTTPServer):
    """Counts the requests, and responds with the status and the delay that it was told."""

    daemon_threads = True
    requests = 0
    status = 200
    takes_s = 0.0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()

    def do_GET(self) -> None:
        assert isinstance(self.server, Service)
        with self.lock:
            self.server.requests += 1
        time.sleep(self.server.takes_s)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(("127.0.0.1", 0), Handler) as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield service
        service.shutdown()
        thread.join()


def test_so_many_requests_are_made(service: Service) -> None:
    """The load sends the requested number of requests over all connections, at full speed or at a rate."""
    with Load(service.server_port) as load:
        load.saturate(3 * CONNECTIONS + 1)
        delays_s = load.at_rate(500, 0.1)

    assert 3 * CONNECTIONS + 1 + 50 == service.requests
    assert 50 == len(delays_s)


def test_a_request_that_had_to_wait_for_others_took_as_long_as_they_did(service: Service) -> None:
    """The time of a request starts when it was due, not when a connection was free for it."""
    service.takes_s = 0.05
    with Load(service.server_port) as load:
        delays_s = load.at_rate(100_000, 2 * CONNECTIONS / 100_000)

    assert 2 * CONNECTIONS == len(delays_s)
    assert max(delays_s) >= 2 * service.takes_s


def test_any_answer_but_200_fails_the_run(service: Service) -> None:
    """Any status but 200 makes the run fail, because a service that fails fast would seem fast."""
    service.status = 500
    with Load(service.server_port) as load, pytest.raises(RuntimeError, match="500"):
        load.saturate(1)


def test_what_a_way_takes_more_is_told_within_a_round() -> None:
    """The difference is taken within a round: it is 0.1 ms although the machine is half as fast in the second round."""
    measured = Measured()
    for slow in (1.0, 2.0):
        measured.rounds.append([Turn(500 / slow, slow + 0.1 * (way == 2)) for way in range(len(ways.WAYS))])
    measured.delays_s[2] = [number / 1000 for number in range(1, 102)]
    measured.requests[2] = 10
    summary = measured.summary(2, arrived=30)

    assert pytest.approx(0.1) == summary["more_ms"]
    assert pytest.approx(0.0) == summary["more_error_ms"]
    assert pytest.approx((1.6, 375)) == (summary["cpu_ms"], summary["requests_per_s"])
    assert pytest.approx((51.0, 1.0), abs=0.1) == (summary["p50_ms"], summary["arrived"])


def test_a_ways_spans_are_reported_before_the_next_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A way's spans are reported before the next way starts, at the way's own cost; if that fails, the switch fails."""
    monkeypatch.setattr(ways, "WAYS", [ways.Way("without", "untraced.Nothing"), ways.Way("other", "untraced.Headers")])
    monkeypatch.setenv("BENCH_SINKS", json.dumps(["http://127.0.0.1:9"] * 2))
    monkeypatch.setenv("BENCH_SERVICE", "service")
    switch = ways.Switch()
    switch.use(1)
    other = switch.way
    monkeypatch.setattr(other, "flush", lambda: False)

    with pytest.raises(RuntimeError, match="other: the collector did not accept all spans"):
        switch.use(0)
    assert other is switch.way
