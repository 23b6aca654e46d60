"""celery-opentracing with a real worker, which has a forked process, and a folder as the broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from celery_opentracing import CeleryTracing

from opentracing_zipkin import ZipkinTracer
from opentracing_zipkin.collector import Collector
from opentracing_zipkin.model import FinishedSpan

from .apps.celery_shop import shop
from .processes import application

Read = Callable[[int], Mapping[tuple[str, str], FinishedSpan]]


@pytest.fixture
def app(collector: Collector, tracer: ZipkinTracer, tmp_path: Path) -> Iterator[CeleryTracing]:
    """The application in the process that sends tasks, while its worker runs."""
    app = shop(tracer, str(tmp_path))
    with application("celery_shop", "worker", collector.url, {"SHOP_FOLDER": str(tmp_path)}):
        yield app
    app.disconnect_traced_handlers()
    app.close()


def test_a_task_continues_the_trace_of_who_sent_it(app: CeleryTracing, tracer: ZipkinTracer, one_trace: Read) -> None:
    """Publishing is a PRODUCER span, and the run in a forked process is a CONSUMER child of it with its own id."""
    with tracer.start_active_span("buy"):
        app.tasks["shop.pack"].delay("tea")

    trace = one_trace(4)
    publish, run = trace["caller", "publish shop.pack"], trace["worker", "shop.pack"]

    assert ["PRODUCER", "CONSUMER"] == [publish.kind, run.kind]
    assert trace["caller", "buy"].span_id == publish.parent_id
    assert publish.span_id == run.parent_id
    assert run.span_id == trace["worker", "wrap"].parent_id
    assert not run.shared
    assert publish.tags["celery.task.id"] == run.tags["celery.task.id"]
    assert ["celery", "celery"] == [run.tags["component"], run.tags["message_bus.destination"]]


def test_a_task_that_raises_has_the_error_tag(app: CeleryTracing, one_trace: Read) -> None:
    """The exception of a task is the error of its span, and the span of publishing has no error."""
    app.tasks["shop.lose"].delay("tea")

    trace = one_trace(2)

    assert "tea is lost" in trace["worker", "shop.lose"].tags["error"]
    assert "error" not in trace["caller", "publish shop.lose"].tags
