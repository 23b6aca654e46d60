"""A Celery application whose task makes a span and returns its id and that of its process."""

from __future__ import annotations

import os

from celery import Celery

import opentracing
from opentracing_zipkin import configure

configure("tasks")
app = Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["BROKER"])


@app.task
def work() -> str:
    with opentracing.tracer.start_active_span("work", tags={"pid": str(os.getpid())}) as scope:
        return f"{scope.span.context.span_id} {os.getpid()}"
