"""A WSGI application that answers with the ids of its span and of its process, and is configured at import.

A query is a number of seconds, for which the request goes on after a span "begun".
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import opentracing
from opentracing_zipkin import configure

configure("web")
opentracing.tracer.start_trace("import", tags={"pid": str(os.getpid())}).finish()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    with opentracing.tracer.start_active_span("get", tags={"pid": str(os.getpid())}) as scope:
        if environ["QUERY_STRING"]:
            opentracing.tracer.start_span("begun").finish()
        time.sleep(float(environ["QUERY_STRING"] or 0.01))  # so that one worker does not answer everything
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{scope.span.context.span_id} {os.getpid()}".encode()]
