"""A WSGI application that answers with its span's id, and finishes the span after the answer was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import opentracing

from . import IMPORT, configure_at

configure_at(IMPORT)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    with opentracing.tracer.start_active_span("get") as active:
        body = str(getattr(active.span.context, "span_id", None)).encode()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        yield body
