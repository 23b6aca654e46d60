"""An outage with real sockets: spans that were finished during the outage arrive once when the collector is back."""

from __future__ import annotations

import socket
import threading
import time

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector

from ...ports import free_port


def test_spans_of_an_outage_arrive_when_it_is_over() -> None:
    """After refused connections, every span is in the collector exactly once."""
    port = free_port()
    tracer = ZipkinTracer("service", endpoint=f"http://127.0.0.1:{port}", flush_interval=0.05)
    for _ in range(100):
        tracer.start_trace("x").finish()
        time.sleep(0.005)

    assert (0, 0) == (tracer.stats.sent, sum(tracer.stats.dropped.values()))
    with Collector(port=port) as collector:
        assert True is tracer.flush(15)
        assert 100 == sum(map(len, collector.store.traces())) == tracer.stats.sent
    tracer.close()


def test_a_collector_that_never_answers_costs_the_application_nothing() -> None:
    """With a collector that accepts connections and never answers, spans finish at once and `close` ends at its deadline."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        tracer = ZipkinTracer("service", endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}", send_timeout=0.5)
        start = time.monotonic()
        for _ in range(5000):
            tracer.start_trace("x").finish()
        finishing = time.monotonic() - start
        accepted = tracer.close(0.5).result(10)

        assert False is accepted
        assert finishing < 5
        assert time.monotonic() - start < 10


def test_half_an_answer_is_no_success() -> None:
    """If the connection breaks within the response, the message is sent again."""
    answers = [b"HTTP/1.1 20", b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"]
    bodies = []

    def serve(listener: socket.socket) -> None:
        while answers:
            connection, _ = listener.accept()
            with connection:
                bodies.append(connection.recv(1 << 20).rpartition(b"\r\n\r\n")[2] or connection.recv(1 << 20))
                connection.sendall(answers.pop(0))

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        tracer = ZipkinTracer("service", endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}", flush_interval=0.05)
        tracer.start_trace("x").finish()

        assert True is tracer.flush(10)
        thread.join(5)
    assert 1 == tracer.stats.sent
    assert bodies[0] == bodies[1]
    tracer.close()
