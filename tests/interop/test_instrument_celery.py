"""Our own instrumentation of Celery with a real worker, which has a forked process, and Redis as broker and backend."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping

import pytest
from celery import Celery, chain
from celery.exceptions import TimeLimitExceeded
from kombu.exceptions import OperationalError

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.instrument import celery as instrumented
from opentracing_zipkin.model import FinishedSpan

from .apps.celery_orders import orders
from .processes import application, redis_server

Read = Callable[[int], Mapping[tuple[str, str], FinishedSpan]]
ReadAll = Callable[[int], list[FinishedSpan]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delitem(sys.modules, "celery_opentracing", raising=False)  # ours would stand back for it
    instrumented.install()
    yield
    instrumented.uninstall()


@pytest.fixture
def app(broker: str, collector: Collector, tracer: ZipkinTracer, installed: None) -> Iterator[Celery]:
    """The application in the process that sends tasks, while its worker runs."""
    app = orders(broker)
    with application("celery_orders", "worker", collector.url, {"ORDERS_BROKER": broker}):
        yield app
    app.close()


def test_a_task_continues_the_trace_of_who_sent_it(app: Celery, tracer: ZipkinTracer, one_trace: Read) -> None:
    """Sending is a PRODUCER span, the run is a CONSUMER child of it with its own id, and Redis is the remote end of both."""
    with tracer.start_active_span("buy"):
        result = app.tasks["orders.pack"].delay("tea")

        assert "tea" == result.get(timeout=20)

    trace = one_trace(4)
    sent, run = trace["caller", "send orders.pack"], trace["worker", "orders.pack"]

    assert ["PRODUCER", "CONSUMER"] == [sent.kind, run.kind]
    assert trace["caller", "buy"].span_id == sent.parent_id
    assert sent.span_id == run.parent_id
    assert run.span_id == trace["worker", "wrap"].parent_id
    assert not run.shared
    assert result.id == sent.tags["celery.id"] == run.tags["celery.id"]
    assert ["redis", "redis"] == [end.remote.service_name for end in (sent, run) if end.remote]


def test_a_task_that_raises_is_an_error(app: Celery, one_trace: Read) -> None:
    """The exception of a task is the error of the run's span, and the span of sending has no error."""
    app.tasks["orders.lose"].delay("tea")

    trace = one_trace(2)

    assert "LookupError: tea is lost" == trace["worker", "orders.lose"].tags["error"]
    assert "error" not in trace["caller", "send orders.lose"].tags


def test_a_task_that_is_killed_at_its_time_limit_is_an_error(app: Celery, one_trace: Read) -> None:
    """The exception that the signal raises in the pool's process is the error of the run's span, which is sent nevertheless."""
    with pytest.raises(TimeLimitExceeded):
        app.tasks["orders.wait"].delay().get(timeout=20)

    assert one_trace(2)["worker", "orders.wait"].tags["error"].startswith("SystemExit: ")


def test_a_chain_is_one_trace(app: Celery, tracer: ZipkinTracer, one_trace: Read) -> None:
    """In a chain, the run of a task sends the next task, and all are in one trace."""
    with tracer.start_active_span("buy"):
        chain(app.tasks["orders.pack"].s("tea"), app.tasks["orders.send"].s()).delay().get(timeout=20)

    trace = one_trace(6)

    assert trace["worker", "orders.pack"].span_id == trace["worker", "send orders.send"].parent_id
    assert trace["worker", "send orders.send"].span_id == trace["worker", "orders.send"].parent_id


def test_a_retry_is_sent_by_the_run_that_asks_for_it(app: Celery, tracer: ZipkinTracer, wait_for_spans: ReadAll) -> None:
    """A run that is retried is no error; the next run is below it and has the number of retries as a tag."""
    app.tasks["orders.insist"].delay("tea").get(timeout=20)

    spans = wait_for_spans(4)
    first, second = sorted((span for span in spans if span.kind == "CONSUMER"), key=lambda span: span.timestamp_us)
    [again] = [span for span in spans if span.kind == "PRODUCER" and span.local and span.local.service_name == "worker"]

    assert 1 == len({span.trace_id for span in spans})
    assert first.span_id == again.parent_id
    assert again.span_id == second.parent_id
    assert "RETRY" == first.tags["celery.state"]
    assert "1" == second.tags["celery.retries"]
    assert not [span for span in spans if "error" in span.tags]


@pytest.mark.usefixtures("installed")
def test_a_broker_that_is_away_is_the_sending_spans_error(tracer: ZipkinTracer, one_trace: Read) -> None:
    """If the broker is away, `delay` raises the same exception as without tracing, and the sending span has it as error."""
    app = orders("redis://127.0.0.1:1/0")
    with pytest.raises(OperationalError):
        app.tasks["orders.send"].apply_async(("tea",), retry=False, ignore_result=True)
    app.close()

    assert one_trace(1)["caller", "send orders.send"].tags["error"].startswith("OperationalError: ")


@pytest.mark.usefixtures("installed")
def test_a_task_called_in_place_is_a_child_of_its_caller(tracer: ZipkinTracer, one_trace: Read) -> None:
    """`apply` runs a task without a broker, and its span is a child of the active span."""
    app = orders("redis://127.0.0.1:1/0")
    with tracer.start_active_span("buy"):
        app.tasks["orders.send"].apply(("tea",)).get()
    app.close()

    trace = one_trace(2)

    assert trace["caller", "buy"].span_id == trace["caller", "orders.send"].parent_id


@pytest.mark.usefixtures("installed")
def test_under_the_no_op_a_task_runs_as_ever() -> None:
    """With the no-op, a task runs as without instrumentation."""
    app = orders("redis://127.0.0.1:1/0")

    assert "tea" == app.tasks["orders.send"].apply(("tea",)).get()
    app.close()
